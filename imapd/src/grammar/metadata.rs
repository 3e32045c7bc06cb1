//! Annotations (RFC 5464 §4, §5): the two commands, their response, and the names of entries.

use super::cursor::{Cursor, Malformed, Parsed};
use super::dialect::Dialect;
use super::verb::Verb;
use super::{mailbox, quote};

/// Most entries in one command.
const ENTRIES_MAX: usize = 200;
/// Most options of one GETMETADATA.
const OPTIONS_MAX: usize = 16;

/// The name of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryName {
    /// Under `/private`, otherwise under `/shared`.
    pub private: bool,
    /// What follows, in lower case: names are compared so (RFC 5464 §3.2). It begins with `/`, or is empty: the scope itself.
    pub name: String,
}

impl EntryName {
    /// The whole name.
    pub fn whole(&self) -> String {
        let scope = if self.private { "/private" } else { "/shared" };
        format!("{scope}{}", self.name)
    }

    /// Reads a name. "Invalid entry names result in a BAD response" (RFC 5464 §3.2).
    fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        const WHAT: Malformed = Malformed::Expected("the name of an entry");
        let text = cursor.text("the name of an entry")?.to_ascii_lowercase();
        let wrong = |octet: u8| !(0x20..0x7f).contains(&octet) || matches!(octet, b'*' | b'%');
        if text.bytes().any(wrong) || text.contains("//") || text.ends_with('/') {
            return Err(WHAT);
        }
        let scopes = [("/private", true), ("/shared", false)];
        scopes
            .into_iter()
            .find_map(|(scope, private)| {
                let name = text.strip_prefix(scope)?;
                (name.is_empty() || name.starts_with('/')).then(|| Self {
                    private,
                    name: name.to_owned(),
                })
            })
            .ok_or(WHAT)
    }

    /// Reads one name, or a list of them.
    pub fn parse_several(cursor: &mut Cursor<'_>) -> Parsed<Vec<Self>> {
        let names = match cursor.peek() {
            Some(b'(') => cursor.list(Self::parse)?,
            _ => vec![Self::parse(cursor)?],
        };
        if names.len() > ENTRIES_MAX {
            return Err(Malformed::TooMany("entries"));
        }
        Ok(names)
    }
}

/// How far below the named entries others are given, too (RFC 5464 §4.2.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Depth {
    /// `0`
    #[default]
    Itself,
    /// `1`
    Children,
    /// `infinity`
    All,
}

/// One of the commands on annotations. An empty mailbox means the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metadata {
    /// GETMETADATA
    Get {
        /// Of which mailbox.
        mailbox: String,
        /// Which entries.
        entries: Vec<EntryName>,
        /// MAXSIZE
        max_size: Option<u32>,
        /// DEPTH
        depth: Depth,
    },
    /// SETMETADATA
    Set {
        /// Of which mailbox.
        mailbox: String,
        /// Entries and their values; NIL removes one.
        entries: Vec<(EntryName, Option<Vec<u8>>)>,
    },
}

impl Metadata {
    /// Reads the arguments of `verb`.
    pub fn parse(verb: Verb, cursor: &mut Cursor<'_>) -> Parsed<Self> {
        match verb {
            Verb::GetMetadata => parse_get(cursor),
            Verb::SetMetadata => parse_set(cursor),
            _ => Err(Malformed::UnknownCommand),
        }
    }
}

/// The syntax of RFC 5464 §5 has the options before the mailbox, and all its examples have them behind it; both are read.
/// One example names several entries without parentheses.
fn parse_get(cursor: &mut Cursor<'_>) -> Parsed<Metadata> {
    let mut options = Options::default();
    let before = cursor.peek() == Some(b'(');
    if before {
        options.parse(cursor)?;
        cursor.space()?;
    }
    let mailbox = mailbox::parse(cursor)?;
    cursor.space()?;
    if !before && cursor.peek() == Some(b'(') && Options::follow(cursor) {
        options.parse(cursor)?;
        cursor.space()?;
    }
    let mut entries = EntryName::parse_several(cursor)?;
    while cursor.peek() == Some(b' ') && cursor.rest().iter().any(|&octet| octet != b' ') {
        cursor.space()?;
        entries.push(EntryName::parse(cursor)?);
        if entries.len() > ENTRIES_MAX {
            return Err(Malformed::TooMany("entries"));
        }
    }
    Ok(Metadata::Get {
        mailbox,
        entries,
        max_size: options.max_size,
        depth: options.depth,
    })
}

#[derive(Default)]
struct Options {
    max_size: Option<u32>,
    depth: Depth,
}

impl Options {
    /// Whether the list that comes next holds options: entries begin with a slash.
    fn follow(cursor: &Cursor<'_>) -> bool {
        let inside = cursor.rest().get(1..).unwrap_or_default();
        !matches!(inside.first(), Some(b'/' | b'"' | b'{'))
    }

    fn parse(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let mut count = 0;
        cursor.list(|cursor| {
            count += 1;
            if count > OPTIONS_MAX {
                return Err(Malformed::TooMany("options"));
            }
            let option = cursor.keyword("an option")?;
            cursor.space()?;
            match option.as_str() {
                "MAXSIZE" => self.max_size = Some(cursor.number()?),
                "DEPTH" => self.depth = parse_depth(cursor)?,
                _ => return Err(Malformed::Expected("MAXSIZE or DEPTH")),
            }
            Ok(())
        })?;
        Ok(())
    }
}

fn parse_depth(cursor: &mut Cursor<'_>) -> Parsed<Depth> {
    match cursor.keyword("a depth")?.as_str() {
        "0" => Ok(Depth::Itself),
        "1" => Ok(Depth::Children),
        "INFINITY" => Ok(Depth::All),
        _ => Err(Malformed::Expected("0, 1 or infinity")),
    }
}

fn parse_set(cursor: &mut Cursor<'_>) -> Parsed<Metadata> {
    let mailbox = mailbox::parse(cursor)?;
    cursor.space()?;
    let mut count = 0;
    let entries = cursor.list(|cursor| {
        count += 1;
        if count > ENTRIES_MAX {
            return Err(Malformed::TooMany("entries"));
        }
        let name = EntryName::parse(cursor)?;
        if name.name.is_empty() {
            return Err(Malformed::Expected("the name of an entry"));
        }
        cursor.space()?;
        Ok((name, parse_value(cursor)?))
    })?;
    Ok(Metadata::Set { mailbox, entries })
}

/// Reads a string, NIL or a literal8 (RFC 3516 §4.4), which may hold NUL.
fn parse_value(cursor: &mut Cursor<'_>) -> Parsed<Option<Vec<u8>>> {
    if cursor.peek() == Some(b'~') {
        return cursor.literal8("a value").map(|value| Some(value.to_vec()));
    }
    let value = cursor.nstring("a value or NIL")?;
    Ok(value.map(|value| value.into_owned()))
}

/// Annotations of a mailbox as they are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataData {
    /// Of which mailbox; empty: of the server.
    pub mailbox: String,
    /// Whole names and values.
    pub entries: Vec<(String, Option<Vec<u8>>)>,
}

impl MetadataData {
    /// Writes everything after `* `.
    pub fn encode(&self, dialect: Dialect, into: &mut Vec<u8>) {
        into.extend_from_slice(b"METADATA ");
        mailbox::encode(&self.mailbox, dialect, into);
        into.extend_from_slice(b" (");
        for (position, (name, value)) in self.entries.iter().enumerate() {
            if position > 0 {
                into.push(b' ');
            }
            quote::astring(name.as_bytes(), into);
            into.push(b' ');
            encode_value(value.as_deref(), into);
        }
        into.push(b')');
    }
}

fn encode_value(value: Option<&[u8]>, into: &mut Vec<u8>) {
    match value {
        Some(value) if value.contains(&0) => {
            into.push(b'~');
            quote::literal_head(value.len() as u64, into);
            into.extend_from_slice(value);
        }
        value => quote::nstring(value, into),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(verb: Verb, text: &str) -> Parsed<Metadata> {
        let mut cursor = Cursor::new(text.as_bytes());
        let metadata = Metadata::parse(verb, &mut cursor)?;
        cursor.end()?;
        Ok(metadata)
    }

    #[test]
    fn commands_of_the_rfc_are_understood() {
        for text in [
            "\"\" /shared/comment",
            "\"INBOX\" (/shared/comment /private/comment)",
            "\"INBOX\" (MAXSIZE 1024) (/shared/comment /private/comment)",
            "(MAXSIZE 1024 DEPTH infinity) INBOX /shared",
            "\"INBOX\" (DEPTH 1) (/private/filters/values)",
            "\"INBOX\" /private/comment /shared/comment",
            "INBOX (\"/private/comment\")",
        ] {
            assert!(parse(Verb::GetMetadata, text).is_ok(), "{text}");
        }
        for text in [
            "INBOX (/private/comment {33}\r\nMy new comment across\r\ntwo lines.)",
            "INBOX (/private/comment NIL)",
            "INBOX (/private/comment \"My new comment\" /shared/comment \"x\")",
            "\"\" (/shared/vendor/x/y ~{3}\r\na\0b)",
        ] {
            assert!(parse(Verb::SetMetadata, text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn options_are_read_before_and_behind_the_mailbox() {
        for text in [
            "(DEPTH 1 MAXSIZE 5) INBOX /shared/a",
            "INBOX (MAXSIZE 5 DEPTH 1) /shared/a",
        ] {
            let Ok(Metadata::Get {
                max_size, depth, ..
            }) = parse(Verb::GetMetadata, text)
            else {
                panic!("{text}");
            };
            assert_eq!((max_size, depth), (Some(5), Depth::Children));
        }
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        for name in [
            "/comment",
            "comment",
            "\"\"",
            "/shared//comment",
            "/shared/comment/",
            "\"/shared/*\"",
            "\"/shared/a%\"",
            "/sharedcomment",
            "\"/shared/é\"",
            "\"/shared/a\tb\"",
        ] {
            let text = format!("INBOX {name}");
            assert!(parse(Verb::GetMetadata, &text).is_err(), "{name}");
        }
        assert!(parse(Verb::SetMetadata, "INBOX (/shared \"x\")").is_err());
        assert!(parse(Verb::SetMetadata, "INBOX (/shared/a)").is_err());
        assert!(parse(Verb::GetMetadata, "INBOX (DEPTH 2) /shared/a").is_err());
    }

    #[test]
    fn names_are_compared_in_lower_case() {
        let Ok(Metadata::Get { entries, .. }) = parse(Verb::GetMetadata, "INBOX /Shared/Comment")
        else {
            panic!("not understood");
        };
        assert_eq!(entries[0].whole(), "/shared/comment");
    }

    #[test]
    fn responses_look_as_in_the_rfc() {
        let line = |entries: &[(&str, Option<&[u8]>)]| {
            let entries = entries
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.map(<[u8]>::to_vec)));
            let data = MetadataData {
                mailbox: "INBOX".into(),
                entries: entries.collect(),
            };
            let mut out = Vec::new();
            data.encode(Dialect::default(), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            line(&[
                ("/shared/comment", Some(b"Shared comment")),
                ("/private/comment", None)
            ]),
            "METADATA INBOX (/shared/comment \"Shared comment\" /private/comment NIL)"
        );
        assert_eq!(
            line(&[("/shared/a", Some(b"a\0b"))]),
            "METADATA INBOX (/shared/a ~{3}\r\na\0b)"
        );
    }
}
