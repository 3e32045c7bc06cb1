//! `[verify]`: what is made of the authentication of mail that comes in on port 25.

use std::time::Duration;

use serde::Serialize;

use super::section::Section;
use crate::limits;

/// Longer than that no client waits for the answer to its message (RFC 5321 §4.5.3.2.6: ten minutes, but few do).
const DEADLINE_SECONDS_MAX: u64 = 120;

/// `[verify]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verify {
    /// Verify at all.
    pub enabled: bool,
    /// How long the answer to a message may wait for the DNS.
    pub deadline_seconds: u64,
    /// What a domain's DMARC policy leads to.
    pub dmarc: DmarcPolicy,
    /// Domains whose ARC seal is believed when it says that a message was right before they changed it.
    pub trusted_sealers: Vec<String>,
}

/// `verify.dmarc`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DmarcPolicy {
    /// Rejected mail is refused, mail for quarantine goes to Junk.
    Obey,
    /// Both go to Junk.
    Junk,
    /// Neither; the verdict is written in the header alone.
    Report,
}

impl Verify {
    /// [`Verify::deadline_seconds`] as a duration.
    pub fn deadline(&self) -> Duration {
        Duration::from_secs(self.deadline_seconds)
    }
}

pub(super) fn verify(section: Section<'_>) -> Verify {
    let policies = [
        ("obey", DmarcPolicy::Obey),
        ("junk", DmarcPolicy::Junk),
        ("report", DmarcPolicy::Report),
    ];
    let sealers: Vec<String> = section
        .list("trusted_sealers", "lists.example.org")
        .unwrap_or_default();
    let verify = Verify {
        enabled: section.flag("enabled", true),
        deadline_seconds: section.number(
            "deadline_seconds",
            0..=DEADLINE_SECONDS_MAX,
            limits::VERIFY_SECONDS,
        ),
        dmarc: section.choice("dmarc", &policies, DmarcPolicy::Obey),
        trusted_sealers: sealers
            .into_iter()
            .map(|domain| domain.to_ascii_lowercase())
            .collect(),
    };
    section.finish();
    verify
}
