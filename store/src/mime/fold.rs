//! Substring search without regard to case, in the spirit of i;unicode-casemap (RFC 5051), which IMAP's SEARCH wants
//! (RFC 9051 §6.4.4).
//!
//! Text is compared in a folded form: compatibility decomposition (NFKD), then upper and lower case of each character,
//! so that `ſ`, `s` and `S`, `ﬁ` and `fi`, `Σ` and `ς`, `é` in one piece and in two are equal. RFC 5051 says titlecase
//! where we say upper and then lower case; that differs only for `ß`, which here equals `ss`.
//!
//! ASCII text is searched as it is; other text is folded piece by piece, without holding all of it.
//! Not here: decoding of messages (`decode`, `search`).

use std::sync::LazyLock;

use memchr::memmem;
use unicode_normalization::UnicodeNormalization;

/// Octets of text that are folded at once.
const WINDOW_OCTETS: usize = 16 * 1024;
/// Characters below this are folded by a table.
const TABLE_END: u32 = 0x3000;

/// A string to look for.
#[derive(Debug, Clone)]
pub struct Needle {
    folded: String,
    /// Where in `folded` the pair of octets is that is looked for first, if `folded` is ASCII and not empty.
    anchor: usize,
}

impl Needle {
    /// A needle. The empty one is found in every text (RFC 9051 §6.4.4).
    pub fn new(text: &str) -> Needle {
        let mut folded = String::new();
        fold_into(text, &mut folded);
        let anchor = rarest(folded.as_bytes());
        Needle { folded, anchor }
    }

    /// The needle as it is compared.
    pub(crate) fn folded(&self) -> &str {
        &self.folded
    }

    /// Whether the needle is in `text`.
    pub fn found_in(&self, text: &str) -> bool {
        if self.folded.is_empty() {
            return true;
        }
        // What ASCII matches as it is, it matches folded.
        if self.folded.is_ascii() && self.in_octets(text.as_bytes()) {
            return true;
        }
        !text.is_ascii() && self.in_folded(text)
    }

    /// Whether the needle is in `octets`, read as UTF-8; damaged sequences match nothing.
    pub fn found_in_octets(&self, octets: &[u8]) -> bool {
        match std::str::from_utf8(octets) {
            Ok(text) => self.found_in(text),
            Err(_) => self.found_in(&String::from_utf8_lossy(octets)),
        }
    }

    /// An ASCII needle in octets of any kind: stop at each place where its rarest octet is, in either case.
    fn in_octets(&self, octets: &[u8]) -> bool {
        let needle = self.folded.as_bytes();
        let (lower, upper) = (
            needle[self.anchor],
            needle[self.anchor].to_ascii_uppercase(),
        );
        let matches_at = |at: usize| {
            let start = at.checked_sub(self.anchor);
            let candidate = start.and_then(|start| octets.get(start..start + needle.len()));
            candidate.is_some_and(|candidate| candidate.eq_ignore_ascii_case(needle))
        };
        if lower == upper {
            memchr::memchr_iter(lower, octets).any(matches_at)
        } else {
            memchr::memchr2_iter(lower, upper, octets).any(matches_at)
        }
    }

    /// The needle in the folded form of `text`, window by window; the end of one is kept before the next.
    fn in_folded(&self, text: &str) -> bool {
        let finder = memmem::Finder::new(self.folded.as_bytes());
        // A long needle wants longer windows, or most of the work would be done twice.
        let size = WINDOW_OCTETS.max(self.folded.len() * 4);
        let mut window = String::with_capacity(size * 2);
        let mut rest = text;
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at(boundary_before(rest, size));
            fold_into(piece, &mut window);
            if finder.find(window.as_bytes()).is_some() {
                return true;
            }
            let keep = window.len().saturating_sub(self.folded.len());
            window.drain(..boundary_before(&window, keep));
            rest = tail;
        }
        false
    }
}

/// The last character boundary at or before `at`; the end of a text that is shorter.
fn boundary_before(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Cuts off as much of the start of `text` as is folded at once. Each character is folded by itself, so that nothing depends on where the cut is.
pub(crate) fn folded_window(text: &str) -> (&str, &str) {
    text.split_at(boundary_before(text, WINDOW_OCTETS))
}

/// Appends the folded form of `text`.
pub(crate) fn fold_into(text: &str, folded: &mut String) {
    if text.is_ascii() {
        let start = folded.len();
        folded.push_str(text);
        folded[start..].make_ascii_lowercase();
        return;
    }
    let table: &[char] = &TABLE;
    for c in text.chars() {
        match table.get(c as usize) {
            Some(&LONG) => folded.extend(folded_character(c)),
            Some(&single) => folded.push(single),
            // Chinese characters: as they are.
            None if ('\u{3400}'..'\u{a000}').contains(&c) => folded.push(c),
            None => folded.extend(folded_character(c)),
        }
    }
}

/// The definition of folding, which the table repeats.
fn folded_character(c: char) -> impl Iterator<Item = char> {
    std::iter::once(c)
        .nfkd()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
}

/// Stands in the table for a character that is folded to several, or none.
const LONG: char = char::MAX;

/// The folded forms of the characters of most scripts with upper and lower case.
static TABLE: LazyLock<Vec<char>> = LazyLock::new(|| {
    let characters = (0..TABLE_END).map(|code| char::from_u32(code).unwrap_or(LONG));
    characters.map(folded_to_one).collect()
});

fn folded_to_one(c: char) -> char {
    let mut folded = folded_character(c);
    match (folded.next(), folded.next()) {
        (Some(single), None) => single,
        _ => LONG,
    }
}

/// The place of the octet that is rarest in mail.
fn rarest(needle: &[u8]) -> usize {
    /// Frequent octets first, as in English text with its headers; what is not here is rare.
    const FREQUENT: &[u8] = b" etaoinsrhldcumfpgwybv.,-:/=0123kx<>@456789jqz";
    let rank = |octet: &u8| {
        FREQUENT
            .iter()
            .position(|f| f == octet)
            .unwrap_or(FREQUENT.len())
    };
    (0..needle.len())
        .max_by_key(|&at| rank(&needle[at]))
        .unwrap_or(0)
}
