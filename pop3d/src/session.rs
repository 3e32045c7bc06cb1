//! The session: which state it is in, what is allowed there, and the way of one line from the client to its reply.
//!
//! ```text
//! greeting ─► Authorization ◄── STLS forgets everything
//!               │   ▲   ▲
//!               │   │   └─ anything but PASS, or a refused PASS ── Named ── PASS ──┐
//!               ├───┼── USER ────────────────────────────────────► Named           │
//!               │   └─ refused, `*` ── Authenticating ── accepted ─────────────────┤
//!               └────── AUTH ────────► Authenticating                              ▼
//!                                                         closed ◄── QUIT ── Transaction
//! ```
//!
//! Only QUIT commits (the UPDATE state of RFC 1939 §6 is the time that this takes). A connection that ends in
//! any other way drops the maildrop, and with it the lock and the marks. The session never sees the socket:
//! frames come from the loop, replies go to its [`Output`].

use std::mem;
use std::time::Duration;

use daemon::sasl::{Exchange, Identity, Mechanism, mechanisms};
use daemon::service::Connection;
use daemon::session::{Farewell, Frame, Framing, Next, Output, Session, Summary};
use daemon::wire::TlsInfo;

use crate::commands::{auth, capa, delete, listing, login, retrieve, tls};
use crate::grammar::command::{Command, Phase, parse_command};
use crate::grammar::reply::Reply;
use crate::limits::{
    AUTH_LINE_OCTETS_MAX, COMMAND_OCTETS_MAX, FAULTS_BEFORE_LOGIN_MAX, FAULTS_MAX,
};
use crate::maildrop::Maildrop;
use crate::reject::{Class, Reject};

/// What a handler comes to: it has written its reply and says how to go on, or it has written nothing and
/// says why not.
pub type Answer = Result<Next, Reject>;

/// One client's session.
pub struct Pop3 {
    pub(crate) connection: Connection,
    pub(crate) state: State,
    identity: Option<Identity>,
    /// The client has said UTF8 (RFC 6856 §2.1).
    pub(crate) utf8: bool,
    faults: u32,
    tally: Tally,
}

/// See the diagram above.
pub(crate) enum State {
    /// Nobody is logged in.
    Authorization,
    /// USER has named somebody.
    Named(String),
    /// AUTH waits for the client's next message.
    Authenticating(Box<Exchange>),
    /// Logged in.
    Transaction(Box<Maildrop>),
}

/// What the log's summary line tells.
#[derive(Default)]
struct Tally {
    user: Option<String>,
    retrieved: u64,
    deleted: u64,
}

impl Pop3 {
    /// A session on a new connection.
    pub fn new(connection: Connection) -> Self {
        Pop3 {
            connection,
            state: State::Authorization,
            identity: None,
            utf8: false,
            faults: 0,
            tally: Tally::default(),
        }
    }

    async fn line(&mut self, line: &[u8], out: &mut Output) -> Answer {
        // Taken out: the two states that last for one line only are left by whatever this line is.
        match mem::replace(&mut self.state, State::Authorization) {
            State::Authenticating(exchange) => auth::resume(self, exchange, line, out).await,
            State::Named(name) => match parse_command(line)? {
                Command::Pass(password) => login::pass(self, &name, &password, out).await,
                command => self.run(command, out).await,
            },
            state => {
                self.state = state;
                self.run(parse_command(line)?, out).await
            }
        }
    }

    /// Leaves the two states that last for one line only.
    fn leave_line_state(&mut self) {
        if !self.is_logged_in() {
            self.state = State::Authorization;
        }
    }

    async fn run(&mut self, command: Command, out: &mut Output) -> Answer {
        metrics::counter!("pop3d_commands_total", "command" => command.facts().keyword)
            .increment(1);
        self.gate(&command)?;
        let utf8 = self.utf8;
        match command {
            Command::AuthList => auth::list(self, out),
            Command::Auth { mechanism, initial } => {
                auth::begin(self, &mechanism, initial, out).await
            }
            Command::User(name) => login::user(self, name, out),
            Command::Pass(_) => Err(Reject::NameMissing),
            Command::Stls => tls::stls(self, out),
            Command::Utf8 => login::utf8(self, out),
            Command::Capa => capa::capa(self, out),
            Command::Quit => self.quit(out).await,
            Command::Noop => Ok(done(out)),
            Command::Stat => listing::stat(self.maildrop()?, out),
            Command::List(number) => listing::list(self.maildrop()?, number, out).await,
            Command::Uidl(number) => listing::uidl(self.maildrop()?, number, out).await,
            Command::Dele(number) => delete::dele(self.maildrop()?, number, out),
            Command::Rset => delete::rset(self.maildrop()?, out),
            Command::Top { number, lines } => {
                retrieve::top(self.maildrop()?, number, lines, utf8, out).await
            }
            Command::Retr(number) => {
                let answer = retrieve::retr(self.maildrop()?, number, utf8, out).await;
                self.tally.retrieved += u64::from(answer.is_ok());
                answer
            }
        }
    }

    /// Is this command allowed here? The one place that asks.
    fn gate(&self, command: &Command) -> Result<(), Reject> {
        let facts = command.facts();
        let logged_in = self.is_logged_in();
        match facts.phase {
            Phase::Authorization if logged_in => Err(Reject::WrongState(Phase::Authorization)),
            Phase::Transaction if !logged_in => Err(Reject::WrongState(Phase::Transaction)),
            _ if facts.authenticates && self.mechanisms().is_empty() => Err(Reject::TlsNeeded),
            _ => Ok(()),
        }
    }

    /// What AUTH offers on this connection as it is now; empty if no password may be sent on it.
    pub(crate) fn mechanisms(&self) -> Vec<Mechanism> {
        let connection = &self.connection;
        mechanisms(
            &connection.config,
            connection.tls.as_ref(),
            &connection.peer,
        )
    }

    /// TLS can be started on this connection, and has not been.
    pub(crate) fn may_start_tls(&self) -> bool {
        self.connection.starttls_offered() && self.connection.tls.is_none()
    }

    /// In the TRANSACTION state.
    pub(crate) fn is_logged_in(&self) -> bool {
        matches!(self.state, State::Transaction(_))
    }

    fn maildrop(&mut self) -> Result<&mut Maildrop, Reject> {
        match &mut self.state {
            State::Transaction(maildrop) => Ok(maildrop),
            _ => Err(Reject::WrongState(Phase::Transaction)),
        }
    }

    async fn quit(&mut self, out: &mut Output) -> Answer {
        match mem::replace(&mut self.state, State::Authorization) {
            State::Transaction(maildrop) => {
                self.tally.deleted = delete::update(*maildrop, out).await?
            }
            _ => out.put(&Reply::Goodbye),
        }
        Ok(Next::Close)
    }

    /// Logs somebody in: locks the maildrop and enters the TRANSACTION state.
    pub(crate) async fn enter(&mut self, identity: Identity, out: &mut Output) -> Answer {
        let maildrop =
            Maildrop::open(self.connection.service.store.clone(), identity.account).await?;
        out.put(&Reply::Ready(maildrop.totals()));
        self.tally.user = Some(identity.address.to_string());
        self.identity = Some(identity);
        self.state = State::Transaction(Box::new(maildrop));
        self.faults = 0;
        Ok(Next::Continue)
    }

    /// Turns a failure into the reply, the log line and the metric; closes on a client that does not speak POP3.
    fn refuse(&mut self, reject: Reject, out: &mut Output) -> Next {
        let class = reject.class();
        metrics::counter!("pop3d_rejects_total", "fault" => class.label()).increment(1);
        match class {
            Class::Server => tracing::error!(?reject, "refused"),
            Class::Client | Class::Syntax => tracing::debug!(?reject, "refused"),
        }
        self.faults += u32::from(class == Class::Syntax);
        let faults_max = if self.is_logged_in() {
            FAULTS_MAX
        } else {
            FAULTS_BEFORE_LOGIN_MAX
        };
        let reject = if self.faults > faults_max {
            Reject::TooManyFaults
        } else {
            reject
        };
        out.put(&Reply::Rejected {
            reject: &reject,
            session: self.connection.id.as_str(),
        });
        if reject.ends_session() {
            Next::Close
        } else {
            Next::Continue
        }
    }
}

fn done(out: &mut Output) -> Next {
    out.put(&Reply::Done);
    Next::Continue
}

impl Session for Pop3 {
    async fn greet(&mut self, out: &mut Output) -> Next {
        out.put(&Reply::Greeting {
            hostname: &self.connection.config.hostname,
            session: self.connection.id.as_str(),
        });
        Next::Continue
    }

    fn framing(&self) -> Framing {
        let octets_max = match self.state {
            State::Authenticating(_) => AUTH_LINE_OCTETS_MAX,
            _ => COMMAND_OCTETS_MAX,
        };
        Framing::Line { octets_max }
    }

    async fn handle(&mut self, frame: Frame<'_>, out: &mut Output) -> Next {
        let answer = match frame {
            Frame::Line { text, .. } => self.line(text, out).await,
            Frame::LineTooLong => {
                self.leave_line_state();
                Err(Reject::LineTooLong)
            }
            // Only lines are ever asked for.
            Frame::Chunk(_) | Frame::BodyEnd { .. } => Ok(Next::Close),
        };
        answer.unwrap_or_else(|reject| self.refuse(reject, out))
    }

    fn tls_started(&mut self, tls: &TlsInfo) {
        self.connection.tls = Some(tls.clone());
        self.state = State::Authorization;
        self.utf8 = false;
        self.faults = 0;
    }

    fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    fn timeout(&self) -> Duration {
        let pop3d = &self.connection.config.pop3d;
        Duration::from_secs(if self.is_logged_in() {
            pop3d.idle_seconds
        } else {
            pop3d.login_seconds
        })
    }

    fn farewell(&mut self, why: Farewell, out: &mut Output) {
        let reject = match why {
            // RFC 1939 §3: when the timer expires, the connection is closed without any response.
            Farewell::Timeout | Farewell::TooSlow => return,
            Farewell::Revoked => Reject::Revoked,
            Farewell::Shutdown | Farewell::Busy => Reject::Closing,
            Farewell::InputFault => Reject::LineTooLong,
        };
        out.put(&Reply::Rejected {
            reject: &reject,
            session: self.connection.id.as_str(),
        });
    }

    fn summary(&self) -> Summary {
        Summary {
            user: self.tally.user.clone(),
            counts: vec![
                ("retrieved", self.tally.retrieved),
                ("deleted", self.tally.deleted),
            ],
        }
    }
}
