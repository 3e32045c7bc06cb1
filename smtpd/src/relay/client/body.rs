//! The message of a transaction: where its octets come from.
//!
//! Read from the store piece by piece, never held whole. In front of the octets of the store stand those header fields that this
//! copy alone bears (an ARC set, for one). Nothing is changed here.

use std::ops::Range;

use bytes::Bytes;
use store::mime::MessageIndex;
use store::{MessageId, Store};

/// A message to send.
#[derive(Clone)]
pub struct Body {
    store: Store,
    message: MessageId,
    /// Octets in the store.
    stored: u64,
    prefix: Bytes,
}

impl Body {
    /// The message of the store, which has `size` octets.
    pub fn new(store: Store, message: MessageId, size: u64) -> Body {
        Body {
            store,
            message,
            stored: size,
            prefix: Bytes::new(),
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
            let end = range.end.clamp(range.start, prefix);
            return Ok(self.prefix.slice(range.start as usize..end as usize));
        }
        let range = range.start - prefix..range.end.saturating_sub(prefix);
        self.store.message_octets(self.message, range).await
    }

    /// The MIME index, for the octets as [`Body::read`] gives them.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn index(&self) -> store::Result<MessageIndex> {
        let index = self.store.message_index(self.message).await?;
        Ok(index.prepended(self.prefix.len() as u64))
    }
}
