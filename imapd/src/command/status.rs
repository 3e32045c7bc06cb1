//! STATUS (RFC 3501 §6.3.10; RFC 7162 §3.1.7; RFC 8438; RFC 7889), also for LIST (RFC 5819).
//!
//! Every value stands in the mailbox's row: the cost does not depend on the size of the mailbox.

use daemon::session::Output;
use store::MailboxInfo;

use crate::grammar::response::Response;
use crate::grammar::status::StatusItem;
use crate::session::ImapSession;
use crate::session::dispatch::{Done, Outcome};
use crate::session::reject::Reject;

impl ImapSession {
    pub(crate) async fn status(
        &mut self,
        name: &str,
        items: &[StatusItem],
        out: &mut Output,
    ) -> Outcome {
        let info = self.store().mailbox(self.user()?.account, name).await?;
        if info.no_select {
            return Err(Reject::Store(store::Error::NotPermitted(
                "The mailbox holds only other mailboxes",
            )));
        }
        if items.contains(&StatusItem::HighestModSeq) {
            self.enable_condstore(out);
        }
        out.put(&self.status_response(&info, items));
        Ok(Done::text("STATUS completed"))
    }

    pub(crate) fn status_response(&self, info: &MailboxInfo, items: &[StatusItem]) -> Response {
        let limit = self.connection.config.limits.message_octets;
        let items = items
            .iter()
            .map(|&item| (item, value(info, item, limit)))
            .collect();
        Response::Status {
            mailbox: info.name.clone(),
            items,
        }
    }
}

fn value(info: &MailboxInfo, item: StatusItem, append_limit: u64) -> u64 {
    match item {
        StatusItem::Messages => info.messages.into(),
        // Those that the next session to select the mailbox would find recent: UIDs are dense enough for a bound.
        StatusItem::Recent => info
            .uid_next
            .value()
            .saturating_sub(info.recent_from.value())
            .min(info.messages)
            .into(),
        StatusItem::UidNext => info.uid_next.value().into(),
        StatusItem::UidValidity => info.uid_validity.0.into(),
        StatusItem::Unseen => info.unseen.into(),
        StatusItem::Deleted => info.deleted.into(),
        StatusItem::Size => info.size,
        StatusItem::HighestModSeq => info.highest_modseq.0,
        StatusItem::AppendLimit => append_limit,
    }
}
