//! Search keys with all that is the same for every message worked out: sets resolved, keywords as bits, text folded,
//! days and ages as numbers.

use std::sync::OnceLock;

use store::{Candidates, Flags, Keywords, TextTest};

use super::score::Score;
use super::sought::Sought;
use crate::command::system_bit;
use crate::grammar::date::Day;
use crate::grammar::search::Key;
use crate::grammar::sequence::Ranges;
use crate::session::progress::Progress;
use crate::view::View;

/// A compiled key.
#[derive(Debug)]
pub enum Test {
    /// Always, or never.
    Constant(bool),
    /// All of these.
    And(Vec<Self>),
    /// Any of these.
    Or(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// Sequence number among these.
    Number(Ranges),
    /// UID among these.
    Uid(Ranges),
    /// Has the flag.
    Flag(Flags),
    /// Has the keyword.
    Keyword(Keywords),
    /// Is recent in this session.
    Recent,
    /// Mod-sequence at least.
    ModSeq(u64),
    /// More octets than.
    Larger(Octets),
    /// Fewer octets than.
    Smaller(Octets),
    /// Internal date, as a day, within.
    Day(Days),
    /// Save date, as a day, within.
    SavedDay(Days),
    /// Has this EMAILID.
    EmailId(String),
    /// Internal date at or before this second.
    Older(i64),
    /// Internal date at or after this second.
    Younger(i64),
    /// Date field, as a day, within.
    SentDay(Days),
    /// The subject of the envelope holds the text.
    Subject(Sought),
    /// A field of this name holds the text.
    Header(String, Sought),
    /// The body holds the text.
    Body(Sought),
    /// Header or body hold the text.
    Text(Sought),
}

/// Days outside of those asked for that a fuzzy key finds, too.
const FUZZY_DAYS: u64 = 7;
/// The part of a size by which a fuzzy key finds what is smaller, or larger.
const FUZZY_SIZE_PART: u64 = 4;

/// Days from the first up to, and without, the last; and how far from them others still match.
#[derive(Debug, Clone, Copy)]
pub struct Days {
    first: i64,
    end: i64,
    leeway: u64,
}

impl Days {
    /// How well the day is among them.
    pub fn score(self, day: i64) -> Score {
        let before = self.first.saturating_sub(day);
        let after = day.saturating_sub(self.end).saturating_add(1);
        Score::outside(before.max(after).max(0).unsigned_abs(), self.leeway)
    }
}

/// A size, and how far from it others still match.
#[derive(Debug, Clone, Copy)]
pub struct Octets {
    octets: u64,
    leeway: u64,
}

impl Octets {
    fn new(octets: u64, fuzzy: bool) -> Self {
        let leeway = if fuzzy { octets / FUZZY_SIZE_PART } else { 0 };
        Self { octets, leeway }
    }

    /// How well the size is larger.
    pub fn below(self, size: u64) -> Score {
        Score::outside((self.octets + 1).saturating_sub(size), self.leeway)
    }

    /// How well the size is smaller.
    pub fn above(self, size: u64) -> Score {
        Score::outside((size + 1).saturating_sub(self.octets), self.leeway)
    }
}

/// The kinds of data that tests look at, from cheap to dear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What the view holds.
    Row,
    /// Size and internal date.
    Entry,
    /// The Date field and the subject, known by the index.
    Index,
    /// The header's text.
    Header,
    /// The body's text.
    Body,
}

/// A search, compiled for one view at one time.
#[derive(Debug)]
pub struct Program {
    /// The test.
    pub test: Test,
    /// How many messages have been judged.
    pub progress: Progress,
    /// Whether a test of this level occurs.
    levels: Vec<Level>,
    /// What to ask the full-text index.
    pub groups: Vec<Vec<TextTest>>,
    /// What it has answered of the messages that were open then: a program serves one scan.
    pub candidates: OnceLock<Candidates>,
}

impl Program {
    /// Compiles `key`; `now` is in seconds since 1970.
    pub fn new(key: &Key, view: &View, now: i64) -> Self {
        let compiler = Compiler {
            view,
            now,
            fuzzy: false,
        };
        let mut test = compiler.compile(key);
        let mut levels = Vec::new();
        collect_levels(&test, &mut levels);
        let mut groups = Vec::new();
        group(&mut test, &mut groups);
        Self {
            test,
            progress: Progress::default(),
            levels,
            groups,
            candidates: OnceLock::new(),
        }
    }

    /// Whether a test looks at data of this level.
    pub fn uses(&self, level: Level) -> bool {
        self.levels.contains(&level)
    }

    /// Whether the full-text index says that the message does not hold the text.
    pub fn rules_out(&self, sought: &Sought, uid: u32) -> bool {
        let Some(candidates) = self.candidates.get() else {
            return false;
        };
        let group = sought.group.and_then(|group| candidates.groups.get(group));
        let Some(Some(uids)) = group else {
            return false;
        };
        uid < candidates.below && uids.binary_search(&uid).is_err()
    }
}

/// Puts the texts that must all be in a message into one group, and each other text into one of its own. To say of a message that does not pass a group
/// that it holds none of its texts is not true of each text, but of what it is asked for: whether all are there.
fn group(test: &mut Test, groups: &mut Vec<Vec<TextTest>>) {
    match test {
        Test::And(tests) => {
            let together: Vec<TextTest> = tests.iter().flat_map(asked_of_index).collect();
            let number = (!together.is_empty()).then_some(groups.len());
            groups.extend(number.map(|_| together));
            for test in tests {
                match sought(test) {
                    Some(sought) => sought.group = number,
                    None => group(test, groups),
                }
            }
        }
        Test::Or(tests) => tests.iter_mut().for_each(|test| group(test, groups)),
        Test::Not(test) => group(test, groups),
        test => {
            let asked = asked_of_index(test);
            if let Some(sought) = sought(test).filter(|_| !asked.is_empty()) {
                sought.group = Some(groups.len());
                groups.push(asked);
            }
        }
    }
}

fn sought(test: &mut Test) -> Option<&mut Sought> {
    match test {
        Test::Subject(sought)
        | Test::Header(_, sought)
        | Test::Body(sought)
        | Test::Text(sought) => Some(sought),
        _ => None,
    }
}

/// What the index can be asked about a test; nothing if its text is too short.
fn asked_of_index(test: &Test) -> Vec<TextTest> {
    match test {
        Test::Subject(sought) => sought.asked_in_header(None),
        Test::Header(name, sought) => sought.asked_in_header(Some(name)),
        Test::Body(sought) => sought.asked_in_body(),
        Test::Text(sought) => sought.asked_in_text(),
        _ => Vec::new(),
    }
}

fn collect_levels(test: &Test, levels: &mut Vec<Level>) {
    match test {
        Test::And(tests) | Test::Or(tests) => {
            tests.iter().for_each(|test| collect_levels(test, levels))
        }
        Test::Not(test) => collect_levels(test, levels),
        Test::Larger(_)
        | Test::Smaller(_)
        | Test::Day(_)
        | Test::SavedDay(_)
        | Test::EmailId(_)
        | Test::Older(_)
        | Test::Younger(_) => levels.push(Level::Entry),
        Test::SentDay(_) | Test::Subject(_) => levels.push(Level::Index),
        Test::Header(..) => levels.push(Level::Header),
        Test::Body(_) | Test::Text(_) => levels.push(Level::Body),
        Test::Constant(_)
        | Test::Number(_)
        | Test::Uid(_)
        | Test::Flag(_)
        | Test::Keyword(_)
        | Test::Recent
        | Test::ModSeq(_) => {
            levels.push(Level::Row);
        }
    }
}

const ALWAYS: i64 = i64::MIN;
const NEVER: i64 = i64::MAX;

/// What is the same for all keys; and whether they are matched fuzzily. Those for which that says nothing here are matched exactly (RFC 6203 §5):
/// numbers, flags, identifiers, mod-sequences, and ages, which are given to the second.
#[derive(Clone, Copy)]
struct Compiler<'v> {
    view: &'v View,
    now: i64,
    fuzzy: bool,
}

impl Compiler<'_> {
    fn compile(self, key: &Key) -> Test {
        let (view, now) = (self.view, self.now);
        match key {
            Key::All => Test::Constant(true),
            Key::And(keys) => Test::And(keys.iter().map(|key| self.compile(key)).collect()),
            Key::Or(both) => Test::Or(vec![self.compile(&both.0), self.compile(&both.1)]),
            Key::Not(key) => Test::Not(Box::new(self.compile(key))),
            Key::Fuzzy(key) => Self {
                fuzzy: true,
                ..self
            }
            .compile(key),
            Key::Sequence(set) | Key::Uid(set) if set.is_saved() => Test::Uid(view.saved().clone()),
            Key::Known(uids) => Test::Uid(uids.clone()),
            Key::Sequence(set) => Test::Number(set.resolve(view.exists())),
            Key::Uid(set) => Test::Uid(set.resolve(view.rows().last_uid().unwrap_or(0))),
            Key::Flag(flag) => Test::Flag(system_bit(*flag)),
            Key::Keyword(name) => keyword(name, view),
            Key::Recent => Test::Recent,
            Key::EmailId(id) => Test::EmailId(id.clone()),
            // Who searches has asked the store which messages these are.
            Key::ThreadId(_) => Test::Constant(false),
            Key::Older(seconds) => Test::Older(now.saturating_sub(i64::from(*seconds))),
            Key::Younger(seconds) => Test::Younger(now.saturating_sub(i64::from(*seconds))),
            Key::Larger(octets) => Test::Larger(Octets::new(*octets, self.fuzzy)),
            Key::Smaller(octets) => Test::Smaller(Octets::new(*octets, self.fuzzy)),
            Key::ModSeq(modseq) => Test::ModSeq(*modseq),
            Key::Before(day) | Key::On(day) | Key::Since(day) => Test::Day(self.days(key, *day)),
            Key::SavedBefore(day) | Key::SavedOn(day) | Key::SavedSince(day) => {
                Test::SavedDay(self.days(key, *day))
            }
            Key::SentBefore(day) | Key::SentOn(day) | Key::SentSince(day) => {
                Test::SentDay(self.days(key, *day))
            }
            // "The envelope structure's SUBJECT field" (RFC 3501 §6.4.4): a second Subject field, which no message may have, is not looked at.
            Key::Header(name, text) if name.eq_ignore_ascii_case("subject") => {
                Test::Subject(self.sought(text))
            }
            Key::Header(name, text) => Test::Header(name.clone(), self.sought(text)),
            Key::Body(text) => Test::Body(self.sought(text)),
            Key::Text(text) => Test::Text(self.sought(text)),
        }
    }

    fn sought(self, text: &str) -> Sought {
        Sought::new(text, self.fuzzy)
    }

    fn days(self, key: &Key, day: Day) -> Days {
        let (first, end) = match key {
            Key::Before(_) | Key::SavedBefore(_) | Key::SentBefore(_) => (ALWAYS, day.0),
            Key::Since(_) | Key::SavedSince(_) | Key::SentSince(_) => (day.0, NEVER),
            _ => (day.0, day.0 + 1),
        };
        let leeway = if self.fuzzy { FUZZY_DAYS } else { 0 };
        Days { first, end, leeway }
    }
}

/// A keyword that the mailbox does not know is on no message.
fn keyword(name: &str, view: &View) -> Test {
    match view
        .keywords()
        .iter()
        .position(|known| known.eq_ignore_ascii_case(name))
    {
        Some(bit) => Test::Keyword(Keywords(1 << bit)),
        None => Test::Constant(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Test {
        Test::Body(Sought::new(text, false))
    }

    fn group_of(test: &Test) -> Option<usize> {
        match test {
            Test::Body(sought) => sought.group,
            Test::Not(test) => group_of(test),
            _ => None,
        }
    }

    #[test]
    fn texts_that_must_all_be_there_are_asked_for_together() {
        let denied = Test::Not(Box::new(body("charlie")));
        let mut test = Test::And(vec![body("alpha"), body("bravo"), body("x"), denied]);
        let mut groups = Vec::new();
        group(&mut test, &mut groups);
        let sizes: Vec<usize> = groups.iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 1]);
        let Test::And(tests) = &test else {
            unreachable!()
        };
        let numbers: Vec<Option<usize>> = tests.iter().map(group_of).collect();
        assert_eq!(numbers, [Some(0), Some(0), Some(0), Some(1)]);
    }

    #[test]
    fn either_of_two_texts_is_asked_for_by_itself_and_a_short_one_not_at_all() {
        let mut test = Test::Or(vec![body("alpha"), body("x"), body("bravo")]);
        let mut groups = Vec::new();
        group(&mut test, &mut groups);
        let Test::Or(tests) = &test else {
            unreachable!()
        };
        let numbers: Vec<Option<usize>> = tests.iter().map(group_of).collect();
        assert_eq!(numbers, [Some(0), None, Some(1)]);
    }

    #[test]
    fn the_index_rules_out_only_what_it_knows() {
        let sought = |group| {
            let mut sought = Sought::new("alpha", false);
            sought.group = group;
            sought
        };
        let program = Program {
            test: Test::Constant(true),
            progress: Progress::default(),
            levels: Vec::new(),
            groups: Vec::new(),
            candidates: OnceLock::new(),
        };
        assert!(!program.rules_out(&sought(Some(0)), 3));
        let candidates = Candidates {
            below: 10,
            groups: vec![Some(vec![2, 5]), None],
        };
        program.candidates.set(candidates).unwrap();
        assert!(program.rules_out(&sought(Some(0)), 3));
        assert!(!program.rules_out(&sought(Some(0)), 5));
        assert!(!program.rules_out(&sought(Some(0)), 10));
        assert!(!program.rules_out(&sought(Some(1)), 3));
        assert!(!program.rules_out(&sought(None), 3));
    }
    #[test]
    fn what_is_sought_fuzzily_has_a_leeway() {
        let days = |leeway| Days {
            first: 100,
            end: 102,
            leeway,
        };
        let scores = |days: Days| [93, 99, 100, 101, 102, 108].map(|day| days.score(day).value());
        assert_eq!(scores(days(0)), [0, 0, 100, 100, 0, 0]);
        assert_eq!(scores(days(7)), [12, 87, 100, 100, 87, 12]);
        let since = Days {
            first: 100,
            end: NEVER,
            leeway: 7,
        };
        assert_eq!(since.score(i64::MAX - 1), Score::EXACT);
        assert_eq!(since.score(i64::MIN), Score::NONE);
        let sizes = |fuzzy| {
            let octets = Octets::new(1000, fuzzy);
            [750, 900, 1000, 1001].map(|size| octets.below(size).value())
        };
        assert_eq!(sizes(false), [0, 0, 0, 100]);
        assert_eq!(sizes(true), [0, 59, 99, 100]);
        let above = |size| Octets::new(1000, true).above(size).value();
        assert_eq!([999, 1000, 1249, 1250].map(above), [100, 99, 1, 0]);
    }
}
