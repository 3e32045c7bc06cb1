//! The dialogue language: what a client and a server say to each other, written so that a postmaster can read it.
//!
//! A file (`*.chat`) has a header (what it shows, the protocol, configuration, accounts, messages), a line `---`,
//! and the steps of the dialogue. `tests/README.md` is the language's manual.
//!
//! [`Dialogue::parse`] turns text into steps and refuses what it does not understand, naming file and line;
//! [`run`](run::run) plays the steps against a [`World`] and stops at the first step that does not come out as written.
//! Nothing here knows how a server is started: that is [`crate::server`].

mod block;
mod parse;
mod pattern;
mod run;
mod step;
mod template;
mod transcript;

pub use parse::ParseError;
pub use run::{Failure, run};
pub use step::{Action, Append, Expectation, ReplyLine, Setup, Step};
pub use template::Template;

use std::net::SocketAddr;
use std::path::PathBuf;

/// What a dialogue is played against: the addresses of the listeners and the administrator's command.
pub trait World {
    /// Where `listener` listens; `Err` says why nobody does.
    fn address(&self, listener: Listener) -> Result<SocketAddr, String>;

    /// Runs `mailctl` with these arguments; `Err` holds what it printed when it did not exit with success.
    fn mailctl(&self, arguments: &[String]) -> Result<String, String>;
}

/// A dialogue that was read from a file.
#[derive(Debug)]
pub struct Dialogue {
    /// The file, for messages.
    pub path: PathBuf,
    /// What must be there before the first step.
    pub setup: Setup,
    /// The steps, in the file's order.
    pub steps: Vec<Step>,
}

/// The language that a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 5321.
    Smtp,
    /// RFC 3501, RFC 9051.
    Imap,
    /// RFC 1939.
    Pop3,
}

/// A kind of door that the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Listener {
    /// Port 25.
    Smtp,
    /// Port 587: STARTTLS.
    Submission,
    /// Port 465: TLS from the first byte.
    Submissions,
    /// Port 143.
    Imap,
    /// Port 993: TLS from the first byte.
    Imaps,
    /// Port 110.
    Pop3,
    /// Port 995: TLS from the first byte.
    Pop3s,
}

impl Listener {
    /// All of them.
    pub const ALL: [Listener; 7] = [
        Listener::Smtp,
        Listener::Submission,
        Listener::Submissions,
        Listener::Imap,
        Listener::Imaps,
        Listener::Pop3,
        Listener::Pop3s,
    ];

    /// The word for it in dialogues.
    pub fn name(self) -> &'static str {
        match self {
            Listener::Smtp => "smtp",
            Listener::Submission => "submission",
            Listener::Submissions => "submissions",
            Listener::Imap => "imap",
            Listener::Imaps => "imaps",
            Listener::Pop3 => "pop3",
            Listener::Pop3s => "pop3s",
        }
    }

    /// The listener that `name` means.
    pub fn parse(name: &str) -> Option<Listener> {
        Listener::ALL
            .into_iter()
            .find(|listener| listener.name() == name)
    }

    /// The listener of a connection's label: `imap2` is a second connection to `imap`; numbers mean the file's own protocol.
    pub fn of_label(label: &str) -> Option<Listener> {
        Listener::parse(label)
            .or_else(|| Listener::parse(label.trim_end_matches(|c: char| c.is_ascii_digit())))
    }

    /// What is spoken there.
    pub fn protocol(self) -> Protocol {
        match self {
            Listener::Smtp | Listener::Submission | Listener::Submissions => Protocol::Smtp,
            Listener::Imap | Listener::Imaps => Protocol::Imap,
            Listener::Pop3 | Listener::Pop3s => Protocol::Pop3,
        }
    }

    /// Whether TLS comes first.
    pub fn is_tls(self) -> bool {
        matches!(
            self,
            Listener::Submissions | Listener::Imaps | Listener::Pop3s
        )
    }
}
