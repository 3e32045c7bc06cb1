//! ESEARCH responses: what searching found (RFC 4466 §2.6.2, RFC 4731, RFC 5267, RFC 6203, RFC 7377, RFC 9394).

use super::dialect::Dialect;
use super::partial::PartialRange;
use super::{mailbox, quote};

/// Numbers in the order of the results: runs of numbers that ascend by one, each with its first and its last.
///
/// `5,3:4` is five, three, four: a range always ascends (RFC 5267 §3.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing(Vec<(u32, u32)>);

impl Listing {
    /// Whether there is no number.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn push(&mut self, number: u32) {
        match self.0.last_mut() {
            Some(run) if run.1.checked_add(1) == Some(number) => run.1 = number,
            _ => self.0.push((number, number)),
        }
    }

    /// Writes `5,3:4`.
    pub fn encode(&self, into: &mut Vec<u8>) {
        for (place, &(first, last)) in self.0.iter().enumerate() {
            if place > 0 {
                into.push(b',');
            }
            quote::number(u64::from(first), into);
            if last > first {
                into.push(b':');
                quote::number(u64::from(last), into);
            }
        }
    }
}

impl FromIterator<u32> for Listing {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut listing = Self::default();
        for number in numbers {
            listing.push(number);
        }
        listing
    }
}

/// A change of the results that a client keeps up with (RFC 5267 §4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// ADDTO: positions in the results, and what is inserted there.
    AddTo(Vec<(u32, Listing)>),
    /// REMOVEFROM: positions in the results, and what is taken away from there.
    RemoveFrom(Vec<(u32, Listing)>),
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The tag of the command.
    pub tag: String,
    /// The mailbox and its UIDVALIDITY, where several are searched (RFC 7377 §2.1).
    pub mailbox: Option<(String, u32)>,
    /// Whether numbers are UIDs.
    pub uid: bool,
    /// MIN
    pub min: Option<u32>,
    /// MAX
    pub max: Option<u32>,
    /// COUNT
    pub count: Option<u32>,
    /// ALL
    pub all: Option<Listing>,
    /// PARTIAL
    pub partial: Option<(PartialRange, Listing)>,
    /// RELEVANCY: from 1 to 100 each, in the order of ALL or PARTIAL.
    pub relevancy: Option<Vec<u8>>,
    /// MODSEQ
    pub modseq: Option<u64>,
    /// ADDTO and REMOVEFROM
    pub updates: Vec<Update>,
}

impl Found {
    /// Writes the response without its line end.
    pub fn encode(&self, dialect: Dialect, into: &mut Vec<u8>) {
        self.encode_correlator(dialect, into);
        if self.uid {
            into.extend_from_slice(b" UID");
        }
        encode_number(" MIN ", self.min, into);
        encode_number(" MAX ", self.max, into);
        encode_number(" COUNT ", self.count, into);
        if let Some(all) = self.all.as_ref().filter(|all| !all.is_empty()) {
            into.extend_from_slice(b" ALL ");
            all.encode(into);
        }
        if let Some((range, listing)) = &self.partial {
            encode_partial(*range, listing, into);
        }
        if let Some(scores) = &self.relevancy {
            encode_relevancy(scores, into);
        }
        if let Some(modseq) = self.modseq {
            into.extend_from_slice(b" MODSEQ ");
            quote::number(modseq, into);
        }
        for update in &self.updates {
            encode_update(update, into);
        }
    }

    fn encode_correlator(&self, dialect: Dialect, into: &mut Vec<u8>) {
        // RFC 4731 §3.1 shows the tag as a quoted string, and at least one client knows no other form.
        into.extend_from_slice(b"ESEARCH (TAG \"");
        into.extend_from_slice(self.tag.as_bytes());
        into.push(b'"');
        if let Some((name, uid_validity)) = &self.mailbox {
            into.extend_from_slice(b" MAILBOX ");
            mailbox::encode(name, dialect, into);
            into.extend_from_slice(b" UIDVALIDITY ");
            quote::number(u64::from(*uid_validity), into);
        }
        into.push(b')');
    }
}

fn encode_number(name: &str, number: Option<u32>, into: &mut Vec<u8>) {
    if let Some(number) = number {
        into.extend_from_slice(name.as_bytes());
        quote::number(u64::from(number), into);
    }
}

fn encode_partial(range: PartialRange, listing: &Listing, into: &mut Vec<u8>) {
    into.extend_from_slice(b" PARTIAL (");
    range.encode(into);
    into.push(b' ');
    if listing.is_empty() {
        into.extend_from_slice(b"NIL");
    } else {
        listing.encode(into);
    }
    into.push(b')');
}

/// `score-list = "(" [score *(SP score)] ")"` (RFC 6203 §7)
fn encode_relevancy(scores: &[u8], into: &mut Vec<u8>) {
    into.extend_from_slice(b" RELEVANCY (");
    for (place, &score) in scores.iter().enumerate() {
        if place > 0 {
            into.push(b' ');
        }
        quote::number(u64::from(score), into);
    }
    into.push(b')');
}

fn encode_update(update: &Update, into: &mut Vec<u8>) {
    let (name, changes): (&[u8], _) = match update {
        Update::AddTo(changes) => (b" ADDTO (", changes),
        Update::RemoveFrom(changes) => (b" REMOVEFROM (", changes),
    };
    into.extend_from_slice(name);
    for (place, (position, listing)) in changes.iter().enumerate() {
        if place > 0 {
            into.push(b' ');
        }
        quote::number(u64::from(*position), into);
        into.push(b' ');
        listing.encode(into);
    }
    into.push(b')');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::cursor::Cursor;

    fn line(found: &Found) -> String {
        let mut out = Vec::new();
        found.encode(Dialect::default(), &mut out);
        String::from_utf8(out).unwrap()
    }

    fn listing(numbers: &[u32]) -> Listing {
        numbers.iter().copied().collect()
    }

    #[test]
    fn esearch_tells_what_was_asked() {
        let found = Found {
            tag: "A284".into(),
            uid: true,
            min: Some(4),
            count: Some(1),
            ..Found::default()
        };
        assert_eq!(line(&found), "ESEARCH (TAG \"A284\") UID MIN 4 COUNT 1");
        let found = Found {
            tag: "a".into(),
            all: Some(Listing::default()),
            ..Found::default()
        };
        assert_eq!(line(&found), "ESEARCH (TAG \"a\")");
    }

    #[test]
    fn ranges_only_ascend() {
        let found = Found {
            tag: "E01".into(),
            uid: true,
            all: Some(listing(&[23765, 23764, 23763, 23761, 5, 6, 7])),
            ..Found::default()
        };
        assert_eq!(
            line(&found),
            "ESEARCH (TAG \"E01\") UID ALL 23765,23764,23763,23761,5:7"
        );
    }

    #[test]
    fn partial_results_bear_the_range_asked_for() {
        let partial = |numbers: &[u32]| Found {
            tag: "A04".into(),
            uid: true,
            partial: Some((
                PartialRange::parse(&mut Cursor::new(b"-1:-100")).unwrap(),
                listing(numbers),
            )),
            ..Found::default()
        };
        assert_eq!(
            line(&partial(&[])),
            "ESEARCH (TAG \"A04\") UID PARTIAL (-1:-100 NIL)"
        );
        assert_eq!(
            line(&partial(&[7, 8])),
            "ESEARCH (TAG \"A04\") UID PARTIAL (-1:-100 7:8)"
        );
    }

    #[test]
    fn scores_follow_what_they_are_of() {
        let found = |numbers: &[u32], scores: &[u8]| Found {
            tag: "C2".into(),
            all: Some(listing(numbers)),
            relevancy: Some(scores.to_vec()),
            ..Found::default()
        };
        assert_eq!(
            line(&found(&[5, 10, 1], &[99, 42, 4])),
            "ESEARCH (TAG \"C2\") ALL 5,10,1 RELEVANCY (99 42 4)"
        );
        assert_eq!(line(&found(&[], &[])), "ESEARCH (TAG \"C2\") RELEVANCY ()");
    }

    #[test]
    fn updates_and_correlators_look_as_in_the_rfcs() {
        let found = Found {
            tag: "C01".into(),
            uid: true,
            updates: vec![
                Update::RemoveFrom(vec![(0, listing(&[32768]))]),
                Update::AddTo(vec![(1, listing(&[2733])), (1, listing(&[2731, 2732]))]),
            ],
            ..Found::default()
        };
        assert_eq!(
            line(&found),
            "ESEARCH (TAG \"C01\") UID REMOVEFROM (0 32768) ADDTO (1 2733 1 2731:2732)"
        );
        let found = Found {
            tag: "tag1".into(),
            mailbox: Some(("folder1".into(), 1)),
            uid: true,
            all: Some(listing(&[4001, 4003])),
            ..Found::default()
        };
        assert_eq!(
            line(&found),
            "ESEARCH (TAG \"tag1\" MAILBOX folder1 UIDVALIDITY 1) UID ALL 4001,4003"
        );
    }
}
