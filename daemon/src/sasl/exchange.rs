//! One authentication dialogue: a state for each message that is awaited.
//!
//! ```text
//! PLAIN   Plain ─────────────────────────► Done
//! LOGIN   LoginUser ─► LoginPassword ────► Done
//! SCRAM   ScramFirst ─► ScramFinal ─► LastWord ─► Done
//! ```
//! After a failure nothing more is taken.

use super::authenticator::{Authenticator, ScramUser, is_same_user};
use super::scram::{self, BindingFlag, ClientFirst};
use super::{Failure, Identity, Mechanism, can_bind, plain};
use crate::limits::USER_OCTETS_MAX;
use crate::secret::{Secret, random};
use crate::wire::{Peer, TlsInfo};

/// Outlook wants exactly these prompts.
const LOGIN_USER_PROMPT: &[u8] = b"Username:";
const LOGIN_PASSWORD_PROMPT: &[u8] = b"Password:";
/// Random octets in our part of a SCRAM nonce.
const NONCE_OCTETS: usize = 18;

/// The state of a dialogue after a step.
#[derive(Debug)]
pub enum Step {
    /// Send this (the protocol encodes it) and call [`Exchange::step`] with the decoded response.
    Challenge(Vec<u8>),
    /// The client is who it says. Nothing is left to send: SCRAM's last message went out as a challenge before, which the
    /// client answers with an empty response (RFC 4954 §4, RFC 5034 §4, RFC 9051 §6.2.2 have no other way).
    Done(Identity),
    /// It is not, or we cannot know.
    Failed(Failure),
}

/// One authentication dialogue.
pub struct Exchange {
    state: State,
    authenticator: Authenticator,
    peer: Peer,
    tls: Option<TlsInfo>,
    mechanism: Mechanism,
}

enum State {
    Plain,
    LoginUser,
    LoginPassword { user: Secret },
    ScramFirst,
    ScramFinal(Box<AwaitedProof>),
    LastWord(Identity),
    Over,
}

/// SCRAM after our first message.
struct AwaitedProof {
    first: ClientFirst,
    server_first: String,
    nonce: String,
    user: ScramUser,
}

impl Exchange {
    /// Begins a dialogue.
    ///
    /// # Errors
    /// [`Failure::EncryptionRequired`] and [`Failure::Mechanism`]: the mechanism was not to be used here. No response must be
    /// read then.
    pub fn start(
        mechanism: Mechanism,
        authenticator: &Authenticator,
        peer: &Peer,
        tls: Option<&TlsInfo>,
    ) -> Result<Exchange, Failure> {
        authenticator.require_encryption(peer, tls)?;
        let state = match mechanism {
            Mechanism::Plain => State::Plain,
            Mechanism::Login => State::LoginUser,
            Mechanism::ScramSha256 if authenticator.scram_is_on() => State::ScramFirst,
            Mechanism::ScramSha256Plus if authenticator.scram_plus_is_on() && can_bind(tls) => {
                State::ScramFirst
            }
            Mechanism::ScramSha256 | Mechanism::ScramSha256Plus => return Err(Failure::Mechanism),
        };
        Ok(Exchange {
            state,
            authenticator: authenticator.clone(),
            peer: *peer,
            tls: tls.cloned(),
            mechanism,
        })
    }

    /// Goes one step on. The first call has the initial response, or None if the client sent none (which is not
    /// the same as an empty one, `=` on the wire); later calls have what the client answered to the last challenge.
    pub async fn step(&mut self, response: Option<&[u8]>) -> Step {
        let Some(response) = response else {
            return Step::Challenge(self.first_challenge());
        };
        match self.advance(response).await {
            Ok(step) => step,
            Err(failure) => {
                self.state = State::Over;
                Step::Failed(failure)
            }
        }
    }

    /// What is sent to a client that has not begun by itself.
    fn first_challenge(&self) -> Vec<u8> {
        match self.state {
            State::LoginUser => LOGIN_USER_PROMPT.to_vec(),
            _ => Vec::new(),
        }
    }

    async fn advance(&mut self, response: &[u8]) -> Result<Step, Failure> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Plain => self.plain(response).await.map(Step::Done),
            State::LoginUser => {
                if response.len() > USER_OCTETS_MAX {
                    return Err(Failure::Malformed);
                }
                self.state = State::LoginPassword {
                    user: Secret::new(response),
                };
                Ok(Step::Challenge(LOGIN_PASSWORD_PROMPT.to_vec()))
            }
            State::LoginPassword { user } => self
                .password(user.expose(), &Secret::new(response))
                .await
                .map(Step::Done),
            State::ScramFirst => self.scram_first(response).await,
            State::ScramFinal(awaited) => self.scram_final(&awaited, response),
            State::LastWord(identity) => Ok(Step::Done(identity)),
            State::Over => Err(Failure::Malformed),
        }
    }

    async fn plain(&self, response: &[u8]) -> Result<Identity, Failure> {
        let message = plain::parse(response)?;
        // Nobody acts for another here. Judged after the password: it must not tell who exists.
        let identity = self
            .password(message.user.as_bytes(), &message.password)
            .await?;
        let acts_as = &message.authorization;
        if acts_as.is_empty() || is_same_user(acts_as, &message.user) {
            Ok(identity)
        } else {
            Err(Failure::Authorization)
        }
    }

    async fn password(&self, user: &[u8], password: &Secret) -> Result<Identity, Failure> {
        self.authenticator
            .password(user, password, &self.peer, self.tls.as_ref())
            .await
    }

    async fn scram_first(&mut self, response: &[u8]) -> Result<Step, Failure> {
        let first = scram::parse_client_first(response)?;
        self.check_flag(&first.binding)?;
        let name = stringprep::saslprep(&first.user)
            .map_err(|_| Failure::Credentials)?
            .into_owned();
        let user = self.authenticator.scram_user(&name, &self.peer).await?;
        let nonce = first.nonce.clone() + &server_nonce();
        let server_first =
            scram::server_first(&nonce, &user.parameters.salt, user.parameters.iterations);
        let challenge = server_first.clone().into_bytes();
        self.state = State::ScramFinal(Box::new(AwaitedProof {
            first,
            server_first,
            nonce,
            user,
        }));
        Ok(Step::Challenge(challenge))
    }

    /// RFC 5802 §6: a client that could bind but saw no -PLUS from us has been lied to on the way.
    fn check_flag(&self, flag: &BindingFlag) -> Result<(), Failure> {
        match (flag, self.mechanism) {
            (BindingFlag::Used(name), Mechanism::ScramSha256Plus)
                if self.binding(name).is_some() =>
            {
                Ok(())
            }
            (BindingFlag::Unsupported, Mechanism::ScramSha256) => Ok(()),
            (BindingFlag::NotOffered, Mechanism::ScramSha256) if !self.offers_plus() => Ok(()),
            (BindingFlag::NotOffered, Mechanism::ScramSha256) => {
                tracing::warn!(peer = %self.peer, "the client did not see SCRAM-SHA-256-PLUS: someone may have hidden it");
                Err(Failure::Credentials)
            }
            _ => Err(Failure::Malformed),
        }
    }

    fn offers_plus(&self) -> bool {
        self.authenticator.scram_plus_is_on() && can_bind(self.tls.as_ref())
    }

    /// The channel's data for a kind of binding.
    fn binding(&self, name: &str) -> Option<&[u8]> {
        let tls = self.tls.as_ref()?;
        match name {
            "tls-server-end-point" => tls.server_end_point.as_deref(),
            "tls-exporter" => tls.exporter.as_deref().map(<[u8; 32]>::as_slice),
            _ => None,
        }
    }

    fn scram_final(&mut self, awaited: &AwaitedProof, response: &[u8]) -> Result<Step, Failure> {
        let last = scram::parse_client_final(response)?;
        let AwaitedProof {
            first,
            server_first,
            nonce,
            user,
        } = awaited;
        if last.nonce != *nonce {
            return Err(Failure::Malformed);
        }
        let message = scram::auth_message(first, server_first, &last);
        let is_bound = self.is_bound(first, &last.binding);
        let acts_for_itself = first.authorization.is_empty() || user.is(&first.authorization);
        let (identity, keys) = user.judge(self.mechanism, |keys| {
            is_bound && scram::proves(keys, &message, &last.proof)
        })?;
        if !acts_for_itself {
            return Err(Failure::Authorization);
        }
        self.state = State::LastWord(identity);
        Ok(Step::Challenge(
            scram::server_final(&keys, &message).into_bytes(),
        ))
    }

    /// The final message repeats the header, with the channel's data if the header says so.
    fn is_bound(&self, first: &ClientFirst, binding: &[u8]) -> bool {
        let data = match &first.binding {
            BindingFlag::Used(name) => self.binding(name),
            BindingFlag::Unsupported | BindingFlag::NotOffered => Some(&[][..]),
        };
        data.is_some_and(|data| [first.header.as_bytes(), data].concat() == binding)
    }
}

fn server_nonce() -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(random::<NONCE_OCTETS>())
}
