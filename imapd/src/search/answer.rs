//! What a search has found, as the client asked to be told (RFC 4731, RFC 5182 §2.4, RFC 6203 §4, RFC 9394 §3.2).

use crate::grammar::Numbering;
use crate::grammar::esearch::Found;
use crate::grammar::partial::PartialRange;
use crate::grammar::search::ReturnOptions;
use crate::grammar::sequence::Ranges;
use crate::search::Scores;
use crate::view::View;

/// The results of a search, by positions in a view, in the order of the results.
pub struct Results<'v> {
    /// The view.
    pub view: &'v View,
    /// What its numbers are.
    pub numbering: Numbering,
    /// The positions.
    pub positions: Vec<usize>,
    /// How well they match.
    pub scores: Scores,
}

impl Results<'_> {
    /// The numbers of all.
    pub fn numbers(&self) -> Vec<u32> {
        self.numbered(&self.positions).collect()
    }

    /// The UIDs of all.
    pub fn uids(&self) -> impl Iterator<Item = u32> + '_ {
        let rows = self.view.rows();
        let positions = self.positions.iter();
        positions.filter_map(|&position| rows.uid(position))
    }

    fn numbered<'s>(&'s self, positions: &'s [usize]) -> impl Iterator<Item = u32> + 's {
        positions
            .iter()
            .filter_map(|&position| self.number(position))
    }

    fn number(&self, position: usize) -> Option<u32> {
        match self.numbering {
            Numbering::Sequence => u32::try_from(position + 1).ok(),
            Numbering::Uid => self.view.rows().uid(position),
        }
    }

    /// The highest mod-sequence of all.
    pub fn highest_modseq(&self) -> Option<u64> {
        self.highest_among(&self.positions)
    }

    fn highest_among(&self, positions: &[usize]) -> Option<u64> {
        let rows = positions
            .iter()
            .filter_map(|&position| self.view.rows().at(position));
        rows.map(|row| row.modseq).max()
    }

    /// What an ESEARCH response tells of them.
    pub fn found(&self, tag: &str, returns: ReturnOptions, by_modseq: bool) -> Found {
        let (first, last) = (self.positions.first(), self.positions.last());
        let one = |position: Option<&usize>| self.number(*position?);
        Found {
            tag: tag.to_owned(),
            uid: self.numbering == Numbering::Uid,
            min: one(first.filter(|_| returns.min)),
            max: one(last.filter(|_| returns.max)),
            count: returns
                .count
                .then(|| u32::try_from(self.positions.len()).unwrap_or(u32::MAX)),
            all: returns
                .all
                .then(|| self.numbered(&self.positions).collect()),
            partial: returns
                .partial
                .map(|range| (range, self.numbered(self.window(range)).collect())),
            relevancy: returns.relevancy.then(|| self.relevancy(returns)),
            // RFC 4731 §3.2: the mod-sequence is that of the messages told of.
            modseq: self
                .highest_among(&self.meant(returns))
                .filter(|_| by_modseq),
            ..Found::default()
        }
    }

    /// The UIDs that `$` stands for after a search with these options.
    pub fn saved(&self, returns: ReturnOptions) -> Ranges {
        let mut positions = self.meant(returns);
        positions.sort_unstable();
        positions.dedup();
        let rows = self.view.rows();
        let uids = positions.iter();
        uids.filter_map(|&position| rows.uid(position)).collect()
    }

    /// The results that the options speak of: all, unless only some of them are asked for (RFC 5182 §2.4, RFC 9394 §3.2).
    fn meant(&self, returns: ReturnOptions) -> Vec<usize> {
        let some = returns.min || returns.max || returns.partial.is_some();
        if returns.all || returns.count || !some {
            return self.positions.clone();
        }
        let window = returns.partial.map(|range| self.window(range));
        let first = self.positions.first().filter(|_| returns.min);
        let last = self.positions.last().filter(|_| returns.max);
        let meant = window.unwrap_or_default().iter().chain(first).chain(last);
        meant.copied().collect()
    }

    fn window(&self, range: PartialRange) -> &[usize] {
        let window = self.positions.get(range.of(self.positions.len()));
        window.unwrap_or_default()
    }

    /// The scores of the results that are listed, in the order in which they are.
    fn relevancy(&self, returns: ReturnOptions) -> Vec<u8> {
        let listed = match returns.partial {
            Some(range) => self.window(range).to_vec(),
            None => self.meant(returns),
        };
        let rows = self.view.rows();
        let uids = listed.into_iter().filter_map(|position| rows.uid(position));
        uids.map(|uid| self.scores.of(uid).value()).collect()
    }
}
