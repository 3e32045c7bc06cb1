//! Why a command is refused, and the one place that turns the reason into a response.
//!
//! Public text reveals nothing: where the server is at fault, the client reads the session's name, by which the log
//! has the rest. Codes are those of RFC 5530 wherever one fits. INUSE never does: nothing is locked against others here, and who has a mailbox selected that
//! somebody else removes is told so.

use daemon::output::Disconnected;
use daemon::sasl::Failure;

use crate::grammar::Malformed;
use crate::grammar::code::Code;
use crate::grammar::response::Condition;
use crate::grammar::sequence::Ranges;
use crate::view::NoSuchNumber;

/// Why a command is refused.
#[derive(Debug, thiserror::Error)]
pub enum Reject {
    /// It could not be understood.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Not allowed in this state.
    #[error("{0}")]
    WrongState(&'static str),
    /// It carries a password and the connection can be read by others.
    #[error("privacy required")]
    PrivacyRequired,
    /// STARTTLS where there is none.
    #[error("STARTTLS not offered")]
    NoStartTls,
    /// The connection is compressed already (RFC 4978 §3).
    #[error("compression is active")]
    CompressionActive,
    /// Login failed.
    #[error("login failed: {0}")]
    Login(Failure),
    /// A sequence number that no message has.
    #[error("no such sequence number")]
    NoSuchNumber,
    /// The selected mailbox was opened for reading only.
    #[error("mailbox is read-only")]
    ReadOnly,
    /// The rights to a mailbox that the user may know of do not allow it (RFC 4314).
    #[error("permission denied")]
    NoPermission,
    /// An event for NOTIFY that this server does not have (RFC 5465 §3.1); those that it has.
    #[error("unsupported event")]
    BadEvent(&'static [&'static str]),
    /// NOTIFY asks for more than is reasonable (RFC 5465 §5.8).
    #[error("too many notifications")]
    NotificationOverflow,
    /// An annotation is larger than the limit.
    #[error("annotation is too big")]
    AnnotationTooBig,
    /// No more annotations fit.
    #[error("too many annotations")]
    TooManyAnnotations,
    /// The destination of COPY, MOVE or APPEND does not exist, and could be made.
    #[error("destination does not exist")]
    TryCreate,
    /// Messages named by the command were expunged by someone else.
    #[error("messages were expunged")]
    ExpungeIssued,
    /// The same, and others of them have changed since (RFC 7162 §3.1.3).
    #[error("messages were expunged and modified")]
    Modified(Ranges),
    /// A part in a transfer encoding that this server does not know (RFC 3516 §4.3).
    #[error("unknown transfer encoding")]
    UnknownEncoding,
    /// A special use that this server does not have (RFC 6154 §3).
    #[error("no such special use")]
    NoSuchUse,
    /// A special use that another mailbox has (RFC 6154 §3).
    #[error("special use is taken")]
    UseTaken,
    /// A message to be appended is larger than the limit.
    #[error("message is too large")]
    TooBig,
    /// A URL in CATENATE that names no message of the user's own (RFC 4469 §4.1).
    #[error("bad URL")]
    BadUrl(String),
    /// A message to be appended has no octets.
    #[error("message is empty")]
    EmptyMessage,
    /// A message to be appended has octets above 127 in its header, and the client has not said that it knows of UTF-8 there.
    #[error("header section is not ASCII")]
    EightBitHeader,
    /// A command or literal larger than the limits.
    #[error("command is too large")]
    CommandTooLarge,
    /// A sequence number from a client that has enabled UIDONLY (RFC 9586 §3).
    #[error("sequence numbers are not used in this session")]
    UidRequired,
    /// Syntax of an extension that the client has to enable first.
    #[error("{0} is not enabled")]
    NotEnabled(&'static str),
    /// A non-synchronising literal larger than LITERAL- allows (RFC 7888 §5).
    #[error("literal is too large to come unasked")]
    LiteralTooLarge,
    /// The result of a search is too large to be saved (RFC 5182 §2.5).
    #[error("result is too large to be saved")]
    NotSaved,
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The selected mailbox is no more.
    #[error("the selected mailbox was removed")]
    MailboxRemoved,
    /// The client is gone.
    #[error("the client is gone")]
    Disconnected,
}

impl From<NoSuchNumber> for Reject {
    fn from(_: NoSuchNumber) -> Self {
        Self::NoSuchNumber
    }
}

impl From<Disconnected> for Reject {
    fn from(_: Disconnected) -> Self {
        Self::Disconnected
    }
}

/// A refusal as the client reads it.
pub struct Refusal {
    /// NO or BAD.
    pub condition: Condition,
    /// For machines.
    pub code: Option<Code>,
    /// For people.
    pub text: String,
}

impl Reject {
    /// The words for it. `session` names the session where only the log can say more.
    pub fn refusal(&self, session: &str) -> Refusal {
        match self {
            Self::Malformed(Malformed::Charset { .. }) => {
                no(Code::BadCharset, "Charset not supported")
            }
            Self::Malformed(Malformed::TooMany(what)) => {
                no(Code::Limit, &format!("Too many {what}"))
            }
            Self::Malformed(Malformed::UnknownCommand) => bad("Unknown command"),
            Self::Malformed(Malformed::Expected(what)) => bad(&format!("Expected {what}")),
            Self::WrongState(text) => bad(text),
            Self::PrivacyRequired => no(Code::PrivacyRequired, "Start TLS before you log in"),
            Self::CompressionActive => Refusal {
                condition: Condition::Bad,
                code: Some(Code::CompressionActive),
                text: "DEFLATE is active already".to_owned(),
            },
            Self::NoStartTls => bad("STARTTLS is not available here"),
            Self::Login(failure) => login(*failure),
            Self::NoSuchNumber => bad("No message has such a sequence number"),
            Self::ReadOnly => no(Code::ReadOnly, "Mailbox is open for reading only"),
            Self::NoPermission => no(Code::NoPermission, "Permission denied"),
            Self::BadEvent(events) => no(Code::BadEvent(events), "No such event"),
            Self::NotificationOverflow => {
                no(Code::NotificationOverflow, "That is too much to watch")
            }
            Self::AnnotationTooBig => no(
                Code::MetadataMaxSize(store::ANNOTATION_OCTETS_MAX as u64),
                "Annotation is too big",
            ),
            Self::TooManyAnnotations => no(Code::MetadataTooMany, "Too many annotations"),
            Self::TryCreate => no(Code::TryCreate, "Mailbox does not exist"),
            Self::ExpungeIssued => no(Code::ExpungeIssued, "Some of the messages no longer exist"),
            Self::Modified(modified) => no(
                Code::Modified(modified.clone()),
                "Some of the messages no longer exist",
            ),
            Self::UnknownEncoding => no(Code::UnknownCte, "Transfer encoding is not known"),
            Self::NoSuchUse => no(Code::UseAttribute, "No such special use"),
            Self::UseTaken => no(Code::UseAttribute, "Another mailbox has this special use"),
            Self::TooBig => no(Code::TooBig, "Message is too large"),
            Self::BadUrl(url) => no(Code::BadUrl(url.clone()), "There is nothing at this URL"),
            Self::EmptyMessage => no(Code::Cannot, "A message has at least one octet"),
            Self::NotSaved => no(Code::NotSaved, "Result is too large to be saved"),
            Self::EightBitHeader => no(
                Code::Cannot,
                "Header section is not ASCII: ENABLE UTF8=ACCEPT or IMAP4rev2 first",
            ),
            Self::CommandTooLarge => Refusal {
                condition: Condition::Bad,
                code: Some(Code::Limit),
                text: "Command is too large".to_owned(),
            },
            Self::UidRequired => Refusal {
                condition: Condition::Bad,
                code: Some(Code::UidRequired),
                text: "Only UIDs are used in this session".to_owned(),
            },
            Self::NotEnabled(what) => bad(&format!("Enable {what} first")),
            Self::LiteralTooLarge => Refusal {
                condition: Condition::Bad,
                code: Some(Code::TooBig),
                text: "Literals above 4096 octets have to be asked for".to_owned(),
            },
            Self::Store(error) => store(error, session),
            Self::MailboxRemoved => no(Code::NonExistent, "Mailbox was removed"),
            Self::Disconnected => no(Code::Unavailable, "Client does not read"),
        }
    }

    /// Whether the server is at fault: worth an error in the log.
    pub fn is_ours(&self) -> bool {
        matches!(
            self,
            Self::Store(store::Error::Unavailable(_) | store::Error::Corrupt(_))
        )
    }
}

fn login(failure: Failure) -> Refusal {
    match failure {
        Failure::Credentials => no(Code::AuthenticationFailed, "Authentication failed"),
        Failure::Authorization => no(
            Code::AuthorizationFailed,
            "Nobody acts for another here: leave the authorization identity out",
        ),
        Failure::Disabled => no(Code::ContactAdmin, "Account is disabled"),
        Failure::Malformed => bad("Malformed authentication message"),
        Failure::Cancelled => bad("Authentication cancelled"),
        Failure::Throttled => no(Code::Unavailable, "Too many failures, try later"),
        Failure::Temporary => no(Code::Unavailable, "Temporary failure, try later"),
        Failure::Mechanism => no(Code::Cannot, "Mechanism not available"),
        Failure::EncryptionRequired => no(Code::PrivacyRequired, "Start TLS before you log in"),
    }
}

fn store(error: &store::Error, session: &str) -> Refusal {
    use store::Error;
    match error {
        Error::NotFound(what) => no(Code::NonExistent, &format!("No such {what}")),
        Error::Exists(what) => no(
            Code::AlreadyExists,
            &format!("There is such a {what} already"),
        ),
        Error::OverQuota => no(Code::OverQuota, "Quota exceeded"),
        Error::Limit(what) => no(Code::Limit, &format!("Too many {what}")),
        Error::Invalid(text) => no(Code::Cannot, text),
        Error::NotPermitted(text) => no(Code::Cannot, text),
        Error::Denied => no(Code::NoPermission, "Permission denied"),
        Error::HasChildren => no(Code::HasChildren, "Mailbox has children"),
        Error::Unavailable(_) => no(
            Code::Unavailable,
            &format!("Temporary failure, session {session}"),
        ),
        Error::Corrupt(_) => no(
            Code::Corruption,
            &format!("Data is damaged, session {session}"),
        ),
    }
}

fn no(code: Code, text: &str) -> Refusal {
    Refusal {
        condition: Condition::No,
        code: Some(code),
        text: text.to_owned(),
    }
}

fn bad(text: &str) -> Refusal {
    Refusal {
        condition: Condition::Bad,
        code: None,
        text: text.to_owned(),
    }
}
