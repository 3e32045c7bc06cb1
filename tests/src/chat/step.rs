//! What a dialogue is made of once it has been read: its setup and its steps. Data only.

use super::{Listener, Template};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// What must be there before the first step.
#[derive(Debug)]
pub struct Setup {
    /// Where connections go that do not say otherwise.
    pub listener: Listener,
    /// Merged over the harness's own configuration.
    pub config: toml::Table,
    /// Addresses that are made beside alice and bob, with the same password.
    pub accounts: Vec<String>,
    /// Runs of `mailctl` before the daemons start.
    pub mailctl: Vec<Vec<String>>,
    /// The messages that the file names.
    pub messages: BTreeMap<String, Vec<u8>>,
    /// What lies in mailboxes at the start, in this order.
    pub appends: Vec<Append>,
}

/// A message that is put into a mailbox before the first step.
#[derive(Debug)]
pub struct Append {
    /// The account's address.
    pub account: String,
    /// The mailbox; it is made if it is not there.
    pub mailbox: String,
    /// The message's name in the file.
    pub message: String,
    /// Flags and date as IMAP's APPEND takes them, for instance `(\Seen) "01-Jan-2026 10:00:00 +0100"`.
    pub attributes: String,
    /// How many copies.
    pub times: usize,
}

/// One step.
#[derive(Debug)]
pub struct Step {
    /// Its line in the file, from 1.
    pub line: usize,
    /// The step as written.
    pub source: String,
    /// The connection that it is about.
    pub connection: String,
    /// What is done.
    pub action: Action,
}

/// What a step does.
#[derive(Debug)]
pub enum Action {
    /// Opens the connection; the greeting is left for the next step.
    Connect {
        /// Where to, if not where the label says.
        listener: Option<Listener>,
        /// The address to come from.
        from: Option<IpAddr>,
    },
    /// Authenticates in the way that is usual for the protocol.
    Login {
        /// Name or address.
        user: String,
        /// Password.
        password: String,
    },
    /// Asks for TLS, and does the handshake.
    StartTls,
    /// Does the handshake.
    Handshake,
    /// Asks for compression, and begins it.
    Compress,
    /// Compression has ended on both sides.
    Uncompress,
    /// Sends these bytes.
    Send(Template),
    /// Sends these bytes as the lines of a message: dots stuffed, and the final dot added.
    SendData(Template),
    /// Waits for something.
    Expect(Expectation),
    /// Nothing may come for this long.
    Nothing(Duration),
    /// The server must close, without another word.
    Eof,
    /// Closes without a word.
    Close,
    /// Waits.
    Sleep(Duration),
    /// Runs `mailctl`, which must succeed.
    Mailctl(Vec<String>),
    /// Sends a message by SMTP, which must accept it.
    Deliver {
        /// The message's name in the file.
        message: String,
        /// Reverse path.
        from: String,
        /// Forward paths.
        to: Vec<String>,
    },
    /// Does the steps several times; `{i}` counts from 1.
    Repeat {
        /// How often.
        times: usize,
        /// What.
        steps: Vec<Step>,
    },
}

impl Action {
    /// Whether the step can fail because of what the server says.
    pub fn checks(&self) -> bool {
        match self {
            Action::Expect(_) | Action::Nothing(_) | Action::Eof => true,
            Action::Repeat { steps, .. } => steps.iter().any(|step| step.action.checks()),
            _ => false,
        }
    }
}

/// What the server is expected to say.
#[derive(Debug)]
pub enum Expectation {
    /// One line (IMAP: one response with its literals), or a whole reply of a class (`250`, `a1 OK`).
    One(Template),
    /// These bytes, wherever lines end.
    Raw(Template),
    /// A multi-line answer that ends with a dot, with dots unstuffed.
    Data(Template),
    /// These responses in any order, and no other between them.
    Unordered(Vec<(usize, Template)>),
    /// Everything up to `last`; among it these lines, in any order, and others.
    Reply {
        /// The reply's class: `250`, `+OK`, or for IMAP the tagged response.
        last: Template,
        /// What must be, or must not be, in it.
        lines: Vec<ReplyLine>,
    },
}

/// A line that must, or must not, be in a reply.
#[derive(Debug)]
pub struct ReplyLine {
    /// Its line in the file.
    pub line: usize,
    /// False for `no …`.
    pub present: bool,
    /// What it looks like.
    pub pattern: Template,
}
