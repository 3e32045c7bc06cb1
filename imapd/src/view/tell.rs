//! Tells a client what it does not know yet, in an order that keeps its sequence numbers right.
//!
//! However much there is to tell, the client is waited for in between, so that little of it is in memory; the view is lent out
//! meanwhile, and nothing comes in. Who does not read is disconnected by [`Output`].

use daemon::session::{Disconnected, Output};
use store::{Flags, Rights};

use super::View;
use crate::grammar::code::Code;
use crate::grammar::fetch_line::FetchLine;
use crate::grammar::flag::SystemFlag;
use crate::grammar::response::{Condition, Response};
use crate::grammar::sequence::Ranges;
use crate::limits::VANISHED_RANGES_MAX;
use crate::session::Enabled;

/// In what manner a client is told of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// Whether expunges may be told now (RFC 3501 §7.4.1).
    pub expunge: bool,
    /// Whether changed flags are told.
    pub flags: bool,
    /// Whether a client with QRESYNC hears after VANISHED up to where it knows all now. Not from a command whose tagged
    /// response says so, and not if it is not told of all.
    pub modseq: bool,
    /// Whether FETCH responses carry UID in any case: after a UID command (RFC 3501 §6.4.8).
    pub uid: bool,
    /// What the client has enabled.
    pub enabled: Enabled,
}

const SYSTEM_FLAGS: [(Flags, SystemFlag); 5] = [
    (Flags::ANSWERED, SystemFlag::Answered),
    (Flags::FLAGGED, SystemFlag::Flagged),
    (Flags::DELETED, SystemFlag::Deleted),
    (Flags::SEEN, SystemFlag::Seen),
    (Flags::DRAFT, SystemFlag::Draft),
];

/// The names of the set bits, in the order in which they are told.
fn system_flags(flags: Flags) -> impl Iterator<Item = SystemFlag> {
    let set = SYSTEM_FLAGS.into_iter();
    set.filter(move |(bit, _)| flags.contains(*bit))
        .map(|(_, flag)| flag)
}

impl View {
    /// Whether there is anything that the client has not been told.
    pub fn has_news(&self) -> bool {
        !self.gone.is_empty()
            || !self.changed.is_empty()
            || self.exists_told != self.rows.len()
            || self.keywords_told != self.keywords.len()
            || self.rights_told != self.rights
    }

    /// Writes all that may be told now: EXPUNGE first, so that EXISTS and FETCH count in the numbers that hold after.
    pub async fn tell(&mut self, manner: Manner, out: &mut Output) -> Result<(), Disconnected> {
        if !self.has_news() {
            return Ok(());
        }
        self.forget_unseen();
        let vanished = manner.expunge && !self.gone.is_empty();
        if manner.expunge {
            self.tell_expunged(manner, out).await?;
        }
        self.tell_exists(manner, out);
        self.tell_keywords(out);
        if manner.flags {
            self.tell_flags(manner, out).await?;
        } else {
            self.changed.clear();
        }
        self.tell_modseq(manner, vanished, out);
        Ok(())
    }

    /// Messages that came and went before the client heard of them were never there.
    fn forget_unseen(&mut self) {
        let exists_told = self.exists_told;
        self.remove_gone(|position| position >= exists_told);
    }

    async fn tell_expunged(
        &mut self,
        manner: Manner,
        out: &mut Output,
    ) -> Result<(), Disconnected> {
        let vanished: Ranges = if manner.enabled.tells_vanished() {
            self.gone.iter().copied().collect()
        } else {
            Ranges::default()
        };
        let positions = self.remove_gone(|_| true);
        self.exists_told -= positions.len();
        if manner.enabled.tells_vanished() {
            tell_vanished(false, &vanished, out);
            return Ok(());
        }
        // From the highest down, each number is right whatever was told before.
        for position in positions.into_iter().rev() {
            out.put(&Response::Expunge(
                u32::try_from(position + 1).unwrap_or(u32::MAX),
            ));
            out.drain().await?;
        }
        Ok(())
    }

    fn remove_gone(&mut self, wanted: impl Fn(usize) -> bool) -> Vec<usize> {
        let gone = self.gone.iter().filter_map(|&uid| self.rows.position(uid));
        let positions: Vec<usize> = gone.filter(|&position| wanted(position)).collect();
        for &position in &positions {
            if let Some(row) = self.rows.at(position) {
                self.gone.remove(&row.uid);
            }
        }
        if self.gone.is_empty() {
            self.held_at = None;
        }
        match self.latest.take_if(|_| self.gone.is_empty()) {
            Some(latest) => self.rows = latest,
            None => self.rows.remove(&positions),
        }
        positions
    }

    /// Messages have gone of which the client may not hear now: if the connection broke, it must ask again from before
    /// that, whatever mod-sequences it has seen since (RFC 7162 §3.2). Once it has heard of them it knows all again (§6): VANISHED has no
    /// mod-sequence of its own, and without one interimap does not look at it.
    fn tell_modseq(&self, manner: Manner, vanished: bool, out: &mut Output) {
        let (modseq, text) = match self.held_at {
            _ if !manner.enabled.qresync => return,
            Some(held_at) => (held_at, "Expunges are to be told"),
            None if vanished && manner.modseq => (self.modseq, "All is told"),
            None => return,
        };
        let code = Some(Code::HighestModSeq(modseq.0));
        out.put(&Response::Untagged(Condition::Ok, code, text.to_owned()));
    }

    fn tell_exists(&mut self, manner: Manner, out: &mut Output) {
        if self.exists_told == self.rows.len() {
            return;
        }
        self.exists_told = self.rows.len();
        out.put(&Response::Exists(self.exists()));
        if !manner.enabled.rev2 {
            out.put(&Response::Recent(self.recent()));
        }
    }

    fn tell_keywords(&mut self, out: &mut Output) {
        // RFC 4314 §5.1.1: changed rights are told by the flags that they allow.
        if self.keywords_told == self.keywords.len() && self.rights_told == self.rights {
            return;
        }
        self.rights_told = self.rights;
        self.keywords_told = self.keywords.len();
        self.tell_flag_names(out);
    }

    /// Writes FLAGS and PERMANENTFLAGS.
    pub fn tell_flag_names(&self, out: &mut Output) {
        out.put(&Response::Flags(self.keywords.clone()));
        let rights = if self.read_only {
            Rights::NONE
        } else {
            self.rights
        };
        let writes = rights.contains(Rights::WRITE);
        let code = Code::PermanentFlags {
            system: system_flags(rights.flags()).collect(),
            keywords: if writes {
                self.keywords.clone()
            } else {
                Vec::new()
            },
            extensible: writes && self.keywords.len() < store::KEYWORDS_MAX,
        };
        out.put(&Response::Untagged(
            Condition::Ok,
            Some(code),
            "Flags that can be changed".into(),
        ));
    }

    async fn tell_flags(&mut self, manner: Manner, out: &mut Output) -> Result<(), Disconnected> {
        let mut line = FetchLine::default();
        for uid in std::mem::take(&mut self.changed) {
            self.write_flags(uid, manner, &mut line);
            out.put_bytes(line.octets());
            line.clear();
            out.drain().await?;
        }
        Ok(())
    }

    /// Writes the response that tells the message's flags.
    pub fn write_flags(&self, uid: u32, manner: Manner, line: &mut FetchLine) {
        let Some(position) = self.rows.position(uid) else {
            return;
        };
        let Some(row) = self.rows.at(position) else {
            return;
        };
        if manner.enabled.uid_only {
            line.begin_uid(uid);
        } else {
            line.begin(u32::try_from(position + 1).unwrap_or(u32::MAX));
        }
        if !manner.enabled.uid_only && (manner.uid || manner.enabled.tells_uid()) {
            line.uid(uid);
        }
        self.put_flags(uid, row.flags, row.keywords, line);
        if manner.enabled.condstore {
            line.modseq(row.modseq);
        }
        line.end();
    }

    /// Writes the item FLAGS of a message.
    pub fn put_flags(
        &self,
        uid: u32,
        flags: Flags,
        keywords: store::Keywords,
        line: &mut FetchLine,
    ) {
        let mut system = [SystemFlag::Seen; SYSTEM_FLAGS.len()];
        let mut count = 0;
        for (bit, flag) in SYSTEM_FLAGS {
            if flags.contains(bit) {
                system[count] = flag;
                count += 1;
            }
        }
        let recent = self.is_recent(uid).then_some("\\Recent");
        line.flags(&system[..count], self.keyword_names(keywords).chain(recent));
    }
}

/// Writes VANISHED, in several responses where there are many ranges.
pub fn tell_vanished(earlier: bool, uids: &Ranges, out: &mut Output) {
    for uids in uids.pieces(VANISHED_RANGES_MAX) {
        out.put(&Response::Vanished { earlier, uids });
    }
}
