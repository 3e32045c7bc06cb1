//! The TLS report of one domain and day (RFC 8460 §4).

use mail_auth::report::tlsrpt::{
    DateRange, FailureDetails, Policy, PolicyDetails, PolicyType, ResultType, Summary, TlsReport,
};
use store::{Day, TlsDemand, TlsSessions};

use super::address::{TlsReaders, wanting_tls};
use super::handover::hand_over;
use super::letter::{Letter, Post};

/// Sends what is known of a day, if the domain wants to be told, and forgets it. What nobody has taken waits for the next round.
pub(super) async fn send(post: &Post<'_>, day: Day, domain: &str) -> store::Result<()> {
    if post.config.report.tls {
        let Some(readers) = wanting_tls(&post.shared.dns, domain).await else {
            return Ok(());
        };
        if !readers.by_mail.is_empty() || !readers.by_https.is_empty() {
            let sessions = post.store.tls_sessions(day, domain).await?;
            if !send_one(post, day, domain, &readers, &sessions).await? {
                return Ok(());
            }
        }
    }
    post.store.forget_tls_sessions(day, domain).await
}

/// False if nobody has taken it.
async fn send_one(
    post: &Post<'_>,
    day: Day,
    domain: &str,
    readers: &TlsReaders,
    sessions: &[TlsSessions],
) -> store::Result<bool> {
    let report = report(post, day, domain, sessions);
    let mut told = false;
    for uri in &readers.by_https {
        match hand_over(post, uri, &report).await {
            Ok(()) => {
                told = true;
                tracing::info!(domain, %uri, "TLS report handed over");
            }
            Err(error) => {
                tracing::info!(domain, %uri, %error, "a TLS report is not taken");
            }
        }
    }
    if readers.by_mail.is_empty() {
        return Ok(told);
    }
    let recipients = readers.by_mail.iter().map(String::as_str);
    let hostname = &post.config.hostname;
    let Ok(text) = report.to_rfc5322(domain, hostname, post.address, recipients) else {
        return Ok(true);
    };
    let letter = Letter {
        kind: "TLS",
        about: domain,
        to: readers.by_mail.clone(),
        text: &text,
        // A report about TLS that fails must not wait for TLS (RFC 8460 §3).
        tls: TlsDemand::Waived,
    };
    post.send(letter).await.map(|()| true)
}

fn report(post: &Post<'_>, day: Day, domain: &str, sessions: &[TlsSessions]) -> TlsReport {
    let hostname = &post.config.hostname;
    TlsReport {
        organization_name: Some(hostname.clone()),
        date_range: DateRange::from_timestamps(day.begin(), day.begin() + 86_399),
        contact_info: Some(post.address.to_owned()),
        report_id: format!("{}.{domain}@{hostname}", day.0),
        policies: sessions
            .chunk_by(|a, b| a.policy == b.policy)
            .map(policy)
            .collect(),
    }
}

/// The sessions of one policy.
fn policy(sessions: &[TlsSessions]) -> Policy {
    let count = |failed: bool| {
        let counted = sessions
            .iter()
            .filter(|sessions| sessions.failure.is_some() == failed);
        small(counted.map(|sessions| sessions.count).sum())
    };
    let details = sessions.first().map(|sessions| PolicyDetails {
        policy_type: match sessions.policy.kind.as_str() {
            "tlsa" => PolicyType::Tlsa,
            "sts" => PolicyType::Sts,
            _ => PolicyType::NoPolicyFound,
        },
        policy_string: sessions.policy.policy.clone(),
        policy_domain: sessions.policy.domain.clone(),
        mx_host: sessions.policy.hosts.clone(),
    });
    Policy {
        policy: details.unwrap_or_default(),
        summary: Summary {
            total_success: count(false),
            total_failure: count(true),
        },
        failure_details: sessions.iter().filter_map(failure).collect(),
    }
}

fn failure(sessions: &TlsSessions) -> Option<FailureDetails> {
    let failure = sessions.failure.as_ref()?;
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let result: Option<ResultType> = serde_json::from_value(failure.result.clone().into()).ok();
    Some(FailureDetails {
        result_type: result.unwrap_or_default(),
        sending_mta_ip: failure.source.parse().ok(),
        receiving_mx_hostname: text(&failure.host),
        receiving_mx_helo: None,
        receiving_ip: failure.address.parse().ok(),
        failed_session_count: small(sessions.count),
        additional_information: None,
        failure_reason_code: text(&failure.reason),
    })
}

fn small(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
