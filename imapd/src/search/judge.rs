//! Judges one message by what is known of it so far. What cannot be known yet is open, and stays open only if the
//! keys that can be judged do not decide.

use std::borrow::Cow;
use std::cell::OnceCell;

use bytes::Bytes;
use store::Entry;
use store::mime::decode::encoded_words;
use store::mime::search::{Scope, pieces};
use store::mime::{EncodedIndex, MessageIndex};

use super::program::{Program, Test};
use super::score::Score;
use super::sought::Sought;
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
pub fn judge(program: &Program, known: &Known) -> Option<Score> {
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
    fn judge(&self, test: &Test) -> Option<Score> {
        let row = &self.known.row;
        let exactly = |matches| Some(Score::of(matches));
        match test {
            Test::Constant(value) => exactly(*value),
            Test::And(tests) => self.all(tests),
            Test::Or(tests) => self.any(tests),
            Test::Not(test) => self.judge(test).map(Score::negated),
            Test::Number(numbers) => exactly(numbers.contains(self.known.number)),
            Test::Uid(uids) => exactly(uids.contains(row.uid)),
            Test::Flag(flag) => exactly(row.flags.contains(*flag)),
            Test::Keyword(keyword) => exactly(row.keywords.contains(*keyword)),
            Test::Recent => exactly(self.known.recent),
            Test::ModSeq(modseq) => exactly(row.modseq >= *modseq),
            Test::Larger(_)
            | Test::Smaller(_)
            | Test::Day(_)
            | Test::SavedDay(_)
            | Test::EmailId(_)
            | Test::Older(_)
            | Test::Younger(_) => self.by_entry(test),
            Test::SentDay(days) => {
                let index = self.index()?;
                let score = index.sent.map(|sent| days.score(sent.day()));
                Some(score.unwrap_or(Score::NONE))
            }
            Test::Subject(sought)
            | Test::Header(_, sought)
            | Test::Body(sought)
            | Test::Text(sought)
                if self.program.rules_out(sought, row.uid) =>
            {
                Some(Score::NONE)
            }
            Test::Subject(sought) => self.subject(sought),
            Test::Header(name, sought) => self.header(name, sought),
            Test::Body(sought) => self.body(sought),
            Test::Text(sought) => self.text(sought),
        }
    }

    /// What cannot be read leaves the message open, until reading its texts tells the failure.
    fn index(&self) -> Option<MessageIndex<'_>> {
        self.known.index.as_ref()?.decode().ok()
    }

    /// The first failure decides; the dear tests come after the cheap ones by being open at first.
    fn all(&self, tests: &[Test]) -> Option<Score> {
        let mut verdict = Some(Score::EXACT);
        for test in tests {
            match self.judge(test) {
                Some(Score::NONE) => return Some(Score::NONE),
                score => verdict = verdict.zip(score).map(|(worst, score)| worst.min(score)),
            }
        }
        verdict
    }

    /// As long as one is open, another may still turn out better.
    fn any(&self, tests: &[Test]) -> Option<Score> {
        let mut verdict = Some(Score::NONE);
        for test in tests {
            match self.judge(test) {
                Some(Score::EXACT) => return Some(Score::EXACT),
                score => verdict = verdict.zip(score).map(|(best, score)| best.max(score)),
            }
        }
        verdict
    }

    fn by_entry(&self, test: &Test) -> Option<Score> {
        let entry = self.known.entry.as_ref()?;
        let date = entry.internal_date;
        Some(match test {
            Test::Larger(octets) => octets.below(entry.size),
            Test::Smaller(octets) => octets.above(entry.size),
            Test::Day(days) => days.score(Day::of(date.seconds, date.offset_minutes).0),
            // SAVEDATE is told in UTC, so that days are those of UTC.
            Test::SavedDay(days) => days.score(Day::of(entry.saved, 0).0),
            Test::EmailId(id) => {
                Score::of(id.strip_prefix('M') == Some(&entry.content().to_string()))
            }
            Test::Older(latest) => Score::of(date.seconds <= *latest),
            Test::Younger(earliest) => Score::of(date.seconds >= *earliest),
            _ => Score::NONE,
        })
    }

    fn subject(&self, sought: &Sought) -> Option<Score> {
        let index = self.index()?;
        let subject = index.envelope().subject.as_deref().map(encoded_words);
        Some(sought.score_in(subject.as_deref().into_iter()))
    }

    fn header(&self, name: &str, sought: &Sought) -> Option<Score> {
        let texts = self.texts_of(&[Scope::Header, Scope::Text])?;
        let header = texts.iter().find(|(is_own_header, _)| *is_own_header);
        let fields = header.iter().flat_map(|(_, text)| text.split('\n'));
        let fields = fields.filter_map(|field| field.split_once(':'));
        let named = fields.filter(|(known, _)| known.trim_end().eq_ignore_ascii_case(name));
        Some(sought.score_in(named.map(|(_, value)| value.trim())))
    }

    fn body(&self, sought: &Sought) -> Option<Score> {
        let texts = self.texts_of(&[Scope::Body, Scope::Text])?.iter();
        let texts = texts.filter(|(is_own_header, _)| !is_own_header);
        Some(sought.score_in(texts.map(|(_, text)| &**text)))
    }

    fn text(&self, sought: &Sought) -> Option<Score> {
        let texts = self.texts_of(&[Scope::Header, Scope::Text])?.iter();
        let score = sought.score_in(texts.map(|(_, text)| &**text));
        // The header alone can say yes, but not no.
        let decides = score == Score::EXACT || self.texts_of(&[Scope::Text]).is_some();
        decides.then_some(score)
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
