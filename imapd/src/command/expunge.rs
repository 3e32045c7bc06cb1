//! EXPUNGE (RFC 3501 §6.4.3) and UID EXPUNGE (RFC 4315 §2.1).

use store::Uid;

use crate::grammar::{Numbering, SequenceSet};
use crate::session::ImapSession;
use crate::session::dispatch::Outcome;

impl ImapSession {
    /// Without a set, all messages with \Deleted. The EXPUNGE responses are told by the dispatcher.
    pub(crate) async fn expunge(&mut self, set: Option<&SequenceSet>) -> Outcome {
        let store = self.store();
        let view = &mut self.selected()?.view;
        let among = set.map(|set| view.uids(Numbering::Uid, set)).transpose()?;
        let gone = store
            .expunge_deleted(view.account, view.mailbox, among.as_deref())
            .await?;
        let any = !gone.is_empty();
        view.expunged(gone.into_iter().map(Uid::value));
        self.after_expunge(any, "EXPUNGE completed").await
    }
}
