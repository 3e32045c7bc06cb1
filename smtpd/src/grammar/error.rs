//! What can be wrong with a line, in terms of the line alone.

use super::verb::Verb;

/// Which of the two paths of an envelope an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// The argument of MAIL.
    Reverse,
    /// The argument of RCPT.
    Forward,
}

/// Why a line is not a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// The first word is no verb.
    #[error("unknown command")]
    UnknownVerb,
    /// The first word is a verb of the standards that is not implemented.
    #[error("command not implemented")]
    NotImplemented,
    /// The line holds control characters or is not UTF-8.
    #[error("control characters or not UTF-8")]
    Octets,
    /// The argument is missing, superfluous or malformed.
    #[error("bad argument of {}", .0.name())]
    Argument(Verb),
    /// The length of a chunk cannot be read: nobody knows where the next command begins.
    #[error("bad argument of BDAT")]
    ChunkSize,
    /// The address is malformed.
    #[error("malformed {0:?} path")]
    Path(PathKind),
    /// The address has non-ASCII characters and the transaction no SMTPUTF8 (RFC 6531 §3.5).
    #[error("non-ASCII {0:?} path without SMTPUTF8")]
    NeedsUtf8(PathKind),
    /// A parameter of MAIL or RCPT that this server does not know.
    #[error("unknown parameter")]
    ParameterUnknown,
    /// A parameter that is given twice, or with a value it cannot have.
    #[error("bad parameter")]
    ParameterInvalid,
    /// What should be base64 is not (RFC 4954 §4).
    #[error("not base64")]
    Base64,
}
