//! What the name of a mailbox means to this user: whose mailbox it is, and what he may do there. The only place where a
//! name leads to another's mailbox.
//!
//! ```text
//! Other Users/alice@example.test/Team/Plans
//! ───────────┬────────────────── ────┬─────
//!     the namespace and the owner    the name as the owner knows it
//! ```
//!
//! One's own mailboxes have no prefix (RFC 2342). If somebody has a mailbox of his own under the prefix, it goes first.
//! An owner whose address holds `/`, `%` or `*` has no such name: his mailboxes cannot be shared.
//!
//! Not here: which rights a deed needs; see [`super::rights`].

use store::{Access, Address, Destination, MailboxInfo, Rights};

use super::ImapSession;
use super::reject::Reject;
use super::rights::{Deed, judge};
use crate::grammar::capability::Capability;
use crate::grammar::mailbox::SEPARATOR;

/// What other users' mailboxes begin with.
pub const OTHER_USERS: &str = "Other Users/";

/// A mailbox that is there, to this user.
#[derive(Debug, Clone)]
pub struct Place {
    /// Whose it is, and who the user is: what the store wants.
    pub access: Access,
    /// What the user may do there.
    pub rights: Rights,
    /// The name as the owner knows it.
    pub local: String,
    /// The mailbox. Its name is the one by which the user knows it.
    pub info: MailboxInfo,
}

impl Place {
    fn of_other(shared: store::Shared) -> Self {
        let mut info = shared.info;
        let local = std::mem::take(&mut info.name);
        info.name = name_at(&shared.owner, &local);
        Self {
            access: shared.access,
            rights: shared.rights,
            local,
            info,
        }
    }
}

/// The name of another's mailbox.
fn name_at(owner: &Address, local: &str) -> String {
    format!("{OTHER_USERS}{owner}{SEPARATOR}{local}")
}

/// The owner's address and his name of the mailbox, if the name is in the other users' namespace.
fn of_other(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(OTHER_USERS)?.split_once(SEPARATOR)
}

/// Whether the name is, or lies below, that of the namespace.
pub(crate) fn is_reserved(name: &str) -> bool {
    name.starts_with(OTHER_USERS) || name == OTHER_USERS.trim_end_matches(SEPARATOR)
}

fn not_found() -> Reject {
    Reject::Store(store::Error::NotFound("mailbox"))
}

impl ImapSession {
    /// Whether there are mailboxes of others for this client.
    pub(crate) fn shares(&self) -> bool {
        self.offers(Capability::Acl)
    }

    /// The mailbox of that name, if the user may do `deed` with it.
    pub(crate) async fn place(&self, name: &str, deed: Deed) -> Result<Place, Reject> {
        let user = self.user()?.account;
        match self.store().mailbox(user, name).await {
            Ok(info) => Ok(Place {
                access: user.into(),
                rights: Rights::ALL,
                local: info.name.clone(),
                info,
            }),
            Err(store::Error::NotFound(_)) => self.place_of_other(name, deed).await,
            Err(other) => Err(other.into()),
        }
    }

    async fn place_of_other(&self, name: &str, deed: Deed) -> Result<Place, Reject> {
        let (owner, local) = of_other(name)
            .filter(|_| self.shares())
            .ok_or_else(not_found)?;
        let user = self.user()?.account;
        let shared = self.store().shared_mailbox(user, owner, local).await?;
        judge(deed, shared.rights)?;
        Ok(Place::of_other(shared))
    }

    /// The name by which the user knows the selected mailbox.
    pub(crate) async fn selected_name(&mut self) -> Result<Option<String>, Reject> {
        let store = self.store();
        let Some(selected) = self.state.selected() else {
            return Ok(None);
        };
        let (access, mailbox) = (selected.view.access, selected.view.mailbox);
        let local = store.mailbox_by_id(access.owner(), mailbox).await?.name;
        if access.is_own() {
            return Ok(Some(local));
        }
        let owner = store.account_by_id(access.owner()).await?.address;
        Ok(Some(name_at(&owner, &local)))
    }

    /// All mailboxes that the user may look up: his own, and those of others that he may list. Whether he may read one is
    /// said by its rights ([`Rights::READ`]); whoever watches or searches many mailboxes asks here, and nowhere else.
    pub(crate) async fn visible_mailboxes(&self) -> Result<Vec<Place>, Reject> {
        let (store, user) = (self.store(), self.user()?.account);
        let own = store.mailboxes(user).await?.into_iter();
        let mut places: Vec<Place> = own
            .map(|info| Place {
                access: user.into(),
                rights: Rights::ALL,
                local: info.name.clone(),
                info,
            })
            .collect();
        if self.shares() {
            let shared = store.shared_mailboxes(user).await?.into_iter();
            places.extend(
                shared
                    .filter(|shared| shared.rights.contains(Rights::LOOKUP))
                    .map(Place::of_other),
            );
        }
        Ok(places)
    }

    /// Where a mailbox is to be made: whose it will be, and its name there.
    pub(crate) async fn new_place(&self, name: &str) -> Result<(Access, String), Reject> {
        let user = self.user()?.account;
        if !self.shares() || !is_reserved(name) {
            return Ok((user.into(), name.to_owned()));
        }
        // Whoever may not look up what is above learns nothing of it: he may not do it either way.
        let (owner, local) = of_other(name).ok_or(Reject::NoPermission)?;
        let above = self.store().rights_above(user, owner, local).await?;
        let (access, rights) = above.ok_or(Reject::NoPermission)?;
        match judge(Deed::CreateBelow, rights) {
            Ok(()) => Ok((access, local.to_owned())),
            Err(_) => Err(Reject::NoPermission),
        }
    }

    /// Why messages cannot be put into a mailbox that is not there: one's own could be made (RFC 3501 §6.3.11), unless its name is none.
    pub(crate) fn missing_destination(&self, name: &str) -> Reject {
        match self.shares() && is_reserved(name) || !store::is_mailbox_name(name) {
            true => not_found(),
            false => Reject::TryCreate,
        }
    }

    /// The mailbox that messages are to be put into, and the rights to it. One's own is looked up by the store when it comes to it.
    pub(crate) async fn destination(&self, name: &str) -> Result<(Destination, Rights), Reject> {
        if !self.shares() || !is_reserved(name) {
            let user = self.user()?.account;
            return Ok((Destination::new(user.into(), name), Rights::ALL));
        }
        let place = self.place(name, Deed::Insert).await?;
        Ok((Destination::new(place.access, &place.local), place.rights))
    }

    /// Whether the UIDs of new messages are told: not where the mailbox cannot be selected, as that "would disclose information" (RFC 4315 §3, RFC 9051
    /// §6.3.12, §6.4.7).
    pub(crate) fn tells_uids(&self, rights: Rights) -> bool {
        self.offers(Capability::UidPlus) && rights.contains(Rights::READ)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_tell_owner_and_mailbox() {
        assert_eq!(
            of_other("Other Users/alice@example.test/Team/Plans"),
            Some(("alice@example.test", "Team/Plans"))
        );
        assert_eq!(of_other("Other Users/alice@example.test"), None);
        assert_eq!(of_other("Other Usersx/a/b"), None);
        assert!(is_reserved("Other Users"));
        assert!(is_reserved("Other Users/x"));
        assert!(!is_reserved("Other Userships"));
    }
}
