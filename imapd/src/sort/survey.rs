//! Asks the store for what SORT and THREAD need of many messages, a few batches at a time.

use store::{ENTRIES_MAX, Surveyed, Uid};

use crate::fetch::read::Reader;
use crate::session::progress::Progress;
use crate::session::reject::Reject;

/// What `look` makes of each of the messages (their UIDs ascend); of those that are no more, nothing.
pub async fn survey<T, F>(
    reader: &Reader,
    uids: &[Uid],
    with_index: bool,
    progress: &Progress,
    look: F,
) -> Result<Vec<(Uid, T)>, Reject>
where
    T: Send + 'static,
    F: Fn(&Surveyed<'_>) -> T + Clone + Send + 'static,
{
    let Reader {
        store,
        account,
        mailbox,
    } = reader;
    let batch = |uids| store.survey(*account, *mailbox, uids, with_index, look.clone());
    let mut seen = Vec::with_capacity(uids.len());
    // Two readers at a time: keys are mostly work for the processor.
    for pair in uids.chunks(2 * ENTRIES_MAX) {
        let (one, other) = pair.split_at(pair.len().min(ENTRIES_MAX));
        if other.is_empty() {
            seen.extend(batch(one).await?);
        } else {
            let (one, other) = tokio::try_join!(batch(one), batch(other))?;
            seen.extend(one);
            seen.extend(other);
        }
        progress.add(pair.len());
    }
    Ok(seen)
}
