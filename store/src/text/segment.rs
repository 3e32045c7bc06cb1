//! Segments: the documents that were indexed together, numbered from 0, and the lists of their grams in blocks.
//!
//! A segment never changes. It is written block by block while nobody sees it, becomes *ready* in the transaction that says of its messages that
//! they are indexed, and ends by no longer being ready; its blocks go afterwards, a few at a time. What a crash leaves behind is not ready.
//!
//! The id of a block is made of the segment's and of its first gram, so that one step down the tree finds the block that would hold a gram.

use rusqlite::{Connection, OptionalExtension, params};

use super::block::{Block, List, Lists};
use super::gram::{GRAMS, Gram};
use crate::{AccountId, Error, MessageId, Result};

/// Octets of blocks that are written in one transaction.
pub(super) const WRITE_OCTETS_MAX: usize = 1024 * 1024;
/// Blocks that are removed in one transaction.
const REMOVED_BLOCKS: i64 = 256;

/// What a search needs to know of a segment at first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub(super) id: i64,
    pub(super) documents: u32,
}

/// The ready segments of an account, the largest first.
pub(super) fn ready(connection: &Connection, account: AccountId) -> Result<Vec<Segment>> {
    let sql = "SELECT id, documents FROM text_segment WHERE account = ?1 AND ready ORDER BY documents DESC, id";
    let mut select = connection.prepare_cached(sql)?;
    let rows = select.query_map([account], |row| {
        Ok(Segment {
            id: row.get(0)?,
            documents: row.get(1)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The messages of a segment, by their number in it.
pub(super) fn messages(connection: &Connection, segment: i64) -> Result<Vec<MessageId>> {
    let sql = "SELECT messages FROM text_segment WHERE id = ?1";
    let octets: Vec<u8> = connection
        .prepare_cached(sql)?
        .query_row([segment], |row| row.get(0))?;
    let (ids, rest) = octets.as_chunks::<8>();
    match rest {
        [] => Ok(ids
            .iter()
            .map(|id| MessageId(i64::from_le_bytes(*id)))
            .collect()),
        _ => Err(Error::Corrupt(
            "a list of messages of the text index is damaged".into(),
        )),
    }
}

fn encode_messages(messages: &[MessageId]) -> Vec<u8> {
    messages
        .iter()
        .flat_map(|message| message.0.to_le_bytes())
        .collect()
}

/// Makes a segment that is not ready.
pub(super) fn begin(connection: &Connection, account: AccountId) -> Result<i64> {
    let sql = "INSERT INTO text_segment (account, documents, octets, ready, messages) VALUES (?1, 0, 0, 0, x'')";
    connection.prepare_cached(sql)?.execute([account])?;
    Ok(connection.last_insert_rowid())
}

/// Adds blocks to a segment that is not ready.
pub(super) fn write_blocks(connection: &Connection, segment: i64, blocks: &[Block]) -> Result<()> {
    let mut insert =
        connection.prepare_cached("INSERT INTO text_block (id, data) VALUES (?1, ?2)")?;
    for (first, octets) in blocks {
        insert.execute(params![block_id(segment, *first), octets])?;
    }
    Ok(())
}

/// From now on searches look at it.
pub(super) fn make_ready(
    connection: &Connection,
    segment: i64,
    messages: &[MessageId],
    octets: usize,
) -> Result<()> {
    let sql = "UPDATE text_segment SET documents = ?2, octets = ?3, messages = ?4, ready = 1 WHERE id = ?1";
    let values = params![
        segment,
        messages.len() as i64,
        octets as i64,
        encode_messages(messages)
    ];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// From now on no search looks at it.
pub(super) fn retire(connection: &Connection, segment: i64) -> Result<()> {
    connection
        .prepare_cached("UPDATE text_segment SET ready = 0 WHERE id = ?1")?
        .execute([segment])?;
    Ok(())
}

/// Removes some blocks of a segment that is not ready, or the segment if it has none left; false when there is nothing to remove.
pub(super) fn remove_some(connection: &Connection) -> Result<bool> {
    let sql = "SELECT id FROM text_segment WHERE NOT ready LIMIT 1";
    let found: Option<i64> = connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(segment) = found else {
        return Ok(false);
    };
    let sql = "DELETE FROM text_block WHERE id IN (SELECT id FROM text_block WHERE id BETWEEN ?1 AND ?2 LIMIT ?3)";
    let range = params![
        block_id(segment, 0),
        block_id(segment, GRAMS - 1),
        REMOVED_BLOCKS
    ];
    if connection.prepare_cached(sql)?.execute(range)? == 0 {
        connection
            .prepare_cached("DELETE FROM text_segment WHERE id = ?1")?
            .execute([segment])?;
    }
    Ok(true)
}

/// Calls `found` with the list of a gram in a segment, if there is one.
pub(super) fn with_list<T>(
    connection: &Connection,
    segment: i64,
    gram: Gram,
    found: impl FnOnce(List<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let sql = "SELECT id, data FROM text_block WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1";
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(params![block_id(segment, 0), block_id(segment, gram)])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let octets = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
    let first = first_gram(row.get(0)?);
    Lists::new(first, octets).find(gram)?.map(found).transpose()
}

/// Calls `each` with all lists of the grams from `first` up to, and without, `end`.
pub(super) fn for_each_list(
    connection: &Connection,
    segment: i64,
    first: Gram,
    end: Gram,
    mut each: impl FnMut(List<'_>) -> Result<()>,
) -> Result<()> {
    // The block that would hold `first` may begin before it.
    let sql = "SELECT id, data FROM text_block WHERE id < ?3 AND id >= coalesce(
                   (SELECT max(id) FROM text_block WHERE id BETWEEN ?1 AND ?2), ?2) ORDER BY id";
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(params![
        block_id(segment, 0),
        block_id(segment, first),
        block_id(segment, end)
    ])?;
    while let Some(row) = rows.next()? {
        let octets = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        for list in Lists::new(first_gram(row.get(0)?), octets) {
            let list = list?;
            if (first..end).contains(&list.gram) {
                each(list)?;
            }
        }
    }
    Ok(())
}

fn block_id(segment: i64, gram: Gram) -> i64 {
    segment * i64::from(GRAMS) + i64::from(gram)
}

fn first_gram(block: i64) -> Gram {
    (block % i64::from(GRAMS)) as Gram
}
