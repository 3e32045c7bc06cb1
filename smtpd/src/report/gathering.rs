//! Counting what came in the name of other domains, for DMARC reports to them (RFC 9990 §3).
//!
//! Only domains that ask for reports are counted, and only verdicts: no recipient, no content. Counts gather in memory and are written
//! in batches; a crash loses some seconds. Bounded: what is new beyond [`REPORT_COUNTS_MAX`] before the next batch is not counted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use mail_auth::report::{
    ActionDisposition, Identifier, PolicyOverride, PolicyOverrideReason, PolicyPublished, Record,
    SPFDomainScope,
};
use mail_auth::{DkimOutput, DmarcOutput, DmarcResult, SpfOutput};
use serde::{Deserialize, Serialize};
use store::{Day, DmarcCount, Store};

use crate::limits::REPORT_COUNTS_MAX;

/// A message that was verified.
pub struct Observed<'a> {
    /// Where it came from.
    pub address: IpAddr,
    /// The domain of its author.
    pub author: &'a str,
    /// The domain of the reverse-path; empty for the null path.
    pub sender: &'a str,
    /// The verdict about the sender, or about EHLO's name for the null path.
    pub spf: &'a SpfOutput,
    /// The verdicts about its signatures.
    pub dkim: &'a [DkimOutput<'a>],
    /// The verdict about its author.
    pub dmarc: &'a DmarcOutput,
    /// What is done with it.
    pub disposition: Disposition,
}

/// What is done with a message because of the author's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Nothing.
    Delivered,
    /// It goes to Junk.
    Junk,
    /// It is refused.
    Refused,
}

/// A domain's policy, and who is to be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Policy {
    pub(super) published: PolicyPublished,
    /// Addresses, each with the most octets that it takes; 0 is any number.
    pub(super) told: Vec<(String, usize)>,
}

/// Day, domain, policy and verdict.
type Counted = (Day, String, String, String);

/// Counts that wait to be written.
pub struct Gathering {
    enabled: bool,
    pending: Mutex<HashMap<Counted, u64>>,
}

impl Gathering {
    /// Nothing is counted yet; without reports to be sent (`enabled`) nothing ever is.
    pub fn new(enabled: bool) -> Gathering {
        Gathering {
            enabled,
            pending: Mutex::default(),
        }
    }

    /// Counts a message, if its author's domain wants to be told.
    pub fn note(&self, observed: &Observed<'_>) {
        let Some(policy) = policy(observed.dmarc).filter(|_| self.enabled) else {
            return;
        };
        let texts = (
            serde_json::to_string(&policy),
            serde_json::to_string(&record(observed)),
        );
        let (Ok(policy_text), Ok(verdict)) = texts else {
            return;
        };
        let today = Day::of(jiff::Timestamp::now().as_second());
        let counted = (today, policy.published.domain, policy_text, verdict);
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() < REPORT_COUNTS_MAX || pending.contains_key(&counted) {
            *pending.entry(counted).or_default() += 1;
        }
    }

    /// Writes all that waits.
    ///
    /// # Errors
    /// The store fails; what waited is lost.
    pub async fn write(&self, store: &Store) -> store::Result<()> {
        let pending = {
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *pending)
        };
        let mut days: HashMap<Day, Vec<DmarcCount>> = HashMap::new();
        for ((day, domain, policy, verdict), count) in pending {
            days.entry(day).or_default().push(DmarcCount {
                domain,
                policy,
                verdict,
                count,
            });
        }
        for (day, counts) in days {
            store.count_dmarc(day, counts).await?;
        }
        Ok(())
    }
}

fn policy(dmarc: &DmarcOutput) -> Option<Policy> {
    let found = dmarc.dmarc_record()?;
    let told: Vec<(String, usize)> = found
        .rua()
        .iter()
        .map(|uri| (uri.uri().to_owned(), uri.max_size()))
        .collect();
    let domain = store::normal_domain(dmarc.domain()).ok()?;
    (!told.is_empty()).then(|| Policy {
        published: PolicyPublished::from_record(domain, found),
        told,
    })
}

/// The verdict as the report will have it, without its count. What errors say in words is left out: it differs from message to message.
fn record(observed: &Observed<'_>) -> Record {
    let scope = match observed.sender {
        "" => SPFDomainScope::Helo,
        _ => SPFDomainScope::MailFrom,
    };
    let mut record = Record::new()
        .with_dkim_output(observed.dkim)
        .with_spf_output(observed.spf, scope)
        .with_dmarc_output(observed.dmarc)
        .with_source_ip(observed.address);
    for result in &mut record.auth_results.dkim {
        result.human_result = None;
    }
    record.identifiers = Identifier {
        envelope_to: None,
        envelope_from: observed.sender.to_owned(),
        header_from: observed.author.to_owned(),
    };
    if !matches!(observed.dmarc.result(), DmarcResult::Fail(_)) {
        return record;
    }
    let wanted = record.action_disposition();
    let done = match observed.disposition {
        Disposition::Delivered => ActionDisposition::None,
        Disposition::Junk => ActionDisposition::Quarantine,
        Disposition::Refused => ActionDisposition::Reject,
    };
    match done == wanted {
        true => record,
        false => record
            .with_action_disposition(done)
            .with_policy_override_reason(PolicyOverrideReason::new(PolicyOverride::LocalPolicy)),
    }
}
