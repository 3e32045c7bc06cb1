//! Judges one message by what is known of it so far. What cannot be known yet is open, and stays open only if the
//! keys that can be judged do not decide.

use std::borrow::Cow;
use std::cell::OnceCell;

use bytes::Bytes;
use store::Entry;
use store::mime::decode::encoded_words;
use store::mime::search::{Scope, pieces};
use store::mime::{EncodedIndex, MessageIndex, Needle};

use super::program::{Program, Test};
use crate::grammar::date::Day;
use crate::view::Row;

/// What is known of a message.
#[derive(Debug)]
pub struct Known {
    /// Its sequence number.
    pub number: u32,
    /// Its state.
    pub row: Row,
    /// Whether it is recent in this session.
    pub recent: bool,
    /// Its size and dates.
    pub entry: Option<Entry>,
    /// Its structure.
    pub index: Option<EncodedIndex>,
    /// Its octets, as far as they have been read.
    pub octets: Option<Octets>,
}

/// Octets of the pieces of a message that are text, in the order of [`pieces`].
#[derive(Debug)]
pub struct Octets {
    /// Which pieces.
    pub scope: Scope,
    /// Their octets; `None` where they could not be read.
    pub pieces: Vec<Option<Bytes>>,
}

/// Judges `known` by `program`; `None` is open.
pub fn judge(program: &Program, known: &Known) -> Option<bool> {
    Judge {
        program,
        known,
        texts: OnceCell::new(),
    }
    .judge(&program.test)
}

/// A decoded piece, and whether it is the message's own header.
type Text<'a> = (bool, Cow<'a, str>);

struct Judge<'a> {
    program: &'a Program,
    known: &'a Known,
    texts: OnceCell<Vec<Text<'a>>>,
}

impl<'a> Judge<'a> {
    fn judge(&self, test: &Test) -> Option<bool> {
        let row = &self.known.row;
        match test {
            Test::Constant(value) => Some(*value),
            Test::And(tests) => self.all(tests),
            Test::Or(tests) => self.any(tests),
            Test::Not(test) => self.judge(test).map(|value| !value),
            Test::Number(numbers) => Some(numbers.contains(self.known.number)),
            Test::Uid(uids) => Some(uids.contains(row.uid)),
            Test::Flag(flag) => Some(row.flags.contains(*flag)),
            Test::Keyword(keyword) => Some(row.keywords.contains(*keyword)),
            Test::Recent => Some(self.known.recent),
            Test::ModSeq(modseq) => Some(row.modseq >= *modseq),
            Test::Larger(_)
            | Test::Smaller(_)
            | Test::Day(_)
            | Test::SavedDay(_)
            | Test::EmailId(_)
            | Test::Older(_)
            | Test::Younger(_) => self.by_entry(test),
            Test::SentDay(days) => {
                let index = self.index()?;
                Some(index.sent.is_some_and(|sent| days.contains(sent.day())))
            }
            Test::Subject(sought)
            | Test::Header(_, sought)
            | Test::Body(sought)
            | Test::Text(sought)
                if self.program.rules_out(sought, row.uid) =>
            {
                Some(false)
            }
            Test::Subject(sought) => self.subject(&sought.needle),
            Test::Header(name, sought) => self.header(name, &sought.needle),
            Test::Body(sought) => self.body(&sought.needle),
            Test::Text(sought) => self.text(&sought.needle),
        }
    }

    /// What cannot be read leaves the message open, until reading its texts tells the failure.
    fn index(&self) -> Option<MessageIndex<'_>> {
        self.known.index.as_ref()?.decode().ok()
    }

    /// The first failure decides; the dear tests come after the cheap ones by being open at first.
    fn all(&self, tests: &[Test]) -> Option<bool> {
        let mut verdict = Some(true);
        for test in tests {
            match self.judge(test) {
                Some(false) => return Some(false),
                Some(true) => {}
                None => verdict = None,
            }
        }
        verdict
    }

    fn any(&self, tests: &[Test]) -> Option<bool> {
        let mut verdict = Some(false);
        for test in tests {
            match self.judge(test) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => verdict = None,
            }
        }
        verdict
    }

    fn by_entry(&self, test: &Test) -> Option<bool> {
        let entry = self.known.entry.as_ref()?;
        let date = entry.internal_date;
        Some(match test {
            Test::Larger(octets) => entry.size > *octets,
            Test::Smaller(octets) => entry.size < *octets,
            Test::Day(days) => days.contains(Day::of(date.seconds, date.offset_minutes).0),
            // SAVEDATE is told in UTC, so that days are those of UTC.
            Test::SavedDay(days) => days.contains(Day::of(entry.saved, 0).0),
            Test::EmailId(id) => id.strip_prefix('M') == Some(&entry.content().to_string()),
            Test::Older(latest) => date.seconds <= *latest,
            Test::Younger(earliest) => date.seconds >= *earliest,
            _ => false,
        })
    }

    fn subject(&self, needle: &Needle) -> Option<bool> {
        let index = self.index()?;
        let subject = index.envelope().subject.as_deref();
        Some(subject.is_some_and(|subject| needle.found_in(&encoded_words(subject))))
    }

    fn header(&self, name: &str, needle: &Needle) -> Option<bool> {
        let texts = self.texts_of(&[Scope::Header, Scope::Text])?;
        let header = texts.iter().find(|(is_own_header, _)| *is_own_header);
        let fields = header.iter().flat_map(|(_, text)| text.split('\n'));
        Some(
            fields
                .filter_map(|field| field.split_once(':'))
                .any(|(known, value)| {
                    known.trim_end().eq_ignore_ascii_case(name) && needle.found_in(value.trim())
                }),
        )
    }

    fn body(&self, needle: &Needle) -> Option<bool> {
        let texts = self.texts_of(&[Scope::Body, Scope::Text])?;
        Some(
            texts
                .iter()
                .any(|(is_own_header, text)| !is_own_header && needle.found_in(text)),
        )
    }

    fn text(&self, needle: &Needle) -> Option<bool> {
        if self.texts_of(&[Scope::Text]).is_none() {
            // The header alone can say yes, but not no.
            let texts = self.texts_of(&[Scope::Header])?;
            return texts
                .iter()
                .any(|(_, text)| needle.found_in(text))
                .then_some(true);
        }
        let texts = self.texts_of(&[Scope::Text])?;
        Some(texts.iter().any(|(_, text)| needle.found_in(text)))
    }

    /// The decoded pieces, if they were read with one of these scopes.
    fn texts_of(&self, scopes: &[Scope]) -> Option<&Vec<Text<'a>>> {
        let octets = self.known.octets.as_ref()?;
        if !scopes.contains(&octets.scope) {
            return None;
        }
        let index = self.index()?;
        Some(self.texts.get_or_init(|| decode(&index, octets)))
    }
}

fn decode<'a>(index: &MessageIndex<'_>, octets: &'a Octets) -> Vec<Text<'a>> {
    let pieces = pieces(index, octets.scope).zip(&octets.pieces);
    let read = pieces.filter_map(|(piece, octets)| Some((piece, octets.as_ref()?)));
    read.map(|(piece, octets)| (piece.is_own_header(), piece.text(octets)))
        .collect()
}
