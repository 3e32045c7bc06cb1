//! Which rights to a mailbox a command needs: the table of RFC 4314 §4, as data, and with it the one judgement.
//!
//! Whoever may not look a mailbox up is told what he would be told if there were none (RFC 4314 §6).
//! Which flags may be changed is judged by the store, with [`store::Rights::flags`]; commands of the selected state by
//! [`super::table`].

use store::Rights;

use super::reject::Reject;

/// What is to be done with a mailbox that is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// SELECT, EXAMINE, STATUS, and whatever else reads it.
    Read,
    /// APPEND, COPY and MOVE into it.
    Insert,
    /// CREATE and RENAME to a name below it.
    CreateBelow,
    /// DELETE, and RENAME from it.
    Remove,
    /// SETACL, DELETEACL, GETACL, LISTRIGHTS.
    Administer,
    /// MYRIGHTS.
    LearnRights,
    /// GETMETADATA, and SETMETADATA of what is private (RFC 5464 §3.3).
    Annotate,
    /// SETMETADATA of what all see. RFC 5464 §3.3 would allow it to every reader; here it takes the right to change what
    /// others see.
    AnnotateForAll,
}

/// What a deed needs: all of `all`, and one of `any`.
struct Demand {
    all: Rights,
    any: Rights,
}

const fn all(all: Rights) -> Demand {
    Demand {
        all,
        any: Rights::ALL,
    }
}

fn demand(deed: Deed) -> Demand {
    match deed {
        Deed::Read => all(Rights::READ),
        Deed::Insert => all(Rights::INSERT),
        Deed::CreateBelow => all(Rights::CREATE),
        Deed::Remove => all(Rights::REMOVE),
        Deed::Administer => all(Rights::ADMINISTER),
        Deed::LearnRights => Demand {
            all: Rights::NONE,
            any: Rights::LOOKUP
                | Rights::READ
                | Rights::INSERT
                | Rights::CREATE
                | Rights::REMOVE
                | Rights::ADMINISTER,
        },
        Deed::Annotate => Demand {
            all: Rights::LOOKUP,
            any: Rights::READ | Rights::SEEN | Rights::WRITE | Rights::INSERT | Rights::POST,
        },
        Deed::AnnotateForAll => all(Rights::LOOKUP | Rights::WRITE),
    }
}

/// Whether `rights` suffice for `deed`.
pub fn judge(deed: Deed, rights: Rights) -> Result<(), Reject> {
    let demand = demand(deed);
    if rights.contains(demand.all) && rights.meets(demand.any) {
        Ok(())
    } else if rights.contains(Rights::LOOKUP) {
        Err(Reject::NoPermission)
    } else {
        Err(Reject::Store(store::Error::NotFound("mailbox")))
    }
}

/// Whether SELECT says READ-WRITE (RFC 4314 §5.2). `\Seen` is each user's own, so its right does not count.
pub fn is_read_write(rights: Rights) -> bool {
    rights.meets(Rights::INSERT | Rights::EXPUNGE | Rights::WRITE | Rights::DELETE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(letters: &str) -> Rights {
        Rights::parse(letters).unwrap()
    }

    #[test]
    fn the_table_of_rfc_4314() {
        for (deed, enough, not_enough) in [
            (Deed::Read, "r", "lswipkxtea"),
            (Deed::Insert, "i", "lrswpkxtea"),
            (Deed::CreateBelow, "k", "lrswipxtea"),
            (Deed::Remove, "x", "lrswipktea"),
            (Deed::Administer, "a", "lrswipkxte"),
            (Deed::LearnRights, "x", "swpte"),
            (Deed::Annotate, "lp", "rswip"),
            (Deed::AnnotateForAll, "lw", "lrsipkxtea"),
        ] {
            assert!(judge(deed, rights(enough)).is_ok(), "{deed:?}");
            assert!(judge(deed, rights(not_enough)).is_err(), "{deed:?}");
            assert!(judge(deed, Rights::ALL).is_ok(), "{deed:?}");
        }
    }

    #[test]
    fn what_may_not_be_looked_up_does_not_exist() {
        assert!(matches!(
            judge(Deed::Insert, rights("lr")),
            Err(Reject::NoPermission)
        ));
        assert!(matches!(
            judge(Deed::Insert, rights("r")),
            Err(Reject::Store(store::Error::NotFound(_)))
        ));
    }

    #[test]
    fn the_examples_of_section_5_2() {
        assert!(!is_read_write(rights("lrs")));
        assert!(is_read_write(rights("rit")));
        assert!(is_read_write(rights("rset")));
    }
}
