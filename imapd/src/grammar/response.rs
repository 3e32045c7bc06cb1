//! Responses other than FETCH, typed, and their bytes (RFC 3501 §7).
//!
//! Encoding cannot fail: strings take the form that their octets allow. FETCH is written by [`super::fetch_line`],
//! because it may be larger than memory.

use daemon::session::Encode;

use super::acl::AclData;
use super::code::{self, Code, encode_flags, encode_text};
use super::dialect::Dialect;
use super::esearch::Found;
use super::flag::SystemFlag;
use super::metadata::MetadataData;
use super::quota::QuotaData;
use super::sequence::Ranges;
use super::status::StatusItem;
use super::thread::Threads;
use super::{mailbox, quote};

/// How a command ended, or what is told besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// OK
    Ok,
    /// NO
    No,
    /// BAD
    Bad,
}

impl Condition {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::No => "NO",
            Self::Bad => "BAD",
        }
    }
}

/// An attribute of a mailbox in LIST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// `\NonExistent`
    NonExistent,
    /// `\NoAccess` (RFC 5465 §3.1)
    NoAccess,
    /// `\Noselect`
    NoSelect,
    /// `\HasChildren`
    HasChildren,
    /// `\HasNoChildren`
    HasNoChildren,
    /// `\Subscribed`
    Subscribed,
    /// A special use, with its backslash.
    Use(&'static str),
}

impl Attribute {
    fn name(self) -> &'static str {
        match self {
            Self::NonExistent => "\\NonExistent",
            Self::NoAccess => "\\NoAccess",
            Self::NoSelect => "\\Noselect",
            Self::HasChildren => "\\HasChildren",
            Self::HasNoChildren => "\\HasNoChildren",
            Self::Subscribed => "\\Subscribed",
            Self::Use(name) => name,
        }
    }
}

/// One response line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// The end of a command.
    Tagged {
        /// Of which.
        tag: String,
        /// How it ended.
        condition: Condition,
        /// For machines.
        code: Option<Code>,
        /// For people.
        text: String,
    },
    /// `* OK`, `* NO`, `* BAD`
    Untagged(Condition, Option<Code>, String),
    /// `* BYE`
    Bye(Option<Code>, String),
    /// `* PREAUTH` is never sent. `+`, with text for people.
    Continue(&'static str),
    /// `+` with a challenge in base64.
    Challenge(String),
    /// `* CAPABILITY`
    Capability(String),
    /// `* ENABLED`
    Enabled(Vec<&'static str>),
    /// `* ID`
    Id(Vec<(&'static str, &'static str)>),
    /// `* NAMESPACE`: one personal namespace with an empty prefix, and that of other users, by its prefix, if there is one.
    Namespace(Option<&'static str>),
    /// `* FLAGS`
    Flags(Vec<String>),
    /// `* n EXISTS`
    Exists(u32),
    /// `* n RECENT`
    Recent(u32),
    /// `* n EXPUNGE`
    Expunge(u32),
    /// `* VANISHED`, or `* VANISHED (EARLIER)` (RFC 7162 §3.2.10)
    Vanished {
        /// They went before the client could hear of it in this session.
        earlier: bool,
        /// Which.
        uids: Ranges,
    },
    /// `* LIST`
    List {
        /// Attributes.
        attributes: Vec<Attribute>,
        /// The name; empty for the root, of which only the separator is told.
        mailbox: String,
        /// Selection options that children match (RFC 5258 §4).
        child_info: Vec<&'static str>,
        /// The name before it was changed or normalised (RFC 9051 §6.3.9.7).
        old_name: Option<String>,
    },
    /// `* LSUB`
    Lsub {
        /// Attributes.
        attributes: Vec<Attribute>,
        /// The name.
        mailbox: String,
    },
    /// `* STATUS`
    Status {
        /// Of which mailbox.
        mailbox: String,
        /// What was asked for.
        items: Vec<(StatusItem, u64)>,
    },
    /// `* ACL`, `* LISTRIGHTS`, `* MYRIGHTS`
    Acl {
        /// Of which mailbox.
        mailbox: String,
        /// What is told of it.
        data: AclData,
    },
    /// `* QUOTA`, `* QUOTAROOT`
    Quota(QuotaData),
    /// `* METADATA`
    Metadata(MetadataData),
    /// `* METADATA` that tells which entries have changed, without their values (RFC 5464 §4.4.2)
    MetadataChanged {
        /// Of which mailbox; empty: of the server.
        mailbox: String,
        /// Whole names.
        names: Vec<String>,
    },
    /// `* SEARCH`, with the highest mod-sequence if one was asked for.
    Search(Vec<u32>, Option<u64>),
    /// `* SORT` (RFC 5256), likewise (RFC 7162 §3.1.9).
    Sort(Vec<u32>, Option<u64>),
    /// `* THREAD` (RFC 5256)
    Thread(Threads),
    /// `* ESEARCH`
    Esearch(Found),
}

/// A response in a client's dialect.
#[derive(Debug, Clone, Copy)]
pub struct Spoken<'a>(&'a Response, Dialect);

impl Response {
    /// The response in `dialect`.
    pub fn spoken(&self, dialect: Dialect) -> Spoken<'_> {
        Spoken(self, dialect)
    }
}

/// In the default dialect: for responses that hold no mailbox's name.
impl Encode for Response {
    fn encode(&self, into: &mut Vec<u8>) {
        self.spoken(Dialect::default()).encode(into);
    }
}

impl Encode for Spoken<'_> {
    fn encode(&self, into: &mut Vec<u8>) {
        let Self(response, dialect) = *self;
        match response {
            Response::Tagged {
                tag,
                condition,
                code,
                text,
            } => {
                into.extend_from_slice(tag.as_bytes());
                encode_condition(condition.word(), code.as_ref(), text, into);
            }
            Response::Untagged(condition, code, text) => {
                into.push(b'*');
                encode_condition(condition.word(), code.as_ref(), text, into);
            }
            Response::Bye(code, text) => {
                into.push(b'*');
                encode_condition("BYE", code.as_ref(), text, into);
            }
            Response::Continue(text) => into.extend_from_slice(["+ ", text].concat().as_bytes()),
            Response::Challenge(text) => into.extend_from_slice(["+ ", text].concat().as_bytes()),
            other => {
                into.extend_from_slice(b"* ");
                other.encode_data(dialect, into);
            }
        }
        into.extend_from_slice(b"\r\n");
    }
}

impl Response {
    fn encode_data(&self, dialect: Dialect, into: &mut Vec<u8>) {
        match self {
            Self::Capability(list) => {
                into.extend_from_slice(["CAPABILITY ", list].concat().as_bytes())
            }
            Self::Enabled(names) => encode_words("ENABLED", names.iter().copied(), into),
            Self::Id(fields) => encode_id(fields, into),
            Self::Namespace(others) => encode_namespace(*others, into),
            Self::Flags(keywords) => {
                into.extend_from_slice(b"FLAGS ");
                encode_flags(&SystemFlag::ALL, keywords.iter().map(String::as_str), into);
            }
            Self::Exists(count) => encode_numbered(*count, " EXISTS", into),
            Self::Recent(count) => encode_numbered(*count, " RECENT", into),
            Self::Expunge(number) => encode_numbered(*number, " EXPUNGE", into),
            Self::Vanished { earlier, uids } => {
                let word: &[u8] = match earlier {
                    true => b"VANISHED (EARLIER) ",
                    false => b"VANISHED ",
                };
                into.extend_from_slice(word);
                uids.encode(into);
            }
            Self::List {
                attributes,
                mailbox,
                child_info,
                old_name,
            } => {
                encode_list("LIST", attributes, mailbox, dialect, into);
                encode_child_info(child_info, into);
                if let Some(old_name) = old_name {
                    into.extend_from_slice(b" (\"OLDNAME\" (");
                    mailbox::encode(old_name, dialect, into);
                    into.extend_from_slice(b"))");
                }
            }
            Self::Lsub {
                attributes,
                mailbox,
            } => encode_list("LSUB", attributes, mailbox, dialect, into),
            Self::Status { mailbox, items } => encode_status(mailbox, items, dialect, into),
            Self::Acl { mailbox, data } => data.encode(mailbox, dialect, into),
            Self::Quota(data) => data.encode(dialect, into),
            Self::Metadata(data) => data.encode(dialect, into),
            Self::MetadataChanged { mailbox, names } => {
                into.extend_from_slice(b"METADATA ");
                mailbox::encode(mailbox, dialect, into);
                for name in names {
                    into.push(b' ');
                    quote::astring(name.as_bytes(), into);
                }
            }
            Self::Search(numbers, modseq) => encode_found("SEARCH", numbers, *modseq, into),
            Self::Sort(numbers, modseq) => encode_found("SORT", numbers, *modseq, into),
            Self::Thread(threads) => encode_threads(threads, into),
            Self::Esearch(found) => found.encode(dialect, into),
            Self::Tagged { .. }
            | Self::Untagged(..)
            | Self::Bye(..)
            | Self::Continue(_)
            | Self::Challenge(_) => {}
        }
    }
}

fn encode_condition(word: &str, code: Option<&Code>, text: &str, into: &mut Vec<u8>) {
    into.push(b' ');
    into.extend_from_slice(word.as_bytes());
    into.push(b' ');
    if let Some(code) = code {
        code.encode(into);
        into.push(b' ');
    }
    encode_text(text, into);
}

fn encode_words<'a>(first: &str, words: impl Iterator<Item = &'a str>, into: &mut Vec<u8>) {
    into.extend_from_slice(first.as_bytes());
    for word in words {
        into.push(b' ');
        into.extend_from_slice(word.as_bytes());
    }
}

fn encode_namespace(others: Option<&str>, into: &mut Vec<u8>) {
    into.extend_from_slice(b"NAMESPACE ((\"\" \"/\")) ");
    match others {
        Some(prefix) => {
            into.extend_from_slice(b"((");
            quote::string(prefix.as_bytes(), into);
            into.extend_from_slice(b" \"/\"))");
        }
        None => into.extend_from_slice(b"NIL"),
    }
    into.extend_from_slice(b" NIL");
}

fn encode_numbered(number: u32, rest: &str, into: &mut Vec<u8>) {
    quote::number(u64::from(number), into);
    into.extend_from_slice(rest.as_bytes());
}

fn encode_id(fields: &[(&str, &str)], into: &mut Vec<u8>) {
    into.extend_from_slice(b"ID (");
    for (position, (name, value)) in fields.iter().enumerate() {
        if position > 0 {
            into.push(b' ');
        }
        quote::string(name.as_bytes(), into);
        into.push(b' ');
        quote::string(value.as_bytes(), into);
    }
    into.push(b')');
}

fn encode_list(
    word: &str,
    attributes: &[Attribute],
    name: &str,
    dialect: Dialect,
    into: &mut Vec<u8>,
) {
    into.extend_from_slice(word.as_bytes());
    into.push(b' ');
    encode_flags(
        &[],
        attributes.iter().map(|attribute| attribute.name()),
        into,
    );
    into.extend_from_slice(b" \"/\" ");
    mailbox::encode(name, dialect, into);
}

fn encode_child_info(options: &[&str], into: &mut Vec<u8>) {
    if options.is_empty() {
        return;
    }
    into.extend_from_slice(b" (\"CHILDINFO\" (");
    for (position, option) in options.iter().enumerate() {
        if position > 0 {
            into.push(b' ');
        }
        quote::string(option.as_bytes(), into);
    }
    into.extend_from_slice(b"))");
}

fn encode_status(name: &str, items: &[(StatusItem, u64)], dialect: Dialect, into: &mut Vec<u8>) {
    into.extend_from_slice(b"STATUS ");
    mailbox::encode(name, dialect, into);
    into.extend_from_slice(b" (");
    for (position, (item, value)) in items.iter().enumerate() {
        if position > 0 {
            into.push(b' ');
        }
        into.extend_from_slice(item.name().as_bytes());
        into.push(b' ');
        match item {
            StatusItem::MailboxId => {
                let id = code::mailbox_id(i64::try_from(*value).unwrap_or(i64::MAX));
                into.extend_from_slice(["(", &id, ")"].concat().as_bytes());
            }
            _ => quote::number(*value, into),
        }
    }
    into.push(b')');
}

fn encode_threads(threads: &Threads, into: &mut Vec<u8>) {
    into.extend_from_slice(b"THREAD");
    if !threads.roots.is_empty() {
        into.push(b' ');
        threads.encode(into);
    }
}

fn encode_found(word: &str, numbers: &[u32], modseq: Option<u64>, into: &mut Vec<u8>) {
    into.extend_from_slice(word.as_bytes());
    for number in numbers {
        into.push(b' ');
        quote::number(u64::from(*number), into);
    }
    if let Some(modseq) = modseq.filter(|_| !numbers.is_empty()) {
        into.extend_from_slice(format!(" (MODSEQ {modseq})").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(response: &Response) -> String {
        let mut out = Vec::new();
        response.encode(&mut out);
        let text = String::from_utf8(out).unwrap();
        text.strip_suffix("\r\n").unwrap().to_owned()
    }

    #[test]
    fn responses_look_as_in_the_rfcs() {
        let uids = |numbers: &[u32]| numbers.iter().copied().collect::<Ranges>();
        let tagged = |code, text: &str| Response::Tagged {
            tag: "A003".into(),
            condition: Condition::Ok,
            code: Some(code),
            text: text.into(),
        };
        let code = Code::AppendUid {
            uid_validity: 38505,
            uids: uids(&[3955]),
        };
        assert_eq!(
            line(&tagged(code, "APPEND completed")),
            "A003 OK [APPENDUID 38505 3955] APPEND completed"
        );
        let code = Code::CopyUid {
            uid_validity: 38505,
            from: uids(&[304, 319, 320]),
            to: uids(&[3956, 3957, 3958]),
        };
        assert_eq!(
            line(&tagged(code, "Done")),
            "A003 OK [COPYUID 38505 304,319:320 3956:3958] Done"
        );
        let code = Code::PermanentFlags {
            system: SystemFlag::ALL.to_vec(),
            keywords: vec!["$Junk".into()],
            extensible: true,
        };
        assert_eq!(
            line(&Response::Untagged(
                Condition::Ok,
                Some(code),
                "Limited".into()
            )),
            "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Junk \\*)] Limited"
        );
        assert_eq!(
            line(&Response::Namespace(None)),
            "* NAMESPACE ((\"\" \"/\")) NIL NIL"
        );
        assert_eq!(
            line(&Response::Namespace(Some("Other Users/"))),
            "* NAMESPACE ((\"\" \"/\")) ((\"Other Users/\" \"/\")) NIL"
        );
        assert_eq!(
            line(&Response::Search(vec![2, 84, 882], Some(7))),
            "* SEARCH 2 84 882 (MODSEQ 7)"
        );
        assert_eq!(line(&Response::Search(vec![], Some(7))), "* SEARCH");
        let status = vec![(StatusItem::Messages, 231), (StatusItem::UidNext, 44292)];
        let status = Response::Status {
            mailbox: "blurdybloop".into(),
            items: status,
        };
        assert_eq!(
            line(&status),
            "* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)"
        );
    }

    #[test]
    fn names_never_go_out_in_eight_bits() {
        let list = Response::List {
            attributes: vec![Attribute::HasNoChildren],
            mailbox: "Entwürfe".into(),
            child_info: vec![],
            old_name: None,
        };
        assert_eq!(line(&list), "* LIST (\\HasNoChildren) \"/\" Entw&APw-rfe");
        let root = Response::List {
            attributes: vec![Attribute::NoSelect],
            mailbox: String::new(),
            child_info: vec![],
            old_name: None,
        };
        assert_eq!(line(&root), "* LIST (\\Noselect) \"/\" \"\"");
        let list = Response::List {
            attributes: vec![],
            mailbox: "foo".into(),
            child_info: vec!["SUBSCRIBED"],
            old_name: None,
        };
        assert_eq!(
            line(&list),
            "* LIST () \"/\" foo (\"CHILDINFO\" (\"SUBSCRIBED\"))"
        );
    }
}
