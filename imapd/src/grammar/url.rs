//! IMAP URLs that name a message of the user's own, or a part of one (RFC 5092, as far as RFC 4469 §3 wants them).
//!
//! Only relative URLs: one with a scheme or a server would lead elsewhere, and is none that could be read here. A mailbox's
//! name is UTF-8 in percent encoding (RFC 5092 §3). Whether there is such a message is not known here.
//!
//! ```text
//! /mailbox;UIDVALIDITY=1/;UID=2/;SECTION=1.MIME/;PARTIAL=0.1024     from the root
//!  sibling;UIDVALIDITY=1/;UID=2                                     beside the selected mailbox
//!                        ;UID=2/;SECTION=TEXT                       in the selected mailbox
//! ```

use super::cursor::Cursor;
use super::fetch::Section;
use super::mailbox::{self, SEPARATOR};

/// A message, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageUrl {
    /// Where it lies.
    pub mailbox: Mailbox,
    /// What UIDVALIDITY the mailbox must have.
    pub uid_validity: Option<u32>,
    /// Its UID.
    pub uid: u32,
    /// What of it.
    pub section: Section,
    /// Which octets of that: the first, and how many; all if it is not told.
    pub partial: Option<(u64, Option<u64>)>,
}

/// How a URL names a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mailbox {
    /// By its whole name.
    Named(String),
    /// By the part of the name that differs from that of the selected mailbox.
    Sibling(String),
    /// Not at all: it is the selected one.
    Selected,
}

impl Mailbox {
    /// The whole name, where `selected` is the name of the selected mailbox (RFC 4469 §3, "the base URL").
    pub fn resolve(self, selected: Option<&str>) -> Option<String> {
        match (self, selected) {
            (Self::Named(name), _) | (Self::Sibling(name), None) => Some(name),
            (Self::Sibling(name), Some(selected)) => {
                let above = selected.rfind(SEPARATOR).map_or(0, |end| end + 1);
                let above = selected.get(..above).unwrap_or_default();
                Some(mailbox::canonical([above, &name].concat()))
            }
            (Self::Selected, selected) => selected.map(str::to_owned),
        }
    }
}

impl MessageUrl {
    /// Reads a URL; `None` if it is none, or none of a message here.
    pub fn parse(url: &[u8]) -> Option<Self> {
        let url = std::str::from_utf8(url).ok()?;
        let (path, parameters) = url.split_at(url.find(';')?);
        let (uid_validity, parameters) = match parameter(parameters, ";UIDVALIDITY=") {
            Some(rest) => {
                let (validity, rest) = rest.split_once('/')?;
                (Some(nz_number(validity)?), rest)
            }
            None => (None, parameters),
        };
        // Without UIDVALIDITY the slash before `;UID=` stands at the end of the path.
        let path = match (uid_validity, path) {
            (Some(_), "") | (None, "/") => return None,
            (None, path) if !path.is_empty() => path.strip_suffix('/')?,
            (_, path) => path,
        };
        let mailbox = parse_mailbox(path)?;
        let rest = parameter(parameters, ";UID=")?;
        let (uid, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let (section, rest) = parse_section(rest)?;
        Some(Self {
            mailbox,
            uid_validity,
            uid: nz_number(uid)?,
            section,
            partial: parse_partial(rest)?,
        })
    }
}

/// What follows a parameter's name, which is read in any case.
fn parameter<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then_some(rest)
}

fn nz_number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|octet| octet.is_ascii_digit());
    text.parse().ok().filter(|&number| digits && number > 0)
}

fn parse_mailbox(path: &str) -> Option<Mailbox> {
    let name = |path: &str| {
        let name = String::from_utf8(decode(path)?).ok()?;
        let sound = !name.is_empty() && !name.chars().any(char::is_control);
        sound.then(|| mailbox::canonical(name))
    };
    match path.strip_prefix('/') {
        _ if path.is_empty() => Some(Mailbox::Selected),
        // `//server/...`
        Some(path) if path.starts_with('/') => None,
        Some(path) => name(path).map(Mailbox::Named),
        // `imap://server/...`: a colon in the first segment would be a scheme (RFC 3986 §4.2).
        None if path
            .split('/')
            .next()
            .is_some_and(|first| first.contains(':')) =>
        {
            None
        }
        None => name(path).map(Mailbox::Sibling),
    }
}

/// `;SECTION=…`, and what follows it.
fn parse_section(text: &str) -> Option<(Section, &str)> {
    let Some(rest) = parameter(text, ";SECTION=") else {
        let mut all = Cursor::new(b"");
        return Some((Section::parse(&mut all).ok()?, text));
    };
    // A section may hold a slash, so that only `/;` ends it.
    let (section, rest) = rest.split_once("/;").map_or((rest, ""), |(section, _)| {
        (section, rest.get(section.len() + 1..).unwrap_or_default())
    });
    let decoded = decode(section).filter(|section| !section.is_empty())?;
    let mut cursor = Cursor::new(&decoded);
    let section = Section::parse(&mut cursor).ok()?;
    cursor.end().ok()?;
    Some((section, rest))
}

/// `;PARTIAL=0.1024`, or nothing; the outer `None` is neither.
fn parse_partial(text: &str) -> Option<Option<(u64, Option<u64>)>> {
    if text.is_empty() {
        return Some(None);
    }
    let range = parameter(text, ";PARTIAL=")?;
    let (offset, count) = match range.split_once('.') {
        Some((offset, count)) => (offset, Some(u64::from(nz_number(count)?))),
        None => (range, None),
    };
    let digits = !offset.is_empty() && offset.bytes().all(|octet| octet.is_ascii_digit());
    let offset: u32 = offset.parse().ok().filter(|_| digits)?;
    Some(Some((u64::from(offset), count)))
}

/// Takes the percent encoding off; `None` if a character stands there that a URL may not hold (RFC 5092 §11, bchar).
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        match octet {
            b'%' => {
                let digits = [octets.next()?, octets.next()?];
                let value = |digit: u8| char::from(digit).to_digit(16);
                let octet = value(digits[0])? * 16 + value(digits[1])?;
                decoded.push(u8::try_from(octet).ok()?);
            }
            _ if octet.is_ascii_alphanumeric() || b"-._~!$'()*+,&=:@/".contains(&octet) => {
                decoded.push(octet);
            }
            _ => return None,
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::fetch::SectionText;
    use proptest::prelude::*;

    fn parse(text: &str) -> Option<MessageUrl> {
        MessageUrl::parse(text.as_bytes())
    }

    fn named(name: &str) -> Mailbox {
        Mailbox::Named(name.to_owned())
    }

    #[test]
    fn the_urls_of_the_rfcs_are_read() {
        let url = parse("/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.MIME").unwrap();
        assert_eq!(url.mailbox, named("Drafts"));
        assert_eq!((url.uid_validity, url.uid), (Some(385_759_045), 20));
        assert_eq!(url.section.part, [1]);
        assert_eq!(url.section.text, SectionText::Mime);
        let url = parse("/Drafts/;UID=3002").unwrap();
        assert_eq!((url.mailbox, url.uid), (named("Drafts"), 3002));
        let url = parse(
            "/a/b;uidvalidity=1/;uid=2/;SECTION=HEADER.FIELDS%20(To%20%22x/y%22)/;PARTIAL=5.10",
        );
        let url = url.unwrap();
        assert_eq!(url.mailbox, named("a/b"));
        assert!(matches!(&url.section.text, SectionText::HeaderFields(names) if names.len() == 2));
        assert_eq!(url.partial, Some((5, Some(10))));
        let url = parse("/inbox/;UID=1/;PARTIAL=7").unwrap();
        assert_eq!(
            (url.mailbox, url.partial),
            (named("INBOX"), Some((7, None)))
        );
        let url = parse("/Entw%C3%BCrfe%2fAlt/;UID=1").unwrap();
        assert_eq!(url.mailbox, named("Entwürfe/Alt"));
    }

    #[test]
    fn a_relative_mailbox_is_found_from_the_selected_one() {
        let resolve = |text: &str, selected| parse(text).unwrap().mailbox.resolve(selected);
        assert_eq!(resolve(";UID=1/;SECTION=TEXT", Some("a/b")).unwrap(), "a/b");
        assert_eq!(resolve(";UID=1", None), None);
        assert_eq!(resolve("c/;UID=1", Some("a/b")).unwrap(), "a/c");
        assert_eq!(resolve("c;UIDVALIDITY=3/;UID=1", Some("b")).unwrap(), "c");
        assert_eq!(resolve("c/;UID=1", None).unwrap(), "c");
        assert_eq!(resolve("/c/;UID=1", Some("a/b")).unwrap(), "c");
    }

    #[test]
    fn what_leads_elsewhere_or_nowhere_is_refused() {
        for text in [
            "",
            "/Drafts",
            "/Drafts/",
            "/;UID=1",
            "/Drafts;UID=1",
            "//server/INBOX/;UID=1",
            "imap://alice@mail.example.test/INBOX/;UID=1",
            "imap:/INBOX/;UID=1",
            "http://example.test/;UID=1",
            "/Drafts/;UID=0",
            "/Drafts/;UID=+1",
            "/Drafts/;UID=1;URLAUTH=anonymous:internal:00",
            "/Drafts;UIDVALIDITY=0/;UID=1",
            "/Drafts/;UID=1/;SECTION=",
            "/Drafts/;UID=1/;SECTION=MIME",
            "/Drafts/;UID=1/;PARTIAL=1.0",
            "/Drafts/;UID=1/;FOO=1",
            "/Drafts?SUBJECT%20x",
            "/Dra%fts/;UID=1",
            "/Dra fts/;UID=1",
            "/%00/;UID=1",
            "/%ff/;UID=1",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[/;A-Z=0-9.%a-fé ]{0,60}") {
            let _ = parse(&text);
            let _ = parse(&format!("/x/;UID=1/{text}"));
            let _ = parse(&format!("/x;UIDVALIDITY={text}"));
        }
    }
}
