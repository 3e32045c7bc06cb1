//! The DMARC report of one domain and day (RFC 9990 §3).

use mail_auth::report::{Record, Report};
use store::{Day, DmarcCount, TlsDemand};

use super::address::willing;
use super::gathering::Policy;
use super::letter::{Letter, Post};

/// Sends what is known of a day, to those whom the domain wants to be told, and forgets it.
pub(super) async fn send(post: &Post<'_>, day: Day, domain: &str) -> store::Result<()> {
    if post.config.report.dmarc {
        let counts = post.store.dmarc_counts(day, domain).await?;
        // A policy that changed during the day has a report of its own.
        for (number, counts) in counts.chunk_by(|a, b| a.policy == b.policy).enumerate() {
            if !send_one(post, day, number, counts).await? {
                return Ok(());
            }
        }
    }
    post.store.forget_dmarc_counts(day, domain).await
}

/// False if it is not known now who may be told.
async fn send_one(
    post: &Post<'_>,
    day: Day,
    number: usize,
    counts: &[DmarcCount],
) -> store::Result<bool> {
    let policy = counts.first().map(|first| first.policy.as_str());
    let Some(Ok(policy)) = policy.map(serde_json::from_str::<Policy>) else {
        return Ok(true);
    };
    let addresses: Vec<String> = policy.told.iter().map(|(to, _)| to.clone()).collect();
    let domain = policy.published.domain.clone();
    let Some(willing) = willing(&post.shared.dns, &domain, &addresses).await else {
        return Ok(false);
    };
    let hostname = &post.config.hostname;
    let report = report(post, day, number, &policy, counts);
    let written = report.to_rfc5322(hostname, post.address, willing.iter().map(String::as_str));
    let Ok(text) = written else {
        return Ok(true);
    };
    let fits = |address: &String| {
        let limit = policy.told.iter().find(|(told, _)| told == address);
        limit.is_none_or(|(_, octets)| *octets == 0 || text.len() <= *octets)
    };
    let letter = Letter {
        kind: "DMARC",
        about: &domain,
        to: willing
            .iter()
            .filter(|address| fits(address))
            .cloned()
            .collect(),
        text: &text,
        tls: TlsDemand::ByPolicy,
    };
    post.send(letter).await.map(|()| true)
}

fn report(
    post: &Post<'_>,
    day: Day,
    number: usize,
    policy: &Policy,
    counts: &[DmarcCount],
) -> Report {
    let begin = day.begin().unsigned_abs();
    let hostname = &post.config.hostname;
    let domain = &policy.published.domain;
    let mut report = Report::new()
        .with_version(1.0)
        .with_org_name(hostname)
        .with_email(post.address)
        .with_generator(concat!("Pennyblack ", env!("CARGO_PKG_VERSION")))
        .with_report_id(format!("{}.{number}.{domain}@{hostname}", day.0))
        .with_date_range_begin(begin)
        .with_date_range_end(begin + 86_399)
        .with_policy_published(policy.published.clone());
    for count in counts {
        if let Ok(record) = serde_json::from_str::<Record>(&count.verdict) {
            let messages = u32::try_from(count.count).unwrap_or(u32::MAX);
            report.add_record(record.with_count(messages));
        }
    }
    report
}
