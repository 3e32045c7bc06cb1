//! LOGIN, AUTHENTICATE (RFC 3501 §6.2.2, §6.2.3; RFC 4959) and UNAUTHENTICATE (RFC 8437). What is right is judged in `daemon::sasl`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use daemon::sasl::{Exchange, Failure, Identity, Mechanism, Step};
use daemon::secret::Secret;
use daemon::session::{Next, Output};

use crate::grammar::Malformed;
use crate::grammar::code::Code;
use crate::grammar::response::Response;
use crate::session::dispatch::{After, Done, Outcome};
use crate::session::reject::Reject;
use crate::session::state::{State, User};
use crate::session::{ImapSession, Mode, capability};

/// An AUTHENTICATE that waits for the client's next response.
pub struct Dialogue {
    tag: String,
    exchange: Exchange,
}

impl ImapSession {
    pub(crate) async fn login(&mut self, user: &[u8], password: &Secret) -> Outcome {
        let auth = self.connection.service.auth.clone();
        let identity = auth
            .password(user, password, &self.connection.peer, self.tls.as_ref())
            .await;
        self.logged_in(identity.map_err(Reject::Login)?).await
    }

    pub(crate) async fn authenticate(
        &mut self,
        tag: &str,
        mechanism: &str,
        initial: Option<Vec<u8>>,
        out: &mut Output,
    ) -> Outcome {
        let mechanism =
            Mechanism::parse(mechanism.as_bytes()).ok_or(Reject::Login(Failure::Mechanism))?;
        // RFC 9051 §6.2.2: LOGIN begins with a question of the server.
        if mechanism == Mechanism::Login && initial.is_some() {
            return Err(Malformed::Expected("no initial response").into());
        }
        let auth = &self.connection.service.auth;
        let exchange = Exchange::start(mechanism, auth, &self.connection.peer, self.tls.as_ref());
        let dialogue = Box::new(Dialogue {
            tag: tag.to_owned(),
            exchange: exchange.map_err(Reject::Login)?,
        });
        self.sasl_step(dialogue, initial.as_deref(), out).await
    }

    pub(crate) async fn sasl_line(
        &mut self,
        dialogue: Box<Dialogue>,
        line: &[u8],
        out: &mut Output,
    ) -> Next {
        let tag = dialogue.tag.clone();
        let outcome = match (line, STANDARD.decode(line)) {
            (b"*", _) => Err(Reject::Login(Failure::Cancelled)),
            (_, Err(_)) => Err(Reject::Login(Failure::Malformed)),
            (_, Ok(response)) => self.sasl_step(dialogue, Some(&response), out).await,
        };
        self.answer(&tag, outcome, out)
    }

    async fn sasl_step(
        &mut self,
        mut dialogue: Box<Dialogue>,
        response: Option<&[u8]>,
        out: &mut Output,
    ) -> Outcome {
        match dialogue.exchange.step(response).await {
            Step::Challenge(challenge) => {
                out.put(&Response::Challenge(STANDARD.encode(challenge)));
                Ok(self.enter(Mode::Sasl(dialogue)))
            }
            Step::Done(identity) => self.logged_in(identity).await,
            Step::Failed(failure) => Err(Reject::Login(failure)),
        }
    }

    /// UNAUTHENTICATE (RFC 8437): the connection is as before login, for another user.
    pub(crate) fn unauthenticate(&mut self) -> Done {
        let compressed = self.compressed;
        self.forget_login();
        let mut done = Done::code(
            Code::Capability(self.capabilities()),
            "Logged out of the account",
        );
        // RFC 8437 §2: compression ends with the login under which it began.
        if compressed {
            done.after = After::Uncompress;
        }
        done
    }

    async fn logged_in(&mut self, identity: Identity) -> Outcome {
        let store = self.store();
        let hidden = store.hidden_capabilities(identity.account).await?;
        let hidden = [&self.connection.config.imapd.hide_capabilities[..], &hidden].concat();
        let account = store.account_by_id(identity.account).await?;
        self.offered = capability::offered(&hidden, account.admin);
        let user = User {
            account: identity.account,
            address: identity.address.to_string(),
        };
        self.state = State::Authenticated(user);
        self.identity = Some(identity);
        Ok(Done::code(
            Code::Capability(self.capabilities()),
            "Logged in",
        ))
    }
}
