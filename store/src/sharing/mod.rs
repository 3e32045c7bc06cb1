//! Mailboxes that their owners share with others: who may do what there (`acl`), and what each has read (`reading`).
//!
//! An [`Access`] says whose mailboxes are meant and who acts. Calls that change or show what differs between users take
//! one; an account's number alone is the access of an owner to what is his. Every such call looks the rights up in its own
//! transaction: without a grant another's mailbox is not found.
//!
//! Not here: how a mailbox of another is named. That is the protocol's.

mod acl;
pub(crate) mod reading;
mod rights;

pub use acl::{Grant, Grantee, Shared};
pub use rights::Rights;

pub(crate) use acl::{inherit, require, rights_of};

use rusqlite::{Connection, OptionalExtension, params};

use crate::mailbox::MailboxInfo;
use crate::{AccountId, Result};

/// Whose mailboxes, and who acts there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Access {
    owner: AccountId,
    user: AccountId,
}

impl Access {
    /// The access of `user` to mailboxes of `owner`.
    pub fn new(owner: AccountId, user: AccountId) -> Self {
        Access { owner, user }
    }

    /// Whose mailboxes.
    pub fn owner(self) -> AccountId {
        self.owner
    }

    /// Who acts.
    pub fn user(self) -> AccountId {
        self.user
    }

    /// To one's own mailboxes.
    pub fn is_own(self) -> bool {
        self.owner == self.user
    }
}

impl From<AccountId> for Access {
    fn from(account: AccountId) -> Self {
        Access {
            owner: account,
            user: account,
        }
    }
}

/// A mailbox by name, where messages go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// `None`: with the access to the mailbox where they come from.
    pub(crate) access: Option<Access>,
    pub(crate) name: String,
}

impl Destination {
    /// A mailbox of perhaps another account than the messages' own.
    pub fn new(access: Access, name: &str) -> Self {
        Destination {
            access: Some(access),
            name: name.to_owned(),
        }
    }

    /// The access to it, if it is not that to the messages.
    pub fn access(&self) -> Option<Access> {
        self.access
    }
}

impl From<&str> for Destination {
    fn from(name: &str) -> Self {
        Destination {
            access: None,
            name: name.to_owned(),
        }
    }
}

impl From<&String> for Destination {
    fn from(name: &String) -> Self {
        name.as_str().into()
    }
}

/// Makes of what is known of a mailbox what this user sees: the messages that he has not seen, and not what the mailbox
/// is for in its owner's eyes.
pub(crate) fn personalize(
    connection: &Connection,
    access: Access,
    info: &mut MailboxInfo,
) -> Result<()> {
    if access.is_own() {
        return Ok(());
    }
    let sql = "SELECT seen FROM reader WHERE mailbox = ?1 AND account = ?2";
    let seen: Option<u32> = connection
        .prepare_cached(sql)?
        .query_row(params![info.id, access.user], |row| row.get(0))
        .optional()?;
    info.unseen = info.messages.saturating_sub(seen.unwrap_or(0));
    info.special_use = None;
    info.subscribed = false;
    Ok(())
}
