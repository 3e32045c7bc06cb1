//! SORT (RFC 5256, RFC 5957): each message becomes a key, and keys compare as octets.
//!
//! Keys are made by the store's readers where the MIME indexes lie: no header is read again. The places of many messages' keys among one
//! another are remembered (`ranks`).

pub mod collation;
pub mod key;
pub mod ranks;
pub mod subject;
pub mod survey;

use tokio::task::spawn_blocking;

use crate::session::reject::Reject;

/// Work that is too long for the threads that serve connections.
pub async fn elsewhere<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Reject> {
    spawn_blocking(work)
        .await
        .map_err(|error| Reject::Store(store::Error::Unavailable(error.to_string())))
}
