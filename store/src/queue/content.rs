//! The octets of queued messages, in bounded pieces, and what is known of them.

use std::ops::Range;

use bytes::Bytes;
use rusqlite::OptionalExtension;

use crate::mime::EncodedIndex;
use crate::piece::read_message;
use crate::{Error, MessageId, Result, Store};

impl Store {
    /// Octets of a message as it was accepted, without any copy's prefix: at most [`crate::READ_OCTETS_MAX`] of the range, and none
    /// behind the message's end.
    pub async fn message_octets(&self, message: MessageId, range: Range<u64>) -> Result<Bytes> {
        self.read(move |connection| read_message(connection, message, range))
            .await
    }

    /// The MIME index of a message as it was accepted.
    pub async fn message_index(&self, message: MessageId) -> Result<EncodedIndex> {
        let sql = "SELECT data FROM mime WHERE message = ?1";
        let stored: Option<Vec<u8>> = self
            .read(move |connection| {
                let mut select = connection.prepare_cached(sql)?;
                Ok(select.query_row([message], |row| row.get(0)).optional()?)
            })
            .await?;
        let stored = stored.ok_or(Error::NotFound("message"))?;
        Ok(EncodedIndex::new(Bytes::from(stored), 0))
    }
}
