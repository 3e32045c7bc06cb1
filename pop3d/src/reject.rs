//! What can go wrong, and the one place that turns it into words, a response code and a class of fault.
//!
//! Handlers return a [`Reject`] and know no text. The words are for people and the same for all of a class:
//! they never tell whether a name exists, which rule refused, or what failed inside. A fault of the server
//! carries a code that sends the client away without asking its user for another password (RFC 3206 §4), and
//! the session's id, which finds the details in the log.

use daemon::sasl::Failure;

use crate::grammar::command::{Fault, Phase};

/// Why a command was refused.
#[derive(Debug)]
pub enum Reject {
    /// The line is no command.
    Syntax(Fault),
    /// The line is longer than any command.
    LineTooLong,
    /// Not in this state: the command needs the other one.
    WrongState(Phase),
    /// PASS without USER.
    NameMissing,
    /// TLS is already active, or STLS would come after UTF8 (RFC 6856 §2.1).
    TlsNotNow,
    /// No password may travel on this channel.
    TlsNeeded,
    /// No such mechanism, or not here.
    Mechanism,
    /// The client gave up the authentication.
    Cancelled,
    /// The messages of the authentication make no sense.
    Malformed,
    /// Wrong name or password, or the account may not log in.
    Credentials,
    /// Too many failures from there.
    Throttled,
    /// The maildrop is locked by another session.
    InUse,
    /// No message has this number.
    NoSuchMessage,
    /// The message is marked as deleted.
    Marked,
    /// The message has been removed since login, over IMAP or by another hand.
    Gone,
    /// QUIT could not remove the marked messages: all of them are still there.
    NotRemoved(store::Error),
    /// The store failed.
    Store(store::Error),
    /// Nobody can be authenticated for now.
    Unavailable,
    /// The server is stopping, or takes no more connections.
    Closing,
    /// The login holds no more.
    Revoked,
    /// Too many lines that were no commands.
    TooManyFaults,
}

/// Whose fault a rejection is: decides the level of the log and the label of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The client speaks wrongly.
    Syntax,
    /// The client may not, or the message is not there: daily life.
    Client,
    /// We failed.
    Server,
}

impl Class {
    /// The label of the metric.
    pub fn label(self) -> &'static str {
        match self {
            Class::Syntax => "syntax",
            Class::Client => "client",
            Class::Server => "server",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $name:literal),* $(,)?) => {
        /// A response code: what a program may know of a refusal (RFC 2449 §8, RFC 3206 §4).
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $code),* }

        impl Code {
            /// All of them.
            pub const ALL: &[Code] = &[$(Code::$code),*];

            /// As it is written, without brackets.
            pub fn name(self) -> &'static str {
                match self { $(Code::$code => $name),* }
            }
        }
    };
}

codes! {
    /// The maildrop is locked.
    InUse = "IN-USE",
    /// The name and the password, or the account: the user has to do something.
    Auth = "AUTH",
    /// Our fault, and no use in trying again.
    SysPerm = "SYS/PERM",
    /// Our fault, which may pass.
    SysTemp = "SYS/TEMP",
}

impl Reject {
    /// Whose fault it is.
    pub fn class(&self) -> Class {
        match self {
            Reject::Syntax(_)
            | Reject::LineTooLong
            | Reject::WrongState(_)
            | Reject::NameMissing => Class::Syntax,
            Reject::Malformed | Reject::Mechanism | Reject::TlsNotNow | Reject::TooManyFaults => {
                Class::Syntax
            }
            Reject::TlsNeeded
            | Reject::Closing
            | Reject::Revoked
            | Reject::Cancelled
            | Reject::Credentials
            | Reject::Throttled => Class::Client,
            Reject::InUse | Reject::NoSuchMessage | Reject::Marked | Reject::Gone => Class::Client,
            Reject::NotRemoved(_) | Reject::Store(_) | Reject::Unavailable => Class::Server,
        }
    }

    /// The log has more about it than the reply tells.
    pub fn is_fault_of_server(&self) -> bool {
        self.class() == Class::Server
    }

    /// The connection is closed after the reply: QUIT closes even when it fails (RFC 1939 §6).
    pub fn ends_session(&self) -> bool {
        matches!(self, Reject::NotRemoved(_) | Reject::TooManyFaults)
    }

    /// The response code.
    pub fn code(&self) -> Option<Code> {
        match self {
            Reject::InUse => Some(Code::InUse),
            Reject::Credentials | Reject::Revoked => Some(Code::Auth),
            Reject::Store(store::Error::Corrupt(_)) => Some(Code::SysPerm),
            Reject::Throttled | Reject::Unavailable | Reject::Closing => Some(Code::SysTemp),
            Reject::Store(_) | Reject::NotRemoved(_) => Some(Code::SysTemp),
            _ => None,
        }
    }

    /// The words.
    pub fn text(&self) -> &'static str {
        match self {
            Reject::Syntax(fault) => fault_text(*fault),
            Reject::LineTooLong => "Line too long",
            Reject::WrongState(Phase::Authorization) => "Already logged in",
            Reject::WrongState(_) => "Log in first",
            Reject::NameMissing => "USER comes first",
            Reject::TlsNotNow => "TLS cannot begin now",
            Reject::TlsNeeded => "Begin TLS first",
            Reject::Mechanism => "No such mechanism",
            Reject::Cancelled => "Authentication cancelled",
            Reject::Malformed => "Malformed authentication",
            Reject::Credentials => "Wrong name or password",
            Reject::Throttled => "Too many failures, try again later",
            Reject::InUse => "The maildrop is in use by another session",
            Reject::NoSuchMessage => "No such message",
            Reject::Marked => "The message is marked as deleted",
            Reject::Gone => "The message is no longer there",
            Reject::NotRemoved(_) => "The marked messages could not be removed",
            Reject::Store(store::Error::Corrupt(_)) => "The server needs its administrator",
            Reject::Store(_) | Reject::Unavailable => "Temporary failure, try again later",
            Reject::Closing => "Service not available, try again later",
            Reject::Revoked => "Your account or password has changed",
            Reject::TooManyFaults => "Too many errors",
        }
    }
}

fn fault_text(fault: Fault) -> &'static str {
    match fault {
        Fault::UnknownCommand => "Unknown command",
        Fault::ArgumentMissing => "An argument is missing",
        Fault::ArgumentUnexpected => "Too many arguments",
        Fault::NotANumber => "Not a number",
        Fault::NotText => "Not UTF-8 text",
        Fault::NotBase64 => "Not base64",
    }
}

impl From<Fault> for Reject {
    fn from(fault: Fault) -> Self {
        Reject::Syntax(fault)
    }
}

impl From<Failure> for Reject {
    fn from(failure: Failure) -> Self {
        match failure {
            // That an account is disabled is told like a wrong password: the user's client must not try for ever.
            Failure::Credentials | Failure::Disabled | Failure::Authorization => {
                Reject::Credentials
            }
            Failure::Malformed => Reject::Malformed,
            Failure::Cancelled => Reject::Cancelled,
            Failure::Throttled => Reject::Throttled,
            Failure::Temporary => Reject::Unavailable,
            Failure::Mechanism => Reject::Mechanism,
            Failure::EncryptionRequired => Reject::TlsNeeded,
        }
    }
}

impl From<store::Error> for Reject {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NotFound(_) => Reject::Gone,
            error => Reject::Store(error),
        }
    }
}

/// One of each, for tests over all of them.
#[cfg(test)]
pub fn all_rejects() -> Vec<Reject> {
    use Reject::*;
    vec![
        Syntax(Fault::UnknownCommand),
        LineTooLong,
        WrongState(Phase::Authorization),
        WrongState(Phase::Transaction),
        NameMissing,
        TlsNotNow,
        TlsNeeded,
        Mechanism,
        Cancelled,
        Malformed,
        Credentials,
        Throttled,
        InUse,
        NoSuchMessage,
        Marked,
        Gone,
        NotRemoved(store::Error::OverQuota),
        Store(store::Error::OverQuota),
        Unavailable,
        Closing,
        Revoked,
        TooManyFaults,
    ]
}
