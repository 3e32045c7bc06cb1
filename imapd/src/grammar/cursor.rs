//! Reads the primitives of the grammar (RFC 3501 §9) from the bytes of one complete command.
//!
//! A literal stands in these bytes as it came: `{5}`, CRLF, five octets. Every method either consumes what it names
//! and returns it, or returns [`Malformed`] with a phrase for the client; none panics, none looks beyond the end.
//! Limits on the length of the input are the business of [`super::fragment`].

use std::borrow::Cow;

use thiserror::Error;

use super::capability::Capability;
use super::dialect::Dialect;

/// Why a command could not be understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Malformed {
    /// The text is not what the grammar wants here.
    #[error("expected {0}")]
    Expected(&'static str),
    /// No command has this name.
    #[error("unknown command")]
    UnknownCommand,
    /// Well formed, but deeper or longer than this server accepts.
    #[error("too many {0}")]
    TooMany(&'static str),
    /// SEARCH in a charset other than US-ASCII and UTF-8 (RFC 3501 §6.4.4).
    #[error("unsupported charset")]
    Charset {
        /// Whether its result was to be saved (RFC 5182 §2.1).
        saves: bool,
    },
}

/// The result of reading one element of the grammar.
pub type Parsed<T> = Result<T, Malformed>;

/// A position in the bytes of one command.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    rest: &'a [u8],
    dialect: Dialect,
}

/// Whether `octet` is an ATOM-CHAR: any CHAR but atom-specials.
pub fn is_atom_char(octet: u8) -> bool {
    is_astring_char(octet) && octet != b']'
}

/// Whether `octet` is an ASTRING-CHAR: ATOM-CHAR or resp-specials.
pub fn is_astring_char(octet: u8) -> bool {
    (0x21..0x7f).contains(&octet)
        && !matches!(octet, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\')
}

/// Whether `octet` may stand in an unquoted list-mailbox: ATOM-CHAR, wildcards or resp-specials.
/// Octets of UTF-8 are let through, because clients send them; [`super::mailbox`] judges them.
pub fn is_list_char(octet: u8) -> bool {
    is_astring_char(octet) || matches!(octet, b'%' | b'*') || octet >= 0x80
}

impl<'a> Cursor<'a> {
    /// Starts at the beginning of `input`, in the default dialect.
    pub fn new(input: &'a [u8]) -> Self {
        Self::speaking(input, Dialect::default())
    }

    /// Starts at the beginning of `input`.
    pub fn speaking(input: &'a [u8], dialect: Dialect) -> Self {
        Self {
            rest: input,
            dialect,
        }
    }

    /// What is spoken.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whether the client is offered `capability`, so that its syntax is to be read.
    pub fn offers(&self, capability: Capability) -> bool {
        self.dialect.offers(capability)
    }

    /// Reads `word` if it is next and the client is offered the extension that it belongs to.
    pub fn eat_word_of(&mut self, capability: Capability, word: &str) -> bool {
        self.offers(capability) && self.eat_word(word)
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next octet, unread.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Reads `octet` if it is next.
    pub fn eat(&mut self, octet: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == octet => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Reads `octet`, or fails saying that `what` was expected.
    pub fn expect(&mut self, octet: u8, what: &'static str) -> Parsed<()> {
        if self.eat(octet) {
            Ok(())
        } else {
            Err(Malformed::Expected(what))
        }
    }

    /// Reads one SP, and forgives more of them, as several clients send two.
    pub fn space(&mut self) -> Parsed<()> {
        self.expect(b' ', "a space")?;
        while self.eat(b' ') {}
        Ok(())
    }

    /// The command ends here; spaces before the end are forgiven.
    pub fn end(&mut self) -> Parsed<()> {
        while self.eat(b' ') {}
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed::Expected("the end of the command"))
        }
    }

    /// Reads as long as `wanted` holds; may read nothing.
    pub fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self
            .rest
            .iter()
            .position(|&octet| !wanted(octet))
            .unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    /// Reads `word`, in any case, if it is next and ends there.
    pub fn eat_word(&mut self, word: &str) -> bool {
        let Some((start, rest)) = self.rest.split_at_checked(word.len()) else {
            return false;
        };
        let ends = !rest
            .first()
            .is_some_and(|&octet| is_atom_char(octet) && octet != b'[');
        let found = ends && start.eq_ignore_ascii_case(word.as_bytes());
        if found {
            self.rest = rest;
        }
        found
    }

    /// Reads an atom; `what` names it for the error.
    pub fn atom(&mut self, what: &'static str) -> Parsed<&'a str> {
        let atom = self.take_while(is_atom_char);
        if atom.is_empty() {
            return Err(Malformed::Expected(what));
        }
        std::str::from_utf8(atom).map_err(|_| Malformed::Expected(what))
    }

    /// Reads an atom in capital letters, to be matched against keywords.
    pub fn keyword(&mut self, what: &'static str) -> Parsed<String> {
        self.atom(what).map(str::to_ascii_uppercase)
    }

    /// Reads a tag, all up to the first space: ASTRING-CHARs except `+` (RFC 3501 §9).
    pub fn tag(&mut self) -> Parsed<&'a str> {
        let tag = self.take_while(|octet| is_astring_char(octet) && octet != b'+');
        if tag.is_empty() || !matches!(self.peek(), None | Some(b' ')) {
            return Err(Malformed::Expected("a tag"));
        }
        std::str::from_utf8(tag).map_err(|_| Malformed::Expected("a tag"))
    }

    /// Reads a number of 32 bits.
    pub fn number(&mut self) -> Parsed<u32> {
        u32::try_from(self.number64()?)
            .map_err(|_| Malformed::Expected("a number below 4294967296"))
    }

    /// Reads a number of 63 bits, such as a mod-sequence (RFC 7162 §7).
    pub fn number64(&mut self) -> Parsed<u64> {
        let digits = self.take_while(|octet| octet.is_ascii_digit());
        let text = std::str::from_utf8(digits).unwrap_or_default();
        let number: Option<u64> = text
            .parse()
            .ok()
            .filter(|&number| number <= i64::MAX as u64);
        number.ok_or(Malformed::Expected("a number"))
    }

    /// Reads a number that is not zero.
    pub fn nz_number(&mut self) -> Parsed<u32> {
        match self.number()? {
            0 => Err(Malformed::Expected("a number above zero")),
            number => Ok(number),
        }
    }

    /// Reads a string: quoted or literal.
    pub fn string(&mut self, what: &'static str) -> Parsed<Cow<'a, [u8]>> {
        match self.peek() {
            Some(b'"') => self.quoted(what),
            Some(b'{') => self.literal(what).map(Cow::Borrowed),
            _ => Err(Malformed::Expected(what)),
        }
    }

    /// Reads an astring: an atom (in which `]` is allowed) or a string.
    pub fn astring(&mut self, what: &'static str) -> Parsed<Cow<'a, [u8]>> {
        match self.peek() {
            Some(b'"' | b'{') => self.string(what),
            _ => match self.take_while(is_astring_char) {
                [] => Err(Malformed::Expected(what)),
                atom => Ok(Cow::Borrowed(atom)),
            },
        }
    }

    /// Reads an astring that must be UTF-8.
    pub fn text(&mut self, what: &'static str) -> Parsed<String> {
        String::from_utf8(self.astring(what)?.into_owned()).map_err(|_| Malformed::Expected(what))
    }

    /// Reads a string or NIL.
    pub fn nstring(&mut self, what: &'static str) -> Parsed<Option<Cow<'a, [u8]>>> {
        if self.eat_word("NIL") {
            return Ok(None);
        }
        self.string(what).map(Some)
    }

    /// Reads a parenthesised list of at least one `item`.
    pub fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.expect(b'(', "a list")?;
        let mut items = vec![item(self)?];
        while !self.eat(b')') {
            self.space()?;
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// Reads a parenthesised list that may be empty.
    pub fn list_or_empty<T>(&mut self, item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        if self.rest.starts_with(b"()") {
            self.rest = &self.rest[2..];
            return Ok(Vec::new());
        }
        self.list(item)
    }

    fn quoted(&mut self, what: &'static str) -> Parsed<Cow<'a, [u8]>> {
        self.expect(b'"', what)?;
        let plain = self.take_while(|octet| !matches!(octet, b'"' | b'\\' | b'\r' | b'\n' | 0));
        if self.eat(b'"') {
            return utf8(Cow::Borrowed(plain));
        }
        let mut value = plain.to_vec();
        while self.eat(b'\\') {
            let escaped = self.peek().filter(|octet| matches!(octet, b'"' | b'\\'));
            let escaped = escaped.ok_or(Malformed::Expected("an escaped quote or backslash"))?;
            self.eat(escaped);
            value.push(escaped);
            value.extend_from_slice(
                self.take_while(|octet| !matches!(octet, b'"' | b'\\' | b'\r' | b'\n' | 0)),
            );
        }
        self.expect(b'"', "the end of a quoted string")?;
        utf8(Cow::Owned(value))
    }

    /// Reads a literal8, `~{5}`, which may hold NUL (RFC 3516 §4.4).
    pub fn literal8(&mut self, what: &'static str) -> Parsed<&'a [u8]> {
        self.expect(b'~', what)?;
        self.counted(what)
    }

    fn literal(&mut self, what: &'static str) -> Parsed<&'a [u8]> {
        let value = self.counted(what)?;
        // RFC 3501 §9: a literal holds CHAR8, which NUL is not.
        if value.contains(&0) {
            return Err(Malformed::Expected("a literal without NUL"));
        }
        Ok(value)
    }

    fn counted(&mut self, what: &'static str) -> Parsed<&'a [u8]> {
        self.expect(b'{', what)?;
        let length = self.number()?;
        self.eat(b'+');
        self.expect(b'}', "the end of a literal's length")?;
        self.expect(b'\r', "a line end after a literal's length")?;
        self.expect(b'\n', "a line end after a literal's length")?;
        let length = usize::try_from(length).map_err(|_| Malformed::Expected(what))?;
        let (value, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(Malformed::Expected("a whole literal"))?;
        self.rest = rest;
        Ok(value)
    }
}

/// RFC 6855 §3: octets above 127 in a quoted string are UTF-8, or it is refused.
fn utf8(quoted: Cow<'_, [u8]>) -> Parsed<Cow<'_, [u8]>> {
    match std::str::from_utf8(&quoted) {
        Ok(_) => Ok(quoted),
        Err(_) => Err(Malformed::Expected("a quoted string in UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_come_in_three_forms() {
        let mut cursor = Cursor::new(b"atom] \"a \\\"b\\\\\" {3}\r\nx\r\n {2+}\r\nhi");
        assert_eq!(cursor.astring("x").unwrap().as_ref(), b"atom]");
        cursor.space().unwrap();
        assert_eq!(cursor.astring("x").unwrap().as_ref(), b"a \"b\\");
        cursor.space().unwrap();
        assert_eq!(cursor.astring("x").unwrap().as_ref(), b"x\r\n");
        cursor.space().unwrap();
        assert_eq!(cursor.astring("x").unwrap().as_ref(), b"hi");
        assert!(cursor.end().is_ok());
    }

    #[test]
    fn what_is_torn_is_refused() {
        for torn in [
            &b"\"abc"[..],
            b"\"a\\x\"",
            b"{5}\r\nabc",
            b"{99999999999}\r\n",
            b"{3}abc",
            b"",
            b"\"\\",
        ] {
            assert!(Cursor::new(torn).astring("a string").is_err(), "{torn:?}");
        }
    }

    #[test]
    fn a_keyword_does_not_end_in_the_middle_of_an_atom() {
        assert!(!Cursor::new(b"NILS").eat_word("NIL"));
        assert!(Cursor::new(b"nil)").eat_word("NIL"));
        assert!(Cursor::new(b"BODY[TEXT]").eat_word("BODY"));
    }

    #[test]
    fn numbers_are_bounded() {
        assert_eq!(Cursor::new(b"4294967295").number(), Ok(u32::MAX));
        assert!(Cursor::new(b"4294967296").number().is_err());
        assert!(Cursor::new(b"9223372036854775808").number64().is_err());
        assert!(Cursor::new(b"0").nz_number().is_err());
    }
}
