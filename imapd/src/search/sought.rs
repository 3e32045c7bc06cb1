//! A text that a search looks for in messages, exactly or approximately (RFC 6203).

use store::TextTest;
use store::mime::{FuzzyNeedle, Needle};

use super::score::Score;

/// A text to look for in messages.
#[derive(Debug)]
pub struct Sought {
    pattern: Pattern,
    /// The group of tests with which the full-text index is asked for it; none if the index cannot know.
    pub group: Option<usize>,
}

#[derive(Debug)]
enum Pattern {
    Exact(Needle),
    Fuzzy(FuzzyNeedle),
}

impl Sought {
    /// The text as it is, or something like it.
    pub fn new(text: &str, fuzzy: bool) -> Self {
        let pattern = if fuzzy {
            Pattern::Fuzzy(FuzzyNeedle::new(text))
        } else {
            Pattern::Exact(Needle::new(text))
        };
        Self {
            pattern,
            group: None,
        }
    }

    /// How well these texts of one message match.
    pub fn score_in<'t>(&self, mut texts: impl Iterator<Item = &'t str>) -> Score {
        match &self.pattern {
            Pattern::Exact(needle) => Score::of(texts.any(|text| needle.found_in(text))),
            Pattern::Fuzzy(needle) => Score::new(needle.score(texts)),
        }
    }

    /// What the index can be asked about it in a field of the header; nothing if it is too short.
    pub fn asked_in_header(&self, name: Option<&str>) -> Vec<TextTest> {
        match &self.pattern {
            Pattern::Exact(needle) => Vec::from_iter(TextTest::header(name, needle)),
            Pattern::Fuzzy(needle) => TextTest::fuzzy_header(name, needle),
        }
    }

    /// The same in the body.
    pub fn asked_in_body(&self) -> Vec<TextTest> {
        match &self.pattern {
            Pattern::Exact(needle) => Vec::from_iter(TextTest::body(needle)),
            Pattern::Fuzzy(needle) => TextTest::fuzzy_body(needle),
        }
    }

    /// The same anywhere.
    pub fn asked_in_text(&self) -> Vec<TextTest> {
        match &self.pattern {
            Pattern::Exact(needle) => Vec::from_iter(TextTest::text(needle)),
            Pattern::Fuzzy(needle) => TextTest::fuzzy_text(needle),
        }
    }
}
