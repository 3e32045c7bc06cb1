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
    /// SERVERBUG
    ServerBug,
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

impl Code {
    /// Writes the code with its brackets.
    pub fn encode(&self, into: &mut Vec<u8>) {
        into.push(b'[');
        self.encode_inside(into);
        into.push(b']');
    }

    fn encode_inside(&self, into: &mut Vec<u8>) {
        let mut words = |parts: &[&str]| into.extend_from_slice(parts.concat().as_bytes());
        match self {
            Self::AlreadyExists => words(&["ALREADYEXISTS"]),
            Self::AuthenticationFailed => words(&["AUTHENTICATIONFAILED"]),
            Self::AuthorizationFailed => words(&["AUTHORIZATIONFAILED"]),
            Self::BadEvent(events) => words(&["BADEVENT (", &events.join(" "), ")"]),
            Self::NotificationOverflow => words(&["NOTIFICATIONOVERFLOW"]),
            Self::BadCharset => words(&["BADCHARSET (US-ASCII UTF-8)"]),
            Self::BadUrl(url) => {
                into.extend_from_slice(b"BADURL ");
                encode_url(url, into);
            }
            Self::Cannot => words(&["CANNOT"]),
            Self::Capability(list) => words(&["CAPABILITY ", list]),
            Self::ClientBug => words(&["CLIENTBUG"]),
            Self::Closed => words(&["CLOSED"]),
            Self::CompressionActive => words(&["COMPRESSIONACTIVE"]),
            Self::ContactAdmin => words(&["CONTACTADMIN"]),
            Self::ExpungeIssued => words(&["EXPUNGEISSUED"]),
            Self::HasChildren => words(&["HASCHILDREN"]),
            Self::HighestModSeq(modseq) => words(&["HIGHESTMODSEQ ", &modseq.to_string()]),
            Self::Limit => words(&["LIMIT"]),
            Self::MailboxId(id) => words(&["MAILBOXID (", &mailbox_id(*id), ")"]),
            Self::MetadataLongEntries(octets) => {
                words(&["METADATA LONGENTRIES ", &octets.to_string()]);
            }
            Self::MetadataMaxSize(octets) => words(&["METADATA MAXSIZE ", &octets.to_string()]),
            Self::MetadataTooMany => words(&["METADATA TOOMANY"]),
            Self::NonExistent => words(&["NONEXISTENT"]),
            Self::NoPermission => words(&["NOPERM"]),
            Self::UidRequired => words(&["UIDREQUIRED"]),
            Self::NotSaved => words(&["NOTSAVED"]),
            Self::NoUpdate(tag) => words(&["NOUPDATE \"", tag, "\""]),
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
                words(&["INPROGRESS (", &tag, " ", &done, " ", &all, ")"]);
            }
            Self::OverQuota => words(&["OVERQUOTA"]),
            Self::PrivacyRequired => words(&["PRIVACYREQUIRED"]),
            Self::ReadOnly => words(&["READ-ONLY"]),
            Self::ReadWrite => words(&["READ-WRITE"]),
            Self::ServerBug => words(&["SERVERBUG"]),
            Self::TooBig => words(&["TOOBIG"]),
            Self::TryCreate => words(&["TRYCREATE"]),
            Self::UidNext(uid) => words(&["UIDNEXT ", &uid.to_string()]),
            Self::UidValidity(validity) => words(&["UIDVALIDITY ", &validity.to_string()]),
            Self::Unavailable => words(&["UNAVAILABLE"]),
            Self::UnknownCte => words(&["UNKNOWN-CTE"]),
            Self::Unseen(number) => words(&["UNSEEN ", &number.to_string()]),
            Self::UseAttribute => words(&["USEATTR"]),
            Self::AppendUid { uid_validity, uids } => {
                words(&["APPENDUID ", &uid_validity.to_string(), " "]);
                uids.encode(into);
            }
            Self::CopyUid {
                uid_validity,
                from,
                to,
            } => {
                words(&["COPYUID ", &uid_validity.to_string(), " "]);
                from.encode(into);
                into.push(b' ');
                to.encode(into);
            }
            Self::Modified(numbers) => {
                words(&["MODIFIED "]);
                numbers.encode(into);
            }
            Self::PermanentFlags {
                system,
                keywords,
                extensible,
            } => {
                into.extend_from_slice(b"PERMANENTFLAGS ");
                let keywords = keywords.iter().map(String::as_str);
                encode_flags(system, keywords.chain(extensible.then_some("\\*")), into);
            }
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
