//! SELECT and EXAMINE (RFC 3501 §6.3.1, §6.3.2; RFC 9051 §6.3.2; RFC 7162 §3.1.8, §3.2.5, §3.2.11).
//!
//! A client that knows the mailbox from before is told only what has changed since, after all that every SELECT tells.

use daemon::session::Output;
use store::{MailboxInfo, ModSeq, SnapshotMode};

use crate::grammar::capability::Capability;
use crate::grammar::code::Code;
use crate::grammar::fetch_line::FetchLine;
use crate::grammar::response::{Condition, Response};
use crate::grammar::select::{Resync, Select};
use crate::session::ImapSession;
use crate::session::contexts::Contexts;
use crate::session::dispatch::{Done, Outcome};
use crate::session::place::Place;
use crate::session::reject::Reject;
use crate::session::rights::{Deed, is_read_write};
use crate::session::state::{Selected, State};
use crate::view::{Manner, View, tell_vanished};

impl ImapSession {
    pub(crate) async fn select(
        &mut self,
        select: &Select,
        read_only: bool,
        out: &mut Output,
    ) -> Outcome {
        if select.resync.is_some() && !self.enabled.qresync {
            return Err(Reject::NotEnabled("QRESYNC"));
        }
        self.leave_selected(out);
        let (selected, place) = self.open(&select.mailbox, read_only).await?;
        self.enabled.condstore |= select.condstore;
        self.tell_mailbox(&selected.view, &place.info, out);
        if self.enabled.rev2 {
            self.tell_name(&place, &select.mailbox, out).await?;
        }
        if let Some(resync) = &select.resync {
            self.resynchronise(&selected.view, resync, out).await?;
        }
        self.state = State::Selected(self.user()?, Box::new(selected));
        Ok(match read_only {
            false if !is_read_write(place.rights) => Done::code(Code::ReadOnly, "SELECT completed"),
            true => Done::code(Code::ReadOnly, "EXAMINE completed"),
            false => Done::code(Code::ReadWrite, "SELECT completed"),
        })
    }

    /// "If the SELECT fails, no mailbox is selected" (RFC 3501 §6.3.1), whatever was before.
    fn leave_selected(&mut self, out: &mut Output) {
        if self.state.selected().is_some() {
            self.state.unselect();
            tell_code(Code::Closed, "Previous mailbox closed", out);
        }
    }

    async fn open(&self, name: &str, read_only: bool) -> Result<(Selected, Place), Reject> {
        let store = self.store();
        let mut place = self.place(name, Deed::Read).await?;
        if place.info.no_select {
            return Err(Reject::Store(store::Error::NotPermitted(
                "The mailbox holds only other mailboxes",
            )));
        }
        // Watched from before the snapshot, so that nothing falls between the two.
        let changes = store.watch_mailbox(place.info.id);
        // A client that cannot be told of \Recent does not take it from those that can.
        let mode = if read_only || self.enabled.rev2 {
            SnapshotMode::ReadOnly
        } else {
            SnapshotMode::ClaimRecent
        };
        let snapshot = store.snapshot(place.access, place.info.id, mode).await?;
        let mut view = View::new(place.access, &snapshot, read_only);
        if self.enabled.rev2 {
            view.ignore_recent();
        }
        let name = std::mem::take(&mut place.info.name);
        place.info = MailboxInfo {
            name,
            ..snapshot.info
        };
        let selected = Selected {
            view,
            changes,
            contexts: Contexts::default(),
        };
        Ok((selected, place))
    }

    fn tell_mailbox(&self, view: &View, info: &MailboxInfo, out: &mut Output) {
        view.tell_flag_names(out);
        out.put(&Response::Exists(view.exists()));
        if !self.enabled.rev2 {
            out.put(&Response::Recent(view.recent()));
        }
        // IMAP4rev2 has no UNSEEN here (RFC 9051, Appendix E, 11), and UIDONLY no number to tell it by.
        if let Some(number) = first_unseen(view)
            && !self.enabled.rev2
            && !self.enabled.uid_only
        {
            tell_code(Code::Unseen(number), "First unseen message", out);
        }
        tell_code(
            Code::UidValidity(view.uid_validity.0),
            "UIDs are valid",
            out,
        );
        tell_code(Code::UidNext(info.uid_next.value()), "Next UID", out);
        if self.offers(Capability::CondStore) {
            let code = Code::HighestModSeq(view.modseq().0);
            tell_code(code, "Highest mod-sequence", out);
        }
        if self.offers(Capability::ObjectId) {
            let code = Code::MailboxId(info.id.0);
            tell_code(code, "Mailbox stays when it is renamed", out);
        }
    }

    /// Tells what has changed since the client looked last (RFC 7162 §3.2.5), unless it speaks of another mailbox that
    /// had the same name.
    async fn resynchronise(
        &self,
        view: &View,
        resync: &Resync,
        out: &mut Output,
    ) -> Result<(), Reject> {
        if resync.uid_validity != view.uid_validity.0 {
            return Ok(());
        }
        let since = ModSeq(resync.modseq);
        let expunged = self
            .store()
            .expunged_since(view.account, view.mailbox, since)
            .await?;
        let samples = resync.samples.as_ref();
        let known_to = samples.map_or(0, |(numbers, uids)| view.known_to(numbers, uids));
        let known = resync.known.as_ref();
        tell_vanished(true, &view.vanished_before(&expunged, known, known_to), out);
        let manner = Manner {
            flags: true,
            expunge: false,
            modseq: false,
            uid: true,
            enabled: self.enabled,
        };
        let mut line = FetchLine::default();
        for uid in view.changed_since(resync.modseq, known) {
            view.write_flags(uid, manner, &mut line);
            out.put_bytes(line.octets());
            line.clear();
            out.drain().await?;
        }
        Ok(())
    }
}

fn first_unseen(view: &View) -> Option<u32> {
    u32::try_from(view.rows().first_unseen()? + 1).ok()
}

fn tell_code(code: Code, text: &str, out: &mut Output) {
    out.put(&Response::Untagged(
        Condition::Ok,
        Some(code),
        text.to_owned(),
    ));
}
