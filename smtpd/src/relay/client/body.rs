//! The message of a transaction: where its octets come from.
//!
//! Read from the store piece by piece, never held whole; only its beginning is kept, which for most messages is all. In front of the octets
//! of the store stand those header fields that this copy alone bears (an ARC set, for one). Nothing is changed here.

use std::ops::Range;

use bytes::Bytes;
use store::mime::EncodedIndex;
use store::{MessageId, Store};
use tokio::sync::OnceCell;

use crate::limits::BODY_READ_OCTETS_MAX;

/// A message to send.
#[derive(Clone)]
pub struct Body {
    store: Store,
    message: MessageId,
    /// Octets in the store.
    stored: u64,
    prefix: Bytes,
    /// The first [`BODY_READ_OCTETS_MAX`] of the octets in the store.
    beginning: OnceCell<Bytes>,
}

impl Body {
    /// The message of the store, which has `size` octets.
    pub fn new(store: Store, message: MessageId, size: u64) -> Body {
        Body {
            store,
            message,
            stored: size,
            prefix: Bytes::new(),
            beginning: OnceCell::new(),
        }
    }

    /// The same with complete header fields (ASCII, with CRLF) in front.
    #[must_use]
    pub fn with_prefix(self, prefix: impl Into<Bytes>) -> Body {
        Body {
            prefix: prefix.into(),
            ..self
        }
    }

    /// Octets in all.
    pub fn size(&self) -> u64 {
        self.prefix.len() as u64 + self.stored
    }

    /// Octets of the range, at least one unless it is empty or lies behind the end.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn read(&self, range: Range<u64>) -> store::Result<Bytes> {
        let prefix = self.prefix.len() as u64;
        if range.start < prefix {
            return Ok(clipped(&self.prefix, range));
        }
        let range = range.start - prefix..range.end.saturating_sub(prefix);
        if range.start >= BODY_READ_OCTETS_MAX {
            return self.store.message_octets(self.message, range).await;
        }
        Ok(clipped(self.beginning().await?, range))
    }

    /// The first octets behind the prefix: for most messages all.
    pub(super) async fn beginning(&self) -> store::Result<&Bytes> {
        let first = || {
            self.store
                .message_octets(self.message, 0..BODY_READ_OCTETS_MAX)
        };
        self.beginning.get_or_try_init(first).await
    }

    /// The MIME index, for the octets as [`Body::read`] gives them.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn index(&self) -> store::Result<EncodedIndex> {
        let index = self.store.message_index(self.message).await?;
        Ok(index.prepended(self.prefix.len() as u64))
    }
}

/// As much of the range as there is.
fn clipped(octets: &Bytes, range: Range<u64>) -> Bytes {
    let within = |place: u64| usize::try_from(place).map_or(octets.len(), |p| p.min(octets.len()));
    let start = within(range.start);
    octets.slice(start..within(range.end).max(start))
}
