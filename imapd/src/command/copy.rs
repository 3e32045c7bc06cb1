//! COPY (RFC 3501 §6.4.7) and MOVE (RFC 6851), with COPYUID (RFC 4315 §3). COPY is atomic in the store. A MOVE of very many
//! may end in between: what has been moved is told, and the answer is NO (RFC 6851 §3.3).

use daemon::session::Output;
use store::{Access, Copied, Missing, Uid};

use crate::grammar::code::Code;
use crate::grammar::response::{Condition, Response};
use crate::grammar::{Numbering, SequenceSet};
use crate::session::ImapSession;
use crate::session::dispatch::{Done, Outcome};
use crate::session::reject::Reject;

impl ImapSession {
    pub(crate) async fn copy(
        &mut self,
        tag: &str,
        numbering: Numbering,
        set: &SequenceSet,
        to: &str,
        out: &mut Output,
    ) -> Outcome {
        let store = self.store();
        let (target, rights) = self.destination(to).await?;
        let tells_uids = self.tells_uids(rights);
        let reporter = self.reporter(tag);
        let view = &mut self.selected()?.view;
        let uids = view.uids(numbering, set)?;
        let missing = missing(numbering, set);
        let (account, own) = (
            target.access().map(Access::owner),
            target.access().is_some_and(Access::is_own) && store::is_mailbox_name(to),
        );
        let work = store.copy(view.access, view.mailbox, &uids, target, missing);
        let copied = reporter
            .wait(work, out)
            .await?
            .map_err(|error| destination(error, own))?;
        if let Some(account) = account {
            let arrived = copied.pairs.iter().map(|(_, to)| to.value());
            self.note_own(account, copied.uid_validity, arrived);
        }
        Ok(match copy_uid(&copied) {
            Some(_) if !tells_uids => Done::text("COPY completed"),
            Some(code) => Done::code(code, "COPY completed"),
            None => Done::text("COPY completed, no messages"),
        })
    }

    pub(crate) async fn move_messages(
        &mut self,
        tag: &str,
        numbering: Numbering,
        set: &SequenceSet,
        to: &str,
        out: &mut Output,
    ) -> Outcome {
        let store = self.store();
        let (target, rights) = self.destination(to).await?;
        let tells_uids = self.tells_uids(rights);
        let reporter = self.reporter(tag);
        let view = &mut self.selected()?.view;
        let uids = view.uids(numbering, set)?;
        let missing = missing(numbering, set);
        let own = target.access().is_some_and(Access::is_own) && store::is_mailbox_name(to);
        let work = store.move_messages(view.access, view.mailbox, &uids, target, missing);
        let moved = reporter
            .wait(work, out)
            .await?
            .map_err(|error| destination(error, own))?;
        // RFC 6851 §4.3: COPYUID in an untagged OK, before the EXPUNGEs, which the dispatcher tells.
        if let Some(code) = copy_uid(&moved).filter(|_| tells_uids) {
            out.put(&Response::Untagged(
                Condition::Ok,
                Some(code),
                "Moved".to_owned(),
            ));
        }
        view.expunged(moved.pairs.iter().map(|(from, _)| from.value()));
        if let Some(error) = moved.stopped {
            return Err(destination(error, own));
        }
        // RFC 6851 §4.4
        self.after_expunge(!moved.pairs.is_empty(), "MOVE completed")
            .await
    }
}

/// A sequence number names a message that the client believes to be there: if it is not, nothing is done (RFC 2180
/// §4.4). A UID that does not exist is ignored (RFC 3501 §6.4.8), and a saved result loses what is expunged (RFC 5182 §2.1).
fn missing(numbering: Numbering, set: &SequenceSet) -> Missing {
    match numbering {
        Numbering::Sequence if !set.is_saved() => Missing::Refused,
        Numbering::Sequence | Numbering::Uid => Missing::LeftOut,
    }
}

/// The source is selected and was found: what is not found is a message, or the destination. One's own can be made.
fn destination(error: store::Error, own: bool) -> Reject {
    match error {
        store::Error::NotFound("message") => Reject::ExpungeIssued,
        store::Error::NotFound(_) if own => Reject::TryCreate,
        other => Reject::Store(other),
    }
}

fn copy_uid(copied: &Copied) -> Option<Code> {
    if copied.pairs.is_empty() {
        return None;
    }
    let mut pairs: Vec<(Uid, Uid)> = copied.pairs.clone();
    pairs.sort_unstable();
    Some(Code::CopyUid {
        uid_validity: copied.uid_validity.0,
        from: pairs.iter().map(|(from, _)| from.value()).collect(),
        to: pairs.iter().map(|(_, to)| to.value()).collect(),
    })
}
