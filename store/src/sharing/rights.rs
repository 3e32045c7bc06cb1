//! Rights to a mailbox (RFC 4314 §2.1), as a set.

use std::fmt;
use std::ops::{BitAnd, BitOr, Not};

use crate::Flags;

/// A set of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rights(u16);

/// The letters in the order of RFC 4314 §2.1; the position is the bit, which is stored and never changes its meaning.
const LETTERS: [char; 11] = ['l', 'r', 's', 'w', 'i', 'p', 'k', 'x', 't', 'e', 'a'];

impl Rights {
    /// None.
    pub const NONE: Rights = Rights(0);
    /// `l`: the mailbox is listed.
    pub const LOOKUP: Rights = Rights(1);
    /// `r`: its messages can be read.
    pub const READ: Rights = Rights(1 << 1);
    /// `s`: one's own `\Seen` is kept.
    pub const SEEN: Rights = Rights(1 << 2);
    /// `w`: flags other than `\Seen` and `\Deleted` can be changed.
    pub const WRITE: Rights = Rights(1 << 3);
    /// `i`: messages can be put in.
    pub const INSERT: Rights = Rights(1 << 4);
    /// `p`: mail can be sent to the mailbox's address. Kept, and of no effect here.
    pub const POST: Rights = Rights(1 << 5);
    /// `k`: mailboxes can be made below it.
    pub const CREATE: Rights = Rights(1 << 6);
    /// `x`: it can be removed.
    pub const REMOVE: Rights = Rights(1 << 7);
    /// `t`: `\Deleted` can be changed.
    pub const DELETE: Rights = Rights(1 << 8);
    /// `e`: messages can be expunged.
    pub const EXPUNGE: Rights = Rights(1 << 9);
    /// `a`: the rights of others can be changed.
    pub const ADMINISTER: Rights = Rights(1 << 10);
    /// All: an owner's.
    pub const ALL: Rights = Rights((1 << LETTERS.len()) - 1);

    /// What `c` and `d` of RFC 2086 stand for (RFC 4314 §2.1.1).
    const OLD: [(char, Rights); 2] = [
        ('c', Rights(Rights::CREATE.0 | Rights::REMOVE.0)),
        ('d', Rights(Rights::DELETE.0 | Rights::EXPUNGE.0)),
    ];

    /// Reads letters; the old `c` and `d` too. A character that is no right is given back.
    pub fn parse(letters: &str) -> Result<Rights, char> {
        letters.chars().try_fold(Rights::NONE, |rights, letter| {
            let old = Rights::OLD.iter().find(|(old, _)| *old == letter);
            let known = LETTERS.iter().position(|known| *known == letter);
            match (known, old) {
                (Some(bit), _) => Ok(rights | Rights(1 << bit)),
                (None, Some((_, old))) => Ok(rights | *old),
                (None, None) => Err(letter),
            }
        })
    }

    /// The letters, and the old ones of which some member is there, as RFC 4314 §2.1.1 wants.
    pub fn letters(self) -> String {
        let old = Rights::OLD.iter().filter(|(_, old)| self.meets(*old));
        self.to_string() + &old.map(|(letter, _)| *letter).collect::<String>()
    }

    /// Both together.
    pub const fn and(self, other: Rights) -> Rights {
        Rights(self.0 | other.0)
    }

    /// Are all of `other` here?
    pub fn contains(self, other: Rights) -> bool {
        self.0 & other.0 == other.0
    }

    /// Is any of `other` here?
    pub fn meets(self, other: Rights) -> bool {
        self.0 & other.0 != 0
    }

    /// The system flags that can be changed with these rights (RFC 4314 §4).
    pub fn flags(self) -> Flags {
        let others = Flags::ALL & !(Flags::SEEN | Flags::DELETED);
        [
            (Rights::SEEN, Flags::SEEN),
            (Rights::DELETE, Flags::DELETED),
            (Rights::WRITE, others),
        ]
        .into_iter()
        .filter(|(right, _)| self.contains(*right))
        .fold(Flags::NONE, |all, (_, flags)| all | flags)
    }

    pub(crate) fn bits(self) -> i64 {
        i64::from(self.0)
    }

    pub(crate) fn from_bits(bits: i64) -> Rights {
        Rights(bits as u16) & Rights::ALL
    }
}

impl fmt::Display for Rights {
    /// The letters of RFC 4314, without the old ones.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = LETTERS
            .iter()
            .enumerate()
            .filter(|(bit, _)| self.0 >> bit & 1 == 1);
        set.map(|(_, letter)| *letter).collect::<String>().fmt(f)
    }
}

impl BitOr for Rights {
    type Output = Rights;
    fn bitor(self, other: Rights) -> Rights {
        Rights(self.0 | other.0)
    }
}

impl BitAnd for Rights {
    type Output = Rights;
    fn bitand(self, other: Rights) -> Rights {
        Rights(self.0 & other.0)
    }
}

impl Not for Rights {
    type Output = Rights;
    fn not(self) -> Rights {
        Rights(!self.0) & Rights::ALL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_rights_stand_for_new_ones() {
        // The examples of RFC 4314 §2.1.1; the order of letters is the server's.
        assert_eq!(Rights::parse("lrswida").unwrap().to_string(), "lrswitea");
        assert_eq!(Rights::parse("lrswida").unwrap().letters(), "lrswitead");
        assert_eq!(Rights::parse("lrswikda").unwrap().letters(), "lrswikteacd");
        assert_eq!(Rights::ALL.letters(), "lrswipkxteacd");
        assert_eq!(Rights::parse("c").unwrap(), Rights::CREATE | Rights::REMOVE);
    }

    #[test]
    fn what_is_no_right_is_given_back() {
        assert_eq!(Rights::parse("lrQs"), Err('Q'));
        assert_eq!(Rights::parse("lrq"), Err('q'));
        assert_eq!(Rights::parse(""), Ok(Rights::NONE));
    }

    #[test]
    fn rights_decide_over_flags() {
        assert_eq!(Rights::ALL.flags(), Flags::ALL);
        assert_eq!(Rights::parse("lrs").unwrap().flags(), Flags::SEEN);
        assert_eq!(Rights::parse("rt").unwrap().flags(), Flags::DELETED);
        assert_eq!(
            Rights::WRITE.flags(),
            Flags::ANSWERED | Flags::FLAGGED | Flags::DRAFT
        );
    }
}
