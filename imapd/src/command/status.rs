//! STATUS (RFC 3501 §6.3.10; RFC 7162 §3.1.7; RFC 8438; RFC 7889), also for LIST (RFC 5819).
//!
//! All but RECENT stands in the mailbox's row: the cost does not depend on the size of the mailbox.

use daemon::session::Output;
use store::{AccountId, MailboxInfo};

use crate::grammar::response::Response;
use crate::grammar::status::StatusItem;
use crate::session::ImapSession;
use crate::session::dispatch::{Done, Outcome};
use crate::session::reject::Reject;
use crate::session::rights::Deed;

impl ImapSession {
    pub(crate) async fn status(
        &mut self,
        name: &str,
        items: &[StatusItem],
        out: &mut Output,
    ) -> Outcome {
        let place = self.place(name, Deed::Read).await?;
        let (owner, info) = (place.access.owner(), place.info);
        if info.no_select {
            return Err(Reject::Store(store::Error::NotPermitted(
                "The mailbox holds only other mailboxes",
            )));
        }
        if items.contains(&StatusItem::HighestModSeq) {
            self.enable_condstore(out);
        }
        self.say(&self.status_response(owner, &info, items).await?, out);
        Ok(Done::text("STATUS completed"))
    }

    /// What is told of a mailbox of `owner`.
    pub(crate) async fn status_response(
        &self,
        owner: AccountId,
        info: &MailboxInfo,
        items: &[StatusItem],
    ) -> Result<Response, Reject> {
        let mut values = Vec::with_capacity(items.len());
        for &item in items {
            values.push((item, self.status_value(owner, info, item).await?));
        }
        Ok(Response::Status {
            mailbox: info.name.clone(),
            items: values,
        })
    }

    async fn status_value(
        &self,
        owner: AccountId,
        info: &MailboxInfo,
        item: StatusItem,
    ) -> Result<u64, Reject> {
        Ok(match item {
            StatusItem::Messages => info.messages.into(),
            StatusItem::Recent => self.recent(owner, info).await?.into(),
            StatusItem::UidNext => info.uid_next.value().into(),
            StatusItem::UidValidity => info.uid_validity.0.into(),
            StatusItem::Unseen => info.unseen.into(),
            StatusItem::Deleted => info.deleted.into(),
            StatusItem::DeletedStorage => info.deleted_size,
            StatusItem::Size => info.size,
            StatusItem::HighestModSeq => info.highest_modseq.0,
            StatusItem::MailboxId => u64::try_from(info.id.0).unwrap_or_default(),
            StatusItem::AppendLimit => self.connection.config.limits.message_octets,
        })
    }

    async fn recent(&self, owner: AccountId, info: &MailboxInfo) -> Result<u32, Reject> {
        if info.recent_from == info.uid_next {
            return Ok(0);
        }
        Ok(self.store().count_recent(owner, info.id).await?)
    }
}
