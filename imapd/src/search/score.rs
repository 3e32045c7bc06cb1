//! How well messages match: 100 for each that an exact key finds, less for what a fuzzy one finds nearly (RFC 6203 §4).
//!
//! Keys are combined as in fuzzy logic, of which the ordinary one is the case without anything in between: all of several are as good as the worst of
//! them, any of several as good as the best, and NOT is 100 where its key does not match at all.

/// A score: 0 for what does not match, 100 for what matches exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Score(u8);

impl Score {
    /// Of what does not match.
    pub const NONE: Self = Self(0);
    /// Of what matches exactly.
    pub const EXACT: Self = Self(100);

    /// A score as the store tells it.
    pub fn new(score: u8) -> Self {
        Self(score.min(Self::EXACT.0))
    }

    /// All or nothing.
    pub fn of(matches: bool) -> Self {
        if matches { Self::EXACT } else { Self::NONE }
    }

    /// What is left of a leeway when something lies so far `outside` of what was asked for; nothing is left beyond it.
    pub fn outside(outside: u64, leeway: u64) -> Self {
        let left = u128::from(leeway.saturating_sub(outside)) + u128::from(outside <= leeway);
        let share = u128::from(Self::EXACT.0) * left / (u128::from(leeway) + 1);
        // What lies within the leeway matches, however little.
        Self((share as u8).max(u8::from(left > 0)))
    }

    /// Whether it is one of a message that matches.
    pub fn matches(self) -> bool {
        self > Self::NONE
    }

    /// Of a message that must not match.
    pub fn negated(self) -> Self {
        Self::of(!self.matches())
    }

    /// As a number.
    pub fn value(self) -> u8 {
        self.0
    }
}

/// The messages that a search has found.
#[derive(Debug, Default)]
pub struct Matches {
    /// Their positions in the view.
    pub positions: Vec<usize>,
    /// How well they match.
    pub scores: Scores,
}

impl Matches {
    /// Adds a message.
    pub fn push(&mut self, position: usize, uid: u32, score: Score) {
        self.positions.push(position);
        if score < Score::EXACT {
            self.scores.0.push((uid, score));
        }
    }

    /// Adds those of others.
    pub fn extend(&mut self, others: Self) {
        self.positions.extend(others.positions);
        self.scores.0.extend(others.scores.0);
    }

    /// In the order of the mailbox.
    pub fn sorted(mut self) -> Self {
        self.positions.sort_unstable();
        self.scores.0.sort_unstable();
        self
    }
}

/// The scores of messages by their UIDs, as far as they are not 100: an exact search has none.
#[derive(Debug, Clone, Default)]
pub struct Scores(Vec<(u32, Score)>);

impl Scores {
    /// The score of a message that was found.
    pub fn of(&self, uid: u32) -> Score {
        let known = self.0.binary_search_by_key(&uid, |(uid, _)| *uid);
        known.map_or(Score::EXACT, |place| self.0[place].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_further_outside_the_less() {
        assert_eq!(Score::outside(0, 0), Score::EXACT);
        assert_eq!(Score::outside(1, 0), Score::NONE);
        assert_eq!(Score::outside(0, 7), Score::EXACT);
        assert_eq!(Score::outside(1, 7).value(), 87);
        assert_eq!(Score::outside(7, 7).value(), 12);
        assert_eq!(Score::outside(8, 7), Score::NONE);
        assert_eq!(Score::outside(1_000, 1_000).value(), 1);
        assert_eq!(Score::outside(u64::MAX, u64::MAX).value(), 1);
        assert_eq!(Score::outside(u64::MAX, 5), Score::NONE);
    }

    #[test]
    fn scores_are_found_by_uid() {
        let mut matches = Matches::default();
        matches.push(2, 30, Score::new(50));
        matches.push(1, 20, Score::EXACT);
        matches.push(0, 10, Score::new(33));
        let matches = matches.sorted();
        assert_eq!(matches.positions, [0, 1, 2]);
        let scores = [10, 20, 30].map(|uid| matches.scores.of(uid).value());
        assert_eq!(scores, [33, 100, 50]);
    }
}
