//! The TLS report of one domain and day (RFC 8460 §4).

use mail_auth::report::tlsrpt::{
    DateRange, FailureDetails, Policy, PolicyDetails, PolicyType, ResultType, Summary, TlsReport,
};
use store::{Day, TlsDemand, TlsSessions};

use super::address::wanting_tls;
use super::letter::{Letter, Post};

/// Sends what is known of a day, if the domain wants to be told, and forgets it.
pub(super) async fn send(post: &Post<'_>, day: Day, domain: &str) -> store::Result<()> {
    if post.config.report.tls {
        let Some(to) = wanting_tls(&post.shared.dns, domain).await else {
            return Ok(());
        };
        if !to.is_empty() {
            let sessions = post.store.tls_sessions(day, domain).await?;
            send_one(post, day, domain, to, &sessions).await?;
        }
    }
    post.store.forget_tls_sessions(day, domain).await
}

async fn send_one(
    post: &Post<'_>,
    day: Day,
    domain: &str,
    to: Vec<String>,
    sessions: &[TlsSessions],
) -> store::Result<()> {
    let hostname = &post.config.hostname;
    let report = TlsReport {
        organization_name: Some(hostname.clone()),
        date_range: DateRange::from_timestamps(day.begin(), day.begin() + 86_399),
        contact_info: Some(post.address.to_owned()),
        report_id: format!("{}.{domain}@{hostname}", day.0),
        policies: sessions
            .chunk_by(|a, b| a.policy == b.policy)
            .map(policy)
            .collect(),
    };
    let recipients = to.iter().map(String::as_str);
    let Ok(text) = report.to_rfc5322(domain, hostname, post.address, recipients) else {
        return Ok(());
    };
    let letter = Letter {
        kind: "TLS",
        about: domain,
        to: to.clone(),
        text: &text,
        // A report about TLS that fails must not wait for TLS (RFC 8460 §3).
        tls: TlsDemand::Waived,
    };
    post.send(letter).await
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
