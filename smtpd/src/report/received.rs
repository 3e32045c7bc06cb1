//! Reports that others send to our report address: recognized when they are filed, and kept readable.
//!
//! They come by mail from anybody, so they are read with care: messages up to a size, uncompressed up to another, after the sender was
//! answered and beside the sessions. What cannot be read is an ordinary message and stays one.

use mail_auth::report::Report;
use mail_auth::report::tlsrpt::TlsReport;
use store::{Draft, ReceivedReport, ReportKind, Store};

use crate::limits::{REPORT_LETTER_OCTETS_MAX, REPORT_UNCOMPRESSED_OCTETS_MAX};

/// The whole message, if it may be a report (`wanted`) and is small enough to be one. `header` is its header section.
///
/// # Errors
/// The store fails.
pub async fn copy(draft: &Draft, header: &[u8], wanted: bool) -> store::Result<Option<Vec<u8>>> {
    if !wanted || draft.len() > REPORT_LETTER_OCTETS_MAX as u64 {
        return Ok(None);
    }
    let mut message = header.to_vec();
    let mut number = 0;
    while let Some(piece) = draft.written(number).await? {
        message.extend_from_slice(&piece);
        number += 1;
    }
    Ok(Some(message))
}

/// Keeps what a message reports, if it is a report.
pub async fn keep(store: Store, message: Vec<u8>) {
    let read = tokio::task::spawn_blocking(move || read(&message)).await;
    let Ok(Some(report)) = read else {
        tracing::info!("a message to the report address is no report");
        return;
    };
    let (kind, reporter) = (report.kind.name(), report.reporter.clone());
    match store.keep_report(report).await {
        Ok(()) => tracing::info!(kind, reporter, "report received"),
        Err(error) => tracing::error!(%error, kind, reporter, "a report is not kept"),
    }
}

/// The report in a message.
pub fn read(message: &[u8]) -> Option<ReceivedReport> {
    let limit = REPORT_UNCOMPRESSED_OCTETS_MAX;
    if let Ok(report) = Report::parse_rfc5322(message, limit) {
        return Some(ReceivedReport {
            kind: ReportKind::Dmarc,
            begins: seconds(report.date_range_begin()),
            ends: seconds(report.date_range_end()),
            domain: report.domain().to_owned(),
            reporter: report.org_name().to_owned(),
            name: report.report_id().to_owned(),
            content: serde_json::to_string(&report).ok()?,
        });
    }
    let report = TlsReport::parse_rfc5322(message, limit).ok()?;
    let domain = report.policies.first()?.policy.policy_domain.clone();
    Some(ReceivedReport {
        kind: ReportKind::Tls,
        begins: report.date_range.start_datetime.to_timestamp(),
        ends: report.date_range.end_datetime.to_timestamp(),
        domain,
        reporter: report.organization_name.clone().unwrap_or_default(),
        name: report.report_id.clone(),
        content: report.to_json(),
    })
}

fn seconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}
