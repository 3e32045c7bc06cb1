//! Every reason to say no, and the one place that turns a reason into a reply, a fault class and a word for logs and metrics.
//!
//! The text of a reply tells the client what to do and reveals nothing of the server's policy or state; what the operator needs
//! to know is logged where it happened, under the session's id, which the reply carries.

use std::fmt;

use crate::grammar::{PathKind, Reply, SyntaxError};
use crate::milter::refusal::Refusal;

/// Why a command was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reject {
    /// The line is no command.
    Syntax(SyntaxError),
    /// The line is longer than allowed.
    LineTooLong,
    /// The line ended with LF alone (RFC 5321 §2.3.8).
    LineEnding,
    /// The command cannot come now.
    Sequence(Sequence),
    /// EXPN, which would tell who is behind an address.
    Expn,
    /// STARTTLS where there is no certificate or no such service.
    TlsUnavailable,
    /// AUTH where it is not offered.
    AuthUnavailable,
    /// AUTH before TLS (RFC 4954 §4).
    TlsRequired,
    /// A mechanism that is not announced.
    MechanismUnknown,
    /// The client gave the AUTH dialogue up with `*`.
    AuthCancelled,
    /// The client's response makes no sense to the mechanism.
    AuthMalformed,
    /// A line of the AUTH dialogue is too long.
    AuthLineTooLong,
    /// The login failed, whatever the cause.
    AuthFailed,
    /// The login cannot be decided now.
    AuthTemporary,
    /// A command that needs a login first (RFC 6409 §4.3, RFC 4954 §6).
    LoginRequired,
    /// The sender is not an address of the account (RFC 6409 §6.1).
    SenderNotOwned,
    /// No such local address.
    MailboxUnknown,
    /// A foreign address, and the client has not logged in.
    RelayDenied,
    /// The mailbox is full.
    OverQuota,
    /// The aliases of the recipient lead in a circle.
    AliasLoop,
    /// More recipients than the server takes in one transaction.
    TooManyRecipients,
    /// No recipient was accepted.
    NoRecipients,
    /// The message is larger than the server takes.
    MessageTooBig,
    /// The header section is larger than the server takes.
    HeaderTooBig,
    /// A CR or LF that is not part of a CRLF (RFC 5321 §2.3.8).
    BareNewline,
    /// A NUL or a bare newline in the header section.
    HeaderOctets,
    /// There is no From field, or several, or one with several domains (RFC 9989 §5.3.1).
    FromField,
    /// The client's address is on a DNS list.
    Listed,
    /// Nobody knows the sender yet.
    Greylisted,
    /// More than the sender may send in this time.
    RateExceeded,
    /// The author's domain wants mail like this to be refused (RFC 9989 §5.4).
    DmarcPolicy,
    /// The message has passed too many hosts, or too often this mailbox.
    MailLoop,
    /// A filter refuses, in its own words.
    Filter(Refusal),
    /// A filter does not work now, and no mail is taken without it.
    FilterUnavailable,
    /// The same, and the operator wants mail refused for good then.
    FilterMissing,
    /// The store cannot do it now.
    StoreUnavailable,
    /// Too many mistakes in one session.
    TooManyErrors,
    /// Too many commands that lead to nothing, or too many messages in one session.
    TooManyCommands,
    /// Nobody knows where the next command begins: a chunk of unreadable length.
    OutOfStep,
    /// More octets than it makes sense to read to their end.
    Overrun,
    /// A line without end.
    Endless,
    /// Nothing came for too long, or too slowly.
    Timeout,
    /// The daemon is stopping.
    Shutdown,
    /// Too many connections.
    Busy,
    /// The login holds no more.
    Revoked,
}

/// What is missing or too much before a command (RFC 5321 §4.1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sequence {
    /// EHLO or HELO first.
    HelloFirst,
    /// MAIL first.
    MailFirst,
    /// RCPT first.
    RcptFirst,
    /// A transaction is open already.
    TransactionOpen,
    /// BDAT has begun; only BDAT can go on (RFC 3030 §2).
    ChunksOpen,
    /// The message is BINARYMIME, which DATA cannot carry (RFC 3030 §3).
    BinaryNeedsChunks,
    /// TLS is on already (RFC 3207 §4.2).
    TlsAlready,
    /// Logged in already: no AUTH (RFC 4954 §4) and no STARTTLS.
    LoginAlready,
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The client does not speak the protocol.
    Client,
    /// The client may not do what it wants.
    Policy,
    /// We cannot do what we should.
    Server,
    /// The connection as such.
    Connection,
}

impl Fault {
    /// A word for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Client => "client",
            Fault::Policy => "policy",
            Fault::Server => "server",
            Fault::Connection => "connection",
        }
    }
}

impl From<SyntaxError> for Reject {
    fn from(error: SyntaxError) -> Reject {
        match error {
            SyntaxError::ChunkSize => Reject::OutOfStep,
            error => Reject::Syntax(error),
        }
    }
}

impl From<Sequence> for Reject {
    fn from(sequence: Sequence) -> Reject {
        Reject::Sequence(sequence)
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What is known of a reason.
struct Facts {
    fault: Fault,
    word: &'static str,
    code: u16,
    enhanced: (u16, u16),
    text: &'static str,
}

impl Reject {
    /// What a client is told of an error of the store; the error itself is for the log alone.
    pub fn store(doing: &'static str, error: &store::Error) -> Reject {
        tracing::error!(%error, doing, "the store failed");
        Reject::StoreUnavailable
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        self.facts().fault
    }

    /// A word for logs and metrics.
    pub fn word(&self) -> &'static str {
        self.facts().word
    }

    /// The reply.
    pub fn reply(&self) -> Reply {
        if let Reject::Filter(refusal) = self {
            return refusal.reply();
        }
        let Facts {
            code,
            enhanced,
            text,
            ..
        } = self.facts();
        Reply::new(code, enhanced, text)
    }

    fn code(&self) -> u16 {
        match self {
            Reject::Filter(refusal) => refusal.code(),
            reason => reason.facts().code,
        }
    }

    /// Whether it counts against the client. What may succeed later does not: a client that names more recipients than we take
    /// at once, all in one write, has done nothing wrong (RFC 5321 §4.5.3.1.10).
    pub fn is_mistake(&self) -> bool {
        self.code() >= 500
    }

    /// Whether the session ends with it.
    pub fn is_final(&self) -> bool {
        self.code() == 421 || matches!(self, Reject::Overrun)
    }
}

/// Makes `Reject::facts` of the table of reasons, and the list of codes.
macro_rules! reasons {
    ($($reason:pat => $fault:ident, $word:literal, $code:literal, $enhanced:expr, $text:literal;)*) => {
        impl Reject {
            /// The codes and enhanced codes of all replies here; those of filters in words of their own come on top.
            pub const CODES: &[(u16, (u16, u16))] = &[$(($code, $enhanced)),*];

            fn facts(&self) -> Facts {
                match self {
                    $($reason => Facts {
                        fault: Fault::$fault,
                        word: $word,
                        code: $code,
                        enhanced: $enhanced,
                        text: $text,
                    },)*
                }
            }
        }
    };
}

reasons! {
    Reject::Syntax(SyntaxError::UnknownVerb) => Client, "unknown-command", 500, (5, 1), "Unknown command";
    Reject::Syntax(SyntaxError::NotImplemented) => Client, "not-implemented", 502, (5, 1), "Command not implemented";
    Reject::Syntax(SyntaxError::Octets) => Client, "octets", 500, (5, 2), "Control characters or invalid UTF-8 in command";
    Reject::Syntax(SyntaxError::Argument(_)) => Client, "argument", 501, (5, 4), "Bad argument";
    Reject::Syntax(SyntaxError::ChunkSize) => Client, "argument", 501, (5, 4), "Bad chunk size";
    Reject::Syntax(SyntaxError::Path(PathKind::Reverse)) => Client, "path", 501, (1, 7), "Malformed sender address";
    Reject::Syntax(SyntaxError::Path(PathKind::Forward)) => Client, "path", 501, (1, 3), "Malformed recipient address";
    // RFC 6531 §3.5 gives the two cases different codes.
    Reject::Syntax(SyntaxError::NeedsUtf8(PathKind::Reverse)) => Client, "needs-utf8", 550, (6, 7), "Sender address needs SMTPUTF8";
    Reject::Syntax(SyntaxError::NeedsUtf8(PathKind::Forward)) => Client, "needs-utf8", 553, (6, 7), "Recipient address needs SMTPUTF8";
    Reject::Syntax(SyntaxError::ParameterUnknown) => Client, "parameter", 555, (5, 4), "Unknown parameter";
    Reject::Syntax(SyntaxError::ParameterInvalid) => Client, "parameter", 501, (5, 4), "Bad parameter";
    Reject::Syntax(SyntaxError::Base64) => Client, "base64", 501, (5, 2), "Not base64";
    Reject::Sequence(Sequence::HelloFirst) => Client, "sequence", 503, (5, 1), "EHLO or HELO first";
    Reject::Sequence(Sequence::MailFirst) => Client, "sequence", 503, (5, 1), "MAIL first";
    Reject::Sequence(Sequence::RcptFirst) => Client, "sequence", 503, (5, 1), "RCPT first";
    Reject::Sequence(Sequence::TransactionOpen) => Client, "sequence", 503, (5, 1), "A transaction is open already";
    Reject::Sequence(Sequence::ChunksOpen) => Client, "sequence", 503, (5, 1), "BDAT has begun, go on with BDAT or RSET";
    Reject::Sequence(Sequence::BinaryNeedsChunks) => Client, "sequence", 503, (5, 1), "BINARYMIME needs BDAT";
    Reject::Sequence(Sequence::TlsAlready) => Client, "sequence", 503, (5, 1), "TLS is on already";
    Reject::Sequence(Sequence::LoginAlready) => Client, "sequence", 503, (5, 1), "Authenticated already";
    Reject::LineTooLong => Client, "line-too-long", 500, (5, 2), "Line too long";
    Reject::LineEnding => Client, "line-ending", 500, (5, 2), "Lines must end with CR LF";
    Reject::Expn => Policy, "expn", 502, (5, 1), "EXPN is not available here";
    Reject::TlsUnavailable => Client, "tls-unavailable", 502, (5, 1), "STARTTLS is not available here";
    Reject::AuthUnavailable => Client, "auth-unavailable", 502, (5, 1), "AUTH is not available here";
    Reject::TlsRequired => Policy, "tls-required", 538, (7, 11), "Encryption required: STARTTLS first";
    Reject::MechanismUnknown => Client, "mechanism", 504, (5, 4), "Mechanism not available";
    Reject::AuthCancelled => Client, "auth-cancelled", 501, (7, 0), "Authentication cancelled";
    Reject::AuthMalformed => Client, "auth-malformed", 501, (5, 2), "Malformed authentication response";
    Reject::AuthLineTooLong => Client, "auth-line-too-long", 500, (5, 6), "Authentication line too long";
    Reject::AuthFailed => Policy, "auth-failed", 535, (7, 8), "Authentication failed";
    Reject::AuthTemporary => Server, "auth-temporary", 454, (7, 0), "Cannot authenticate now, try again later";
    Reject::LoginRequired => Policy, "login-required", 530, (7, 0), "Authentication required";
    Reject::SenderNotOwned => Policy, "sender-not-owned", 550, (7, 1), "Sender is not an address of your account";
    Reject::MailboxUnknown => Policy, "mailbox-unknown", 550, (1, 1), "No such mailbox here";
    Reject::RelayDenied => Policy, "relay-denied", 550, (7, 1), "Relaying denied";
    Reject::OverQuota => Policy, "over-quota", 452, (2, 2), "Mailbox is full";
    Reject::AliasLoop => Server, "alias-loop", 550, (4, 6), "Address leads to itself";
    Reject::TooManyRecipients => Policy, "too-many-recipients", 452, (5, 3), "Too many recipients";
    Reject::NoRecipients => Client, "no-recipients", 554, (5, 1), "No valid recipients";
    Reject::MessageTooBig => Policy, "message-too-big", 552, (3, 4), "Message too big";
    Reject::HeaderTooBig => Policy, "header-too-big", 552, (3, 4), "Message header too big";
    Reject::BareNewline => Client, "bare-newline", 554, (6, 0), "Bare CR or LF in message; lines must end with CR LF";
    Reject::HeaderOctets => Client, "header-octets", 554, (6, 0), "NUL, bare CR or bare LF in message header";
    Reject::FromField => Policy, "from-field", 550, (7, 1), "Message must have one From field, of one domain";
    Reject::Listed => Policy, "listed", 550, (7, 1), "Not accepted, your address is on a blocklist";
    Reject::Greylisted => Policy, "greylisted", 451, (7, 1), "Not known here yet, try again in some minutes";
    Reject::RateExceeded => Policy, "rate", 451, (7, 1), "Too much mail in a short time, try again later";
    Reject::DmarcPolicy => Policy, "dmarc", 550, (7, 1), "Not accepted, by the DMARC policy of the author's domain";
    Reject::MailLoop => Policy, "mail-loop", 554, (4, 6), "Message is going in a circle";
    Reject::Filter(_) => Policy, "filter", 550, (7, 1), "Refused";
    Reject::FilterUnavailable => Server, "filter-unavailable", 451, (3, 0), "Temporary failure, try again later";
    Reject::FilterMissing => Server, "filter-missing", 554, (3, 0), "Message cannot be checked";
    Reject::StoreUnavailable => Server, "store-unavailable", 451, (3, 0), "Temporary failure, try again later";
    Reject::TooManyErrors => Client, "too-many-errors", 421, (7, 0), "Too many errors, closing";
    Reject::TooManyCommands => Client, "too-many-commands", 421, (7, 0), "Too much for one session, closing";
    Reject::OutOfStep => Client, "out-of-step", 421, (5, 4), "Unreadable chunk size, closing";
    Reject::Overrun => Client, "overrun", 552, (3, 4), "Message far too big, closing";
    Reject::Endless => Connection, "endless", 421, (5, 2), "Line without end, closing";
    Reject::Timeout => Connection, "timeout", 421, (4, 2), "Too slow, closing";
    Reject::Shutdown => Connection, "shutdown", 421, (3, 2), "Service is stopping, closing";
    Reject::Busy => Connection, "busy", 421, (3, 2), "Too many connections, try again later";
    Reject::Revoked => Connection, "revoked", 421, (7, 0), "Your account or password has changed, closing";
}
