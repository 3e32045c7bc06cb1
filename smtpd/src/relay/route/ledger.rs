//! What attempts found about TLS: counted for reports (RFC 8460) and remembered for the next attempt, written to the store in batches.
//!
//! Bounded: what is beyond [`TLS_COUNTS_MAX`] before the next batch is not counted. A crash loses the batch of some seconds.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use store::{Day, Store, TlsPolicy, TlsSeen, TlsSessionFailure, TlsSessions};

use crate::limits::TLS_COUNTS_MAX;

type Counted = (Day, TlsPolicy, Option<TlsSessionFailure>);

/// What waits to be written.
#[derive(Default)]
pub(super) struct Ledger {
    pending: Mutex<Pending>,
    /// Held while a batch is on its way: who writes last, at the end of the daemon, waits for all that others have taken.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Pending {
    counts: HashMap<Counted, u64>,
    seen: HashMap<String, TlsSeen>,
}

impl Ledger {
    /// Counts a session, or the lack of one.
    pub(super) fn count(&self, policy: &TlsPolicy, failure: Option<TlsSessionFailure>) {
        let today = Day::of(jiff::Timestamp::now().as_second());
        let counted = (today, policy.clone(), failure);
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.counts.len() < TLS_COUNTS_MAX || pending.counts.contains_key(&counted) {
            *pending.counts.entry(counted).or_default() += 1;
        }
    }

    /// Remembers what a host did. Of several sights within one batch TLS counts: connections that fail now and then are no sign that a host
    /// has given it up.
    pub(super) fn saw(&self, host: &str, seen: TlsSeen) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.seen.get(host) == Some(&TlsSeen::Encrypted) {
            return;
        }
        if pending.seen.len() < TLS_COUNTS_MAX || pending.seen.contains_key(host) {
            pending.seen.insert(host.to_owned(), seen);
        }
    }

    /// Writes all that waits; it is in the store when this ends, whoever took it.
    pub(super) async fn write(&self, store: &Store) -> store::Result<()> {
        let _writing = self.writing.lock().await;
        let pending = {
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *pending)
        };
        if !pending.seen.is_empty() {
            store
                .note_host_tls(pending.seen.into_iter().collect())
                .await?;
        }
        let mut days: HashMap<Day, Vec<TlsSessions>> = HashMap::new();
        for ((day, policy, failure), count) in pending.counts {
            let sessions = TlsSessions {
                policy,
                failure,
                count,
            };
            days.entry(day).or_default().push(sessions);
        }
        for (day, sessions) in days {
            store.count_tls_sessions(day, sessions).await?;
        }
        Ok(())
    }
}
