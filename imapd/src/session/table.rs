//! Facts about the commands, as data. The dispatcher enforces them; no command checks them by itself.

use crate::grammar::capability::Capability;
use crate::grammar::verb::Verb;
use store::Rights;

/// In which states a command is allowed (RFC 3501 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Any state.
    Nothing,
    /// Before login only.
    NotAuthenticated,
    /// After login.
    Authenticated,
    /// With a mailbox selected.
    Selected,
}

/// What untagged data may go with a command's answer, beyond its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tells {
    /// None: the command begins or ends a view.
    Nothing,
    /// All but expunges (RFC 3501 §7.4.1: "nor while responding to a FETCH, STORE, or SEARCH command").
    AllButExpunge,
    /// All.
    All,
}

/// What the dispatcher has to know of a command.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// Where it is allowed.
    pub needs: Needs,
    /// What may be told with it.
    pub tells: Tells,
    /// News may be told before its own work. Not for STORE: in its silent form the client could not know whether flags
    /// told meanwhile are from before or after the change, so they are told once, after. Nor for FETCH: fetchmail takes
    /// whatever comes first for its answer.
    pub tells_first: bool,
    /// Its answer must hold what other processes did just before: the store is asked, whether it has called or not.
    pub asks: bool,
    /// FETCH responses during it carry the UID (RFC 3501 §6.4.8).
    pub uid: bool,
    /// It names messages by sequence number, which a client with UIDONLY does not have (RFC 9586 §3).
    pub by_number: bool,
    /// It carries a password, so that it needs privacy.
    pub private: bool,
    /// It changes the selected mailbox, so that it needs one selected for writing.
    pub writes: bool,
    /// The rights to the selected mailbox that it needs (RFC 4314 §4). Rights to mailboxes that it names are looked at
    /// where the name is: see [`super::rights`].
    pub rights: Rights,
    /// What the client must be offered for the command to exist.
    pub capability: Option<Capability>,
}

/// MOVE takes messages away as STORE \Deleted and EXPUNGE do (RFC 6851 §4).
const MOVED_FROM: Rights = Rights::DELETE.and(Rights::EXPUNGE);

const ANYWHERE: Facts = Facts {
    needs: Needs::Nothing,
    tells: Tells::All,
    tells_first: true,
    asks: false,
    uid: false,
    by_number: false,
    private: false,
    writes: false,
    rights: Rights::NONE,
    capability: None,
};
const LOGIN: Facts = Facts {
    needs: Needs::NotAuthenticated,
    tells: Tells::Nothing,
    ..ANYWHERE
};
const MAILBOXES: Facts = Facts {
    needs: Needs::Authenticated,
    ..ANYWHERE
};
const MESSAGES: Facts = Facts {
    needs: Needs::Selected,
    ..ANYWHERE
};
const BY_NUMBER: Facts = Facts {
    tells: Tells::AllButExpunge,
    by_number: true,
    ..MESSAGES
};
const BY_UID: Facts = Facts {
    uid: true,
    ..MESSAGES
};

impl Facts {
    /// These facts, of a command that belongs to an extension.
    const fn of(self, capability: Capability) -> Self {
        Self {
            capability: Some(capability),
            ..self
        }
    }
}

/// The table.
pub fn facts(verb: Verb) -> Facts {
    match verb {
        Verb::Capability => ANYWHERE,
        Verb::Id => ANYWHERE.of(Capability::Id),
        Verb::Noop => Facts {
            asks: true,
            ..ANYWHERE
        },
        Verb::Logout => Facts {
            tells: Tells::Nothing,
            ..ANYWHERE
        },
        Verb::StartTls => LOGIN,
        Verb::Authenticate | Verb::Login => Facts {
            private: true,
            ..LOGIN
        },
        Verb::Unauthenticate => Facts {
            tells: Tells::Nothing,
            ..MAILBOXES.of(Capability::Unauthenticate)
        },
        Verb::Enable => MAILBOXES.of(Capability::Enable),
        Verb::Create | Verb::Delete | Verb::Rename | Verb::Subscribe | Verb::Unsubscribe => {
            MAILBOXES
        }
        Verb::List | Verb::Lsub | Verb::Append => MAILBOXES,
        Verb::GetAcl | Verb::SetAcl | Verb::DeleteAcl | Verb::ListRights | Verb::MyRights => {
            MAILBOXES.of(Capability::Acl)
        }
        Verb::GetQuota | Verb::GetQuotaRoot => MAILBOXES.of(Capability::Quota),
        Verb::SetQuota => MAILBOXES.of(Capability::QuotaSet),
        Verb::GetMetadata | Verb::SetMetadata => MAILBOXES.of(Capability::Metadata),
        Verb::Namespace => MAILBOXES.of(Capability::Namespace),
        Verb::Compress => MAILBOXES.of(Capability::Compress),
        Verb::Status => Facts {
            asks: true,
            ..MAILBOXES
        },
        Verb::Notify => Facts {
            asks: true,
            ..MAILBOXES.of(Capability::Notify)
        },
        Verb::Idle => Facts {
            asks: true,
            ..MAILBOXES.of(Capability::Idle)
        },
        Verb::Select | Verb::Examine => Facts {
            tells: Tells::Nothing,
            ..MAILBOXES
        },
        Verb::Check => Facts {
            asks: true,
            ..MESSAGES
        },
        Verb::Close => Facts {
            tells: Tells::Nothing,
            ..MESSAGES
        },
        Verb::Unselect => Facts {
            tells: Tells::Nothing,
            ..MESSAGES.of(Capability::Unselect)
        },
        Verb::Expunge => Facts {
            writes: true,
            rights: Rights::EXPUNGE,
            ..MESSAGES
        },
        Verb::Search => Facts {
            asks: true,
            ..BY_NUMBER
        },
        Verb::ESearch => Facts {
            asks: true,
            uid: true,
            ..MAILBOXES.of(Capability::MultiSearch)
        },
        Verb::Sort => Facts {
            asks: true,
            ..BY_NUMBER.of(Capability::Sort)
        },
        // Which algorithms there are, the grammar knows.
        Verb::Thread => Facts {
            asks: true,
            ..BY_NUMBER
        },
        Verb::UidSort => Facts {
            asks: true,
            ..BY_UID.of(Capability::Sort)
        },
        Verb::UidThread => Facts {
            asks: true,
            ..BY_UID
        },
        Verb::CancelUpdate => MESSAGES.of(Capability::ContextSearch),
        Verb::Fetch => Facts {
            tells_first: false,
            ..BY_NUMBER
        },
        Verb::Store => Facts {
            writes: true,
            tells_first: false,
            ..BY_NUMBER
        },
        Verb::UidStore => Facts {
            writes: true,
            tells_first: false,
            ..BY_UID
        },
        Verb::Copy => Facts {
            by_number: true,
            ..MESSAGES
        },
        Verb::Move => Facts {
            writes: true,
            by_number: true,
            rights: MOVED_FROM,
            ..MESSAGES.of(Capability::Move)
        },
        Verb::Replace => Facts {
            writes: true,
            ..MESSAGES.of(Capability::Replace)
        },
        Verb::UidReplace => Facts {
            writes: true,
            ..BY_UID.of(Capability::Replace)
        },
        Verb::UidSearch => Facts {
            asks: true,
            ..BY_UID
        },
        Verb::UidFetch => Facts {
            tells_first: false,
            ..BY_UID
        },
        Verb::UidCopy => BY_UID,
        Verb::UidMove => Facts {
            writes: true,
            rights: MOVED_FROM,
            ..BY_UID.of(Capability::Move)
        },
        Verb::UidExpunge => Facts {
            writes: true,
            rights: Rights::EXPUNGE,
            ..BY_UID.of(Capability::UidPlus)
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_that_answer_with_numbers_forbid_expunges() {
        let forbid = Verb::ALL
            .iter()
            .filter(|&&verb| facts(verb).tells == Tells::AllButExpunge);
        assert_eq!(
            forbid.copied().collect::<Vec<_>>(),
            [
                Verb::Search,
                Verb::Sort,
                Verb::Thread,
                Verb::Fetch,
                Verb::Store
            ]
        );
    }

    #[test]
    fn what_writes_needs_a_selected_mailbox() {
        let writers = Verb::ALL
            .iter()
            .map(|&verb| facts(verb))
            .filter(|facts| facts.writes);
        assert!(
            writers
                .into_iter()
                .all(|facts| facts.needs == Needs::Selected)
        );
    }
}
