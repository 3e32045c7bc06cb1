//! The arguments of FETCH: data items, sections, partials, modifiers (RFC 3501 §6.4.5, RFC 4466 §2.3, RFC 7162 §3.1.4).
//!
//! Macros are expanded here. Whether a message has the part that a section names is not known here.

use super::capability::Capability;
use super::cursor::{Cursor, Malformed, Parsed};
use super::partial::PartialRange;
use super::quote;

/// Deepest part number: the depth to which the store indexes MIME trees.
const PART_DEPTH_MAX: usize = 100;
/// Most names in HEADER.FIELDS.
const FIELDS_MAX: usize = 1_000;
/// Most data items in one FETCH.
const ITEMS_MAX: usize = 1_000;

/// What of a message is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// UID
    Uid,
    /// FLAGS
    Flags,
    /// INTERNALDATE
    InternalDate,
    /// RFC822.SIZE
    Size,
    /// ENVELOPE
    Envelope,
    /// BODY: the structure without extension data.
    Body,
    /// BODYSTRUCTURE
    BodyStructure,
    /// MODSEQ (RFC 7162 §3.1.4.2)
    ModSeq,
    /// EMAILID (RFC 8474 §5.1)
    EmailId,
    /// THREADID (RFC 8474 §5.2)
    ThreadId,
    /// SAVEDATE (RFC 8514 §4.2)
    SaveDate,
    /// PREVIEW (RFC 8970 §3). It is made when a message arrives: LAZY changes nothing.
    Preview,
    /// Octets of the message.
    Section(SectionItem),
    /// Octets of a part without its transfer encoding.
    Binary(BinaryItem),
    /// BINARY.SIZE[…]: how many those are.
    BinarySize(Vec<u32>),
}

/// BINARY[…]<…> (RFC 3516 §4.2, RFC 9051 §6.4.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinaryItem {
    /// Part numbers from the outside in; empty is the message itself.
    pub part: Vec<u32>,
    /// Which range of the decoded octets.
    pub partial: Option<Partial>,
    /// Whether \Seen stays as it is.
    pub peek: bool,
}

/// BODY[…]<…>, and its old forms RFC822, RFC822.HEADER and RFC822.TEXT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionItem {
    /// Which octets.
    pub section: Section,
    /// Which range of them.
    pub partial: Option<Partial>,
    /// Whether \Seen stays as it is.
    pub peek: bool,
    /// Under which name the answer goes out.
    pub spelling: Spelling,
}

/// The name by which an item was asked for, and is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// BODY[section]
    Body,
    /// RFC822
    Rfc822,
    /// RFC822.HEADER
    Rfc822Header,
    /// RFC822.TEXT
    Rfc822Text,
}

/// `<offset.count>`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partial {
    /// First octet.
    pub offset: u64,
    /// Most octets; not zero.
    pub count: u64,
}

/// What stands between the brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Part numbers from the outside in; empty is the message itself.
    pub part: Vec<u32>,
    /// What of that part.
    pub text: SectionText,
}

/// What of a part is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SectionText {
    /// All of it: the message, or the content of a part.
    Whole,
    /// HEADER: of the message, or of the message inside a message/rfc822 part.
    Header,
    /// HEADER.FIELDS (…)
    HeaderFields(Vec<Vec<u8>>),
    /// HEADER.FIELDS.NOT (…)
    HeaderFieldsNot(Vec<Vec<u8>>),
    /// TEXT
    Text,
    /// MIME: the header of a part.
    Mime,
}

/// FETCH or UID FETCH without its set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// What is asked for, in the order asked.
    pub items: Vec<Item>,
    /// CHANGEDSINCE (RFC 7162 §3.1.4.1)
    pub changed_since: Option<u64>,
    /// VANISHED (RFC 7162 §3.2.6): to be told of what has gone since, too.
    pub vanished: bool,
    /// PARTIAL, of UID FETCH alone (RFC 9394 §3.3)
    pub partial: Option<PartialRange>,
}

impl Item {
    /// Whether it is octets of the message, or tells of some: a look at where they lie comes first.
    pub fn is_located(&self) -> bool {
        matches!(
            self,
            Self::Section(_) | Self::Binary(_) | Self::BinarySize(_)
        )
    }
}

impl Fetch {
    /// Reads the items and modifiers.
    pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut fetch = Self {
            items: parse_items(cursor)?,
            changed_since: None,
            vanished: false,
            partial: None,
        };
        if cursor.peek() == Some(b' ') {
            cursor.space()?;
            cursor.list(|cursor| fetch.parse_modifier(cursor))?;
        }
        match fetch.changed_since {
            Some(0) => Err(Malformed::Expected("a mod-sequence above zero")),
            // RFC 7162 §3.2.6: "MUST only be specified together with the CHANGEDSINCE UID FETCH modifier".
            None if fetch.vanished => Err(Malformed::Expected("CHANGEDSINCE beside VANISHED")),
            _ => Ok(fetch),
        }
    }

    /// Reads a parenthesised list of items, such as is to be told of new messages (RFC 5465 §8).
    pub fn parse_list(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        if cursor.peek() != Some(b'(') {
            return Err(Malformed::Expected("a list of FETCH data items"));
        }
        Ok(Self {
            items: parse_items(cursor)?,
            changed_since: None,
            vanished: false,
            partial: None,
        })
    }

    /// Asks for what `other` asks for, too.
    pub fn add(&mut self, other: &Self) {
        for item in &other.items {
            if !self.items.contains(item) {
                self.items.push(item.clone());
            }
        }
    }

    fn parse_modifier(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        if cursor.eat_word_of(Capability::QResync, "VANISHED") && !self.vanished {
            self.vanished = true;
        } else if cursor.eat_word_of(Capability::CondStore, "CHANGEDSINCE")
            && self.changed_since.is_none()
        {
            cursor.space()?;
            self.changed_since = Some(cursor.number64()?);
        } else if cursor.eat_word_of(Capability::Partial, "PARTIAL") && self.partial.is_none() {
            cursor.space()?;
            self.partial = Some(PartialRange::parse(cursor)?);
        } else {
            return Err(Malformed::Expected("a known modifier, once"));
        }
        Ok(())
    }
}

fn parse_items(cursor: &mut Cursor<'_>) -> Parsed<Vec<Item>> {
    if cursor.peek() == Some(b'(') {
        let mut count = 0;
        return cursor.list(|cursor| {
            count += 1;
            if count > ITEMS_MAX {
                Err(Malformed::TooMany("data items"))
            } else {
                parse_item(cursor)
            }
        });
    }
    // RFC 3501 §6.4.5: a macro stands alone, never in a list.
    let fast = || vec![Item::Flags, Item::InternalDate, Item::Size];
    if cursor.eat_word("FAST") {
        return Ok(fast());
    }
    if cursor.eat_word("ALL") {
        return Ok([fast(), vec![Item::Envelope]].concat());
    }
    if cursor.eat_word("FULL") {
        return Ok([fast(), vec![Item::Envelope, Item::Body]].concat());
    }
    Ok(vec![parse_item(cursor)?])
}

fn parse_item(cursor: &mut Cursor<'_>) -> Parsed<Item> {
    let name = cursor
        .take_while(|octet| octet.is_ascii_alphanumeric() || octet == b'.')
        .to_ascii_uppercase();
    let old = |text, peek, spelling| {
        let section = Section {
            part: Vec::new(),
            text,
        };
        Ok(Item::Section(SectionItem {
            section,
            partial: None,
            peek,
            spelling,
        }))
    };
    match name.as_slice() {
        b"UID" => Ok(Item::Uid),
        b"FLAGS" => Ok(Item::Flags),
        b"INTERNALDATE" => Ok(Item::InternalDate),
        b"RFC822.SIZE" => Ok(Item::Size),
        b"ENVELOPE" => Ok(Item::Envelope),
        b"BODYSTRUCTURE" => Ok(Item::BodyStructure),
        b"MODSEQ" if cursor.offers(Capability::CondStore) => Ok(Item::ModSeq),
        b"RFC822" => old(SectionText::Whole, false, Spelling::Rfc822),
        b"RFC822.HEADER" => old(SectionText::Header, true, Spelling::Rfc822Header),
        b"RFC822.TEXT" => old(SectionText::Text, false, Spelling::Rfc822Text),
        b"BODY" if cursor.peek() != Some(b'[') => Ok(Item::Body),
        b"BODY" => parse_section_item(cursor, false),
        b"BODY.PEEK" => parse_section_item(cursor, true),
        name => parse_extension_item(name, cursor),
    }
}

/// The items of extensions, each only where the client is offered it.
fn parse_extension_item(name: &[u8], cursor: &mut Cursor<'_>) -> Parsed<Item> {
    let offers = |capability| cursor.offers(capability);
    let binary = offers(Capability::Binary) || cursor.dialect().rev2;
    match name {
        b"BINARY" if binary => parse_binary(cursor, false),
        b"BINARY.PEEK" if binary => parse_binary(cursor, true),
        b"BINARY.SIZE" if binary => parse_binary_section(cursor).map(Item::BinarySize),
        b"EMAILID" if offers(Capability::ObjectId) => Ok(Item::EmailId),
        b"THREADID" if offers(Capability::ObjectId) => Ok(Item::ThreadId),
        b"SAVEDATE" if offers(Capability::SaveDate) => Ok(Item::SaveDate),
        b"PREVIEW" if offers(Capability::Preview) => {
            skip_preview_modifiers(cursor);
            Ok(Item::Preview)
        }
        _ => Err(Malformed::Expected("a FETCH data item")),
    }
}

fn parse_section_item(cursor: &mut Cursor<'_>, peek: bool) -> Parsed<Item> {
    cursor.expect(b'[', "a section in brackets")?;
    let section = Section::parse(cursor)?;
    cursor.expect(b']', "the end of a section")?;
    let partial = if cursor.eat(b'<') {
        Some(parse_partial(cursor)?)
    } else {
        None
    };
    Ok(Item::Section(SectionItem {
        section,
        partial,
        peek,
        spelling: Spelling::Body,
    }))
}

fn parse_binary(cursor: &mut Cursor<'_>, peek: bool) -> Parsed<Item> {
    let part = parse_binary_section(cursor)?;
    let partial = if cursor.eat(b'<') {
        Some(parse_partial(cursor)?)
    } else {
        None
    };
    Ok(Item::Binary(BinaryItem {
        part,
        partial,
        peek,
    }))
}

/// `[1.2]`: part numbers alone (RFC 3516 §7, section-binary).
fn parse_binary_section(cursor: &mut Cursor<'_>) -> Parsed<Vec<u32>> {
    cursor.expect(b'[', "a part in brackets")?;
    let section = Section::parse(cursor)?;
    cursor.expect(b']', "the end of a part number")?;
    match section.text {
        SectionText::Whole => Ok(section.part),
        _ => Err(Malformed::Expected("a part number alone")),
    }
}

/// PREVIEW may be followed by `(LAZY)` (RFC 8970 §6); what else stands in parentheses behind it belongs to FETCH.
fn skip_preview_modifiers(cursor: &mut Cursor<'_>) {
    let mut ahead = cursor.clone();
    let lazy = |cursor: &mut Cursor<'_>| match cursor.eat_word("LAZY") {
        true => Ok(()),
        false => Err(Malformed::Expected("LAZY")),
    };
    if ahead.space().is_ok() && ahead.list(lazy).is_ok() {
        *cursor = ahead;
    }
}

fn parse_partial(cursor: &mut Cursor<'_>) -> Parsed<Partial> {
    // Numbers of 63 bits, also for those who speak IMAP4rev1, whose messages are as large (RFC 9051 §9, partial).
    let offset = cursor.number64()?;
    cursor.expect(b'.', "a partial such as <0.2048>")?;
    let count = cursor.number64()?;
    if count == 0 {
        return Err(Malformed::Expected("a number above zero"));
    }
    cursor.expect(b'>', "the end of a partial")?;
    Ok(Partial { offset, count })
}

impl Section {
    /// Reads what stands between the brackets.
    pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut part = Vec::new();
        while cursor.peek().is_some_and(|octet| octet.is_ascii_digit()) {
            if part.len() == PART_DEPTH_MAX {
                return Err(Malformed::TooMany("levels in a part number"));
            }
            part.push(cursor.nz_number()?);
            if !cursor.eat(b'.') {
                return Ok(Self {
                    part,
                    text: SectionText::Whole,
                });
            }
        }
        let text = SectionText::parse(cursor, !part.is_empty())?;
        Ok(Self { part, text })
    }

    /// Writes what [`Self::parse`] reads.
    pub fn encode(&self, into: &mut Vec<u8>) {
        for (position, number) in self.part.iter().enumerate() {
            if position > 0 {
                into.push(b'.');
            }
            quote::number(u64::from(*number), into);
        }
        if !self.part.is_empty() && self.text != SectionText::Whole {
            into.push(b'.');
        }
        self.text.encode(into);
    }
}

impl SectionText {
    fn parse(cursor: &mut Cursor<'_>, after_part: bool) -> Parsed<Self> {
        let name = cursor
            .take_while(|octet| octet.is_ascii_alphabetic() || octet == b'.')
            .to_ascii_uppercase();
        match name.as_slice() {
            b"" if !after_part => Ok(Self::Whole),
            b"HEADER" => Ok(Self::Header),
            b"TEXT" => Ok(Self::Text),
            b"MIME" if after_part => Ok(Self::Mime),
            b"HEADER.FIELDS" => parse_fields(cursor).map(Self::HeaderFields),
            b"HEADER.FIELDS.NOT" => parse_fields(cursor).map(Self::HeaderFieldsNot),
            _ => Err(Malformed::Expected("a section such as 1.2.HEADER")),
        }
    }

    fn encode(&self, into: &mut Vec<u8>) {
        match self {
            Self::Whole => {}
            Self::Header => into.extend_from_slice(b"HEADER"),
            Self::Text => into.extend_from_slice(b"TEXT"),
            Self::Mime => into.extend_from_slice(b"MIME"),
            Self::HeaderFields(fields) => encode_fields(b"HEADER.FIELDS (", fields, into),
            Self::HeaderFieldsNot(fields) => encode_fields(b"HEADER.FIELDS.NOT (", fields, into),
        }
    }
}

fn parse_fields(cursor: &mut Cursor<'_>) -> Parsed<Vec<Vec<u8>>> {
    cursor.space()?;
    let mut count = 0;
    cursor.list(|cursor| {
        count += 1;
        if count > FIELDS_MAX {
            return Err(Malformed::TooMany("header fields"));
        }
        cursor
            .astring("a header field")
            .map(std::borrow::Cow::into_owned)
    })
}

fn encode_fields(head: &[u8], fields: &[Vec<u8>], into: &mut Vec<u8>) {
    into.extend_from_slice(head);
    for (position, field) in fields.iter().enumerate() {
        if position > 0 {
            into.push(b' ');
        }
        quote::astring(field, into);
    }
    into.push(b')');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::capability::Capabilities;
    use crate::grammar::dialect::Dialect;

    fn items(text: &str) -> Parsed<Vec<Item>> {
        let mut cursor = Cursor::new(text.as_bytes());
        let fetch = Fetch::parse(&mut cursor)?;
        cursor.end()?;
        Ok(fetch.items)
    }

    #[test]
    fn macros_are_expanded() {
        assert_eq!(
            items("fast").unwrap(),
            [Item::Flags, Item::InternalDate, Item::Size]
        );
        assert_eq!(items("FULL").unwrap().len(), 5);
        assert!(items("(FAST)").is_err());
    }

    #[test]
    fn sections_are_written_as_they_are_read() {
        for text in [
            "",
            "HEADER",
            "TEXT",
            "1",
            "4.2",
            "4.1.MIME",
            "4.2.HEADER",
            "4.2.2.1",
            "HEADER.FIELDS (DATE FROM)",
            "1.HEADER.FIELDS.NOT (\"x y\")",
        ] {
            let mut cursor = Cursor::new(text.as_bytes());
            let section = Section::parse(&mut cursor).unwrap();
            assert!(cursor.end().is_ok(), "{text}");
            let mut out = Vec::new();
            section.encode(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn items_of_extensions_are_read_where_they_are_offered() {
        let read = |text: &str, offered| {
            let dialect = Dialect {
                offered,
                ..Dialect::default()
            };
            let mut cursor = Cursor::speaking(text.as_bytes(), dialect);
            let fetch = Fetch::parse(&mut cursor)?;
            cursor.end().map(|()| fetch)
        };
        for text in [
            "BINARY[]",
            "BINARY.PEEK[1.2]<0.10>",
            "(BINARY.SIZE[1] UID)",
            "(EMAILID THREADID)",
            "SAVEDATE",
            "(PREVIEW (LAZY) UID)",
            "PREVIEW (LAZY) (CHANGEDSINCE 5)",
            "PREVIEW (CHANGEDSINCE 5)",
        ] {
            assert!(read(text, Capabilities::ALL).is_ok(), "{text}");
            assert!(read(text, Capabilities::NONE).is_err(), "{text}");
        }
        for text in [
            "BINARY",
            "BINARY[1.MIME]",
            "BINARY[TEXT]",
            "BINARY.SIZE[1]<0.1>",
            "BINARY[0]",
            "(PREVIEW (BUSY))",
        ] {
            assert!(read(text, Capabilities::ALL).is_err(), "{text}");
        }
        let lazy = read("PREVIEW (lazy LAZY)", Capabilities::ALL).unwrap();
        assert_eq!(lazy.items, [Item::Preview]);
    }

    #[test]
    fn wrong_sections_are_refused() {
        for text in [
            "BODY[0]",
            "BODY[MIME]",
            "BODY[1.]",
            "BODY[1.FOO]",
            "BODY[TEXT",
            "BODY[]<0>",
            "BODY[]<0.0>",
            "BODY[HEADER.FIELDS ()]",
            "BODY.PEEK",
            "()",
            "(FLAGS",
            "FOO",
            "RFC822.PEEK",
        ] {
            assert!(items(text).is_err(), "{text}");
        }
    }

    #[test]
    fn partial_and_modifier_are_read() {
        let fetch = Fetch::parse(&mut Cursor::new(
            b"(BODY.PEEK[]<5.10>) (CHANGEDSINCE 12345)",
        ))
        .unwrap();
        assert_eq!(fetch.changed_since, Some(12345));
        let [Item::Section(item)] = fetch.items.as_slice() else {
            unreachable!()
        };
        assert!(item.peek);
        assert_eq!(
            item.partial,
            Some(Partial {
                offset: 5,
                count: 10
            })
        );
    }
}
