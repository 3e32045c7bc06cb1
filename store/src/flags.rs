//! Flags and keywords of an entry (RFC 3501 §2.3.2).
//!
//! System flags are five bits; keywords are bits whose names stand in the mailbox, at most
//! [`KEYWORDS_MAX`] of them. `\Recent` is no flag here: it follows from `recent_from`.

use std::ops::{BitAnd, BitOr, BitOrAssign, Not};

/// Keywords that one mailbox can name.
pub const KEYWORDS_MAX: usize = 64;
/// Octets in the name of a keyword.
pub const KEYWORD_OCTETS_MAX: usize = 128;

macro_rules! bit_set {
    ($name:ident, $bits:ty) => {
        impl $name {
            /// No bit set.
            pub const NONE: $name = $name(0);

            /// Is every bit of `other` set here?
            pub fn contains(self, other: $name) -> bool {
                self.0 & other.0 == other.0
            }

            /// Is no bit set?
            pub fn is_empty(self) -> bool {
                self.0 == 0
            }
        }

        impl BitOr for $name {
            type Output = $name;
            fn bitor(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }
        }

        impl BitOrAssign for $name {
            fn bitor_assign(&mut self, other: $name) {
                self.0 |= other.0;
            }
        }

        impl BitAnd for $name {
            type Output = $name;
            fn bitand(self, other: $name) -> $name {
                $name(self.0 & other.0)
            }
        }

        impl Not for $name {
            type Output = $name;
            fn not(self) -> $name {
                $name(!self.0)
            }
        }

        impl rusqlite::ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
                Ok((self.0 as i64).into())
            }
        }

        impl rusqlite::types::FromSql for $name {
            fn column_result(
                value: rusqlite::types::ValueRef<'_>,
            ) -> rusqlite::types::FromSqlResult<Self> {
                value.as_i64().map(|bits| $name(bits as $bits))
            }
        }
    };
}

/// The system flags of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// `\Seen`
    pub const SEEN: Flags = Flags(1);
    /// `\Answered`
    pub const ANSWERED: Flags = Flags(2);
    /// `\Flagged`
    pub const FLAGGED: Flags = Flags(4);
    /// `\Deleted`
    pub const DELETED: Flags = Flags(8);
    /// `\Draft`
    pub const DRAFT: Flags = Flags(16);
    /// All five.
    pub const ALL: Flags = Flags(31);
}

bit_set!(Flags, u8);

/// The keywords of an entry: bit `n` is the mailbox's keyword `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Keywords(pub u64);

bit_set!(Keywords, u64);

/// What a change of flags does to those that are there (RFC 3501 §6.4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagOperation {
    /// `FLAGS`: exactly the given ones.
    Replace,
    /// `+FLAGS`
    Add,
    /// `-FLAGS`
    Remove,
}

/// One change of flags, for any number of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagChange {
    /// What to do with the flags that are there.
    pub operation: FlagOperation,
    /// System flags named.
    pub flags: Flags,
    /// Keywords named; new ones are added to the mailbox (not by `Remove`).
    pub keywords: Vec<String>,
}

/// The names of a mailbox's keywords, by bit. In the database one string, separated by spaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct KeywordNames(pub(crate) Vec<String>);

impl KeywordNames {
    pub(crate) fn parse(text: &str) -> Self {
        KeywordNames(text.split_ascii_whitespace().map(str::to_owned).collect())
    }

    pub(crate) fn joined(&self) -> String {
        self.0.join(" ")
    }

    /// The bits of `names` that are known; names are compared without case (RFC 3501 §9, flag-keyword).
    pub(crate) fn known(&self, names: &[String]) -> Keywords {
        let bits = names
            .iter()
            .filter_map(|name| self.position(name))
            .fold(0, |bits, n| bits | 1 << n);
        Keywords(bits)
    }

    /// The bits of `names`, after the unknown ones were added. True if any was.
    pub(crate) fn learn(&mut self, names: &[String]) -> crate::Result<(Keywords, bool)> {
        let before = self.0.len();
        for name in names {
            if self.position(name).is_some() {
                continue;
            }
            check_keyword(name)?;
            if self.0.len() == KEYWORDS_MAX {
                return Err(crate::Error::Limit("keywords in the mailbox"));
            }
            self.0.push(name.clone());
        }
        Ok((self.known(names), self.0.len() > before))
    }

    /// The names of the set bits.
    pub(crate) fn names(&self, keywords: Keywords) -> Vec<String> {
        let is_set = |n: &usize| keywords.0 & (1 << n) != 0;
        (0..self.0.len())
            .filter(is_set)
            .map(|n| self.0[n].clone())
            .collect()
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.0
            .iter()
            .position(|known| known.eq_ignore_ascii_case(name))
    }
}

/// A keyword is an atom of RFC 3501 §9: printable ASCII without specials.
fn check_keyword(name: &str) -> crate::Result<()> {
    let atom = |b: u8| b.is_ascii_graphic() && !b"(){%*\"\\]".contains(&b);
    if name.is_empty() || name.len() > KEYWORD_OCTETS_MAX || !name.bytes().all(atom) {
        return Err(crate::Error::Invalid("a keyword must be an atom".into()));
    }
    Ok(())
}
