//! A message that is being served: it can be read to its end, whatever happens to its entry meanwhile.
//!
//! Someone may expunge a message while another session sends it to a slow client, who has been told how long it is.
//! The octets are still there, because `sweep` leaves a message alone for a while after its last entry went; each
//! read of a message that waits for the sweep puts that off again.
//!
//! Failure: a message that nobody read for longer than [`crate::Options::linger_seconds`] may be gone.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use crate::piece::{self, Place};
use crate::timestamp::now_seconds;
use crate::{AccountId, Error, MailboxId, Result, Store, Uid, mailbox};

/// A message as it was served in a mailbox when it was opened.
#[derive(Clone)]
pub struct OpenMessage {
    place: Arc<Place>,
}

impl Store {
    /// Opens a message for several reads.
    pub async fn open_message(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        uid: Uid,
    ) -> Result<OpenMessage> {
        self.read(move |connection| {
            mailbox::require_owned(connection, account, mailbox)?;
            let place = piece::place_of(connection, mailbox, uid)?;
            Ok(OpenMessage {
                place: Arc::new(place.ok_or(Error::NotFound("message"))?),
            })
        })
        .await
    }

    /// Octets of an open message as served. Up to [`crate::READ_OCTETS_MAX`] a call; what lies beyond the end is left
    /// out.
    pub async fn read_open(&self, message: &OpenMessage, range: Range<u64>) -> Result<Bytes> {
        let place = message.place.clone();
        let now = now_seconds();
        let (octets, due) = self
            .read(move |connection| {
                let due = due(connection, place.message)?;
                Ok((piece::read_place(connection, &place, range)?, due))
            })
            .await?;
        // Put off only when half of the time is over: that is a write.
        if due.is_some_and(|due| due < now - i64::from(self.inner.options.linger_seconds) / 2) {
            self.put_off(message.place.message, now).await?;
        }
        Ok(octets)
    }

    async fn put_off(&self, message: i64, now: i64) -> Result<()> {
        self.write(move |tx| {
            let sql = "UPDATE sweep SET due = max(due, ?2) WHERE message = ?1";
            tx.connection
                .prepare_cached(sql)?
                .execute(params![message, now])?;
            Ok(())
        })
        .await
    }
}

/// Since when the message waits for the sweep, if it does.
fn due(connection: &Connection, message: i64) -> Result<Option<i64>> {
    let sql = "SELECT due FROM sweep WHERE message = ?1";
    let mut select = connection.prepare_cached(sql)?;
    Ok(select.query_row([message], |row| row.get(0)).optional()?)
}
