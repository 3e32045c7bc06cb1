//! The octets of a message as served: the prefix of the copy, then the pieces of the body.
//!
//! The first piece lies in the message's row; the pieces of a large message that follow it
//! are rows of `chunk`, each of [`PIECE_OCTETS`]. A range is read without touching the rest,
//! through SQLite's incremental blobs.

use std::ops::Range;

use bytes::Bytes;
use rusqlite::blob::Blob;
use rusqlite::{Connection, MAIN_DB, OptionalExtension, Row, params};

use crate::{Error, MailboxId, MessageId, READ_OCTETS_MAX, Result, Uid};

/// Octets of a piece: large enough for most mail to be one row, small enough that writing one
/// does not hold up other writers. The first piece may be longer, by the header section
/// that was set apart and by what was prepended.
pub(crate) const PIECE_OCTETS: usize = 256 * 1024;

/// Where the octets of an entry lie.
pub(crate) struct Place {
    pub(crate) message: i64,
    prefix: Vec<u8>,
    /// Octets of the first piece.
    first: u64,
    /// Octets of all pieces.
    size: u64,
}

impl Place {
    /// Octets as served.
    pub(crate) fn octets(&self) -> u64 {
        self.prefix.len() as u64 + self.size
    }
}

/// Reads ranges of entries, in order, up to [`READ_OCTETS_MAX`] in all but at least one.
pub(crate) fn read_entries(
    connection: &Connection,
    mailbox: MailboxId,
    ranges: Vec<(Uid, Range<u64>)>,
) -> Result<Vec<(Uid, Bytes)>> {
    let mut reader = PieceReader::new(connection);
    let sql = format!("{PLACE} AND entry.uid BETWEEN ?2 AND ?3 ORDER BY entry.uid");
    let mut select = connection.prepare_cached(&sql)?;
    let mut answers = Vec::with_capacity(ranges.len());
    let mut total = 0;
    for run in ranges.chunk_by(|(one, _), (next, _)| follows(*one, *next)) {
        let mut wanted = run.iter().peekable();
        let mut rows = select.query(params![mailbox, run[0].0, run[run.len() - 1].0])?;
        while let Some(row) = rows.next()? {
            let (uid, place): (Uid, Place) = (row.get(0)?, place_from_row(row)?);
            // Those before it are no more.
            while wanted.next_if(|(asked, _)| *asked < uid).is_some() {}
            while let Some((_, range)) = wanted.next_if(|(asked, _)| *asked == uid) {
                let range = clipped(range.clone(), place.octets());
                total += range.end - range.start;
                if total > READ_OCTETS_MAX && !answers.is_empty() {
                    return Ok(answers);
                }
                answers.push((uid, Bytes::from(reader.read(&place, range)?)));
            }
        }
    }
    Ok(answers)
}

/// Whether `next` can be read with `one` by one query over a range of UIDs.
fn follows(one: Uid, next: Uid) -> bool {
    (one.value()..=one.value().saturating_add(1)).contains(&next.value())
}

/// Octets of a message without a prefix, up to [`READ_OCTETS_MAX`].
pub(crate) fn read_message(
    connection: &Connection,
    message: MessageId,
    range: Range<u64>,
) -> Result<Bytes> {
    let place = place_behind(connection, message, Vec::new())?;
    let place = place.ok_or(Error::NotFound("message"))?;
    read_range(connection, &place, range)
}

/// Octets of a message whose entry may be gone, as that served it; up to [`READ_OCTETS_MAX`].
pub(crate) fn read_place(
    connection: &Connection,
    place: &Place,
    range: Range<u64>,
) -> Result<Bytes> {
    let sql = "SELECT 1 FROM message WHERE id = ?1";
    let mut select = connection.prepare_cached(sql)?;
    if !select.exists([place.message])? {
        return Err(Error::NotFound("message"));
    }
    read_range(connection, place, range)
}

fn read_range(connection: &Connection, place: &Place, range: Range<u64>) -> Result<Bytes> {
    let mut reader = PieceReader::new(connection);
    let range = clipped(range, place.octets());
    Ok(Bytes::from(reader.read(place, range)?))
}

/// All pieces of a message, one after the other, without a prefix.
pub(crate) fn for_each_piece(
    connection: &Connection,
    message: i64,
    mut each: impl FnMut(&[u8]),
) -> Result<()> {
    let sql = "SELECT body FROM message WHERE id = ?1";
    let first: Option<Vec<u8>> = connection
        .prepare_cached(sql)?
        .query_row([message], |row| row.get(0))
        .optional()?;
    each(&first.ok_or(Error::NotFound("message"))?);
    let sql = "SELECT data FROM chunk WHERE message = ?1 ORDER BY number";
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query([message])?;
    while let Some(row) = rows.next()? {
        each(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
    }
    Ok(())
}

/// Where the octets of an entry lie, if it is there.
pub(crate) fn place_of(
    connection: &Connection,
    mailbox: MailboxId,
    uid: Uid,
) -> Result<Option<Place>> {
    let found = connection
        .prepare_cached(&format!("{PLACE} AND entry.uid = ?2"))?
        .query_row(params![mailbox, uid], place_from_row);
    Ok(found.optional()?)
}

const PLACE: &str = "SELECT entry.uid, message.id, entry.prefix, length(message.body), message.size
     FROM entry JOIN message ON message.id = entry.message WHERE entry.mailbox = ?1";

fn place_from_row(row: &Row<'_>) -> rusqlite::Result<Place> {
    Ok(Place {
        message: row.get(1)?,
        prefix: row.get(2)?,
        first: row.get::<_, i64>(3)? as u64,
        size: row.get::<_, i64>(4)? as u64,
    })
}

fn clipped(range: Range<u64>, size: u64) -> Range<u64> {
    let start = range.start.min(size);
    let end = range
        .end
        .clamp(start, size)
        .min(start.saturating_add(READ_OCTETS_MAX));
    start..end
}

/// Where the octets of a message behind a given prefix lie; `None` if it is no more.
pub(crate) fn place_behind(
    connection: &Connection,
    message: MessageId,
    prefix: Vec<u8>,
) -> Result<Option<Place>> {
    let sql = "SELECT id, length(body), size FROM message WHERE id = ?1";
    let mut select = connection.prepare_cached(sql)?;
    let found = select.query_row([message], |row| {
        Ok(Place {
            message: row.get(0)?,
            prefix,
            first: row.get::<_, i64>(1)? as u64,
            size: row.get::<_, i64>(2)? as u64,
        })
    });
    Ok(found.optional()?)
}

/// Keeps one blob handle open: to move it to another row is much cheaper than to open one.
pub(crate) struct PieceReader<'a> {
    connection: &'a Connection,
    blob: Option<Blob<'a>>,
}

impl<'a> PieceReader<'a> {
    pub(crate) fn new(connection: &'a Connection) -> PieceReader<'a> {
        PieceReader {
            connection,
            blob: None,
        }
    }

    /// The octets of a range, which lies within the message as served.
    pub(crate) fn read(&mut self, place: &Place, range: Range<u64>) -> Result<Vec<u8>> {
        let mut octets = Vec::with_capacity((range.end - range.start) as usize);
        let prefix = place.prefix.len() as u64;
        if range.start < prefix {
            octets.extend_from_slice(
                &place.prefix[range.start as usize..range.end.min(prefix) as usize],
            );
        }
        let (start, end) = (
            range.start.max(prefix) - prefix,
            range.end.max(prefix) - prefix,
        );
        if start < end.min(place.first) {
            self.read_first(place.message, start..end.min(place.first), &mut octets)?;
        }
        if end > place.first {
            let (start, end) = (start.max(place.first) - place.first, end - place.first);
            read_chunks(self.connection, place.message, start..end, &mut octets)?;
        }
        Ok(octets)
    }

    fn read_first(&mut self, message: i64, range: Range<u64>, octets: &mut Vec<u8>) -> Result<()> {
        let blob = match &mut self.blob {
            Some(blob) => {
                blob.reopen(message)?;
                blob
            }
            None => self.blob.insert(
                self.connection
                    .blob_open(MAIN_DB, "message", "body", message, true)?,
            ),
        };
        let at = octets.len();
        octets.resize(at + (range.end - range.start) as usize, 0);
        blob.read_at_exact(&mut octets[at..], range.start as usize)?;
        Ok(())
    }
}

fn read_chunks(
    connection: &Connection,
    message: i64,
    range: Range<u64>,
    octets: &mut Vec<u8>,
) -> Result<()> {
    let piece = PIECE_OCTETS as u64;
    let sql = "SELECT data FROM chunk WHERE message = ?1 AND number = ?2";
    let mut select = connection.prepare_cached(sql)?;
    for number in range.start / piece..=(range.end - 1) / piece {
        let mut rows = select.query(params![message, number as i64])?;
        let missing = || Error::Corrupt(format!("a piece of message {message} is missing"));
        let row = rows.next()?.ok_or_else(missing)?;
        let data = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        let from = range
            .start
            .saturating_sub(number * piece)
            .min(data.len() as u64);
        let to = (range.end - number * piece).min(data.len() as u64);
        octets.extend_from_slice(&data[from as usize..to as usize]);
    }
    Ok(())
}
