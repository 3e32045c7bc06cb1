//! SEARCH: return options, charset and keys (RFC 3501 §6.4.4, RFC 4731, RFC 5032, RFC 5182, RFC 5267, RFC 6203, RFC 7162 §3.1.5, RFC 7377,
//! RFC 9394).
//!
//! Keys become a tree whose depth and size are bounded, so that every walk over it may recurse.
//! Strings become text at once: US-ASCII and UTF-8 are the charsets; another one is [`Malformed::Charset`].

use super::capability::Capability;
use super::cursor::{Cursor, Malformed, Parsed};
use super::date::Day;
use super::fetch::Fetch;
use super::flag::{SystemFlag, parse_keyword};
use super::partial::PartialRange;
use super::sequence::{Ranges, SequenceSet};
use super::source::Source;

/// Deepest nesting of NOT, OR and parentheses.
const DEPTH_MAX: usize = 50;
/// Most keys in one SEARCH.
const KEYS_MAX: usize = 10_000;
/// Most texts that one SEARCH looks for fuzzily (RFC 6203 §8).
const FUZZY_TEXTS_MAX: usize = 32;
/// Longest object identifier (RFC 8474 §7).
const OBJECT_ID_OCTETS_MAX: usize = 255;

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
    /// FUZZY (RFC 6203)
    Fuzzy(Box<Self>),
    /// Message numbers.
    Sequence(SequenceSet),
    /// UID
    Uid(SequenceSet),
    /// Messages by UIDs that are known already; not written by clients.
    Known(Ranges),
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
    /// SAVEDBEFORE (RFC 8514): save date earlier than the day.
    SavedBefore(Day),
    /// SAVEDON
    SavedOn(Day),
    /// SAVEDSINCE
    SavedSince(Day),
    /// EMAILID (RFC 8474 §5.3)
    EmailId(String),
    /// THREADID (RFC 8474 §5.3)
    ThreadId(String),
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

/// RETURN (…) (RFC 4731 §3.1, RFC 5182, RFC 5267 §4, RFC 6203 §4, RFC 9394 §3.1).
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
    /// PARTIAL
    pub partial: Option<PartialRange>,
    /// RELEVANCY
    pub relevancy: bool,
    /// SAVE
    pub save: bool,
    /// UPDATE
    pub update: bool,
    /// CONTEXT, a hint that changes nothing here.
    pub context: bool,
}

impl ReturnOptions {
    /// What an empty list, or none where there must be one, means (RFC 4731 §3.1, RFC 9051 §6.4.4).
    pub const ALL: Self = Self {
        min: false,
        max: false,
        all: true,
        count: false,
        partial: None,
        relevancy: false,
        save: false,
        update: false,
        context: false,
    };

    /// Reads `RETURN (…)` of SEARCH and the space behind it, if it stands there, and what UPDATE asks to be told of new messages.
    pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<(Option<Self>, Option<Fetch>)> {
        match cursor.dialect().has_search_options() && cursor.eat_word("RETURN") {
            true => Self::parse_list(cursor, Capability::ESearch, Capability::ContextSearch),
            false => Ok((None, None)),
        }
    }

    /// The same of SORT.
    pub fn parse_for_sort(cursor: &mut Cursor<'_>) -> Parsed<(Option<Self>, Option<Fetch>)> {
        let (plain, contexts) = (Capability::ESort, Capability::ContextSort);
        let offered = cursor.offers(plain) || cursor.offers(contexts);
        match offered && cursor.eat_word("RETURN") {
            true => Self::parse_list(cursor, plain, contexts),
            false => Ok((None, None)),
        }
    }

    fn parse_list(
        cursor: &mut Cursor<'_>,
        plain: Capability,
        contexts: Capability,
    ) -> Parsed<(Option<Self>, Option<Fetch>)> {
        let (plain, contexts) = (cursor.offers(plain), cursor.offers(contexts));
        cursor.space()?;
        let mut returns = Self::default();
        let mut fetch = None;
        let named = cursor.list_or_empty(|cursor| {
            returns.parse_one(cursor, plain, contexts)?;
            if returns.update && fetch.is_none() {
                fetch = parse_update(cursor)?;
            }
            Ok(())
        })?;
        cursor.space()?;
        if named.is_empty() && plain {
            return Ok((Some(Self::ALL), None));
        }
        // RFC 5267 §4.4: "either one PARTIAL, one ALL, or neither".
        if named.is_empty() || (returns.all && returns.partial.is_some()) {
            return Err(Malformed::Expected("either ALL or PARTIAL"));
        }
        Ok((Some(returns), fetch))
    }

    fn parse_one(&mut self, cursor: &mut Cursor<'_>, plain: bool, contexts: bool) -> Parsed<()> {
        match cursor.keyword("a result option")?.as_str() {
            "MIN" if plain => self.min = true,
            "MAX" if plain => self.max = true,
            "ALL" if plain => self.all = true,
            "COUNT" if plain => self.count = true,
            "RELEVANCY" if plain && cursor.offers(Capability::SearchFuzzy) => self.relevancy = true,
            "SAVE" if cursor.offers(Capability::SearchRes) => self.save = true,
            "UPDATE" if contexts => self.update = true,
            "CONTEXT" if contexts => self.context = true,
            "PARTIAL" if contexts || cursor.offers(Capability::Partial) => {
                cursor.space()?;
                if self.partial.replace(PartialRange::parse(cursor)?).is_some() {
                    return Err(Malformed::Expected("one PARTIAL"));
                }
            }
            _ => return Err(Malformed::Expected("a result option of this server")),
        }
        Ok(())
    }

    /// Whether anything is to be told. RFC 5182 §1: SAVE alone "suppresses any SEARCH response"; UPDATE and CONTEXT ask for nothing now.
    pub fn tell(&self) -> bool {
        self.min || self.max || self.all || self.count || self.partial.is_some() || self.relevancy
    }

    /// RFC 6203 §4: RELEVANCY "MUST NOT be used unless a FUZZY search key is also given".
    pub fn fit(&self, key: &Key) -> Parsed<()> {
        if self.relevancy && !key.is_fuzzy() {
            return Err(Malformed::Expected("FUZZY, for RELEVANCY"));
        }
        Ok(())
    }
}

/// What is to be told of new results: data items may stand after UPDATE (RFC 5465 §7).
fn parse_update(cursor: &mut Cursor<'_>) -> Parsed<Option<Fetch>> {
    let mut ahead = cursor.clone();
    if !cursor.offers(Capability::Notify) || ahead.space().is_err() || ahead.peek() != Some(b'(') {
        return Ok(None);
    }
    cursor.space()?;
    Fetch::parse_list(cursor).map(Some)
}

/// SEARCH, UID SEARCH, or ESEARCH (RFC 7377).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// None: the answer is a SEARCH response; otherwise ESEARCH.
    pub returns: Option<ReturnOptions>,
    /// What UPDATE asks to be told of new results (RFC 5465 §7).
    pub fetch: Option<Fetch>,
    /// What to find.
    pub key: Key,
}

impl Search {
    /// Reads everything after `SEARCH SP`.
    pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let (returns, fetch) = ReturnOptions::parse(cursor)?;
        if cursor.eat_word("CHARSET") {
            cursor.space()?;
            parse_charset(cursor).map_err(|error| error.of_search(returns))?;
            cursor.space()?;
        }
        let key = parse_keys(cursor)?;
        returns.map_or(Ok(()), |returns| returns.fit(&key))?;
        Ok(Self {
            returns,
            fetch,
            key,
        })
    }
}

/// ESEARCH: a search in mailboxes of choice (RFC 7377 §2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultiSearch {
    /// Where to search.
    pub sources: Vec<Source>,
    /// What for.
    pub search: Search,
}

impl MultiSearch {
    /// Reads everything after `ESEARCH SP`. Without sources, the selected mailbox is searched.
    pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let sources = if cursor.eat_word("IN") {
            cursor.space()?;
            let sources = Source::parse_all(cursor)?;
            cursor.space()?;
            sources
        } else {
            vec![Source::Selected]
        };
        let search = Search::parse(cursor)?;
        Ok(Self { sources, search })
    }
}

/// Reads the name of a charset, which must be one of ours.
pub fn parse_charset(cursor: &mut Cursor<'_>) -> Parsed<()> {
    let charset = cursor.text("a charset")?;
    // "UTF8" is no registered name, and sent all the same.
    let known = ["US-ASCII", "UTF-8", "UTF8"];
    if known
        .iter()
        .any(|known| known.eq_ignore_ascii_case(&charset))
    {
        Ok(())
    } else {
        Err(Malformed::Charset { saves: false })
    }
}

impl Malformed {
    /// The same, of a search with these options: RFC 5182 §2.1 has a search that was to save its result, and fails, save nothing.
    pub fn of_search(self, returns: Option<ReturnOptions>) -> Self {
        match self {
            Self::Charset { .. } => Self::Charset {
                saves: returns.is_some_and(|returns| returns.save),
            },
            other => other,
        }
    }
}

/// Reads one search key or more, to the end of the command.
pub fn parse_keys(cursor: &mut Cursor<'_>) -> Parsed<Key> {
    let mut reader = KeyReader { cursor, keys: 0 };
    let mut keys = vec![reader.key(0)?];
    while reader.cursor.peek() == Some(b' ')
        && reader.cursor.rest().iter().any(|&octet| octet != b' ')
    {
        reader.cursor.space()?;
        keys.push(reader.key(0)?);
    }
    let key = all_of(keys);
    if key.fuzzy_texts(false) > FUZZY_TEXTS_MAX {
        return Err(Malformed::TooMany("fuzzy texts"));
    }
    Ok(key)
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
            Some(b'0'..=b'9' | b'*' | b'$') => SequenceSet::parse(self.cursor).map(Key::Sequence),
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
            // RFC 8514 §4.3: all messages of a mailbox that knows save dates, as ours all do.
            "SAVEDATESUPPORTED" if self.cursor.offers(Capability::SaveDate) => return Ok(Key::All),
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
            "FUZZY" if self.cursor.offers(Capability::SearchFuzzy) => {
                self.key(depth + 1).map(|key| Key::Fuzzy(Box::new(key)))
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
            "SAVEDBEFORE" if self.cursor.offers(Capability::SaveDate) => {
                Day::parse(self.cursor).map(Key::SavedBefore)
            }
            "SAVEDON" if self.cursor.offers(Capability::SaveDate) => {
                Day::parse(self.cursor).map(Key::SavedOn)
            }
            "SAVEDSINCE" if self.cursor.offers(Capability::SaveDate) => {
                Day::parse(self.cursor).map(Key::SavedSince)
            }
            "EMAILID" if self.cursor.offers(Capability::ObjectId) => {
                self.object_id().map(Key::EmailId)
            }
            "THREADID" if self.cursor.offers(Capability::ObjectId) => {
                self.object_id().map(Key::ThreadId)
            }
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

    /// `objectid = 1*255(ALPHA / DIGIT / "_" / "-")` (RFC 8474 §7)
    fn object_id(&mut self) -> Parsed<String> {
        let id = self
            .cursor
            .take_while(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-'));
        if (1..=OBJECT_ID_OCTETS_MAX).contains(&id.len()) {
            Ok(String::from_utf8_lossy(id).into_owned())
        } else {
            Err(Malformed::Expected("an object identifier"))
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
    /// Whether messages are named by their numbers; `$` is no number.
    pub fn names_numbers(&self) -> bool {
        self.any(&|key| matches!(key, Self::Sequence(set) if !set.is_saved()))
    }

    /// Whether anything is to be matched fuzzily.
    pub fn is_fuzzy(&self) -> bool {
        self.any(&|key| matches!(key, Self::Fuzzy(_)))
    }

    /// How many texts are to be matched fuzzily.
    fn fuzzy_texts(&self, fuzzy: bool) -> usize {
        match self {
            Self::And(keys) => keys.iter().map(|key| key.fuzzy_texts(fuzzy)).sum(),
            Self::Or(both) => both.0.fuzzy_texts(fuzzy) + both.1.fuzzy_texts(fuzzy),
            Self::Not(key) => key.fuzzy_texts(fuzzy),
            Self::Fuzzy(key) => key.fuzzy_texts(true),
            Self::Header(..) | Self::Body(_) | Self::Text(_) => usize::from(fuzzy),
            _ => 0,
        }
    }

    /// Whether any key satisfies `wanted`.
    pub fn any(&self, wanted: &impl Fn(&Self) -> bool) -> bool {
        wanted(self)
            || match self {
                Self::And(keys) => keys.iter().any(|key| key.any(wanted)),
                Self::Or(both) => both.0.any(wanted) || both.1.any(wanted),
                Self::Not(key) | Self::Fuzzy(key) => key.any(wanted),
                _ => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::capability::Capabilities;
    use crate::grammar::dialect::Dialect;

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
        assert_eq!(
            parse("CHARSET KOI8-R ALL").unwrap_err(),
            Malformed::Charset { saves: false }
        );
        assert_eq!(
            parse("RETURN (SAVE COUNT) CHARSET KOI8-R (OR $ 1,3000:3021) TEXT {4}\r\n\u{e9}\u{e9}")
                .unwrap_err(),
            Malformed::Charset { saves: true }
        );
    }

    #[test]
    fn the_options_of_extensions_are_read_where_they_are_offered() {
        let returns = parse("RETURN (PARTIAL -1:-100 SAVE UPDATE CONTEXT) $")
            .unwrap()
            .returns
            .unwrap();
        assert!(returns.save && returns.update && returns.context && !returns.all);
        assert!(
            !parse("RETURN (SAVE UPDATE) ALL")
                .unwrap()
                .returns
                .unwrap()
                .tell()
        );
        for wrong in [
            "RETURN (ALL PARTIAL 1:2) ALL",
            "RETURN (PARTIAL 1:2 PARTIAL 1:2) ALL",
            "RETURN (PARTIAL) ALL",
            "RETURN (RELEVANCE) ALL",
            "$,1",
            "1,$",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        let plain = Dialect {
            offered: [Capability::ESearch].into_iter().collect(),
            ..Dialect::default()
        };
        for hidden in [
            "RETURN (SAVE) ALL",
            "RETURN (UPDATE) ALL",
            "RETURN (PARTIAL 1:2) ALL",
            "$",
        ] {
            let mut cursor = Cursor::speaking(hidden.as_bytes(), plain);
            assert!(Search::parse(&mut cursor).is_err(), "{hidden}");
        }
    }

    #[test]
    fn fuzzy_is_a_key_of_another_and_relevancy_needs_it() {
        let key = parse("FUZZY SUBJECT work FROM user@example.com")
            .unwrap()
            .key;
        let Key::And(keys) = key else { unreachable!() };
        assert!(matches!(&keys[0], Key::Fuzzy(key) if matches!(**key, Key::Header(..))));
        assert_eq!(keys.len(), 2);
        assert!(parse("FUZZY (1:5 NOT UNSEEN)").unwrap().key.names_numbers());
        let returns = parse("RETURN (RELEVANCY ALL) OR SEEN NOT FUZZY TEXT Helo").unwrap();
        assert!(returns.returns.unwrap().relevancy);
        for wrong in ["RETURN (RELEVANCY) ALL", "FUZZY", "FUZZY )"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        let texts = |count| format!("FUZZY ({})", ["TEXT x"; 64][..count].join(" "));
        assert!(parse(&texts(FUZZY_TEXTS_MAX)).is_ok());
        assert_eq!(
            parse(&texts(FUZZY_TEXTS_MAX + 1)).unwrap_err(),
            Malformed::TooMany("fuzzy texts")
        );
        let mut cursor = Cursor::speaking(
            b"FUZZY ALL",
            Dialect {
                offered: Capabilities::ALL.without(Capability::SearchFuzzy),
                ..Dialect::default()
            },
        );
        assert!(Search::parse(&mut cursor).is_err());
    }

    #[test]
    fn a_search_in_many_mailboxes_names_them_first() {
        let parse = |text: &str| MultiSearch::parse(&mut Cursor::new(text.as_bytes()));
        let search = parse("IN (mailboxes \"folder1\" subtree \"folder2\") unseen").unwrap();
        assert_eq!(search.sources.len(), 2);
        assert!(search.search.returns.is_none());
        assert_eq!(
            parse("FROM \"frobozz\" 1:100").unwrap().sources,
            [Source::Selected]
        );
        assert!(parse("IN (personal) RETURN (COUNT MIN) CHARSET UTF-8 TEXT x").is_ok());
        assert!(parse("RETURN (COUNT) IN (personal) ALL").is_err());
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
