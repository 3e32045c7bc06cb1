//! Response codes: what a machine may know of a reply (RFC 3501 §7.1, RFC 5530, RFC 4315, RFC 7162).

use super::flag::SystemFlag;
use super::quote;
use super::sequence::Ranges;

/// What stands in brackets in a status response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// ALREADYEXISTS
    AlreadyExists,
    /// APPENDUID (RFC 4315 §3)
    AppendUid {
        /// UIDVALIDITY of the mailbox appended to.
        uid_validity: u32,
        /// The messages' UIDs there.
        uids: Ranges,
    },
    /// BADEVENT (RFC 5465 §3.1), with the events that there are.
    BadEvent(&'static [&'static str]),
    /// NOTIFICATIONOVERFLOW (RFC 5465 §5.8)
    NotificationOverflow,
    /// AUTHENTICATIONFAILED
    AuthenticationFailed,
    /// AUTHORIZATIONFAILED
    AuthorizationFailed,
    /// BADCHARSET
    BadCharset,
    /// BADURL (RFC 4469 §4.1)
    BadUrl(String),
    /// CANNOT
    Cannot,
    /// CAPABILITY
    Capability(String),
    /// CLIENTBUG
    ClientBug,
    /// CLOSED (RFC 7162 §3.2.11)
    Closed,
    /// COMPRESSIONACTIVE (RFC 4978 §3)
    CompressionActive,
    /// CONTACTADMIN
    ContactAdmin,
    /// COPYUID (RFC 4315 §3)
    CopyUid {
        /// UIDVALIDITY of the mailbox copied to.
        uid_validity: u32,
        /// The messages' UIDs where they were.
        from: Ranges,
        /// And where they are, in the same order.
        to: Ranges,
    },
    /// CORRUPTION
    Corruption,
    /// EXPIRED
    Expired,
    /// EXPUNGEISSUED
    ExpungeIssued,
    /// HASCHILDREN
    HasChildren,
    /// HIGHESTMODSEQ
    HighestModSeq(u64),
    /// INPROGRESS (RFC 9585)
    InProgress {
        /// Of the command.
        tag: String,
        /// How much of it is done, and of how much, where that is known.
        done: Option<(u64, u64)>,
    },
    /// LIMIT
    Limit,
    /// MAILBOXID (RFC 8474 §4)
    MailboxId(i64),
    /// METADATA LONGENTRIES (RFC 5464 §4.2.1)
    MetadataLongEntries(u64),
    /// METADATA MAXSIZE (RFC 5464 §4.3)
    MetadataMaxSize(u64),
    /// METADATA TOOMANY (RFC 5464 §4.3)
    MetadataTooMany,
    /// MODIFIED (RFC 7162 §3.1.3)
    Modified(Ranges),
    /// NONEXISTENT
    NonExistent,
    /// NOPERM
    NoPermission,
    /// UIDREQUIRED (RFC 9586 §3.1)
    UidRequired,
    /// NOTSAVED (RFC 5182 §2.5)
    NotSaved,
    /// NOUPDATE (RFC 5267 §4.3.1), with the tag of the search.
    NoUpdate(String),
    /// OVERQUOTA
    OverQuota,
    /// PERMANENTFLAGS
    PermanentFlags {
        /// System flags that can be changed.
        system: Vec<SystemFlag>,
        /// Keywords that can be changed.
        keywords: Vec<String>,
        /// Whether new keywords can be made.
        extensible: bool,
    },
    /// PRIVACYREQUIRED
    PrivacyRequired,
    /// READ-ONLY
    ReadOnly,
    /// READ-WRITE
    ReadWrite,
    /// TOOBIG (RFC 7889 §4)
    TooBig,
    /// TRYCREATE
    TryCreate,
    /// UIDNEXT
    UidNext(u32),
    /// UIDVALIDITY
    UidValidity(u32),
    /// UNAVAILABLE
    Unavailable,
    /// UNKNOWN-CTE (RFC 3516 §4.3)
    UnknownCte,
    /// UNSEEN
    Unseen(u32),
    /// USEATTR (RFC 6154 §6)
    UseAttribute,
}

/// Makes the names of a table, and the list of them.
macro_rules! names {
    ($($code:ident = $name:literal,)*) => {
        impl Code {
            /// The names of all codes.
            pub const NAMES: &[&str] = &[$($name),*];

            /// The name, without what may follow it.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$code { .. } => $name),* }
            }
        }
    };
}

names! {
    AlreadyExists = "ALREADYEXISTS",
    AppendUid = "APPENDUID",
    BadEvent = "BADEVENT",
    NotificationOverflow = "NOTIFICATIONOVERFLOW",
    AuthenticationFailed = "AUTHENTICATIONFAILED",
    AuthorizationFailed = "AUTHORIZATIONFAILED",
    BadCharset = "BADCHARSET",
    BadUrl = "BADURL",
    Cannot = "CANNOT",
    Capability = "CAPABILITY",
    ClientBug = "CLIENTBUG",
    Closed = "CLOSED",
    CompressionActive = "COMPRESSIONACTIVE",
    ContactAdmin = "CONTACTADMIN",
    CopyUid = "COPYUID",
    Corruption = "CORRUPTION",
    Expired = "EXPIRED",
    ExpungeIssued = "EXPUNGEISSUED",
    HasChildren = "HASCHILDREN",
    HighestModSeq = "HIGHESTMODSEQ",
    InProgress = "INPROGRESS",
    Limit = "LIMIT",
    MailboxId = "MAILBOXID",
    MetadataLongEntries = "METADATA LONGENTRIES",
    MetadataMaxSize = "METADATA MAXSIZE",
    MetadataTooMany = "METADATA TOOMANY",
    Modified = "MODIFIED",
    NonExistent = "NONEXISTENT",
    NoPermission = "NOPERM",
    UidRequired = "UIDREQUIRED",
    NotSaved = "NOTSAVED",
    NoUpdate = "NOUPDATE",
    OverQuota = "OVERQUOTA",
    PermanentFlags = "PERMANENTFLAGS",
    PrivacyRequired = "PRIVACYREQUIRED",
    ReadOnly = "READ-ONLY",
    ReadWrite = "READ-WRITE",
    TooBig = "TOOBIG",
    TryCreate = "TRYCREATE",
    UidNext = "UIDNEXT",
    UidValidity = "UIDVALIDITY",
    Unavailable = "UNAVAILABLE",
    UnknownCte = "UNKNOWN-CTE",
    Unseen = "UNSEEN",
    UseAttribute = "USEATTR",
}

impl Code {
    /// Writes the code with its brackets.
    pub fn encode(&self, into: &mut Vec<u8>) {
        into.push(b'[');
        self.encode_inside(into);
        into.push(b']');
    }

    fn encode_inside(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(self.name().as_bytes());
        let mut words = |parts: &[&str]| into.extend_from_slice(parts.concat().as_bytes());
        match self {
            Self::BadEvent(events) => words(&[" (", &events.join(" "), ")"]),
            Self::BadCharset => words(&[" (US-ASCII UTF-8)"]),
            Self::BadUrl(url) => {
                into.push(b' ');
                encode_url(url, into);
            }
            Self::Capability(list) => words(&[" ", list]),
            Self::HighestModSeq(number)
            | Self::MetadataLongEntries(number)
            | Self::MetadataMaxSize(number) => words(&[" ", &number.to_string()]),
            Self::UidNext(number) | Self::UidValidity(number) | Self::Unseen(number) => {
                words(&[" ", &number.to_string()]);
            }
            Self::MailboxId(id) => words(&[" (", &mailbox_id(*id), ")"]),
            Self::NoUpdate(tag) => words(&[" \"", tag, "\""]),
            Self::InProgress { tag, done } => {
                let (done, all) = match done {
                    Some((done, all)) => (done.to_string(), all.to_string()),
                    None => ("NIL".to_owned(), "NIL".to_owned()),
                };
                // RFC 9585 §4: a tag that would end the code is not told.
                let tag = match tag.contains(']') {
                    true => "NIL".to_owned(),
                    false => format!("\"{tag}\""),
                };
                words(&[" (", &tag, " ", &done, " ", &all, ")"]);
            }
            Self::AppendUid { uid_validity, uids } => {
                words(&[" ", &uid_validity.to_string(), " "]);
                uids.encode(into);
            }
            Self::CopyUid {
                uid_validity,
                from,
                to,
            } => {
                words(&[" ", &uid_validity.to_string(), " "]);
                from.encode(into);
                into.push(b' ');
                to.encode(into);
            }
            Self::Modified(numbers) => {
                into.push(b' ');
                numbers.encode(into);
            }
            Self::PermanentFlags {
                system,
                keywords,
                extensible,
            } => {
                into.push(b' ');
                let keywords = keywords.iter().map(String::as_str);
                encode_flags(system, keywords.chain(extensible.then_some("\\*")), into);
            }
            _ => {}
        }
    }
}

/// Writes a URL in a code, which ends at the first `]`: what may not stand there in percent encoding.
fn encode_url(url: &str, into: &mut Vec<u8>) {
    for octet in url.bytes() {
        match octet {
            b'!'..=b'~' if octet != b']' => into.push(octet),
            _ => into.extend_from_slice(format!("%{octet:02X}").as_bytes()),
        }
    }
}

/// The name of a mailbox that stays when it is renamed (RFC 8474 §4): with a letter in front, so that nobody takes it for a number
/// (§8.1).
pub fn mailbox_id(id: i64) -> String {
    format!("F{id}")
}

/// Writes `(\Seen $Junk)`.
pub fn encode_flags<'a>(
    system: &[SystemFlag],
    others: impl IntoIterator<Item = &'a str>,
    into: &mut Vec<u8>,
) {
    into.push(b'(');
    let start = into.len();
    for name in system.iter().map(|flag| flag.name()).chain(others) {
        if into.len() > start {
            into.push(b' ');
        }
        into.extend_from_slice(name.as_bytes());
    }
    into.push(b')');
}

/// Writes a text that follows a code: printable ASCII only, and not empty.
pub fn encode_text(text: &str, into: &mut Vec<u8>) {
    let start = into.len();
    into.extend(text.bytes().map(|octet| {
        if matches!(octet, b' '..=b'~') {
            octet
        } else {
            b'?'
        }
    }));
    if into.len() == start {
        quote::number(0, into);
    }
}
