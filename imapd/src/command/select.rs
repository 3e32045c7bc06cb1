//! SELECT and EXAMINE (RFC 3501 §6.3.1, §6.3.2; RFC 7162 §3.1.8, §3.2.11).

use daemon::session::Output;
use store::SnapshotMode;

use crate::grammar::capability::Capability;
use crate::grammar::code::Code;
use crate::grammar::response::{Condition, Response};
use crate::session::ImapSession;
use crate::session::dispatch::{Done, Outcome};
use crate::session::reject::Reject;
use crate::session::state::{Selected, State};
use crate::view::View;

impl ImapSession {
    pub(crate) async fn select(
        &mut self,
        name: &str,
        condstore: bool,
        read_only: bool,
        out: &mut Output,
    ) -> Outcome {
        // "If the SELECT fails, no mailbox is selected" (RFC 3501 §6.3.1), whatever was before.
        if self.state.selected().is_some() {
            self.state.unselect();
            out.put(&Response::Untagged(
                Condition::Ok,
                Some(Code::Closed),
                "Previous mailbox closed".to_owned(),
            ));
        }
        let (user, store) = (self.user()?, self.store());
        let info = store.mailbox(user.account, name).await?;
        if info.no_select {
            return Err(Reject::Store(store::Error::NotPermitted(
                "The mailbox holds only other mailboxes",
            )));
        }
        // Watched from before the snapshot, so that nothing falls between the two.
        let changes = store.watch_mailbox(info.id);
        let mode = if read_only {
            SnapshotMode::ReadOnly
        } else {
            SnapshotMode::ClaimRecent
        };
        let snapshot = store.snapshot(user.account, info.id, mode).await?;
        let view = View::new(user.account, &snapshot, read_only);
        tell_all(&view, snapshot.info.uid_next.value(), out);
        if self.offers(Capability::CondStore) {
            tell_code(
                Code::HighestModSeq(view.modseq().0),
                "Highest mod-sequence",
                out,
            );
        }
        self.state = State::Selected(user, Box::new(Selected { view, changes }));
        self.enabled.condstore |= condstore;
        Ok(match read_only {
            true => Done::code(Code::ReadOnly, "EXAMINE completed"),
            false => Done::code(Code::ReadWrite, "SELECT completed"),
        })
    }
}

fn tell_all(view: &View, uid_next: u32, out: &mut Output) {
    view.tell_flag_names(out);
    out.put(&Response::Exists(view.exists()));
    out.put(&Response::Recent(view.recent()));
    let unseen = view.rows().first_unseen();
    if let Some(number) = unseen.and_then(|position| u32::try_from(position + 1).ok()) {
        tell_code(Code::Unseen(number), "First unseen message", out);
    }
    tell_code(
        Code::UidValidity(view.uid_validity.0),
        "UIDs are valid",
        out,
    );
    tell_code(Code::UidNext(uid_next), "Next UID", out);
}

fn tell_code(code: Code, text: &str, out: &mut Output) {
    out.put(&Response::Untagged(
        Condition::Ok,
        Some(code),
        text.to_owned(),
    ));
}
