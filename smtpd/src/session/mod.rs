//! One SMTP session: states, and what each command does in them.
//!
//! ```text
//! frame ─► parse ─► gate ─► handler: ask store or policy, commit the new state ─► Answer | Reject ─► reply
//! ```
//!
//! A handler returns an [`Answer`] or a [`Reject`] and never writes; `reply` and `refuse` below are the only places that do.
//! After a mistake of any kind the session is in the state that it was in before, unless the handler says otherwise.
//!
//! Not here: framing, TLS, deadlines, shutdown (`daemon`), the words themselves (`grammar`), messages (`message`).

mod auth;
mod data;
mod filter;
mod gate;
mod hello;
mod mail;
mod sender;
mod state;

use std::sync::Arc;
use std::time::Duration;

use daemon::output::{Encode, Output};
use daemon::sasl::Identity;
use daemon::service::Connection;
use daemon::session::{Farewell, Frame, Framing, LineEnding, Next, Session, Summary};
use daemon::wire::TlsInfo;

use crate::answer::Answer;
use crate::grammar::{Command, Reply, parse_command};
use crate::limits::{AUTH_LINE_OCTETS_MAX, COMMAND_OCTETS_MAX, COMMANDS_MAX};
use crate::milter::Milters;
use crate::reject::{Reject, Sequence};
use crate::role::Role;
use crate::shared::Shared;
use crate::verify::Peer;
use state::State;

/// A connection's SMTP session.
pub struct SmtpSession {
    connection: Connection,
    shared: Arc<Shared>,
    role: Role,
    tls: Option<TlsInfo>,
    /// What is being found out about the client's address, from the first MAIL on.
    peer: Option<Arc<Peer>>,
    state: State,
    /// Who has logged in. Outlives EHLO and RSET; there is no STARTTLS after it.
    login: Option<Identity>,
    milters: Milters,
    /// The client's name as filters are told; empty until it was looked for.
    client_name: String,
    tally: Tally,
    named: Named,
}

/// Whom the client has named last, for the log of refusals: people ask for them by address.
#[derive(Debug, Default)]
struct Named {
    from: Option<String>,
    to: Option<String>,
}

/// What has been counted, for limits and for the log.
#[derive(Debug, Default)]
struct Tally {
    /// Messages accepted.
    messages: u64,
    /// Copies filed and relays queued.
    recipients: u64,
    /// Commands refused in all.
    rejects: u64,
    /// Transactions begun.
    mails: usize,
    /// Mistakes since the last accepted message.
    errors: usize,
    /// Commands since the last accepted message.
    commands: usize,
}

impl SmtpSession {
    /// A session for a new connection.
    pub fn new(connection: Connection, shared: Arc<Shared>) -> SmtpSession {
        let role = Role::of(connection.listener);
        let tls = connection.tls.clone();
        let milters = Milters::new(&connection.config, role);
        SmtpSession {
            milters,
            client_name: String::new(),
            connection,
            shared,
            role,
            tls,
            peer: None,
            state: State::Connected,
            login: None,
            tally: Tally::default(),
            named: Named::default(),
        }
    }

    async fn command(&mut self, line: &[u8]) -> Result<Answer, Reject> {
        if let State::Authenticating(..) = self.state {
            return self.auth_response(line).await;
        }
        self.count_command()?;
        let command = parse_command(line)?;
        let allowed = self.gate(&command);
        match (command, allowed) {
            // The octets of a chunk come, whatever is wrong with its command.
            (Command::Bdat { octets, last }, allowed) => self.bdat(octets, last, allowed),
            (_, Err(reject)) => Err(reject),
            (Command::Ehlo(name), Ok(())) => Ok(self.ehlo(name)),
            (Command::Helo(name), Ok(())) => Ok(self.helo(name)),
            (Command::Mail { from, parameters }, Ok(())) => {
                self.named.from = Some(from.to_string());
                self.named.to = None;
                self.mail(from, parameters).await
            }
            (Command::Rcpt { to, parameters }, Ok(())) => {
                self.named.to = Some(to.to_string());
                self.rcpt(to, parameters).await
            }
            (Command::Data, Ok(())) => self.data(),
            (Command::Auth { mechanism, initial }, Ok(())) => self.auth(&mechanism, initial).await,
            (Command::StartTls, Ok(())) => self.starttls(),
            (Command::Rset, Ok(())) => {
                self.reset();
                Ok(Answer::Reset)
            }
            (Command::Vrfy, Ok(())) => Ok(Answer::CannotVerify),
            (Command::Expn, Ok(())) => Err(Reject::Expn),
            (Command::Noop, Ok(())) => Ok(Answer::Nothing),
            (Command::Help, Ok(())) => Ok(Answer::Help {
                commands: self.commands(),
            }),
            (Command::Quit, Ok(())) => {
                self.milters.quit().await;
                Ok(Answer::Goodbye)
            }
        }
    }

    /// Ends the transaction, if there is one (RFC 5321 §4.1.1.5).
    fn reset(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Connected).into_client() {
            Some(client) => State::Greeted(client),
            None => State::Connected,
        };
    }

    /// Refused after a login, which the new beginning under TLS (RFC 3207 §4.2) would silently undo.
    fn starttls(&mut self) -> Result<Answer, Reject> {
        match (&self.tls, self.connection.starttls_offered()) {
            (Some(_), _) => Err(Sequence::TlsAlready.into()),
            (None, false) => Err(Reject::TlsUnavailable),
            (None, true) if self.login.is_some() => Err(Sequence::LoginAlready.into()),
            (None, true) => Ok(Answer::ReadyForTls),
        }
    }

    /// Whether STARTTLS would be answered with 220.
    fn may_start_tls(&self) -> bool {
        self.tls.is_none() && self.login.is_none() && self.connection.starttls_offered()
    }

    fn count_command(&mut self) -> Result<(), Reject> {
        self.tally.commands += 1;
        match self.tally.commands > COMMANDS_MAX {
            true => Err(Reject::TooManyCommands),
            false => Ok(()),
        }
    }

    fn answer(&mut self, result: Result<Answer, Reject>, out: &mut Output) -> Next {
        let next = match result {
            Ok(answer) => {
                if let Some(reply) = answer.reply(&self.connection.config.hostname) {
                    out.put(&reply);
                }
                answer.next()
            }
            Err(reject) => self.refuse(reject, out),
        };
        if matches!(self.state, State::Connected | State::Greeted(_)) {
            self.named = Named::default();
        }
        next
    }

    /// Says no. After too many mistakes that is the last thing said.
    fn refuse(&mut self, reject: Reject, out: &mut Output) -> Next {
        self.tally.rejects += 1;
        self.tally.errors += usize::from(reject.is_mistake());
        self.put_reject(&reject, out);
        if reject.is_final() {
            return Next::Close;
        }
        if self.tally.errors > self.connection.config.smtpd.errors_max {
            self.put_reject(&Reject::TooManyErrors, out);
            return Next::Close;
        }
        Next::Continue
    }

    fn put_reject(&self, reject: &Reject, out: &mut Output) {
        let fault = reject.fault().as_str();
        let Named { from, to } = &self.named;
        let (from, to) = (from.as_deref(), to.as_deref());
        tracing::info!(reason = %reject, fault, peer = %self.connection.peer.address, from, to, "refused");
        metrics::counter!("smtp_rejected_total", "reason" => reject.word(), "fault" => fault)
            .increment(1);
        out.put(
            &reject
                .reply()
                .noted(format_args!(" [{}]", self.connection.id)),
        );
    }
}

impl Session for SmtpSession {
    async fn greet(&mut self, out: &mut Output) -> Next {
        self.answer(Ok(Answer::Greeting), out)
    }

    fn framing(&self) -> Framing {
        match &self.state {
            State::Data(..) => Framing::Dot,
            State::Chunk { octets, .. } | State::Discarding { octets, .. } => {
                Framing::Octets { remaining: *octets }
            }
            State::Authenticating(..) => Framing::Line {
                octets_max: AUTH_LINE_OCTETS_MAX,
            },
            _ if self.role == Role::Submission => Framing::Line {
                octets_max: AUTH_LINE_OCTETS_MAX,
            },
            _ => Framing::Line {
                octets_max: COMMAND_OCTETS_MAX,
            },
        }
    }

    async fn handle(&mut self, frame: Frame<'_>, out: &mut Output) -> Next {
        let result = match frame {
            Frame::Line {
                text,
                ending: LineEnding::Crlf,
            } => self.command(text).await,
            Frame::Line {
                ending: LineEnding::BareLf,
                ..
            } => Err(self.line_fault(Reject::LineEnding)),
            Frame::LineTooLong => Err(self.line_fault(Reject::LineTooLong)),
            Frame::Chunk(octets) => return self.body_octets(octets, out).await,
            Frame::BodyEnd { bare_newline } => self.body_end(bare_newline).await,
        };
        self.answer(result, out)
    }

    fn tls_started(&mut self, tls: &TlsInfo) {
        self.tls = Some(tls.clone());
        self.state = State::Connected;
        self.login = None;
    }

    fn identity(&self) -> Option<&Identity> {
        self.login.as_ref()
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.connection.config.smtpd.idle_seconds)
    }

    fn farewell(&mut self, why: Farewell, out: &mut Output) {
        let reject = match why {
            Farewell::Timeout | Farewell::TooSlow => Reject::Timeout,
            Farewell::Revoked => Reject::Revoked,
            Farewell::Shutdown => Reject::Shutdown,
            Farewell::Busy => Reject::Busy,
            Farewell::InputFault => Reject::Endless,
        };
        self.put_reject(&reject, out);
    }

    fn summary(&self) -> Summary {
        let Tally {
            messages,
            recipients,
            rejects,
            ..
        } = self.tally;
        Summary {
            user: self
                .login
                .as_ref()
                .map(|identity| identity.address.to_string()),
            counts: vec![
                ("messages", messages),
                ("recipients", recipients),
                ("refused", rejects),
            ],
        }
    }
}

impl Encode for Reply {
    fn encode(&self, into: &mut Vec<u8>) {
        Reply::encode(self, into);
    }
}
