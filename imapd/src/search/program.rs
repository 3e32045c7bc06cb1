//! Search keys with all that is the same for every message worked out: sets resolved, keywords as bits, text folded,
//! days and ages as numbers.

use store::mime::Needle;
use store::{Flags, Keywords};

use crate::command::system_bit;
use crate::grammar::search::Key;
use crate::grammar::sequence::Ranges;
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
    Larger(u64),
    /// Fewer octets than.
    Smaller(u64),
    /// Internal date, as a day, within.
    Day(Days),
    /// Internal date at or before this second.
    Older(i64),
    /// Internal date at or after this second.
    Younger(i64),
    /// Date field, as a day, within.
    SentDay(Days),
    /// The subject of the envelope holds the text.
    Subject(Needle),
    /// A field of this name holds the text.
    Header(String, Needle),
    /// The body holds the text.
    Body(Needle),
    /// Header or body hold the text.
    Text(Needle),
}

/// Days from the first up to, and without, the last.
#[derive(Debug, Clone, Copy)]
pub struct Days {
    first: i64,
    end: i64,
}

impl Days {
    /// Whether the day is among them.
    pub fn contains(self, day: i64) -> bool {
        self.first <= day && day < self.end
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
    /// Whether a test of this level occurs.
    levels: Vec<Level>,
}

impl Program {
    /// Compiles `key`; `now` is in seconds since 1970.
    pub fn new(key: &Key, view: &View, now: i64) -> Self {
        let test = compile(key, view, now);
        let mut levels = Vec::new();
        collect_levels(&test, &mut levels);
        Self { test, levels }
    }

    /// Whether a test looks at data of this level.
    pub fn uses(&self, level: Level) -> bool {
        self.levels.contains(&level)
    }
}

fn collect_levels(test: &Test, levels: &mut Vec<Level>) {
    match test {
        Test::And(tests) | Test::Or(tests) => {
            tests.iter().for_each(|test| collect_levels(test, levels))
        }
        Test::Not(test) => collect_levels(test, levels),
        Test::Larger(_) | Test::Smaller(_) | Test::Day(_) | Test::Older(_) | Test::Younger(_) => {
            levels.push(Level::Entry)
        }
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

fn compile(key: &Key, view: &View, now: i64) -> Test {
    let days = |first, end| Days { first, end };
    match key {
        Key::All => Test::Constant(true),
        Key::And(keys) => Test::And(keys.iter().map(|key| compile(key, view, now)).collect()),
        Key::Or(both) => Test::Or(vec![
            compile(&both.0, view, now),
            compile(&both.1, view, now),
        ]),
        Key::Not(key) => Test::Not(Box::new(compile(key, view, now))),
        Key::Sequence(set) => Test::Number(set.resolve(view.exists())),
        Key::Uid(set) => Test::Uid(set.resolve(view.rows().last_uid().unwrap_or(0))),
        Key::Flag(flag) => Test::Flag(system_bit(*flag)),
        Key::Keyword(name) => keyword(name, view),
        Key::Recent => Test::Recent,
        Key::Before(day) => Test::Day(days(ALWAYS, day.0)),
        Key::On(day) => Test::Day(days(day.0, day.0 + 1)),
        Key::Since(day) => Test::Day(days(day.0, NEVER)),
        Key::SentBefore(day) => Test::SentDay(days(ALWAYS, day.0)),
        Key::SentOn(day) => Test::SentDay(days(day.0, day.0 + 1)),
        Key::SentSince(day) => Test::SentDay(days(day.0, NEVER)),
        Key::Older(seconds) => Test::Older(now.saturating_sub(i64::from(*seconds))),
        Key::Younger(seconds) => Test::Younger(now.saturating_sub(i64::from(*seconds))),
        Key::Larger(octets) => Test::Larger(*octets),
        Key::Smaller(octets) => Test::Smaller(*octets),
        Key::ModSeq(modseq) => Test::ModSeq(*modseq),
        // "The envelope structure's SUBJECT field" (RFC 3501 §6.4.4): a second Subject field, which no message may have, is not looked at.
        Key::Header(name, text) if name.eq_ignore_ascii_case("subject") => {
            Test::Subject(Needle::new(text))
        }
        Key::Header(name, text) => Test::Header(name.clone(), Needle::new(text)),
        Key::Body(text) => Test::Body(Needle::new(text)),
        Key::Text(text) => Test::Text(Needle::new(text)),
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
