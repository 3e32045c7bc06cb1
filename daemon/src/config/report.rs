//! `[report]`: reports about mail (DMARC, RFC 9990; TLS, RFC 8460), sent to those who ask for them and received from others.

use serde::Serialize;

use super::section::Section;

/// `[report]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The address here that reports are sent from and received at, in lower case. None: there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Send DMARC reports.
    pub dmarc: bool,
    /// Send TLS reports.
    pub tls: bool,
}

pub(super) fn report(section: Section<'_>) -> Report {
    let address = section.text("address");
    let is_address = |text: &str| {
        let parts = text.rsplit_once('@');
        parts.is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
            && text.bytes().all(|octet| octet.is_ascii_graphic())
    };
    if address.is_some_and(|text| !is_address(text)) {
        section.refuse(
            "address",
            "must be an address of this server, such as \"reports@example.org\"",
        );
    }
    let report = Report {
        address: address.map(str::to_ascii_lowercase),
        dmarc: section.flag("dmarc", true),
        tls: section.flag("tls", true),
    };
    section.finish();
    report
}
