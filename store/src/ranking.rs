//! Rankings: which of a mailbox's messages comes before which, by something that never changes, such as its date or its subject.
//!
//! What a message says never changes, and no UID is ever given to another message: once the key of a message is known, it stays. So the
//! keys of mailboxes that were sorted lately stay in memory, each once, in order, and every message has the number of its key: its
//! rank. Of messages that came later only those are looked at; those that went do no harm.
//!
//! ```text
//! messages:  UID, rank   ──►   keys, in order: octets
//! ```
//!
//! Memory is bounded in all, and let go when nobody has asked for a while.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{MailboxId, Store, Uid};

/// Octets of all rankings that are remembered: of a million messages the dates take 20 MB, the subjects twice that, and what THREAD knows
/// three times that.
const REMEMBERED_OCTETS_MAX: usize = 128 * 1024 * 1024;
/// How long a ranking is remembered that nobody uses.
const UNUSED_MAX: Duration = Duration::from_secs(120);

/// Messages of a mailbox with their ranks by one kind of key.
#[derive(Debug, Default)]
pub struct Ranking {
    /// Ascending.
    uids: Vec<u32>,
    /// Of each of them, the place of its key.
    ranks: Vec<u32>,
    /// All keys, ascending, one after the other.
    octets: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Ranking {
    /// How many messages have a rank.
    pub fn len(&self) -> usize {
        self.uids.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.uids.is_empty()
    }

    /// The ranks of these messages (their UIDs ascend); `None` where it is not known.
    pub fn ranks<'a>(&'a self, uids: &'a [Uid]) -> impl Iterator<Item = Option<u32>> + 'a {
        let mut at = 0;
        uids.iter().map(move |uid| {
            at += self.uids[at..]
                .iter()
                .take_while(|known| **known < uid.value())
                .count();
            (self.uids.get(at) == Some(&uid.value())).then(|| self.ranks[at])
        })
    }

    /// The keys of these messages (their UIDs ascend), of those that are known.
    pub fn keys_of<'a>(&'a self, uids: &'a [Uid]) -> impl Iterator<Item = (Uid, &'a [u8])> {
        let ranked = uids.iter().zip(self.ranks(uids));
        ranked.filter_map(|(uid, rank)| Some((*uid, self.key(rank? as usize))))
    }

    /// The ranking with the keys of more messages, of which it knows none yet (their UIDs ascend).
    #[must_use]
    pub fn with(&self, keyed: &[(Uid, Box<[u8]>)]) -> Ranking {
        let mut merged = Ranking::default();
        let (moved, new_ranks) = merged.merge_keys(self, keyed);
        let known = self.uids.iter().zip(&self.ranks);
        let mut known = known
            .map(|(uid, rank)| (*uid, moved[*rank as usize]))
            .peekable();
        let added = keyed.iter().zip(new_ranks);
        for ((uid, _), rank) in added {
            while let Some((before, rank)) = known.next_if(|(before, _)| *before < uid.value()) {
                merged.push(before, rank);
            }
            merged.push(uid.value(), rank);
        }
        known.for_each(|(uid, rank)| merged.push(uid, rank));
        merged
    }

    /// Takes all keys of both, and gives the ranks that they have now: of the known by their old ranks, of the others in the order given.
    fn merge_keys(&mut self, known: &Ranking, keyed: &[(Uid, Box<[u8]>)]) -> (Vec<u32>, Vec<u32>) {
        let mut added: Vec<(&[u8], usize)> = keyed.iter().map(|(_, key)| &**key).zip(0..).collect();
        added.sort_unstable();
        let mut added = added.into_iter().peekable();
        let (mut moved, mut ranks) = (Vec::with_capacity(known.ends.len()), vec![0; keyed.len()]);
        for key in known.keys() {
            while let Some((before, place)) = added.next_if(|(before, _)| *before < key) {
                ranks[place] = self.rank_of_next(before);
            }
            moved.push(self.rank_of_next(key));
        }
        for (key, place) in added {
            ranks[place] = self.rank_of_next(key);
        }
        (moved, ranks)
    }

    fn keys(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|rank| self.key(rank))
    }

    fn key(&self, rank: usize) -> &[u8] {
        let start = rank.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.octets[start..self.ends[rank]]
    }

    /// The rank of a key that is the last or comes after it.
    fn rank_of_next(&mut self, key: &[u8]) -> u32 {
        let last = self.ends.len().checked_sub(1);
        if last.is_none_or(|last| self.key(last) != key) {
            self.octets.extend_from_slice(key);
            self.ends.push(self.octets.len());
        }
        // There are no more keys than messages, and no more of these than UIDs.
        self.ends.len() as u32 - 1
    }

    fn push(&mut self, uid: u32, rank: u32) {
        self.uids.push(uid);
        self.ranks.push(rank);
    }

    fn octets(&self) -> usize {
        let messages = self.uids.capacity() * 2 * size_of::<u32>();
        messages + self.octets.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    fn shrink_to_fit(&mut self) {
        self.uids.shrink_to_fit();
        self.ranks.shrink_to_fit();
        self.octets.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

/// The rankings that were used lately, the latest at the back.
#[derive(Default)]
pub(crate) struct Rankings(Mutex<VecDeque<Remembered>>);

struct Remembered {
    mailbox: MailboxId,
    by: &'static str,
    ranking: Arc<Ranking>,
    used: Instant,
}

impl Rankings {
    fn recall(&self, mailbox: MailboxId, by: &str) -> Option<Arc<Ranking>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = all
            .iter()
            .position(|one| one.mailbox == mailbox && one.by == by)?;
        let mut found = all.remove(at)?;
        found.used = Instant::now();
        let ranking = Arc::clone(&found.ranking);
        all.push_back(found);
        Some(ranking)
    }

    fn keep(&self, latest: Remembered) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|one| one.mailbox != latest.mailbox || one.by != latest.by);
        all.push_back(latest);
        let mut octets: usize = all.iter().map(|one| one.ranking.octets()).sum();
        while octets > REMEMBERED_OCTETS_MAX
            && let Some(oldest) = all.pop_front()
        {
            octets -= oldest.ranking.octets();
        }
    }

    /// Forgets those that nobody has used for a while.
    pub(crate) fn forget_unused(&self) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|one| one.used.elapsed() < UNUSED_MAX);
    }
}

impl Store {
    /// What is remembered of the order of a mailbox's messages `by` something; nothing if nobody has asked lately.
    pub fn ranking(&self, mailbox: MailboxId, by: &'static str) -> Arc<Ranking> {
        self.inner.rankings.recall(mailbox, by).unwrap_or_default()
    }

    /// Remembers a ranking, for as long as there is room and somebody uses it.
    pub fn remember_ranking(
        &self,
        mailbox: MailboxId,
        by: &'static str,
        mut ranking: Ranking,
    ) -> Arc<Ranking> {
        ranking.shrink_to_fit();
        let ranking = Arc::new(ranking);
        self.inner.rankings.keep(Remembered {
            mailbox,
            by,
            ranking: Arc::clone(&ranking),
            used: Instant::now(),
        });
        ranking
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(number: u32) -> Uid {
        Uid::new(number).unwrap()
    }

    fn keyed(pairs: &[(u32, &str)]) -> Vec<(Uid, Box<[u8]>)> {
        let pairs = pairs.iter();
        pairs
            .map(|(number, key)| (uid(*number), key.as_bytes().into()))
            .collect()
    }

    fn ranks(ranking: &Ranking, uids: &[u32]) -> Vec<Option<u32>> {
        let uids: Vec<Uid> = uids.iter().copied().map(uid).collect();
        ranking.ranks(&uids).collect()
    }

    #[test]
    fn equal_keys_have_one_rank_and_the_others_their_order() {
        let ranking = Ranking::default().with(&keyed(&[(1, "b"), (3, ""), (4, "b"), (9, "a")]));
        assert_eq!(
            ranks(&ranking, &[1, 3, 4, 9]),
            [Some(2), Some(0), Some(2), Some(1)]
        );
        assert_eq!(ranks(&ranking, &[2, 4, 10]), [None, Some(2), None]);
        let asked = [uid(2), uid(3), uid(9)];
        let keys: Vec<(Uid, &[u8])> = ranking.keys_of(&asked).collect();
        assert_eq!(keys, [(uid(3), &b""[..]), (uid(9), b"a")]);
    }

    #[test]
    fn what_comes_later_finds_its_place() {
        let first = keyed(&[(2, "d"), (4, "b"), (6, "d")]);
        let second = keyed(&[(1, "a"), (3, "b"), (5, "c"), (7, "e"), (8, "")]);
        let ranking = Ranking::default().with(&first).with(&second);
        let mut all = [first, second].concat();
        all.sort_unstable();
        let at_once = Ranking::default().with(&all);
        let uids: Vec<u32> = (1..9).collect();
        assert_eq!(ranks(&ranking, &uids), ranks(&at_once, &uids));
        assert_eq!(ranking.len(), 8);
    }

    #[test]
    fn memory_is_bounded() {
        let rankings = Rankings::default();
        let large = |mailbox| Remembered {
            mailbox: MailboxId(mailbox),
            by: "date",
            ranking: Arc::new(Ranking {
                octets: vec![0; REMEMBERED_OCTETS_MAX / 2 - 1000],
                ..Ranking::default()
            }),
            used: Instant::now(),
        };
        for mailbox in 1..=3 {
            rankings.keep(large(mailbox));
            rankings.recall(MailboxId(1), "date");
        }
        let known = |mailbox| rankings.recall(MailboxId(mailbox), "date").is_some();
        assert_eq!([1, 2, 3].map(known), [true, false, true]);
        assert!(rankings.recall(MailboxId(1), "subject").is_none());
    }
}
