//! The candidates of a search.
//!
//! For each group of tests that must all hold of one message, every segment of the account is asked what the lists of the needle's grams
//! have in common. The largest segment tells which grams are rare; those are asked first, and no more than [`BUCKETS_ASKED`] of them. The messages that are left are
//! looked up in the mailbox.

use rusqlite::{Connection, OptionalExtension, params};

use super::document::TextTest;
use super::gram::{Field, Gram, UNKNOWN};
use super::segment::{self, Segment};
use super::{is_usable, posting};
use crate::{AccountId, MailboxId, MessageId, Result, Store, Uid};

/// Grams of a needle that are asked for in each segment.
const BUCKETS_ASKED: usize = 12;
/// Grams of a needle among which these are chosen.
const BUCKETS_WEIGHED: usize = 64;
/// Look-ups in one read.
const LOOKED_UP: usize = 10_000;

/// What the index says of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidates {
    /// Of messages with this UID or a higher one it says nothing; 0 if it says nothing at all, because it knows nothing or because reading the messages is less work.
    pub below: u32,
    /// For each group of tests the UIDs below that may pass them all, ascending; others do not. `None` where nearly all may.
    pub groups: Vec<Option<Vec<u32>>>,
}

impl Store {
    /// The messages of a mailbox that may pass all tests of a group, for each of the groups. Only those `among` these UIDs, which ascend, are of interest.
    pub async fn candidates(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        groups: Vec<Vec<TextTest>>,
        among: Vec<Uid>,
    ) -> Result<Candidates> {
        let worth = among.len();
        let (below, found) = self
            .read(move |connection| find(connection, account, mailbox, &groups, worth))
            .await?;
        let mut candidates = Candidates {
            below,
            groups: Vec::with_capacity(found.len()),
        };
        for messages in found {
            candidates.groups.push(match messages {
                Some(messages) => Some(self.uids_of(mailbox, messages, &among).await?),
                None => None,
            });
        }
        Ok(candidates)
    }

    /// The UIDs that messages have in the mailbox, ascending: whichever way is shorter.
    async fn uids_of(
        &self,
        mailbox: MailboxId,
        messages: Vec<MessageId>,
        among: &[Uid],
    ) -> Result<Vec<u32>> {
        let mut uids = Vec::new();
        if among.len() < messages.len() {
            let messages = std::sync::Arc::new(messages);
            for some in among.chunks(LOOKED_UP) {
                let (some, messages) = (some.to_vec(), messages.clone());
                uids.extend(
                    self.read(move |connection| held_by(connection, mailbox, &some, &messages))
                        .await?,
                );
            }
        } else {
            for some in messages.chunks(LOOKED_UP) {
                let some = some.to_vec();
                uids.extend(
                    self.read(move |connection| holding(connection, mailbox, &some))
                        .await?,
                );
            }
        }
        uids.sort_unstable();
        Ok(uids)
    }
}

/// For each group the messages, ascending; or none if there are too many.
type Found = Vec<Option<Vec<MessageId>>>;

fn find(
    connection: &Connection,
    account: AccountId,
    mailbox: MailboxId,
    groups: &[Vec<TextTest>],
    worth: usize,
) -> Result<(u32, Found)> {
    let sql = "SELECT indexed_next FROM mailbox WHERE id = ?1 AND account = ?2";
    let below: Option<u32> = connection
        .prepare_cached(sql)?
        .query_row(params![mailbox, account], |row| row.get(0))
        .optional()?;
    let below = below.unwrap_or(0);
    let nothing = || Ok((0, vec![None; groups.len()]));
    if below <= 1 || !is_usable(connection)? {
        return nothing();
    }
    let segments = segment::ready(connection, account)?;
    // To ask a segment takes about as long as to read a message.
    if worth < segments.len() {
        return nothing();
    }
    let found = groups
        .iter()
        .map(|group| find_group(connection, &segments, group));
    Ok((below, found.collect::<Result<_>>()?))
}

fn find_group(
    connection: &Connection,
    segments: &[Segment],
    group: &[TextTest],
) -> Result<Option<Vec<MessageId>>> {
    let documents: usize = segments
        .iter()
        .map(|segment| segment.documents as usize)
        .sum();
    let mut messages = Vec::new();
    if let Some(largest) = segments.first() {
        let plans = group.iter().map(|test| plan(connection, largest, test));
        let plans: Vec<Plan> = plans.collect::<Result<_>>()?;
        for segment in segments {
            let bits = pass_all(connection, segment, &plans)?;
            if bits.is_empty() {
                continue;
            }
            let ids = segment::messages(connection, segment.id)?;
            let passing = ids.iter().zip(0..).filter(|(_, number)| bits.has(*number));
            messages.extend(passing.map(|(id, _)| *id));
        }
    }
    // To look them up would be more work than it spares.
    if messages.len() > documents / 4 * 3 && messages.len() > 1000 {
        return Ok(None);
    }
    messages.sort_unstable();
    messages.dedup();
    Ok(Some(messages))
}

/// In which fields to look, and the buckets to look for there, the rarest first. To pass one of these is enough.
type Plan = Vec<(Field, Vec<u16>)>;

fn plan(connection: &Connection, largest: &Segment, test: &TextTest) -> Result<Plan> {
    let ways = test.fields.iter().flat_map(|&field| {
        let alternatives = test.alternatives.iter();
        alternatives.map(move |buckets| (field, buckets))
    });
    let ways =
        ways.map(|(field, buckets)| Ok((field, rarest(connection, largest, field, buckets)?)));
    ways.collect()
}

fn rarest(
    connection: &Connection,
    largest: &Segment,
    field: Field,
    buckets: &[u16],
) -> Result<Vec<u16>> {
    let weighed = buckets.iter().take(BUCKETS_WEIGHED).map(|&bucket| {
        let count = |list: super::block::List<'_>| Ok(list.count);
        let count = segment::with_list(connection, largest.id, field.gram(bucket), count)?;
        Ok((count.unwrap_or(0), bucket))
    });
    let mut weighed: Vec<(usize, u16)> = weighed.collect::<Result<_>>()?;
    weighed.sort_unstable();
    let asked = weighed.into_iter().take(BUCKETS_ASKED);
    Ok(asked.map(|(_, bucket)| bucket).collect())
}

fn pass_all(connection: &Connection, segment: &Segment, plans: &[Plan]) -> Result<Bits> {
    let mut all = Bits::full(segment.documents);
    for plan in plans {
        let mut any = Bits::none(segment.documents);
        for (field, buckets) in plan {
            any.add(&with_buckets(connection, segment, *field, buckets)?);
        }
        all.keep(&any);
        if all.is_empty() {
            break;
        }
    }
    Ok(all)
}

/// The documents that have all buckets in the field, or of whose field not all is known.
fn with_buckets(
    connection: &Connection,
    segment: &Segment,
    field: Field,
    buckets: &[u16],
) -> Result<Bits> {
    let mut all = Bits::full(segment.documents);
    for &bucket in buckets {
        all.keep(&read_list(connection, segment, field.gram(bucket))?);
        if all.is_empty() {
            break;
        }
    }
    all.add(&read_list(connection, segment, field.gram(UNKNOWN))?);
    Ok(all)
}

fn read_list(connection: &Connection, segment: &Segment, gram: Gram) -> Result<Bits> {
    let bits = segment::with_list(connection, segment.id, gram, |list| {
        let mut bits = Bits::none(segment.documents);
        posting::decode(list.octets, list.count, segment.documents, |number| {
            bits.set(number)
        })?;
        Ok(bits)
    })?;
    Ok(bits.unwrap_or_else(|| Bits::none(segment.documents)))
}

/// A set of the documents of a segment.
struct Bits(Vec<u64>);

impl Bits {
    fn none(documents: u32) -> Bits {
        Bits(vec![0; documents.div_ceil(64) as usize])
    }

    /// All, and some numbers beyond, which no document has.
    fn full(documents: u32) -> Bits {
        Bits(vec![u64::MAX; documents.div_ceil(64) as usize])
    }

    fn set(&mut self, number: u16) {
        self.0[usize::from(number) / 64] |= 1 << (number % 64);
    }

    fn has(&self, number: usize) -> bool {
        self.0
            .get(number / 64)
            .is_some_and(|word| word & 1 << (number % 64) != 0)
    }

    fn keep(&mut self, others: &Bits) {
        self.0.iter_mut().zip(&others.0).for_each(|(a, b)| *a &= b);
    }

    fn add(&mut self, others: &Bits) {
        self.0.iter_mut().zip(&others.0).for_each(|(a, b)| *a |= b);
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }
}

/// The UIDs of the mailbox that hold one of the messages.
fn holding(
    connection: &Connection,
    mailbox: MailboxId,
    messages: &[MessageId],
) -> Result<Vec<u32>> {
    let sql = "SELECT uid FROM entry WHERE message = ?1 AND mailbox = ?2";
    let mut select = connection.prepare_cached(sql)?;
    let mut uids = Vec::new();
    for message in messages {
        let mut rows = select.query(params![message, mailbox])?;
        while let Some(row) = rows.next()? {
            uids.push(row.get(0)?);
        }
    }
    Ok(uids)
}

/// Those of the UIDs that hold one of the messages, which ascend.
fn held_by(
    connection: &Connection,
    mailbox: MailboxId,
    uids: &[Uid],
    messages: &[MessageId],
) -> Result<Vec<u32>> {
    let sql = "SELECT message FROM entry WHERE mailbox = ?1 AND uid = ?2";
    let mut select = connection.prepare_cached(sql)?;
    let mut held = Vec::new();
    for uid in uids {
        let message: Option<MessageId> = select
            .query_row(params![mailbox, uid], |row| row.get(0))
            .optional()?;
        if message.is_some_and(|message| messages.binary_search(&message).is_ok()) {
            held.push(uid.value());
        }
    }
    Ok(held)
}
