//! Keeps the full-text index beside the sessions, while the configuration wants it; the store sees to it that one process does the work.

use daemon::service::Service;
use store::IndexStatus;

/// Runs until it is dropped.
pub async fn keep_index(service: Service) {
    let wanted = || service.config().imapd.search_index;
    service.store.keep_index(wanted, measure).await;
}

fn measure(status: IndexStatus) {
    metrics::gauge!("search_index_messages", "state" => "indexed").set(status.indexed as f64);
    metrics::gauge!("search_index_messages", "state" => "waiting").set(status.waiting as f64);
    metrics::gauge!("search_index_octets").set(status.octets as f64);
}
