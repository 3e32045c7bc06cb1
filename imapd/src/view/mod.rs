//! What one client knows of the mailbox that it has selected, and what it has not been told yet.
//!
//! The view alone maps sequence numbers to UIDs. Changes of the store are taken in by [`View::apply`] at any time and
//! wait; [`View::tell`] turns them into untagged responses when the dispatcher allows it. Until an expunged message has
//! been told, it keeps its sequence number (RFC 3501 §7.4.1).
//!
//! ```text
//! store ──Changes──► apply ──► rows + what is not told ──► tell ──► EXPUNGE, EXISTS, RECENT, FLAGS, FETCH
//! ```
//!
//! The rows are what the client knows of flags: a change that leaves a row equal is not told, therefore a session's own
//! STORE, which is told by its own answer, is not echoed.
//!
//! The view does no I/O and never fails.

mod rows;
mod tell;

use std::collections::BTreeSet;
use std::ops::Range;

use store::{
    Access, AccountId, Changes, EntryState, Flags, Keywords, MailboxId, MailboxInfo, ModSeq,
    Rights, Snapshot, Stored, Uid, UidValidity,
};

pub use rows::{Row, Rows};
pub use tell::{Manner, tell_vanished};

use crate::grammar::Numbering;
use crate::grammar::sequence::{Ranges, SequenceSet};

/// A command named a sequence number that no message has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuchNumber;

/// A selected mailbox as one client sees it.
#[derive(Debug)]
pub struct View {
    /// Whose mailbox.
    pub account: AccountId,
    /// Whose, and who looks at it.
    pub access: Access,
    /// What may be done with it; kept up by [`Self::apply`].
    pub rights: Rights,
    /// Which mailbox.
    pub mailbox: MailboxId,
    /// Its UIDVALIDITY.
    pub uid_validity: UidValidity,
    /// EXAMINE: nothing can be changed here.
    pub read_only: bool,
    rows: Rows,
    /// What the rows are to become once the client has been told what is gone.
    latest: Option<Rows>,
    keywords: Vec<String>,
    recent: Vec<(u32, u32)>,
    /// `\Recent` is not told: IMAP4rev2 has none (RFC 9051, Appendix E, 12).
    recent_ignored: bool,
    modseq: ModSeq,
    uid_next: u32,
    gone: BTreeSet<u32>,
    /// Up to which mod-sequence the client knows everything, as long as there are expunges that it has not been told.
    held_at: Option<ModSeq>,
    changed: BTreeSet<u32>,
    exists_told: usize,
    keywords_told: usize,
    /// The result that a search has saved, by UIDs (RFC 5182).
    saved: Ranges,
    /// Messages that have come or changed since somebody asked, if somebody asks.
    touched: Option<BTreeSet<u32>>,
    rights_told: Rights,
    /// The rows before a conditional STORE took the news in, and their mod-sequence.
    before: Option<(Rows, ModSeq)>,
}

impl View {
    /// The view right after SELECT, when the client has been told all.
    pub fn new(access: impl Into<Access>, snapshot: &Snapshot, read_only: bool) -> Self {
        let access = access.into();
        // Without a claim (RFC 3501 §2.3.2) whatever arrives later is recent for this session too.
        let last_recent = if read_only {
            u32::MAX
        } else {
            snapshot.info.uid_next.value() - 1
        };
        let rows = Rows::from(&snapshot.entries);
        Self {
            account: access.owner(),
            access,
            rights: snapshot.rights,
            rights_told: snapshot.rights,
            mailbox: snapshot.info.id,
            uid_validity: snapshot.info.uid_validity,
            read_only,
            exists_told: rows.len(),
            keywords_told: snapshot.info.keywords.len(),
            keywords: snapshot.info.keywords.clone(),
            recent: vec![(snapshot.recent_from.value(), last_recent)],
            recent_ignored: false,
            modseq: snapshot.info.highest_modseq,
            uid_next: snapshot.info.uid_next.value(),
            held_at: None,
            before: None,
            gone: BTreeSet::new(),
            changed: BTreeSet::new(),
            saved: Ranges::default(),
            touched: None,
            rows,
            latest: None,
        }
    }

    /// The messages by sequence number, those included that are gone and not told.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// How many messages the client may name.
    pub fn exists(&self) -> u32 {
        u32::try_from(self.rows.len()).unwrap_or(u32::MAX)
    }

    /// How many messages are recent in this session.
    pub fn recent(&self) -> u32 {
        let count: usize = self
            .recent
            .iter()
            .map(|&(first, last)| self.rows.positions(first, last).len())
            .sum();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Whether the message is recent in this session.
    pub fn is_recent(&self, uid: u32) -> bool {
        self.recent
            .iter()
            .any(|&(first, last)| (first..=last).contains(&uid))
    }

    /// The messages that have arrived, and are still there, of which the client has not been told.
    pub fn arrivals(&self) -> Vec<u32> {
        let new = self.rows.uids(self.exists_told..self.rows.len());
        new.filter(|uid| !self.gone.contains(uid)).collect()
    }

    /// Whether messages have arrived of which the client has not been told.
    pub fn has_arrivals(&self) -> bool {
        self.rows.len() > self.exists_told
    }

    /// `\Recent` is of no interest from now on.
    pub fn ignore_recent(&mut self) {
        self.recent_ignored = true;
        self.recent.clear();
    }

    /// This session has claimed the messages from `first` on that have arrived so far: they are recent here alone.
    pub fn claim_recent(&mut self, first: u32) {
        let Some(last) = self.rows.last_uid() else {
            return;
        };
        if self.recent_ignored {
            return;
        }
        match self.recent.last_mut() {
            Some(range) if first <= range.1.saturating_add(1) => range.1 = range.1.max(last),
            _ if first <= last => self.recent.push((first, last)),
            _ => {}
        }
    }

    /// Up to which mod-sequence the store's changes were taken in.
    pub fn modseq(&self) -> ModSeq {
        self.modseq
    }

    /// The names of the mailbox's keywords, by bit.
    pub fn keywords(&self) -> &[String] {
        &self.keywords
    }

    /// The names of the set bits.
    pub fn keyword_names(&self, keywords: Keywords) -> impl Iterator<Item = &str> {
        let named = self.keywords.iter().enumerate();
        named
            .filter(move |(bit, _)| keywords.0 >> bit & 1 == 1)
            .map(|(_, name)| name.as_str())
    }

    /// Whether the message was expunged by someone and the client does not know it yet.
    pub fn is_gone(&self, uid: u32) -> bool {
        self.gone.contains(&uid)
    }

    /// The positions that a command's set names, ascending and apart.
    ///
    /// UIDs that do not exist are ignored (RFC 3501 §6.4.8); sequence numbers that do not exist are an error
    /// (RFC 3501 §9, seq-number).
    pub fn resolve(
        &self,
        numbering: Numbering,
        set: &SequenceSet,
    ) -> Result<Vec<Range<usize>>, NoSuchNumber> {
        match numbering {
            _ if set.is_saved() => Ok(self.saved_positions()),
            Numbering::Uid => Ok(self.uid_positions(set)),
            Numbering::Sequence => {
                let numbers = set.resolve(self.exists());
                if (self.rows.is_empty() && set.names_last())
                    || numbers.max().is_some_and(|most| most > self.exists())
                {
                    return Err(NoSuchNumber);
                }
                Ok(numbers
                    .iter()
                    .map(|(first, last)| first as usize - 1..last as usize)
                    .collect())
            }
        }
    }

    /// A saved result loses messages as soon as they are expunged, whether that has been told or not (RFC 5182 §2.1).
    fn saved_positions(&self) -> Vec<Range<usize>> {
        let ranges = self.saved.iter();
        let positions = ranges.flat_map(|(first, last)| self.rows.positions(first, last));
        let there = positions.filter(|&position| {
            let uid = self.rows.uid(position);
            uid.is_some_and(|uid| !self.is_gone(uid))
        });
        there.map(|position| position..position + 1).collect()
    }

    /// The UIDs that a set of a search key names: numbers that no message has are no error there.
    pub fn known(&self, numbering: Numbering, set: &SequenceSet) -> Ranges {
        match numbering {
            _ if set.is_saved() => self.saved.clone(),
            Numbering::Uid => set.resolve(self.rows.last_uid().unwrap_or(0)),
            Numbering::Sequence => {
                let numbers = set.resolve(self.exists());
                let ranges = numbers.iter().map(|(first, last)| {
                    let end = (last as usize).min(self.rows.len());
                    (first as usize - 1).min(end)..end
                });
                ranges.flat_map(|range| self.rows.uids(range)).collect()
            }
        }
    }

    /// The result that `$` stands for, by UIDs; messages that are no more may be among them.
    pub fn saved(&self) -> &Ranges {
        &self.saved
    }

    /// From now on `$` stands for these UIDs.
    pub fn save(&mut self, uids: Ranges) {
        self.saved = uids;
    }

    /// Whether to note which messages come or change.
    pub fn watch(&mut self, whether: bool) {
        match (whether, &self.touched) {
            (true, None) => self.touched = Some(BTreeSet::new()),
            (false, Some(_)) => self.touched = None,
            _ => {}
        }
    }

    /// The messages that have come or changed since the last call, and are still there.
    pub fn take_touched(&mut self) -> BTreeSet<u32> {
        let touched = self.touched.as_mut().map(std::mem::take);
        let mut touched = touched.unwrap_or_default();
        touched.retain(|uid| self.rows.position(*uid).is_some() && !self.gone.contains(uid));
        touched
    }

    fn touch(&mut self, uid: u32) {
        if let Some(touched) = &mut self.touched {
            touched.insert(uid);
        }
    }

    /// Messages that were expunged by someone and of which the client does not know it yet.
    pub fn gone(&self) -> &BTreeSet<u32> {
        &self.gone
    }

    /// The UIDs that a command's set names, ascending; those included that are gone and not told.
    pub fn uids(&self, numbering: Numbering, set: &SequenceSet) -> Result<Vec<Uid>, NoSuchNumber> {
        let positions = self.resolve(numbering, set)?;
        let uids = positions
            .into_iter()
            .flat_map(|range| self.rows.uids(range));
        Ok(uids.filter_map(Uid::new).collect())
    }

    fn uid_positions(&self, set: &SequenceSet) -> Vec<Range<usize>> {
        // With no message, `*` is no number at all.
        let Some(last) = self.rows.last_uid() else {
            return Vec::new();
        };
        let ranges = set.resolve(last);
        ranges
            .iter()
            .map(|(first, last)| self.rows.positions(first, last))
            .filter(|range| !range.is_empty())
            .collect()
    }

    /// Which of `expunged` (ascending) a client that resynchronises is to hear of (RFC 7162 §3.2.6): those that it names,
    /// that lie above `known_to`, and that are not messages of this session, whose end is told in the ordinary way.
    pub fn vanished_before(
        &self,
        expunged: &[Uid],
        named: Option<&SequenceSet>,
        known_to: u32,
    ) -> Ranges {
        let last = self.uid_next.saturating_sub(1).max(1);
        let named = named.map(|set| set.resolve(last));
        let uids = expunged.iter().map(|uid| uid.value());
        uids.filter(|&uid| uid > known_to && uid < self.uid_next)
            .filter(|&uid| named.as_ref().is_none_or(|named| named.contains(uid)))
            .filter(|&uid| self.rows.position(uid).is_none())
            .collect()
    }

    /// The positions of all messages.
    fn whole(&self) -> Vec<Range<usize>> {
        std::iter::once(0..self.rows.len()).collect()
    }

    /// The UIDs of messages that have changed later than `since`, of those that are named or of all, ascending.
    pub fn changed_since(&self, since: u64, named: Option<&SequenceSet>) -> Vec<u32> {
        let positions = match named {
            Some(set) => self.uid_positions(set),
            None => self.whole(),
        };
        let rows = positions
            .into_iter()
            .flatten()
            .filter_map(|position| self.rows.at(position));
        rows.filter(|row| row.modseq > since)
            .map(|row| row.uid)
            .collect()
    }

    /// The UID up to which a client knows of every expunge, by its samples of sequence numbers and UIDs (RFC 7162
    /// §3.2.5.2); 0 if none of them is right.
    pub fn known_to(&self, numbers: &SequenceSet, uids: &SequenceSet) -> u32 {
        let each = |set: &SequenceSet| {
            let ranges: Vec<(u32, u32)> = set.resolve(u32::MAX).iter().collect();
            ranges.into_iter().flat_map(|(first, last)| first..=last)
        };
        let pairs = each(numbers).zip(each(uids));
        pairs
            .take_while(|&(number, _)| number <= self.exists())
            .filter(|&(number, uid)| self.rows.uid(number as usize - 1) == Some(uid))
            .map(|(_, uid)| uid)
            .last()
            .unwrap_or(0)
    }

    /// The numbers by which a command that counts so would name the messages with these UIDs (ascending).
    pub fn numbers(&self, numbering: Numbering, uids: impl IntoIterator<Item = u32>) -> Ranges {
        match numbering {
            Numbering::Uid => uids.into_iter().collect(),
            Numbering::Sequence => {
                let positions = uids.into_iter().filter_map(|uid| self.rows.position(uid));
                positions
                    .filter_map(|position| u32::try_from(position + 1).ok())
                    .collect()
            }
        }
    }

    /// Takes in what has changed in the store since [`Self::modseq`]. Nothing is told yet.
    ///
    /// Where nothing is gone that the client still has to be told, the rows are those of the store: they are shared with it
    /// instead of being changed here as well.
    pub fn apply(&mut self, changes: &Changes) {
        let before = self.modseq;
        self.take_info(&changes.info);
        self.rights = changes.rights;
        let waiting = self.gone.len();
        self.expunged(changes.vanished.iter().map(|uid| uid.value()));
        if self.gone.len() > waiting {
            self.held_at.get_or_insert(before);
        }
        let shared = changes.entries.as_ref().map(Rows::from);
        match shared {
            Some(rows) if self.gone.is_empty() => {
                for state in &changes.changed {
                    self.note_difference(state);
                }
                self.rows = rows;
                self.latest = None;
            }
            latest => {
                for state in &changes.changed {
                    self.take_state(state);
                }
                self.latest = latest;
            }
        }
    }

    /// Remembers to tell a state that differs from what the client knows.
    fn note_difference(&mut self, state: &EntryState) {
        let row = Row::from(state);
        let position = self.rows.position(row.uid);
        if position.and_then(|position| self.rows.at(position)) == Some(row) {
            return;
        }
        self.touch(row.uid);
        if position.is_some_and(|position| position < self.exists_told) {
            self.changed.insert(row.uid);
        }
    }

    fn take_info(&mut self, info: &MailboxInfo) {
        self.modseq = self.modseq.max(info.highest_modseq);
        self.uid_next = self.uid_next.max(info.uid_next.value());
        if info.keywords.len() > self.keywords.len() {
            self.keywords.clone_from(&info.keywords);
        }
    }

    fn take_state(&mut self, state: &EntryState) {
        let row = Row::from(state);
        self.note_difference(state);
        match self.rows.position(row.uid) {
            None => self.rows.push(row),
            Some(position) if self.rows.at(position) != Some(row) => self.rows.set(position, row),
            Some(_) => {}
        }
    }

    /// Takes in the outcome of this session's own STORE or FETCH, to be told by [`Self::tell`].
    pub fn apply_own(&mut self, stored: &Stored) {
        self.learn(stored);
        for state in &stored.entries {
            self.take_state(state);
        }
    }

    /// Takes in the outcome of this session's own silent STORE. What the client can work out by itself is not told:
    /// only a row that differs from `expected` is (RFC 3501 §6.4.6).
    pub fn apply_silent(&mut self, stored: &Stored, expected: impl Fn(Row) -> (Flags, Keywords)) {
        self.learn(stored);
        for state in &stored.entries {
            let row = Row::from(state);
            let Some(position) = self.rows.position(row.uid) else {
                continue;
            };
            self.touch(row.uid);
            let known = self.rows.at(position).map(&expected);
            self.rows.set(position, row);
            if known != Some((row.flags, row.keywords)) {
                self.changed.insert(row.uid);
            }
        }
    }

    /// What is known now is kept for [`Self::untouched`], if the command that begins may want it; what an earlier one has left is forgotten.
    pub fn remember(&mut self, wanted: bool) {
        self.before = wanted.then(|| (self.rows.clone(), self.modseq));
    }

    /// Those of these messages in which the flags and keywords are as they were at mod-sequence `since`, as far as that is remembered; that is forgotten now.
    pub fn untouched(
        &mut self,
        uids: &[Uid],
        since: ModSeq,
        (flags, keywords): (Flags, Keywords),
    ) -> Vec<Uid> {
        let Some((before, _)) = self.before.take().filter(|(_, modseq)| since <= *modseq) else {
            return Vec::new();
        };
        let named = |row: Row| (row.flags & flags, row.keywords & keywords);
        let is_same = |uid: &&Uid| {
            let row = |rows: &Rows| rows.at(rows.position(uid.value())?);
            let (Some(old), Some(new)) = (row(&before), row(&self.rows)) else {
                return false;
            };
            old.modseq <= since.0 && named(old) == named(new)
        };
        uids.iter().filter(is_same).copied().collect()
    }

    /// As long as this session's own changes follow without a gap, nobody else's lie between: the store need not be
    /// asked for them again.
    fn learn(&mut self, stored: &Stored) {
        // From here on the rows may know more.
        self.latest = None;
        if stored.keywords.len() > self.keywords.len() {
            self.keywords.clone_from(&stored.keywords);
        }
        for given in &stored.given {
            if given.0 == self.modseq.0 + 1 {
                self.modseq = *given;
            }
        }
    }

    /// The client is being told the flags of this message in another way.
    pub fn told(&mut self, uid: u32) {
        self.changed.remove(&uid);
    }

    /// Whether the client has yet to be told this message's flags.
    pub fn must_be_told(&self, uid: u32) -> bool {
        self.changed.contains(&uid)
    }

    /// The state of this message is to be told, changed or not.
    pub fn must_tell(&mut self, uid: u32) {
        if !self.gone.contains(&uid) {
            self.changed.insert(uid);
        }
    }

    /// These messages were expunged by this session itself.
    pub fn expunged(&mut self, uids: impl IntoIterator<Item = u32>) {
        self.latest = None;
        for uid in uids {
            if self.rows.position(uid).is_some() {
                self.gone.insert(uid);
                self.changed.remove(&uid);
            }
        }
    }
}

#[cfg(test)]
mod tests;
