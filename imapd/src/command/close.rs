//! CLOSE (RFC 3501 §6.4.2) and UNSELECT (RFC 3691).

use store::Rights;

use crate::session::ImapSession;
use crate::session::dispatch::{Done, Outcome};

impl ImapSession {
    /// Removes messages with \Deleted, and tells nothing of it.
    pub(crate) async fn close(&mut self) -> Outcome {
        let store = self.store();
        let view = &self.selected()?.view;
        // RFC 4314 §4: without the right to expunge, nothing is expunged, and the answer is OK.
        if !view.read_only && view.rights.contains(Rights::EXPUNGE) {
            match store
                .expunge_deleted(view.account, view.mailbox, None)
                .await
            {
                // Someone has removed the mailbox, and with it all that was to be removed.
                Ok(_) | Err(store::Error::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.state.unselect();
        Ok(Done::text("CLOSE completed"))
    }

    pub(crate) fn unselect(&mut self) -> Outcome {
        self.state.unselect();
        Ok(Done::text("UNSELECT completed"))
    }
}
