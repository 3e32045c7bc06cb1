//! STORE (RFC 3501 §6.4.6; RFC 7162 §3.1.3).

use daemon::session::Output;
use store::{FlagChange, FlagOperation, Flags, Keywords, ModSeq, Rights, Uid};

use crate::grammar::code::Code;
use crate::grammar::flag::{Flag, SystemFlag};
use crate::grammar::store::{Operation, Store};
use crate::grammar::{Numbering, SequenceSet};
use crate::session::ImapSession;
use crate::session::dispatch::{Done, Outcome};
use crate::session::reject::Reject;
use crate::view::{Row, View};

impl ImapSession {
    pub(crate) async fn store_flags(
        &mut self,
        numbering: Numbering,
        set: &SequenceSet,
        command: Store,
        out: &mut Output,
    ) -> Outcome {
        if command.unchanged_since.is_some() {
            self.enable_condstore(out);
        }
        let (store, condstore) = (self.store(), self.enabled.condstore);
        let view = &mut self.selected()?.view;
        let uids = view.uids(numbering, set)?;
        let change = flag_change(&command);
        if !may_change(view.rights, &change) {
            return Err(Reject::NoPermission);
        }
        let unchanged_since = command.unchanged_since.map(ModSeq);
        let stored = store
            .store_flags(view.access, view.mailbox, &uids, &change, unchanged_since)
            .await?;
        if command.silent && !condstore {
            let named = named_keywords(&stored.keywords, &change.keywords);
            view.apply_silent(&stored, |row| expected(row, &change, named));
        } else {
            view.apply_own(&stored);
            // The client wants the flags of all (RFC 3501), or their mod-sequences even if silent (RFC 7162 §3.1.3).
            stored
                .entries
                .iter()
                .for_each(|state| view.must_tell(state.uid.value()));
        }
        let known = stored.entries.len() + stored.modified.len();
        let modified = match unchanged_since {
            Some(since) if !stored.modified.is_empty() => {
                self.store_again(&change, since, stored.modified).await?
            }
            _ => stored.modified,
        };
        let gone = known < uids.len();
        let refused =
            gone && numbering == Numbering::Sequence && !command.silent && !set.is_saved();
        finish(numbering, &mut self.selected()?.view, &modified, refused)
    }

    /// Of these messages, which have changed since, those in which the named flags have not are no failure (RFC 7162 §3.1.12): they are changed now. Gives those
    /// that remain.
    async fn store_again(
        &mut self,
        change: &FlagChange,
        since: ModSeq,
        mut modified: Vec<Uid>,
    ) -> Result<Vec<Uid>, Reject> {
        self.catch_up(true).await?;
        let store = self.store();
        let view = &mut self.selected()?.view;
        let named = (
            change.flags,
            named_keywords(view.keywords(), &change.keywords),
        );
        let again = view.untouched(&modified, since, named);
        if again.is_empty() {
            return Ok(modified);
        }
        // What changes in this moment is a failure after all.
        let unchanged_since = Some(view.modseq());
        let stored = store
            .store_flags(view.access, view.mailbox, &again, change, unchanged_since)
            .await?;
        view.apply_own(&stored);
        for state in &stored.entries {
            view.must_tell(state.uid.value());
        }
        let is_stored = |uid: &Uid| stored.entries.binary_search_by_key(uid, |state| state.uid);
        modified.retain(|uid| is_stored(uid).is_err());
        Ok(modified)
    }
}

/// Messages that others have expunged: the flags of the rest are changed and told, and the answer is NO; it is OK if the
/// command was silent (RFC 2180 §4.2), and always with UIDs, because those that do not exist are ignored (RFC 3501
/// §6.4.8). MODIFIED stands in either (RFC 7162 §3.1.3).
fn finish(numbering: Numbering, view: &mut View, modified: &[Uid], refused: bool) -> Outcome {
    // RFC 7162 §3.1.3 recommends to tell at once what has changed.
    modified.iter().for_each(|uid| view.must_tell(uid.value()));
    let modified = view.numbers(numbering, modified.iter().map(|uid| uid.value()));
    match (modified.is_empty(), refused) {
        (true, true) => Err(Reject::ExpungeIssued),
        (true, false) => Ok(Done::text("STORE completed")),
        (false, true) => Err(Reject::Modified(modified)),
        (false, false) => Ok(Done::code(
            Code::Modified(modified),
            "Conditional STORE failed for some",
        )),
    }
}

/// "STORE operation SHOULD NOT fail if the user has rights to modify at least one flag specified" (RFC 4314 §4). FLAGS
/// specifies those that are not named, too. The store changes what may be changed.
fn may_change(rights: Rights, change: &FlagChange) -> bool {
    let named = change.operation != FlagOperation::Replace;
    let others = !change.keywords.is_empty() || !named;
    let wanted = if named { change.flags } else { Flags::ALL };
    let nothing = wanted.is_empty() && !others;
    nothing || !(wanted & rights.flags()).is_empty() || others && rights.contains(Rights::WRITE)
}

fn flag_change(command: &Store) -> FlagChange {
    let operation = match command.operation {
        Operation::Replace => FlagOperation::Replace,
        Operation::Add => FlagOperation::Add,
        Operation::Remove => FlagOperation::Remove,
    };
    let (flags, keywords) = split_flags(&command.flags);
    FlagChange {
        operation,
        flags,
        keywords,
    }
}

/// System flags as bits, and the names of keywords.
pub(super) fn split_flags(flags: &[Flag]) -> (Flags, Vec<String>) {
    let mut bits = Flags::NONE;
    let mut keywords = Vec::new();
    for flag in flags {
        match flag {
            Flag::System(system) => bits |= system_bit(*system),
            Flag::Keyword(name) => keywords.push(name.clone()),
        }
    }
    (bits, keywords)
}

/// The store's bit of a system flag.
pub(crate) fn system_bit(flag: SystemFlag) -> Flags {
    match flag {
        SystemFlag::Seen => Flags::SEEN,
        SystemFlag::Answered => Flags::ANSWERED,
        SystemFlag::Flagged => Flags::FLAGGED,
        SystemFlag::Deleted => Flags::DELETED,
        SystemFlag::Draft => Flags::DRAFT,
    }
}

fn named_keywords(known: &[String], names: &[String]) -> Keywords {
    let known = known.iter().enumerate();
    let named =
        known.filter(|(_, known)| names.iter().any(|name| name.eq_ignore_ascii_case(known)));
    Keywords(named.fold(0, |bits, (bit, _)| bits | 1 << bit))
}

/// What the client works out by itself after a silent STORE.
fn expected(row: Row, change: &FlagChange, keywords: Keywords) -> (Flags, Keywords) {
    match change.operation {
        FlagOperation::Replace => (change.flags, keywords),
        FlagOperation::Add => (row.flags | change.flags, row.keywords | keywords),
        FlagOperation::Remove => (row.flags & !change.flags, row.keywords & !keywords),
    }
}
