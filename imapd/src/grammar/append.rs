//! APPEND and REPLACE around their messages (RFC 3501 §6.3.11, RFC 3502, RFC 3516 §4.4, RFC 4469, RFC 6855 §4, RFC 8508).
//!
//! The octets of a message are never gathered: the session reads the text up to the place where some begin, sends them to
//! the store as they come, and reads on behind them. [`Start`] reads the first text up to the mailbox; [`Piece`] what stands
//! before, between and behind the octets. A URL in a literal is gathered, and the piece read again with it.
//!
//! ```text
//!        ┌──────────────── END ◄──────────────┐
//!        ▼                                    │
//! First, Between ── {n} ───────────────────► Whole ── the command's end
//!        │                                    ▲
//!        ├───────── CATENATE ( ──► Catenate ──┤ )      TEXT {n} stays in it, and so does URL
//!        └───────── UTF8 (~{n} ──► Utf8 ──────┘ )
//! ```

use super::capability::Capability;
use super::command::Numbering;
use super::cursor::{Cursor, Malformed, Parsed};
use super::date::DateAndTime;
use super::dialect::Dialect;
use super::flag::Flag;
use super::fragment::{Announced, announced};
use super::mailbox;
use super::sequence::SequenceSet;
use super::verb::Verb;

/// Most parts of one CATENATE.
const PARTS_MAX: usize = 10_000;

/// What is told of a message before its octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its flags.
    pub flags: Vec<Flag>,
    /// Its internal date; none means now.
    pub date: Option<DateAndTime>,
}

/// The beginning of an APPEND or REPLACE, up to the mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start<'a> {
    /// Which command.
    pub verb: Verb,
    /// The one message that is replaced.
    pub replaced: Option<(Numbering, SequenceSet)>,
    /// Where to.
    pub mailbox: String,
    /// The text behind: the first [`Piece`].
    pub rest: &'a [u8],
}

impl<'a> Start<'a> {
    /// Reads a command up to its end, or up to an announcement with which `input` ends.
    ///
    /// `None` when the announced literal is the mailbox's name, which has to be gathered first, or when the command is
    /// another.
    pub fn parse(input: &'a [u8], dialect: Dialect) -> Option<Parsed<Self>> {
        let mut cursor = Cursor::speaking(input, dialect);
        cursor.tag().ok()?;
        cursor.space().ok()?;
        let verb = Verb::parse(&mut cursor).ok()?;
        let numbering = match verb {
            Verb::Append => None,
            Verb::Replace => Some(Numbering::Sequence),
            Verb::UidReplace => Some(Numbering::Uid),
            _ => return None,
        };
        let replaced = match numbering.map(|numbering| parse_replaced(numbering, &mut cursor)) {
            Some(Err(malformed)) => return Some(Err(malformed)),
            Some(Ok(replaced)) => Some(replaced),
            None => None,
        };
        if cursor.space().is_err() {
            return Some(Err(Malformed::Expected("a mailbox name")));
        }
        if is_announcement(cursor.rest(), false) {
            return None;
        }
        let mailbox = match mailbox::parse(&mut cursor) {
            Ok(mailbox) => mailbox,
            Err(malformed) => return Some(Err(malformed)),
        };
        let rest = cursor.rest();
        if rest.first().is_some_and(|&octet| octet != b' ') {
            return Some(Err(Malformed::Expected("a space")));
        }
        Some(Ok(Self {
            verb,
            replaced,
            mailbox,
            rest,
        }))
    }
}

/// One number, or `*` (RFC 8508 §5, seq-number).
fn parse_replaced(
    numbering: Numbering,
    cursor: &mut Cursor<'_>,
) -> Parsed<(Numbering, SequenceSet)> {
    cursor.space()?;
    let number = cursor.take_while(|octet| octet.is_ascii_digit() || octet == b'*');
    let mut number = Cursor::new(number);
    let set = SequenceSet::parse(&mut number)?;
    number.end()?;
    Ok((numbering, set))
}

/// Where a piece of the text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before the first message.
    First,
    /// Behind the octets that are a whole message.
    Whole,
    /// In the parentheses of CATENATE, behind so many parts.
    Catenate(usize),
    /// Behind the octets in the parentheses of UTF8 (RFC 6855 §4).
    Utf8,
    /// The same in the parentheses of CATENATE, counted as a part.
    CatenateUtf8(usize),
}

/// What the text asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A message begins.
    Begin(Item),
    /// Octets of it lie in this URL.
    Url(Vec<u8>),
    /// It is complete.
    End,
}

/// What comes behind a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follows {
    /// Octets of the message.
    Octets(Announced),
    /// An argument, to be gathered: then the piece is to be read again. What it asked for so far counts only then.
    Argument(Announced),
    /// Nothing: the command has ended.
    Nothing,
}

/// The text between two runs of octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it asks for, in this order.
    pub steps: Vec<Step>,
    /// What comes behind it.
    pub follows: Follows,
    /// Where the next piece stands.
    pub place: Place,
}

impl Piece {
    /// Reads the text that stands at `place`. `many`: further messages may follow the first.
    pub fn parse(place: Place, many: bool, text: &[u8], dialect: Dialect) -> Parsed<Self> {
        let mut reader = Reader {
            cursor: Cursor::speaking(text, dialect),
            steps: Vec::new(),
            many,
        };
        let (follows, place) = match place {
            Place::First => reader.message()?,
            Place::Whole => reader.end_of_message()?,
            Place::Catenate(parts) => reader.catenate(parts)?,
            Place::Utf8 => {
                reader.utf8_end()?;
                reader.end_of_message()?
            }
            Place::CatenateUtf8(parts) => {
                reader.utf8_end()?;
                reader.catenate(parts)?
            }
        };
        Ok(Self {
            steps: reader.steps,
            follows,
            place,
        })
    }
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    steps: Vec<Step>,
    many: bool,
}

type Read = Parsed<(Follows, Place)>;

impl Reader<'_> {
    fn message(&mut self) -> Read {
        self.cursor.space()?;
        let item = Item::parse(&mut self.cursor)?;
        self.steps.push(Step::Begin(item));
        let dialect = self.cursor.dialect();
        if dialect.offers(Capability::Catenate) && self.cursor.eat_word("CATENATE") {
            self.cursor.space()?;
            self.cursor.expect(b'(', "the parts of a message")?;
            return self.catenate(0);
        }
        if let Some(literal) = self.utf8_literal()? {
            return Ok((Follows::Octets(literal), Place::Utf8));
        }
        let literal = message_literal(self.cursor.rest(), dialect.offers(Capability::Binary))?;
        Ok((Follows::Octets(literal), Place::Whole))
    }

    /// Reads `UTF8 (~{n}` where the client has enabled it.
    fn utf8_literal(&mut self) -> Parsed<Option<Announced>> {
        let dialect = self.cursor.dialect();
        let utf8 = dialect.utf8 && dialect.offers(Capability::Utf8Accept);
        if !utf8 || !self.cursor.eat_word("UTF8") {
            return Ok(None);
        }
        self.cursor.space()?;
        self.cursor.expect(b'(', "octets in parentheses")?;
        message_literal(self.cursor.rest(), true).map(Some)
    }

    fn utf8_end(&mut self) -> Parsed<()> {
        self.cursor.expect(b')', "the end of UTF8")
    }

    /// A message is complete: another one follows (RFC 3502), or nothing.
    fn end_of_message(&mut self) -> Read {
        self.steps.push(Step::End);
        let mut ahead = self.cursor.clone();
        if ahead.end().is_ok() {
            return Ok((Follows::Nothing, Place::Whole));
        }
        match self.many {
            true => self.message(),
            false => Err(Malformed::Expected("the end of the command")),
        }
    }

    fn catenate(&mut self, parts: usize) -> Read {
        let mut parts = parts;
        loop {
            if parts > 0 {
                if self.cursor.eat(b')') {
                    return self.end_of_message();
                }
                self.cursor.space()?;
            }
            parts += 1;
            if parts > PARTS_MAX {
                return Err(Malformed::TooMany("parts of a message"));
            }
            if self.cursor.eat_word("TEXT") {
                self.cursor.space()?;
                let literal8 = self.cursor.offers(Capability::Binary);
                let literal = message_literal(self.cursor.rest(), literal8)?;
                return Ok((Follows::Octets(literal), Place::Catenate(parts)));
            }
            if let Some(literal) = self.utf8_literal()? {
                return Ok((Follows::Octets(literal), Place::CatenateUtf8(parts)));
            }
            if !self.cursor.eat_word("URL") {
                return Err(Malformed::Expected("TEXT or URL"));
            }
            self.cursor.space()?;
            if let Some(literal) = announcement(self.cursor.rest(), false) {
                return Ok((Follows::Argument(literal), Place::Catenate(parts)));
            }
            let url = self.cursor.astring("a URL")?.into_owned();
            self.steps.push(Step::Url(url));
        }
    }
}

impl Item {
    fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut flags = Vec::new();
        if cursor.peek() == Some(b'(') {
            flags = Flag::parse_list(cursor)?;
            cursor.space()?;
        }
        let mut date = None;
        if cursor.peek() == Some(b'"') {
            date = Some(DateAndTime::parse(cursor)?);
            cursor.space()?;
        }
        Ok(Self { flags, date })
    }
}

fn message_literal(rest: &[u8], literal8: bool) -> Parsed<Announced> {
    announcement(rest, literal8).ok_or(Malformed::Expected("a message literal"))
}

fn is_announcement(rest: &[u8], literal8: bool) -> bool {
    announcement(rest, literal8).is_some()
}

/// The announcement of a literal, or where allowed of a literal8 (`~{n}`), if the text consists of one.
fn announcement(rest: &[u8], literal8: bool) -> Option<Announced> {
    let plain = match rest.strip_prefix(b"~") {
        Some(plain) if literal8 => plain,
        Some(_) => return None,
        None => rest,
    };
    let alone = plain.first() == Some(&b'{') && !plain.contains(&b' ');
    announced(plain).filter(|_| alone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn start(text: &str) -> Option<Parsed<Start<'_>>> {
        Start::parse(text.as_bytes(), Dialect::default())
    }

    fn piece(place: Place, text: &str) -> Parsed<Piece> {
        let dialect = Dialect {
            utf8: true,
            ..Dialect::default()
        };
        Piece::parse(place, true, text.as_bytes(), dialect)
    }

    fn literal(octets: u64) -> Follows {
        Follows::Octets(Announced {
            octets,
            synchronising: true,
        })
    }

    fn url(text: &str) -> Step {
        Step::Url(text.as_bytes().to_vec())
    }

    #[test]
    fn the_announcement_of_a_message_is_told_from_that_of_a_name() {
        assert_eq!(start("a APPEND {5}"), None);
        assert_eq!(start("a REPLACE 4 {5}"), None);
        assert_eq!(start("a LOGIN x {5}"), None);
        let name = start("a APPEND {5}\r\ninbox (\\Seen) {310}").unwrap();
        let name = name.unwrap();
        assert_eq!(name.mailbox, "INBOX");
        assert_eq!(name.rest, b" (\\Seen) {310}");
        let replace = start("a uid replace 2000 Drafts (\\Seen \\Draft) {350}").unwrap();
        assert!(replace.unwrap().replaced.is_some());
        assert!(start("a REPLACE 4,5 Drafts {5}").unwrap().is_err());
        assert!(start("a REPLACE 4").unwrap().is_err());
    }

    #[test]
    fn a_message_may_come_in_one_literal() {
        let first = piece(
            Place::First,
            " (\\Seen) \"17-Jul-1996 02:44:25 -0700\" ~{3+}",
        );
        let first = first.unwrap();
        let [Step::Begin(item)] = first.steps.as_slice() else {
            panic!("{first:?}");
        };
        assert!(item.date.is_some() && item.flags.len() == 1);
        assert_eq!(first.place, Place::Whole);
        let last = piece(Place::Whole, "").unwrap();
        assert_eq!(
            (last.steps, last.follows),
            (vec![Step::End], Follows::Nothing)
        );
        let next = piece(Place::Whole, " {4}").unwrap();
        assert!(matches!(next.steps.as_slice(), [Step::End, Step::Begin(_)]));
    }

    #[test]
    fn the_examples_of_rfc_4469_are_read() {
        let one = " (\\Seen \\Draft $MDNSent) CATENATE (URL \"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER\" TEXT {42}";
        let one = piece(Place::First, one).unwrap();
        let header = url("/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER");
        assert_eq!(one.steps[1], header);
        assert_eq!((one.follows, one.place), (literal(42), Place::Catenate(2)));
        let two = piece(Place::Catenate(2), " URL \"a\" URL b TEXT {44}").unwrap();
        assert_eq!(two.steps, [url("a"), url("b")]);
        let three = piece(Place::Catenate(5), ")").unwrap();
        assert_eq!(
            (three.steps, three.follows),
            (vec![Step::End], Follows::Nothing)
        );
        let several = piece(Place::Catenate(5), ") (\\Seen) {7}").unwrap();
        assert!(matches!(
            several.steps.as_slice(),
            [Step::End, Step::Begin(_)]
        ));
    }

    #[test]
    fn a_url_in_a_literal_is_an_argument() {
        let announced = piece(Place::First, " CATENATE (URL {3}").unwrap();
        assert!(matches!(announced.follows, Follows::Argument(_)));
        let gathered = piece(Place::First, " CATENATE (URL {3}\r\nabc)").unwrap();
        assert_eq!(gathered.steps[1..], [url("abc"), Step::End]);
    }

    #[test]
    fn utf8_has_a_literal8_in_parentheses() {
        let first = piece(Place::First, " UTF8 (~{5}").unwrap();
        assert_eq!((first.follows, first.place), (literal(5), Place::Utf8));
        assert_eq!(piece(Place::Utf8, ")").unwrap().steps, [Step::End]);
        assert!(piece(Place::Utf8, "").is_err());
    }

    #[test]
    fn wrong_text_is_refused() {
        for text in [
            " (\\Recent) {1}",
            " y {1}",
            " (a){1}",
            " CATENATE () {1}",
            " CATENATE (TEXT \"x\")",
            " CATENATE (URL)",
            " CATENATE (FOO {1}",
            " CATENATE {1}",
            "",
        ] {
            assert!(piece(Place::First, text).is_err(), "{text}");
        }
        for text in ["x", " x", ")"] {
            assert!(piece(Place::Whole, text).is_err(), "{text}");
        }
        let one = Piece::parse(Place::Whole, false, b" {4}", Dialect::default());
        assert!(one.is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[ (){}~\"0-9A-Zurltexcna/;=+\r\n\\\\]{0,80}", place in 0usize..4) {
            let place = [Place::First, Place::Whole, Place::Catenate(1), Place::Utf8][place];
            let _ = piece(place, &text);
            let _ = start(&format!("a REPLACE {text}"));
            let _ = start(&format!("a APPEND {text}"));
        }
    }
}
