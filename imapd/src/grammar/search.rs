//! SEARCH: return options, charset and keys (RFC 3501 §6.4.4, RFC 4731, RFC 5032, RFC 7162 §3.1.5).
//!
//! Keys become a tree whose depth and size are bounded, so that every walk over it may recurse.
//! Strings become text at once: US-ASCII and UTF-8 are the charsets; another one is [`Malformed::Charset`].

use super::capability::Capability;
use super::cursor::{Cursor, Malformed, Parsed};
use super::date::Day;
use super::flag::{SystemFlag, parse_keyword};
use super::sequence::SequenceSet;

/// Deepest nesting of NOT, OR and parentheses.
const DEPTH_MAX: usize = 50;
/// Most keys in one SEARCH.
const KEYS_MAX: usize = 10_000;

/// One search key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// ALL
    All,
    /// All of these.
    And(Vec<Self>),
    /// OR
    Or(Box<(Self, Self)>),
    /// NOT
    Not(Box<Self>),
    /// Message numbers.
    Sequence(SequenceSet),
    /// UID
    Uid(SequenceSet),
    /// ANSWERED, SEEN and so on; UNSEEN and its kind are `Not` of these.
    Flag(SystemFlag),
    /// KEYWORD
    Keyword(String),
    /// RECENT
    Recent,
    /// BEFORE: internal date earlier than the day.
    Before(Day),
    /// ON
    On(Day),
    /// SINCE
    Since(Day),
    /// SENTBEFORE: the same of the Date field.
    SentBefore(Day),
    /// SENTON
    SentOn(Day),
    /// SENTSINCE
    SentSince(Day),
    /// OLDER (RFC 5032): internal date at least so many seconds ago.
    Older(u32),
    /// YOUNGER (RFC 5032)
    Younger(u32),
    /// LARGER, in octets.
    Larger(u64),
    /// SMALLER
    Smaller(u64),
    /// MODSEQ (RFC 7162); the entry name is read and ignored, as §3.1.5 orders for one mod-sequence a message.
    ModSeq(u64),
    /// BCC, CC, FROM, SUBJECT, TO and HEADER: a field's name, and text in it. Empty text asks for the field itself.
    Header(String, String),
    /// BODY
    Body(String),
    /// TEXT
    Text(String),
}

/// RETURN (…) (RFC 4731 §3.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReturnOptions {
    /// MIN
    pub min: bool,
    /// MAX
    pub max: bool,
    /// ALL
    pub all: bool,
    /// COUNT
    pub count: bool,
}

/// SEARCH or UID SEARCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// None: the answer is a SEARCH response; otherwise ESEARCH.
    pub returns: Option<ReturnOptions>,
    /// What to find.
    pub key: Key,
}

impl Search {
    /// Reads everything after `SEARCH SP`.
    pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let returns = if cursor.eat_word_of(Capability::ESearch, "RETURN") {
            cursor.space()?;
            let returns = parse_returns(cursor)?;
            cursor.space()?;
            Some(returns)
        } else {
            None
        };
        if cursor.eat_word("CHARSET") {
            cursor.space()?;
            let charset = cursor.text("a charset")?;
            if !["US-ASCII", "UTF-8"]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&charset))
            {
                return Err(Malformed::Charset);
            }
            cursor.space()?;
        }
        let mut reader = KeyReader { cursor, keys: 0 };
        let mut keys = vec![reader.key(0)?];
        while reader.cursor.peek() == Some(b' ')
            && reader.cursor.rest().iter().any(|&octet| octet != b' ')
        {
            reader.cursor.space()?;
            keys.push(reader.key(0)?);
        }
        Ok(Self {
            returns,
            key: all_of(keys),
        })
    }
}

fn parse_returns(cursor: &mut Cursor<'_>) -> Parsed<ReturnOptions> {
    let mut returns = ReturnOptions::default();
    let named = cursor.list_or_empty(|cursor| {
        match cursor.keyword("a result option")?.as_str() {
            "MIN" => returns.min = true,
            "MAX" => returns.max = true,
            "ALL" => returns.all = true,
            "COUNT" => returns.count = true,
            _ => return Err(Malformed::Expected("MIN, MAX, ALL or COUNT")),
        }
        Ok(())
    })?;
    // RFC 4731 §3.1: an empty list means ALL.
    returns.all |= named.is_empty();
    Ok(returns)
}

fn all_of(mut keys: Vec<Key>) -> Key {
    match (keys.len(), keys.pop()) {
        (1, Some(only)) => only,
        (_, Some(last)) => {
            keys.push(last);
            Key::And(keys)
        }
        (_, None) => Key::All,
    }
}

struct KeyReader<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    keys: usize,
}

impl KeyReader<'_, '_> {
    fn key(&mut self, depth: usize) -> Parsed<Key> {
        self.keys += 1;
        if depth >= DEPTH_MAX {
            return Err(Malformed::TooMany("levels of search keys"));
        }
        if self.keys > KEYS_MAX {
            return Err(Malformed::TooMany("search keys"));
        }
        match self.cursor.peek() {
            Some(b'(') => self.group(depth),
            Some(b'0'..=b'9' | b'*') => SequenceSet::parse(self.cursor).map(Key::Sequence),
            _ => self.named(depth),
        }
    }

    fn group(&mut self, depth: usize) -> Parsed<Key> {
        self.cursor.expect(b'(', "search keys")?;
        let mut keys = vec![self.key(depth + 1)?];
        while !self.cursor.eat(b')') {
            self.cursor.space()?;
            keys.push(self.key(depth + 1)?);
        }
        Ok(all_of(keys))
    }

    fn named(&mut self, depth: usize) -> Parsed<Key> {
        let name = self.cursor.keyword("a search key")?;
        if let Some(key) = flag_key(&name) {
            return Ok(key);
        }
        match name.as_str() {
            "ALL" => return Ok(Key::All),
            "RECENT" => return Ok(Key::Recent),
            "OLD" => return Ok(not(Key::Recent)),
            "NEW" => {
                return Ok(Key::And(vec![
                    Key::Recent,
                    not(Key::Flag(SystemFlag::Seen)),
                ]));
            }
            _ => self.cursor.space()?,
        }
        self.with_argument(&name, depth)
    }

    fn with_argument(&mut self, name: &str, depth: usize) -> Parsed<Key> {
        match name {
            "NOT" => self.key(depth + 1).map(not),
            "OR" => {
                let left = self.key(depth + 1)?;
                self.cursor.space()?;
                Ok(Key::Or(Box::new((left, self.key(depth + 1)?))))
            }
            "UID" => SequenceSet::parse(self.cursor).map(Key::Uid),
            "KEYWORD" => parse_keyword(self.cursor).map(Key::Keyword),
            "UNKEYWORD" => parse_keyword(self.cursor).map(Key::Keyword).map(not),
            "BEFORE" => Day::parse(self.cursor).map(Key::Before),
            "ON" => Day::parse(self.cursor).map(Key::On),
            "SINCE" => Day::parse(self.cursor).map(Key::Since),
            "SENTBEFORE" => Day::parse(self.cursor).map(Key::SentBefore),
            "SENTON" => Day::parse(self.cursor).map(Key::SentOn),
            "SENTSINCE" => Day::parse(self.cursor).map(Key::SentSince),
            "OLDER" if self.cursor.offers(Capability::Within) => {
                self.cursor.nz_number().map(Key::Older)
            }
            "YOUNGER" if self.cursor.offers(Capability::Within) => {
                self.cursor.nz_number().map(Key::Younger)
            }
            "LARGER" => self.cursor.number64().map(Key::Larger),
            "SMALLER" => self.cursor.number64().map(Key::Smaller),
            "MODSEQ" if self.cursor.offers(Capability::CondStore) => self.mod_seq(),
            "BCC" | "CC" | "FROM" | "SUBJECT" | "TO" => {
                self.text().map(|text| Key::Header(name.to_owned(), text))
            }
            "HEADER" => {
                let field = self.text()?;
                self.cursor.space()?;
                Ok(Key::Header(field, self.text()?))
            }
            "BODY" => self.text().map(Key::Body),
            "TEXT" => self.text().map(Key::Text),
            _ => Err(Malformed::Expected("a search key")),
        }
    }

    fn mod_seq(&mut self) -> Parsed<Key> {
        if self.cursor.peek() == Some(b'"') {
            self.cursor.string("an entry name")?;
            self.cursor.space()?;
            let kind = self.cursor.keyword("an entry type")?;
            if !["PRIV", "SHARED", "ALL"].contains(&kind.as_str()) {
                return Err(Malformed::Expected("priv, shared or all"));
            }
            self.cursor.space()?;
        }
        self.cursor.number64().map(Key::ModSeq)
    }

    fn text(&mut self) -> Parsed<String> {
        // Several clients send UTF-8 in a quoted string, or unquoted.
        match self.cursor.peek() {
            Some(b'"' | b'{') => self.cursor.text("text in UTF-8"),
            _ => {
                let word = self
                    .cursor
                    .take_while(|octet| super::cursor::is_astring_char(octet) || octet >= 0x80);
                let word = std::str::from_utf8(word)
                    .ok()
                    .filter(|word| !word.is_empty());
                word.map(str::to_owned)
                    .ok_or(Malformed::Expected("text in UTF-8"))
            }
        }
    }
}

fn not(key: Key) -> Key {
    Key::Not(Box::new(key))
}

fn flag_key(name: &str) -> Option<Key> {
    let (positive, name) = match name.strip_prefix("UN") {
        Some(rest) => (false, rest),
        None => (true, name),
    };
    let flag = match name {
        "ANSWERED" => SystemFlag::Answered,
        "DELETED" => SystemFlag::Deleted,
        "DRAFT" => SystemFlag::Draft,
        "FLAGGED" => SystemFlag::Flagged,
        "SEEN" => SystemFlag::Seen,
        _ => return None,
    };
    Some(if positive {
        Key::Flag(flag)
    } else {
        not(Key::Flag(flag))
    })
}

impl Key {
    /// Whether any key satisfies `wanted`.
    pub fn any(&self, wanted: &impl Fn(&Self) -> bool) -> bool {
        wanted(self)
            || match self {
                Self::And(keys) => keys.iter().any(|key| key.any(wanted)),
                Self::Or(both) => both.0.any(wanted) || both.1.any(wanted),
                Self::Not(key) => key.any(wanted),
                _ => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed<Search> {
        let mut cursor = Cursor::new(text.as_bytes());
        let search = Search::parse(&mut cursor)?;
        cursor.end()?;
        Ok(search)
    }

    #[test]
    fn keys_form_a_tree() {
        let search = parse("FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"").unwrap();
        let Key::And(keys) = search.key else {
            unreachable!()
        };
        assert_eq!(keys.len(), 3);
        assert_eq!(keys[2], not(Key::Header("FROM".into(), "Smith".into())));
        assert!(
            parse("or seen (unseen 1:3)")
                .unwrap()
                .key
                .any(&|key| matches!(key, Key::Sequence(_)))
        );
        assert_eq!(
            parse("UNKEYWORD $Junk").unwrap().key,
            not(Key::Keyword("$Junk".into()))
        );
        assert_eq!(
            parse("MODSEQ \"/flags/\\\\draft\" all 620162338")
                .unwrap()
                .key,
            Key::ModSeq(620_162_338)
        );
    }

    #[test]
    fn return_options_are_read() {
        assert!(parse("RETURN () ALL").unwrap().returns.unwrap().all);
        let returns = parse("RETURN (MIN COUNT) CHARSET UTF-8 SUBJECT {6}\r\nGr\u{fc}\u{df}e")
            .map(|s| s.returns);
        assert!(returns.is_err(), "the literal is torn");
        let returns = parse("RETURN (MIN COUNT) CHARSET UTF-8 SUBJECT {7}\r\nGr\u{fc}\u{df}e")
            .unwrap()
            .returns
            .unwrap();
        assert!(returns.min && returns.count && !returns.all && !returns.max);
    }

    #[test]
    fn other_charsets_are_refused_as_such() {
        assert_eq!(parse("CHARSET KOI8-R ALL").unwrap_err(), Malformed::Charset);
    }

    #[test]
    fn nesting_is_bounded() {
        for deep in ["NOT ".repeat(100), "(".repeat(100), "OR ".repeat(100)] {
            assert_eq!(
                parse(&format!("{deep}ALL")).unwrap_err(),
                Malformed::TooMany("levels of search keys")
            );
        }
        assert!(parse(&format!("{}ALL", "NOT ".repeat(40))).is_ok());
    }

    #[test]
    fn wrong_keys_are_refused() {
        for text in [
            "",
            "FOO",
            "NOT",
            "OR ALL",
            "(ALL",
            "ALL)",
            "SINCE 31-Feb-1994",
            "LARGER x",
            "HEADER Subject",
            "()",
            "OLDER 0",
            "RETURN (FOO) ALL",
            "UID",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
