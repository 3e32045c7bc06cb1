//! Is the index true? Some documents of every segment are read again, and each of their grams must be found in its list.
//!
//! What a list names too much costs a search time, what it lacks makes it wrong: only that is looked for. The rules that one query can check (every
//! entry below its mailbox's mark has a document) are in `check`.

use rusqlite::{Connection, OptionalExtension, params};

use super::document::{DocumentId, gather};
use super::gram::{Field, GramSet};
use super::segment::{self, Segment};
use super::{is_usable, posting};
use crate::check::Fault;
use crate::piece::PieceReader;
use crate::{AccountId, MessageId, Result, Store};

/// Documents that are looked at in each segment.
const SAMPLES: usize = 2;

impl Store {
    /// Compares the index with some of the messages.
    pub(crate) async fn verify_index(&self) -> Result<Vec<Fault>> {
        let mut faults = Vec::new();
        let mut after = Some(0);
        while let Some(from) = after {
            let found;
            (after, found) = self
                .read(move |connection| verify_next(connection, from))
                .await?;
            faults.extend(found);
        }
        Ok(faults)
    }
}

/// Verifies the segment that follows `after`; gives its id, if there is one.
fn verify_next(connection: &Connection, after: i64) -> Result<(Option<i64>, Vec<Fault>)> {
    if !is_usable(connection)? {
        return Ok((None, Vec::new()));
    }
    let sql = "SELECT id, account, documents FROM text_segment WHERE ready AND id > ?1 ORDER BY id LIMIT 1";
    let next = connection.prepare_cached(sql)?.query_row([after], |row| {
        let segment = Segment {
            id: row.get(0)?,
            documents: row.get(2)?,
        };
        Ok((segment, row.get::<_, AccountId>(1)?))
    });
    let Some((segment, account)) = next.optional()? else {
        return Ok((None, Vec::new()));
    };
    let say = |what: String| Fault(format!("text index, segment {}: {what}", segment.id));
    let faults = match verify(connection, segment, account) {
        Ok(None) => Vec::new(),
        Ok(Some(fault)) => vec![say(fault)],
        Err(crate::Error::Corrupt(text)) => vec![say(text)],
        Err(error) => return Err(error),
    };
    Ok((Some(segment.id), faults))
}

fn verify(connection: &Connection, segment: Segment, account: AccountId) -> Result<Option<String>> {
    let messages = segment::messages(connection, segment.id)?;
    if messages.len() != segment.documents as usize {
        return Ok(Some("it has not as many messages as it says".into()));
    }
    let mut grams = GramSet::default();
    let step = (messages.len() / SAMPLES).max(1);
    for number in (0..messages.len()).step_by(step) {
        grams.clear();
        let message = messages[number];
        let Some(prefix) = prefix_of(connection, account, message)? else {
            continue;
        };
        let mut reader = PieceReader::new(connection);
        gather(connection, &mut reader, message, prefix, &mut grams)?;
        for &gram in grams.grams() {
            if !is_listed(connection, segment, gram, number as u16)? {
                return Ok(Some(format!(
                    "it does not know all text of message {}",
                    message.0
                )));
            }
        }
    }
    Ok(None)
}

/// The prefix of the account's copies of a message, unless there is none, or several.
fn prefix_of(
    connection: &Connection,
    account: AccountId,
    message: MessageId,
) -> Result<Option<Vec<u8>>> {
    let sql = "SELECT prefix FROM text_document WHERE message = ?1 AND account = ?2";
    let mut select = connection.prepare_cached(sql)?;
    let known: Vec<i64> = select
        .query_map(params![message, account], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let sql = "SELECT entry.prefix FROM entry JOIN mailbox ON mailbox.id = entry.mailbox
               WHERE entry.message = ?1 AND mailbox.account = ?2 LIMIT 1";
    let prefix: Option<Vec<u8>> = connection
        .prepare_cached(sql)?
        .query_row(params![message, account], |row| row.get(0))
        .optional()?;
    Ok(prefix.filter(|prefix| known == [DocumentId::new(message, prefix).prefix]))
}

fn is_listed(connection: &Connection, segment: Segment, gram: u32, number: u16) -> Result<bool> {
    let listed = segment::with_list(connection, segment.id, gram, |list| {
        let mut listed = false;
        posting::decode(list.octets, list.count, segment.documents, |found| {
            listed |= found == number;
        })?;
        Ok(listed)
    })?;
    // Of a field that is not wholly known every text is a candidate.
    let unknown = |field: Field| gram == field.gram(super::gram::UNKNOWN);
    Ok(listed.unwrap_or(false) || unknown(Field::Header) || unknown(Field::Body))
}
