//! One client's session: gathers commands from frames, and hands them to the dispatcher.
//!
//! ```text
//! frame ─► intake ─command─► dispatch: gate ► parse ► catch up ► perform ► tell ► answer
//!             │                                            │
//!             └─ messages of APPEND, SASL, IDLE: modes in which lines and literals mean something else
//! ```
//!
//! After any error the session knows where the next command begins. What makes that impossible (a line or a literal
//! beyond all limits) ends the connection with BYE.

pub mod capability;
pub mod contexts;
pub mod dispatch;
pub mod intake;
pub mod notify;
pub mod place;
pub mod progress;
pub mod reject;
pub mod rights;
pub mod state;
pub mod table;
pub mod tidings;

use std::collections::BTreeSet;
use std::time::Duration;

use daemon::sasl::Identity;
use daemon::service::Connection;
use daemon::session::{Farewell, Frame, Framing, Next, Output, Session, Summary};
use daemon::wire::TlsInfo;

use self::intake::{Bounds, Intake, Step};
use self::notify::Notify;
use self::reject::Reject;
use self::state::State;
use crate::command::append::Appending;
use crate::command::authenticate::Dialogue;
use crate::grammar::Malformed;
use crate::grammar::append::Start;
use crate::grammar::capability::{Capabilities, Capability};
use crate::grammar::code::Code;
use crate::grammar::command::Request;
use crate::grammar::dialect::Dialect;
use crate::grammar::fragment::Announced;
use crate::grammar::response::{Condition, Response};
use crate::limits;

/// What lines and literals mean at present.
pub enum Mode {
    /// They are commands.
    Command,
    /// They are the messages of an APPEND.
    Append(Box<Appending>),
    /// They are responses to SASL challenges.
    Sasl(Box<Dialogue>),
    /// They end IDLE.
    Idle {
        /// The tag of IDLE.
        tag: String,
    },
}

/// What the client has enabled (RFC 5161), until it leaves or gives its login up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Enabled {
    /// CONDSTORE, by ENABLE or by using it (RFC 7162 §3.1).
    pub condstore: bool,
    /// QRESYNC (RFC 7162 §3.2.3)
    pub qresync: bool,
    /// IMAP4rev2 (RFC 9051 §6.3.1)
    pub rev2: bool,
    /// UTF8=ACCEPT (RFC 6855 §3)
    pub utf8: bool,
    /// UIDONLY (RFC 9586 §3)
    pub uid_only: bool,
}

impl Enabled {
    /// Messages that go are told by UID.
    pub fn tells_vanished(self) -> bool {
        self.qresync || self.uid_only
    }

    /// Names and texts are UTF-8 (RFC 6855 §3, RFC 9051 §5.1).
    pub fn speaks_utf8(self) -> bool {
        self.utf8 || self.rev2
    }

    /// FETCH responses that nobody asked for bear the UID (RFC 7162 §3.2.4; RFC 9051, Appendix E, 21). UIDFETCH bears it
    /// anyway.
    pub fn tells_uid(self) -> bool {
        (self.condstore || self.rev2) && !self.uid_only
    }
}

/// One client's session.
pub struct ImapSession {
    pub(crate) connection: Connection,
    pub(crate) tls: Option<TlsInfo>,
    pub(crate) state: State,
    /// As whom it has logged in.
    pub(crate) identity: Option<Identity>,
    pub(crate) mode: Mode,
    pub(crate) intake: Intake,
    /// Why the command being thrown away was refused.
    pub(crate) refusal: Option<Reject>,
    /// What the client is offered.
    pub(crate) offered: Capabilities,
    /// What the client has enabled.
    pub(crate) enabled: Enabled,
    /// What NOTIFY has registered, once it has been used (RFC 5465).
    pub(crate) notify: Option<Notify>,
    /// New messages in the selected mailbox that are the client's own work, until they are told.
    pub(crate) own_messages: BTreeSet<u32>,
    /// Both sides compress what they send (RFC 4978).
    pub(crate) compressed: bool,
    failures_in_a_row: u32,
    commands: u64,
    pub(crate) fetched: u64,
    pub(crate) appended: u64,
}

impl ImapSession {
    /// A session at its very beginning.
    pub fn new(connection: Connection) -> Self {
        Self {
            tls: connection.tls.clone(),
            offered: capability::offered(&connection.config.imapd.hide_capabilities, false),
            connection,
            state: State::NotAuthenticated,
            identity: None,
            mode: Mode::Command,
            intake: Intake::default(),
            refusal: None,
            enabled: Enabled::default(),
            notify: None,
            own_messages: BTreeSet::new(),
            compressed: false,
            failures_in_a_row: 0,
            commands: 0,
            fetched: 0,
            appended: 0,
        }
    }

    /// Forgets everything but TLS and what is counted for the log (RFC 8437 §3).
    pub(crate) fn forget_login(&mut self) {
        let fresh = Self::new(self.connection.clone());
        let before = std::mem::replace(self, fresh);
        self.tls = before.tls;
        self.failures_in_a_row = before.failures_in_a_row;
        self.commands = before.commands;
        self.fetched = before.fetched;
        self.appended = before.appended;
    }

    pub(crate) fn capabilities(&self) -> String {
        capability::announced(
            self.offered,
            &self.connection,
            self.tls.as_ref(),
            self.state.user().is_some(),
        )
    }

    /// Whether the client is offered `capability`.
    pub(crate) fn offers(&self, capability: Capability) -> bool {
        self.dialect().offers(capability)
    }

    /// What is spoken with the client at present.
    pub(crate) fn dialect(&self) -> Dialect {
        let offered = if self.enabled.rev2 {
            self.offered.with(Capabilities::part_of_rev2())
        } else {
            self.offered
        };
        Dialect {
            offered,
            utf8: self.enabled.speaks_utf8(),
            rev2: self.enabled.rev2,
        }
    }

    /// Writes a response in the client's dialect: every one that holds a mailbox's name.
    pub(crate) fn say(&self, response: &Response, out: &mut Output) {
        out.put(&response.spoken(self.dialect()));
    }

    pub(crate) fn bounds(&self) -> Bounds {
        match self.state.user() {
            Some(_) => Bounds {
                command_octets: limits::COMMAND_OCTETS_MAX,
                discard_octets: limits::DISCARD_OCTETS_MAX,
            },
            None => Bounds {
                command_octets: limits::COMMAND_OCTETS_BEFORE_LOGIN_MAX,
                discard_octets: limits::DISCARD_OCTETS_BEFORE_LOGIN_MAX,
            },
        }
    }

    fn line_octets_max(&self) -> usize {
        match self.state.user() {
            Some(_) => limits::LINE_OCTETS_MAX,
            None => limits::LINE_OCTETS_BEFORE_LOGIN_MAX,
        }
    }

    async fn line(&mut self, text: &[u8], out: &mut Output) -> Next {
        match std::mem::replace(&mut self.mode, Mode::Command) {
            Mode::Command => self.command_line(text, out).await,
            Mode::Append(appending) => self.append_line(appending, text, out).await,
            Mode::Sasl(dialogue) => self.sasl_line(dialogue, text, out).await,
            Mode::Idle { tag } => self.idle_line(tag, text, out).await,
        }
    }

    async fn command_line(&mut self, text: &[u8], out: &mut Output) -> Next {
        let step = self.intake.line(text, self.bounds());
        match step {
            Step::Complete => {
                let command = self.intake.take();
                if Start::parse(&command, self.dialect()).is_some() {
                    return self.begin_append(&command, None, out).await;
                }
                self.dispatch(&command, out).await
            }
            Step::Literal(literal) => self.literal_announced(literal, out).await,
            other => self.after_refusal(other, out),
        }
    }

    /// A line announced a literal: a message for APPEND, or an argument.
    async fn literal_announced(&mut self, literal: Announced, out: &mut Output) -> Next {
        if let Some(reject) = self.unwanted(literal) {
            return self.refuse(literal, reject, out);
        }
        if let Some(start) = Start::parse(self.intake.gathered(), self.dialect()) {
            if let Err(malformed) = start {
                return self.refuse(literal, malformed.into(), out);
            }
            let command = self.intake.gathered().to_vec();
            return self.begin_append(&command, Some(literal), out).await;
        }
        if !self.intake.accept(literal, self.bounds()) {
            return self.refuse(literal, Reject::CommandTooLarge, out);
        }
        if literal.synchronising {
            out.put(&Response::Continue("Go on"));
        }
        Next::Continue
    }

    /// Why a literal cannot be taken in the form in which it is announced: that form is LITERAL+'s, or up to a size
    /// LITERAL-'s (RFC 7888 §4, §5). Its octets come all the same, and are read and thrown away.
    pub(crate) fn unwanted(&self, literal: Announced) -> Option<Reject> {
        if literal.synchronising || self.offers(Capability::LiteralPlus) {
            None
        } else if !self.offers(Capability::LiteralMinus) {
            Some(Malformed::Expected("a synchronising literal").into())
        } else if literal.octets > limits::LITERAL_MINUS_OCTETS_MAX {
            Some(Reject::LiteralTooLarge)
        } else {
            None
        }
    }

    /// Refuses the command being gathered, at a literal that it has announced.
    pub(crate) fn refuse(&mut self, literal: Announced, reject: Reject, out: &mut Output) -> Next {
        self.refusal = Some(reject);
        let step = self.intake.refuse(literal, self.bounds());
        self.after_refusal(step, out)
    }

    fn after_refusal(&mut self, step: Step, out: &mut Output) -> Next {
        match step {
            Step::Refused => {
                let command = self.intake.take();
                let reject = self.refusal.take().unwrap_or(Reject::CommandTooLarge);
                match Request::parse(&command, self.dialect()) {
                    Ok(request) => self.answer(&request.tag, Err(reject), out),
                    Err(malformed) => self.answer_untagged(malformed, out),
                }
            }
            Step::Hopeless => {
                out.put(&Response::Bye(
                    Some(Code::TooBig),
                    "Literal is too large".to_owned(),
                ));
                Next::Close
            }
            Step::Complete | Step::Literal(_) | Step::Discard => Next::Continue,
        }
    }

    /// Answers what cannot be answered by tag, because it had none.
    pub(crate) fn answer_untagged(&mut self, malformed: Malformed, out: &mut Output) -> Next {
        let refusal = Reject::from(malformed).refusal(self.connection.id.as_str());
        out.put(&Response::Untagged(
            Condition::Bad,
            refusal.code,
            refusal.text,
        ));
        self.count_failure(out)
    }

    /// Ends a session that sends nothing but errors.
    pub(crate) fn count_failure(&mut self, out: &mut Output) -> Next {
        self.failures_in_a_row += 1;
        if self.failures_in_a_row < limits::FAILURES_IN_A_ROW_MAX {
            return Next::Continue;
        }
        out.put(&Response::Bye(
            Some(Code::ClientBug),
            "Too many errors".to_owned(),
        ));
        Next::Close
    }

    pub(crate) fn count_success(&mut self) {
        self.failures_in_a_row = 0;
        self.commands += 1;
    }
}

impl Session for ImapSession {
    async fn greet(&mut self, out: &mut Output) -> Next {
        let text = format!(
            "{} Pennyblack IMAP ready, session {}",
            self.connection.config.hostname, self.connection.id
        );
        out.put(&Response::Untagged(
            Condition::Ok,
            Some(Code::Capability(self.capabilities())),
            text,
        ));
        Next::Continue
    }

    fn framing(&self) -> Framing {
        let literal = match &self.mode {
            Mode::Append(appending) => appending.literal(),
            Mode::Command => self.intake.literal(),
            Mode::Sasl(_) | Mode::Idle { .. } => None,
        };
        match literal {
            Some(remaining) => Framing::Octets { remaining },
            None => Framing::Line {
                octets_max: self.line_octets_max(),
            },
        }
    }

    async fn handle(&mut self, frame: Frame<'_>, out: &mut Output) -> Next {
        match frame {
            Frame::Line { text, .. } => self.line(text, out).await,
            Frame::LineTooLong => {
                // Whether it announced a literal is not known, nor where the next command begins.
                out.put(&Response::Bye(
                    Some(Code::TooBig),
                    "Line is too long".to_owned(),
                ));
                Next::Close
            }
            Frame::Chunk(octets) => {
                match &mut self.mode {
                    Mode::Append(appending) => appending.octets(octets).await,
                    Mode::Command | Mode::Sasl(_) | Mode::Idle { .. } => self.intake.octets(octets),
                }
                Next::Continue
            }
            Frame::BodyEnd { .. } => {
                match &mut self.mode {
                    Mode::Append(appending) => appending.literal_end(),
                    Mode::Command | Mode::Sasl(_) | Mode::Idle { .. } => self.intake.literal_end(),
                }
                Next::Continue
            }
        }
    }

    fn tls_started(&mut self, tls: &TlsInfo) {
        // RFC 3501 §6.2.1: what was known of the client before counts no more.
        let connection = self.connection.clone();
        *self = Self::new(connection);
        self.tls = Some(tls.clone());
    }

    async fn wait(&mut self) {
        self.news().await;
    }

    async fn woken(&mut self, out: &mut Output) -> Next {
        match self.mode {
            Mode::Idle { .. } => self.idle_news(out).await,
            _ => self.told_between(out).await,
        }
    }

    fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    fn timeout(&self) -> Duration {
        let imapd = &self.connection.config.imapd;
        match self.state.user() {
            Some(_) => Duration::from_secs(imapd.idle_seconds),
            None => Duration::from_secs(imapd.login_seconds),
        }
    }

    fn farewell(&mut self, why: Farewell, out: &mut Output) {
        let (code, text) = match why {
            Farewell::Timeout => (None, "Silent for too long"),
            Farewell::TooSlow => (None, "Input is too slow"),
            Farewell::Revoked => (Some(Code::Expired), "Your account or password has changed"),
            Farewell::Shutdown => (Some(Code::Unavailable), "Server is going down"),
            Farewell::Busy => (Some(Code::Unavailable), "Too many connections"),
            Farewell::InputFault => (Some(Code::ClientBug), "Input has no line ends"),
        };
        out.put(&Response::Bye(code, text.to_owned()));
    }

    fn summary(&self) -> Summary {
        Summary {
            user: self.state.user().map(|user| user.address.clone()),
            counts: vec![
                ("commands", self.commands),
                ("fetched", self.fetched),
                ("appended", self.appended),
            ],
        }
    }
}
