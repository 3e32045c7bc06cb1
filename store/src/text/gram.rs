//! Grams: what the index knows of a text.
//!
//! A text is folded as [`Needle`](crate::mime::Needle) folds it, and cut into every run of three characters. Scripts that say a word with
//! one or two characters (Chinese, Japanese, and whatever else lies beyond [`WIDE_FROM`]) are cut into single characters and pairs instead. Which grams
//! a run of characters gives depends on nothing around it; therefore **a text that contains a needle has all grams of the needle**.
//! The reverse does not hold, and whoever finds a message by its grams reads it.
//!
//! A gram is not kept as it is but as one of 65,535 *buckets*, by a hash. That bounds the index whatever the language, and what mail has plenty of,
//! signatures and other noise, costs the less the more there is of it. The buckets lie on disk: whoever changes anything here, or in the
//! decoding and folding of `mime`, raises [`FORM`].
//!
//! Pure; nothing fails.

use crate::mime::{fold_into, folded_window};

/// The form of the index: another one is thrown away and made anew. Raised by hand when grams, decoding or folding change; the versions of
/// Unicode that folding follows are told by the libraries.
pub(crate) fn form() -> String {
    const FORM: u32 = 1;
    let (major, minor, patch) = unicode_normalization::UNICODE_VERSION;
    let (upper, lower, update) = char::UNICODE_VERSION;
    format!("{FORM} {major}.{minor}.{patch} {upper}.{lower}.{update}")
}

/// Where in a message a text lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// The header of the message, with the prefix of the copy.
    Header,
    /// All other text.
    Body,
}

/// A bucket of a field: the field's number above 16 bits of the bucket.
pub(crate) type Gram = u32;

/// All grams lie below this.
pub(crate) const GRAMS: u32 = 1 << 17;

/// The bucket that no text has. A message has it in a field of which the index does not know the whole text: it is a candidate for
/// whatever is looked for there.
pub(crate) const UNKNOWN: u16 = u16::MAX;

/// Characters from here on are mostly words or syllables by themselves.
const WIDE_FROM: char = '\u{2e80}';

/// Bits of a character.
const CHARACTER_BITS: u32 = 21;
/// Three characters.
const RUN_MASK: u64 = (1 << (3 * CHARACTER_BITS)) - 1;
/// Two characters.
const PAIR_MASK: u64 = (1 << (2 * CHARACTER_BITS)) - 1;

impl Field {
    /// The gram for a bucket of this field.
    pub(crate) fn gram(self, bucket: u16) -> Gram {
        (self as u32) << 16 | u32::from(bucket)
    }
}

/// The buckets of a folded needle, each once; none if it is too short to have any.
pub(crate) fn buckets_of(folded: &str) -> Vec<u16> {
    let mut buckets = Vec::new();
    let mut run = Run::default();
    for c in folded.chars() {
        run.push(c, &mut |bucket| buckets.push(bucket));
    }
    buckets.sort_unstable();
    buckets.dedup();
    buckets
}

/// The last characters of a text, and the grams that each further one completes.
#[derive(Default)]
struct Run {
    /// The last three characters, the latest in the lowest bits.
    key: u64,
    /// How many there have been, up to two.
    before: u8,
    /// How many of the last ones were wide, without a gap, up to two.
    wide: u8,
}

impl Run {
    #[inline]
    fn push(&mut self, c: char, each: &mut impl FnMut(u16)) {
        self.key = (self.key << CHARACTER_BITS | u64::from(c)) & RUN_MASK;
        let is_wide = c >= WIDE_FROM;
        if is_wide {
            each(bucket(u64::from(c)));
            if self.wide > 0 {
                each(bucket(self.key & PAIR_MASK));
            }
        }
        if self.before == 2 && !(is_wide && self.wide == 2) {
            each(bucket(self.key));
        }
        self.wide = if is_wide { (self.wide + 1).min(2) } else { 0 };
        self.before = (self.before + 1).min(2);
    }

    /// The same for octets that are ASCII.
    #[inline]
    fn push_ascii(&mut self, octets: &[u8], each: &mut impl FnMut(u16)) {
        for octet in octets {
            self.key =
                (self.key << CHARACTER_BITS | u64::from(octet.to_ascii_lowercase())) & RUN_MASK;
            if self.before == 2 {
                each(bucket(self.key));
            } else {
                self.before += 1;
            }
        }
        if !octets.is_empty() {
            self.wide = 0;
        }
    }
}

/// A multiplicative hash; the uppermost value is left to [`UNKNOWN`].
#[inline]
fn bucket(key: u64) -> u16 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let hash = (key.wrapping_mul(ODD) >> 48) as u16;
    hash.min(UNKNOWN - 1)
}

/// The grams of one message, each once.
pub(crate) struct GramSet {
    seen: Vec<u64>,
    grams: Vec<Gram>,
    folded: String,
}

impl Default for GramSet {
    fn default() -> Self {
        GramSet {
            seen: vec![0; GRAMS as usize / 64],
            grams: Vec::new(),
            folded: String::new(),
        }
    }
}

impl GramSet {
    /// Adds a text of the message.
    pub(crate) fn add(&mut self, field: Field, text: &str) {
        let mut run = Run::default();
        let GramSet {
            seen,
            grams,
            folded,
        } = self;
        let mut each = |bucket: u16| mark(seen, grams, field.gram(bucket));
        if text.is_ascii() {
            run.push_ascii(text.as_bytes(), &mut each);
            return;
        }
        let mut rest = text;
        while !rest.is_empty() {
            let (window, tail) = folded_window(rest);
            folded.clear();
            fold_into(window, folded);
            folded.chars().for_each(|c| run.push(c, &mut each));
            rest = tail;
        }
    }

    /// Notes that there is more text than was added.
    pub(crate) fn add_unknown(&mut self, field: Field) {
        mark(&mut self.seen, &mut self.grams, field.gram(UNKNOWN));
    }

    /// The grams so far.
    pub(crate) fn grams(&self) -> &[Gram] {
        &self.grams
    }

    /// Makes it empty, for the next message.
    pub(crate) fn clear(&mut self) {
        for gram in self.grams.drain(..) {
            self.seen[gram as usize / 64] = 0;
        }
    }
}

#[inline]
fn mark(seen: &mut [u64], grams: &mut Vec<Gram>, gram: Gram) {
    let (word, bit) = (&mut seen[gram as usize / 64], 1 << (gram % 64));
    if *word & bit == 0 {
        *word |= bit;
        grams.push(gram);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mime::Needle;

    fn buckets(text: &str) -> Vec<Gram> {
        let mut set = GramSet::default();
        set.add(Field::Header, text);
        let mut grams = set.grams().to_vec();
        grams.sort_unstable();
        grams
    }

    #[test]
    fn three_letters_are_one_gram_and_two_are_none() {
        assert_eq!(buckets("ab"), []);
        assert_eq!(buckets("abc").len(), 1);
        assert_eq!(buckets("ABCD"), buckets("abcd"));
        assert!(buckets_of("ab").is_empty());
    }

    #[test]
    fn one_chinese_character_is_a_gram() {
        assert_eq!(buckets_of("書").len(), 1);
        assert_eq!(buckets_of("図書").len(), 3);
    }

    #[test]
    fn a_set_that_was_cleared_is_empty() {
        let mut set = GramSet::default();
        set.add(Field::Body, "some text");
        set.clear();
        assert!(set.grams().is_empty());
        set.add(Field::Body, "some text");
        assert_eq!(set.grams().len(), "some text".len() - 2);
    }

    proptest! {
        /// The promise on which the index stands.
        #[test]
        fn a_text_has_all_grams_of_what_it_contains(
            text in "([a-zA-Z ]|[äöüßﬁİŉΐςжДя日本語書か한글é\u{301}]|\\PC){0,60}",
            from in 0usize..60,
            length in 1usize..20,
        ) {
            let part: String = text.chars().skip(from).take(length).collect();
            let needle = Needle::new(&part);
            prop_assert!(needle.found_in(&text));
            let grams = buckets(&text);
            for bucket in buckets_of(needle.folded()) {
                prop_assert!(grams.contains(&Field::Header.gram(bucket)));
            }
        }
    }
}
