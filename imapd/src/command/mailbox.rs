//! CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 §6.3.3 to §6.3.7; RFC 6154 §3). The rules are the store's.

use daemon::session::Output;
use store::SpecialUse;

use crate::grammar::capability::Capability;
use crate::grammar::code::Code;
use crate::grammar::command::Use;
use crate::session::ImapSession;
use crate::session::dispatch::{Done, Outcome};
use crate::session::reject::Reject;
use crate::session::rights::Deed;

impl ImapSession {
    pub(crate) async fn create(&mut self, name: &str, uses: &[Use], out: &mut Output) -> Outcome {
        let special_use = special_use(uses)?;
        let (access, local) = self.new_place(name).await?;
        if special_use.is_some() && !access.is_own() {
            return Err(Reject::NoSuchUse);
        }
        let made = self
            .store()
            .create_mailbox(access.owner(), &local, special_use)
            .await
            .map_err(not_made)?;
        self.tell_normalised(name, name, out).await?;
        Ok(match self.offers(Capability::ObjectId) {
            true => Done::code(Code::MailboxId(made.id.0), "CREATE completed"),
            false => Done::text("CREATE completed"),
        })
    }

    pub(crate) async fn delete(&mut self, name: &str, out: &mut Output) -> Outcome {
        let place = self.place(name, Deed::Remove).await?;
        self.store()
            .delete_mailbox(place.access.owner(), &place.local)
            .await?;
        // One's own selected mailbox: the client has asked for it, and is not thrown out.
        if let Err(Reject::MailboxRemoved) = self.catch_up(true).await {
            self.state.unselect();
        }
        if self.enabled.rev2 && place.info.name != name {
            // RFC 9051 §6.3.5; what holds others is still there, as a level.
            let gone = vec![(place.info.name, Some(name.to_owned()))];
            self.tell_names(gone, out).await?;
        }
        Ok(Done::text("DELETE completed"))
    }

    pub(crate) async fn rename(&mut self, from: &str, to: &str, out: &mut Output) -> Outcome {
        let place = self.place(from, Deed::Remove).await?;
        let (access, new) = self.new_place(to).await?;
        if access != place.access {
            let reason = "A mailbox cannot go to another account";
            return Err(store::Error::NotPermitted(reason).into());
        }
        if place.local == "INBOX" && !access.is_own() {
            let reason = "The INBOX of another user cannot be renamed";
            return Err(store::Error::NotPermitted(reason).into());
        }
        self.store()
            .rename_mailbox(access.owner(), &place.local, &new)
            .await?;
        if self.enabled.rev2 && place.info.name != from {
            let renamed = self.place(to, Deed::LearnRights).await?;
            self.tell_name(&renamed, from, out).await?;
        } else {
            self.tell_normalised(to, from, out).await?;
        }
        Ok(Done::text("RENAME completed"))
    }

    /// A client with IMAP4rev2 that wrote a name in another form than the one that is kept learns that one (RFC 9051
    /// §6.3.9.7).
    async fn tell_normalised(
        &self,
        written: &str,
        before: &str,
        out: &mut Output,
    ) -> Result<(), Reject> {
        if !self.enabled.rev2 {
            return Ok(());
        }
        let place = self.place(written, Deed::LearnRights).await?;
        if place.info.name != written {
            self.tell_name(&place, before, out).await?;
        }
        Ok(())
    }

    pub(crate) async fn subscribe(&mut self, name: &str) -> Outcome {
        self.store().subscribe(self.user()?.account, name).await?;
        Ok(Done::text("SUBSCRIBE completed"))
    }

    pub(crate) async fn unsubscribe(&mut self, name: &str) -> Outcome {
        self.store().unsubscribe(self.user()?.account, name).await?;
        Ok(Done::text("UNSUBSCRIBE completed"))
    }
}

/// RFC 6154 §3: if it is for its use that the mailbox cannot be made, USEATTR says so.
fn not_made(error: store::Error) -> Reject {
    match error {
        store::Error::Exists("mailbox of this special use") => Reject::UseTaken,
        other => other.into(),
    }
}

/// A mailbox here has at most one use, and \All and \Flagged would be views, which there are not: RFC 6154 §3 wants
/// USEATTR for what cannot be.
fn special_use(uses: &[Use]) -> Result<Option<SpecialUse>, Reject> {
    match uses {
        [] => Ok(None),
        [Use::Archive] => Ok(Some(SpecialUse::Archive)),
        [Use::Drafts] => Ok(Some(SpecialUse::Drafts)),
        [Use::Junk] => Ok(Some(SpecialUse::Junk)),
        [Use::Sent] => Ok(Some(SpecialUse::Sent)),
        [Use::Trash] => Ok(Some(SpecialUse::Trash)),
        _ => Err(Reject::NoSuchUse),
    }
}
