//! A message on its way in: from the first octet to the moment when it can be accepted.
//!
//! A draft indexes and hashes the octets as they arrive. The first piece is kept in memory;
//! what goes beyond is staged in the database piece by piece, in small transactions that other
//! writers hardly notice. Nothing points at a staged message until `accept` or `append` does;
//! if that never happens, `sweep` removes it after [`STAGED_SECONDS`].
//!
//! Whoever may want another header section in the end gives it apart, by `set_header`: it stays in memory and can be
//! replaced until the draft is sealed. The index is then made anew, from the body that is read back piece by piece.
//!
//! The digest is BLAKE3 of the message if it is one piece, and else BLAKE3 of the digests of
//! the pieces, one after the other.
//!
//! Failure: beyond the limit, `write` says [`Error::Limit`], and the caller drops the draft
//! (and still reads its input to the end).

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use crate::mime::Indexer;
use crate::piece::PIECE_OCTETS;
use crate::timestamp::now_seconds;
use crate::{Error, MessageId, Result, Store};

/// How long staged pieces wait for the rest of their message: longer than any transfer.
const STAGED_SECONDS: i64 = 24 * 3600;

/// A message that is being written.
pub struct Draft {
    store: Store,
    id: MessageId,
    octets_max: u64,
    len: u64,
    /// What was prepended.
    head: Vec<u8>,
    /// The header section, if it was given apart.
    header: Vec<u8>,
    first: Vec<u8>,
    /// The piece after `first` that is being filled.
    piece: Vec<u8>,
    staged: u32,
    digests: Vec<u8>,
    indexer: Indexer,
    written_header: HeaderOctets,
    /// The header section is not the one that the indexer saw.
    reindex: bool,
}

/// A complete message, ready to be accepted or appended.
pub struct Sealed {
    id: MessageId,
    size: u64,
    digest: [u8; 32],
    mime: Vec<u8>,
    first: Vec<u8>,
    staged: bool,
}

impl Draft {
    /// An empty draft that takes up to `octets_max` octets.
    pub fn new(store: &Store, octets_max: u64) -> Draft {
        Draft {
            store: store.clone(),
            id: store.inner.message_ids.next(),
            octets_max,
            len: 0,
            head: Vec::new(),
            header: Vec::new(),
            first: Vec::new(),
            piece: Vec::new(),
            staged: 0,
            digests: Vec::new(),
            indexer: Indexer::new(),
            written_header: HeaderOctets::default(),
            reindex: false,
        }
    }

    /// The id that the message will have: the queue id of logs and trace fields.
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// Octets so far, with what was prepended.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Nothing yet?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the header section that was written holds octets above 127.
    pub fn has_eight_bit_header(&self) -> bool {
        self.written_header.eight_bit
    }

    /// Sets the header section, without the empty line behind it: best before the first `write`, which then begins with that
    /// line. Later it replaces the one that was set before; what was written stays.
    pub fn set_header(&mut self, header: &[u8]) -> Result<()> {
        let others = self.len - self.header.len() as u64;
        self.len = self.within_limit(others + header.len() as u64)?;
        if self.len == header.len() as u64 && self.header.is_empty() {
            self.indexer.push(header);
        } else {
            self.reindex = true;
        }
        self.header = header.to_vec();
        Ok(())
    }

    /// What was written, in pieces of bounded size, counted from 0: all but the header section that was set and the fields that were
    /// prepended. `None` behind the last.
    pub async fn written(&self, piece: u32) -> Result<Option<Bytes>> {
        let Some(number) = piece.checked_sub(1) else {
            return Ok(Some(Bytes::copy_from_slice(&self.first)));
        };
        if number >= self.staged {
            let is_last = number == self.staged && !self.piece.is_empty();
            return Ok(is_last.then(|| Bytes::copy_from_slice(&self.piece)));
        }
        let id = self.id;
        let read = move |connection: &Connection| {
            let sql = "SELECT data FROM chunk WHERE message = ?1 AND number = ?2";
            let mut select = connection.prepare_cached(sql)?;
            let data: Option<Vec<u8>> = select
                .query_row(params![id, number], |row| row.get(0))
                .optional()?;
            data.ok_or(Error::NotFound("piece of a message"))
        };
        Ok(Some(self.store.inner.readers.read(read).await?.into()))
    }

    /// Adds octets at the end.
    pub async fn write(&mut self, octets: &[u8]) -> Result<()> {
        self.grow(octets.len())?;
        self.indexer.push(octets);
        self.written_header.push(octets);
        let room = PIECE_OCTETS
            .saturating_sub(self.first.len())
            .min(octets.len());
        let (first, mut rest) = octets.split_at(room);
        self.first.extend_from_slice(first);
        while !rest.is_empty() {
            let room = (PIECE_OCTETS - self.piece.len()).min(rest.len());
            self.piece.extend_from_slice(&rest[..room]);
            rest = &rest[room..];
            if self.piece.len() == PIECE_OCTETS {
                self.stage().await?;
            }
        }
        Ok(())
    }

    /// Puts complete header fields (each with its CRLF) before everything written so far and later.
    pub fn prepend(&mut self, fields: &[u8]) -> Result<()> {
        self.grow(fields.len())?;
        self.head.splice(0..0, fields.iter().copied());
        Ok(())
    }

    /// Completes the message.
    pub async fn seal(mut self) -> Result<Sealed> {
        if !self.piece.is_empty() {
            self.stage().await?;
        }
        if self.reindex {
            self.indexer = self.index_again().await?;
        }
        let mut first = self.head;
        let mime = self.indexer.finish().prepended(first.len() as u64).encode();
        first.append(&mut self.header);
        first.append(&mut self.first);
        let mut digest = *blake3::hash(&first).as_bytes();
        if self.staged > 0 {
            digest = *blake3::Hasher::new()
                .update(&digest)
                .update(&self.digests)
                .finalize()
                .as_bytes();
        }
        Ok(Sealed {
            id: self.id,
            size: self.len,
            digest,
            mime,
            first,
            staged: self.staged > 0,
        })
    }

    /// The index of header section and body as they are now.
    async fn index_again(&self) -> Result<Indexer> {
        let mut indexer = Indexer::new();
        indexer.push(&self.header);
        let mut number = 0;
        while let Some(octets) = self.written(number).await? {
            indexer.push(&octets);
            number += 1;
        }
        Ok(indexer)
    }

    fn grow(&mut self, by: usize) -> Result<()> {
        self.len = self.within_limit(self.len + by as u64)?;
        Ok(())
    }

    fn within_limit(&self, len: u64) -> Result<u64> {
        match len > self.octets_max {
            true => Err(Error::Limit("octets in the message")),
            false => Ok(len),
        }
    }

    /// Writes the filled piece away.
    async fn stage(&mut self) -> Result<()> {
        let data = std::mem::take(&mut self.piece);
        self.digests
            .extend_from_slice(blake3::hash(&data).as_bytes());
        let (id, number) = (self.id, self.staged);
        self.staged += 1;
        self.store
            .write_octets(data.len(), move |tx| {
                let sql = "INSERT INTO sweep (message, due) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET due = ?2";
                tx.connection.prepare_cached(sql)?.execute(params![id, now_seconds() + STAGED_SECONDS])?;
                let sql = "INSERT INTO chunk (message, number, data) VALUES (?1, ?2, ?3)";
                tx.connection.prepare_cached(sql)?.execute(params![id, number, data])?;
                Ok(())
            })
            .await
    }
}

/// A header section as it goes by.
#[derive(Debug, Default)]
struct HeaderOctets {
    eight_bit: bool,
    in_line: bool,
    ended: bool,
}

impl HeaderOctets {
    fn push(&mut self, octets: &[u8]) {
        for &octet in octets {
            match octet {
                _ if self.ended => return,
                b'\n' => self.ended = !std::mem::take(&mut self.in_line),
                b'\r' => {}
                _ => {
                    self.in_line = true;
                    self.eight_bit |= !octet.is_ascii();
                }
            }
        }
    }
}

impl Sealed {
    /// The message's id.
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// Octets of the message.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Octets that are not yet in the database.
    pub(crate) fn first_octets(&self) -> usize {
        self.first.len()
    }

    /// Puts the message into the database. The caller makes something point at it in the same transaction.
    pub(crate) fn insert(&self, connection: &Connection) -> Result<()> {
        if self.staged
            && connection
                .prepare_cached("DELETE FROM sweep WHERE message = ?1")?
                .execute([self.id])?
                == 0
        {
            return Err(Error::Unavailable(
                "the message took too long, its first pieces are gone".into(),
            ));
        }
        let sql =
            "INSERT INTO message (id, size, digest, created, body) VALUES (?1, ?2, ?3, ?4, ?5)";
        let values = params![
            self.id,
            self.size as i64,
            self.digest,
            now_seconds(),
            self.first
        ];
        connection.prepare_cached(sql)?.execute(values)?;
        let sql = "INSERT INTO mime (message, data) VALUES (?1, ?2)";
        connection
            .prepare_cached(sql)?
            .execute(params![self.id, self.mime])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_above_127_count_in_the_header_alone() {
        let eight_bit = |pieces: &[&str]| {
            let mut header = HeaderOctets::default();
            pieces
                .iter()
                .for_each(|piece| header.push(piece.as_bytes()));
            header.eight_bit
        };
        assert!(eight_bit(&[
            "Subject: a\r\nTo: b\r",
            "\nX: \u{e9}\r\n\r\nb"
        ]));
        assert!(!eight_bit(&["Subject: a\r\n\r", "\n\u{e9}"]));
        assert!(!eight_bit(&["Subject: a\n\n\u{e9}\n"]));
        assert!(eight_bit(&["\u{e9}"]));
    }
}
