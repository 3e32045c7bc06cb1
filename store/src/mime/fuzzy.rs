//! How near a text comes to what is sought, for SEARCH=FUZZY (RFC 6203).
//!
//! What is sought is taken apart into its *words*, runs of letters and digits, and folded as for an exact search. Each word must be in the texts of a message,
//! as it is (wherever in a word), or nearly: a word of a text is near to it if
//!
//! * it begins or ends with the same three characters, and
//! * one edit leads from one to the other, or two where the word sought has at least [`TWO_EDITS_FROM`] characters. An edit puts in, leaves out or replaces a
//!   character, or swaps two neighbours.
//!
//! Words with fewer than [`ONE_EDIT_FROM`] characters, scripts that set no spaces between words, and what has more or longer words than [`WORDS_MAX`] and
//! [`WORD_CHARACTERS_MAX`] say, are found as they are or not at all. An accent is a character of its own, behind its letter.
//!
//! The score, from 1 to 100, is 100 for a text that holds all that is sought just as it was written. Otherwise it is the mean of the words' scores, and no more than
//! [`APART`]: 100 for a word that is there as it is, and an equal share of that less for each edit. It depends on the message alone, not on other
//! messages, nor on what the full-text index knows.
//!
//! Pure; nothing fails. Costs grow with the length of the text times the number of words.

use std::ops::RangeInclusive;

use super::fold::{Needle, fold_into, folded_window};

/// The score of what is there just as it was written.
pub const EXACT: u8 = 100;
/// The highest score of words that are there otherwise than they were written.
const APART: u8 = 90;
/// Characters of the shortest word that may be found with an edit.
const ONE_EDIT_FROM: usize = 4;
/// Characters of the shortest word that may be found with two.
const TWO_EDITS_FROM: usize = 8;
/// Most words of a text that is sought by its words.
const WORDS_MAX: usize = 16;
/// Characters of the longest word that is found with edits.
const WORD_CHARACTERS_MAX: usize = 64;
/// Edits that any word may take.
const EDITS_MAX: usize = 2;
/// Characters of the longest word that may be near to one.
const LONGEST: usize = WORD_CHARACTERS_MAX + EDITS_MAX;
/// Characters with which near words begin or end alike: a gram of the full-text index.
const ALIKE: usize = 3;

/// A text to look for approximately.
#[derive(Debug, Clone)]
pub struct FuzzyNeedle {
    whole: Needle,
    words: Vec<Word>,
}

/// A word of it.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    needle: Needle,
    characters: Vec<char>,
    /// How many may lead to a word that is near.
    edits: usize,
}

impl FuzzyNeedle {
    /// A needle. One without words is found as it is; the empty one in every text.
    pub fn new(text: &str) -> FuzzyNeedle {
        let whole = Needle::new(text);
        let mut words = Vec::new();
        for word in whole.folded().split(|c| !is_of_word(c)) {
            if !word.is_empty() && words.len() <= WORDS_MAX {
                words.push(Word::new(word));
            }
        }
        if words.len() > WORDS_MAX {
            words.clear();
        }
        FuzzyNeedle { whole, words }
    }

    /// How near these texts of one message come to it together: 0 if they do not.
    pub fn score<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> u8 {
        let mut best = vec![0; self.words.len()];
        for text in texts {
            if self.whole.found_in(text) {
                return EXACT;
            }
            self.look(text, &mut best);
        }
        if best.contains(&0) || best.is_empty() {
            return 0;
        }
        let sum: usize = best.iter().map(|&score| usize::from(score)).sum();
        APART.min((sum / best.len()) as u8)
    }

    /// Notes for each word the best score so far.
    fn look(&self, text: &str, best: &mut [u8]) {
        let mut missed: Vec<(&Word, &mut u8)> = Vec::new();
        for (word, best) in self.words.iter().zip(best) {
            if *best < EXACT && word.needle.found_in(text) {
                *best = EXACT;
            } else if *best < EXACT && word.edits > 0 {
                missed.push((word, best));
            }
        }
        let lengths = missed.iter().map(|(word, _)| word.lengths());
        let Some(lengths) =
            lengths.reduce(|a, b| *a.start().min(b.start())..=*a.end().max(b.end()))
        else {
            return;
        };
        for_each_word(text, lengths, |found| {
            for (word, best) in &mut missed {
                **best = word.nearness(found).max(**best);
            }
        });
    }

    /// What is looked for as it is, where there are no words.
    pub(crate) fn whole(&self) -> &Needle {
        &self.whole
    }

    /// The words, of which each must be there.
    pub(crate) fn words(&self) -> &[Word] {
        &self.words
    }
}

impl Word {
    fn new(folded: &str) -> Word {
        let characters: Vec<char> = folded.chars().collect();
        let edits = match characters.len() {
            ..ONE_EDIT_FROM => 0,
            ONE_EDIT_FROM..TWO_EDITS_FROM => 1,
            TWO_EDITS_FROM..=WORD_CHARACTERS_MAX => EDITS_MAX,
            _ => 0,
        };
        Word {
            needle: Needle::new(folded),
            characters,
            edits,
        }
    }

    /// Texts, folded, of which one is in every text that holds the word or one that is near.
    pub(crate) fn alike(&self) -> Vec<String> {
        if self.edits == 0 {
            return vec![self.needle.folded().to_owned()];
        }
        let (start, end) = self.ends(&self.characters);
        vec![start.iter().collect(), end.iter().collect()]
    }

    /// How many characters a near word has.
    fn lengths(&self) -> RangeInclusive<usize> {
        let length = self.characters.len();
        length - self.edits..=length + self.edits
    }

    fn ends<'c>(&self, characters: &'c [char]) -> (&'c [char], &'c [char]) {
        let length = characters.len();
        (
            &characters[..ALIKE.min(length)],
            &characters[length.saturating_sub(ALIKE)..],
        )
    }

    /// The score of a word that was found, unless it is the same; 0 if it is not near.
    fn nearness(&self, found: &[char]) -> u8 {
        if !self.lengths().contains(&found.len()) {
            return 0;
        }
        let (own, other) = (self.ends(&self.characters), self.ends(found));
        if own.0 != other.0 && own.1 != other.1 {
            return 0;
        }
        let edits = edits_between(&self.characters, found);
        let left = (self.edits + 1).saturating_sub(edits);
        (usize::from(EXACT) * left / (self.edits + 1)) as u8
    }
}

/// Letters, digits, and the accents that folding sets apart from their letters.
fn is_of_word(c: char) -> bool {
    match c.is_ascii() {
        true => c.is_ascii_alphanumeric(),
        false => c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c),
    }
}

/// Calls `each` with the folded words of a text that have so many characters.
fn for_each_word(text: &str, lengths: RangeInclusive<usize>, mut each: impl FnMut(&[char])) {
    let mut word = Vec::with_capacity(LONGEST + 1);
    if text.is_ascii() {
        let words = text
            .as_bytes()
            .split(|octet| !octet.is_ascii_alphanumeric());
        for found in words.filter(|found| lengths.contains(&found.len())) {
            word.clear();
            word.extend(
                found
                    .iter()
                    .map(|octet| char::from(octet.to_ascii_lowercase())),
            );
            each(&word);
        }
        return;
    }
    let mut end = |word: &mut Vec<char>| {
        if lengths.contains(&word.len()) {
            each(word);
        }
        word.clear();
    };
    let mut folded = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (window, tail) = folded_window(rest);
        folded.clear();
        fold_into(window, &mut folded);
        for c in folded.chars() {
            if !is_of_word(c) {
                end(&mut word);
            } else if word.len() <= LONGEST {
                word.push(c);
            }
        }
        rest = tail;
    }
    end(&mut word);
}

/// The edits that lead from one word to the other, where no character is edited twice; exact up to [`EDITS_MAX`], above that only more than it.
///
/// What both begin and end with is set aside, which leaves little of most words that come here.
fn edits_between(one: &[char], other: &[char]) -> usize {
    let pairs = one.iter().zip(other);
    let start = pairs.take_while(|(a, b)| a == b).count();
    let (one, other) = (&one[start..], &other[start..]);
    let pairs = one.iter().rev().zip(other.iter().rev());
    let end = pairs.take_while(|(a, b)| a == b).count();
    edits_of_rest(&one[..one.len() - end], &other[..other.len() - end])
}

/// A line of the table of edits: how many lead from the characters of one word so far to each beginning of the other.
type Line = [usize; LONGEST + 1];

/// From nothing to each beginning of the other word.
const FIRST_LINE: Line = {
    let mut line = [0; LONGEST + 1];
    let mut column = 0;
    while column < line.len() {
        line[column] = column;
        column += 1;
    }
    line
};

fn edits_of_rest(one: &[char], other: &[char]) -> usize {
    let (mut before, mut above) = (FIRST_LINE, FIRST_LINE);
    for (row, &a) in one.iter().enumerate() {
        let mut line = FIRST_LINE;
        line[0] = row + 1;
        let mut least_of_all = line[0];
        for (column, &b) in other.iter().enumerate() {
            let replaced = above[column] + usize::from(a != b);
            let mut least = replaced.min(above[column + 1] + 1).min(line[column] + 1);
            if row > 0 && column > 0 && a == other[column - 1] && b == one[row - 1] {
                least = least.min(before[column - 1] + 1);
            }
            line[column + 1] = least;
            least_of_all = least_of_all.min(least);
        }
        if least_of_all > EDITS_MAX {
            return least_of_all;
        }
        (before, above) = (above, line);
    }
    above[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(sought: &str, text: &str) -> u8 {
        FuzzyNeedle::new(sought).score([text])
    }

    #[test]
    fn what_is_there_as_it_was_written_scores_a_hundred() {
        assert_eq!(score("Break IMAP", "we breaK imaps"), 100);
        assert_eq!(score("", "anything"), 100);
        assert_eq!(score("--", "a--b"), 100);
        assert_eq!(score("--", "a-b"), 0);
        assert_eq!(score("日本語", "これは日本語です"), 100);
        assert_eq!(score("日本語", "これは日本です"), 0);
    }

    #[test]
    fn words_may_stand_apart_and_in_another_order() {
        assert_eq!(score("IMAP break", "breaking the IMAP server"), 90);
        assert_eq!(score("IMAP break", "IMAP alone"), 0);
        let needle = FuzzyNeedle::new("alice invoice");
        assert_eq!(needle.score(["From: alice", "an invoice"]), 90);
    }

    #[test]
    fn edits_cost_a_share_each() {
        for (sought, text, expected) in [
            ("Helo", "well, hello there", 50),
            ("Helo", "help", 50),
            ("Helo", "hero", 0),
            ("recieved", "Received", 66),
            ("recieved", "receives", 33),
            ("invioce", "invoice", 50),
            ("invoice", "voice", 0),
            ("helo recieved", "hello, received", 58),
            ("the", "teh", 0),
            ("cafe", "Café", 100),
            ("café", "cafe", 50),
            ("größe", "GROSSE", 50),
        ] {
            assert_eq!(score(sought, text), expected, "{sought} in {text}");
        }
    }

    #[test]
    fn long_passages_and_words_are_found_as_they_are() {
        let passage = "word ".repeat(WORDS_MAX + 1);
        assert_eq!(score(&passage, &passage.to_uppercase()), 100);
        assert_eq!(score(&passage, "word"), 0);
        let word = "x".repeat(WORD_CHARACTERS_MAX + 1);
        assert_eq!(score(&word, &word), 100);
        assert_eq!(score(&word, &word[1..]), 0);
        let word = "x".repeat(WORD_CHARACTERS_MAX);
        assert_eq!(score(&format!("{word} y"), &format!("y {word}")), 90);
        assert_eq!(score(&word, &word[1..]), 66);
    }

    #[test]
    fn words_across_the_windows_of_folding_are_whole() {
        let mut text = "é".repeat(8 * 1024 - 3);
        text.insert(0, ' ');
        text.push_str(" schedule");
        assert_eq!(score("shcedule", &text), 66);
    }

    #[test]
    fn edits_are_counted() {
        let edits = |a: &str, b: &str| {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            edits_between(&letters(a), &letters(b))
        };
        assert_eq!(edits("abc", "abc"), 0);
        assert_eq!(edits("abc", "acb"), 1);
        assert_eq!(edits("abc", "ab"), 1);
        assert_eq!(edits("", "ab"), 2);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("abcdefgh", "badcefgh"), 2);
        assert_eq!(edits("aab", "ab"), 1);
        assert!(edits("abcdef", "uvwxyz") > EDITS_MAX);
    }
}
