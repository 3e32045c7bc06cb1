//! Writes one FETCH response (RFC 3501 §7.4.2), piece by piece.
//!
//! The pieces gather in a buffer that the caller empties as often as it likes: a body of any size passes through it
//! between [`FetchLine::section_head`] and the next item. Strings that the octets do not allow quoted become literals.

use super::date::DateAndTime;
use super::fetch::{BinaryItem, Section, SectionItem, SectionText, Spelling};
use super::flag::SystemFlag;
use super::{code, quote};

/// One response under construction.
#[derive(Debug, Default)]
pub struct FetchLine {
    octets: Vec<u8>,
    items: usize,
}

impl FetchLine {
    /// Begins the response for the message `number`, in the memory of the one before.
    pub fn begin(&mut self, number: u32) {
        self.items = 0;
        self.octets.extend_from_slice(b"* ");
        quote::number(u64::from(number), &mut self.octets);
        self.octets.extend_from_slice(b" FETCH (");
    }

    /// Begins the response for the message `uid` to a client that knows UIDs alone (RFC 9586 §3.3).
    pub fn begin_uid(&mut self, uid: u32) {
        self.items = 0;
        self.octets.extend_from_slice(b"* ");
        quote::number(u64::from(uid), &mut self.octets);
        self.octets.extend_from_slice(b" UIDFETCH (");
    }

    /// Ends the response.
    pub fn end(&mut self) {
        self.octets.extend_from_slice(b")\r\n");
    }

    /// Whether an item has begun.
    pub fn has_items(&self) -> bool {
        self.items > 0
    }

    /// What is written and not taken yet.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Forgets what is written: it has been taken.
    pub fn clear(&mut self) {
        self.octets.clear();
    }

    /// Begins an item; its value follows.
    pub fn item(&mut self, name: &str) -> &mut Vec<u8> {
        if self.items > 0 {
            self.octets.push(b' ');
        }
        self.items += 1;
        self.octets.extend_from_slice(name.as_bytes());
        self.octets.push(b' ');
        &mut self.octets
    }

    /// UID
    pub fn uid(&mut self, uid: u32) {
        quote::number(u64::from(uid), self.item("UID"));
    }

    /// FLAGS
    pub fn flags<'a>(&mut self, system: &[SystemFlag], others: impl IntoIterator<Item = &'a str>) {
        code::encode_flags(system, others, self.item("FLAGS"));
    }

    /// INTERNALDATE
    pub fn internal_date(&mut self, date: DateAndTime) {
        date.encode(self.item("INTERNALDATE"));
    }

    /// RFC822.SIZE
    pub fn size(&mut self, octets: u64) {
        quote::number(octets, self.item("RFC822.SIZE"));
    }

    /// MODSEQ (RFC 7162 §7)
    pub fn modseq(&mut self, modseq: u64) {
        let into = self.item("MODSEQ");
        into.push(b'(');
        quote::number(modseq, into);
        into.push(b')');
    }

    /// EMAILID or THREADID (RFC 8474 §5.3); NIL for a message that has none.
    pub fn object_id(&mut self, name: &str, id: Option<&str>) {
        let into = self.item(name);
        match id {
            Some(id) => into.extend_from_slice(["(", id, ")"].concat().as_bytes()),
            None => into.extend_from_slice(b"NIL"),
        }
    }

    /// SAVEDATE (RFC 8514 §4.2)
    pub fn save_date(&mut self, date: DateAndTime) {
        date.encode(self.item("SAVEDATE"));
    }

    /// BINARY.SIZE (RFC 3516 §4.3)
    pub fn binary_size(&mut self, part: &[u32], octets: u64) {
        self.binary_name("BINARY.SIZE", part, None);
        quote::number(octets, &mut self.octets);
    }

    /// A decoded part of which `octets` octets follow, written by [`Self::raw_octets`]: a literal8 if a NUL is among them
    /// (RFC 3516 §4.3).
    pub fn binary_head(&mut self, item: &BinaryItem, octets: u64, has_nul: bool) {
        let offset = item.partial.map(|partial| partial.offset);
        self.binary_name("BINARY", &item.part, offset);
        if has_nul {
            self.octets.push(b'~');
        }
        quote::literal_head(octets, &mut self.octets);
    }

    /// Octets as they are.
    pub fn raw_octets(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    /// A part that the message does not have.
    pub fn binary_nil(&mut self, item: &BinaryItem) {
        let offset = item.partial.map(|partial| partial.offset);
        self.binary_name("BINARY", &item.part, offset);
        self.octets.extend_from_slice(b"NIL");
    }

    fn binary_name(&mut self, name: &str, part: &[u32], offset: Option<u64>) {
        let section = Section {
            part: part.to_vec(),
            text: SectionText::Whole,
        };
        self.bracketed(name, &section, offset);
    }

    /// A section of which `octets` octets follow, written by [`Self::section_octets`] or by the caller.
    pub fn section_head(&mut self, item: &SectionItem, octets: u64) {
        self.section_name(item);
        quote::literal_head(octets, &mut self.octets);
    }

    /// Octets of a section.
    pub fn section_octets(&mut self, octets: &[u8]) {
        quote::literal_octets(octets, &mut self.octets);
    }

    /// A section that the message does not have.
    pub fn section_nil(&mut self, item: &SectionItem) {
        self.section_name(item);
        self.octets.extend_from_slice(b"NIL");
    }

    fn plain_name(&mut self, name: &str) {
        self.item(name);
    }

    fn section_name(&mut self, item: &SectionItem) {
        match item.spelling {
            Spelling::Rfc822 => return self.plain_name("RFC822"),
            Spelling::Rfc822Header => return self.plain_name("RFC822.HEADER"),
            Spelling::Rfc822Text => return self.plain_name("RFC822.TEXT"),
            Spelling::Body => {}
        }
        let offset = item.partial.map(|partial| partial.offset);
        self.bracketed("BODY", &item.section, offset);
    }

    /// Writes `NAME[section]<offset> `.
    fn bracketed(&mut self, name: &str, section: &Section, offset: Option<u64>) {
        let into = self.item(name);
        into.pop();
        into.push(b'[');
        section.encode(into);
        into.push(b']');
        if let Some(offset) = offset {
            into.push(b'<');
            quote::number(offset, into);
            into.push(b'>');
        }
        into.push(b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::Cursor;
    use crate::grammar::fetch::{Fetch, Item, Partial};

    fn section(text: &str) -> SectionItem {
        let fetch = Fetch::parse(&mut Cursor::new(text.as_bytes())).unwrap();
        match fetch.items.into_iter().next() {
            Some(Item::Section(item)) => item,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn what_is_binary_goes_out_in_a_literal8() {
        let mut line = FetchLine::default();
        let item = |part: &[u32], partial| BinaryItem {
            part: part.to_vec(),
            partial,
            peek: true,
        };
        let partial = Some(Partial {
            offset: 3,
            count: 2,
        });
        line.begin(1);
        line.binary_head(&item(&[1, 2], partial), 2, true);
        line.raw_octets(b"\0a");
        line.binary_nil(&item(&[9], None));
        line.binary_size(&[], 7);
        line.object_id("EMAILID", Some("M1"));
        line.object_id("THREADID", None);
        let expected = b"* 1 FETCH (BINARY[1.2]<3> ~{2}\r\n\0a BINARY[9] NIL BINARY.SIZE[] 7 EMAILID (M1) THREADID NIL";
        assert_eq!(line.octets(), expected);
    }

    #[test]
    fn a_response_is_one_line_with_literals() {
        let mut line = FetchLine::default();
        line.begin(12);
        line.flags(&[SystemFlag::Seen], ["$Junk"]);
        line.uid(7);
        line.modseq(99);
        line.section_head(&section("BODY.PEEK[1.HEADER]<0.100>"), 5);
        line.section_octets(b"a\r\n\0b");
        line.section_nil(&section("BODY[9]"));
        line.section_head(&section("RFC822.TEXT"), 0);
        line.end();
        let expected = b"* 12 FETCH (FLAGS (\\Seen $Junk) UID 7 MODSEQ (99) BODY[1.HEADER]<0> {5}\r\na\r\n\x80b BODY[9] NIL RFC822.TEXT {0}\r\n)\r\n";
        assert_eq!(line.octets(), expected);
    }
}
