//! DANE for SMTP: whether DNSSEC says which certificate a host has (RFC 7672 §2.2).
//!
//! It does so only where every link is secure: the list of hosts, the host's addresses or at least its alias, and the TLSA records. A
//! question that fails or is answered with wrong signatures makes the host unusable for now: an attacker must not be able to
//! have the records overlooked.

use super::address::Addresses;
use crate::dns::{Dns, DnsFailure};
use crate::relay::client::{Security, TlsaRecord};

/// What DANE says of a host.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dane {
    /// [`Security::Dane`], or [`Security::Encrypted`] if no record can be used.
    pub(super) security: Security,
    /// The records as in a zone file, for reports.
    pub(super) lines: Vec<String>,
}

/// Asks for the TLSA records of a host of a secure list. None: there is no DANE for it.
///
/// # Errors
/// The host must not be used now.
pub(super) async fn dane(
    dns: &Dns,
    domain: &str,
    host: &str,
    port: u16,
    addresses: &Addresses,
) -> Result<Option<Dane>, DnsFailure> {
    for base in bases(host, addresses) {
        let answer = dns.tlsa(&format!("_{port}._tcp.{base}")).await?;
        if answer.secure && !answer.records.is_empty() {
            let records = answer.records.iter().map(record).collect();
            return Ok(Some(judge(records, [base, host, domain])));
        }
    }
    Ok(None)
}

/// The names beneath which records may stand, the best first (RFC 7672 §2.2.2, §2.2.3): where aliases lead, if all of them are secure,
/// then the host's own name.
fn bases<'a>(host: &'a str, addresses: &'a Addresses) -> Vec<&'a str> {
    match &addresses.alias_of {
        Some(alias) if addresses.secure => vec![alias, host],
        Some(_) if addresses.alias_secure => vec![host],
        None if addresses.secure => vec![host],
        _ => Vec::new(),
    }
}

fn judge(records: Vec<TlsaRecord>, names: [&str; 3]) -> Dane {
    let lines = records.iter().map(|record| format!("{record:?}")).collect();
    let security = match records.iter().any(TlsaRecord::is_usable) {
        true => Security::Dane {
            records,
            names: names.map(str::to_owned).to_vec(),
        },
        false => Security::Encrypted,
    };
    Dane { security, lines }
}

fn record(tlsa: &hickory_proto::rr::rdata::TLSA) -> TlsaRecord {
    TlsaRecord {
        usage: tlsa.cert_usage.into(),
        selector: tlsa.selector.into(),
        matching: tlsa.matching.into(),
        data: tlsa.cert_data.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(alias: Option<&str>, secure: bool, alias_secure: bool) -> Addresses {
        Addresses {
            alias_of: alias.map(str::to_owned),
            secure,
            alias_secure,
            ..Addresses::default()
        }
    }

    #[test]
    fn records_are_looked_for_only_beneath_secure_names() {
        assert_eq!(bases("mx", &found(None, true, false)), ["mx"]);
        assert!(bases("mx", &found(None, false, false)).is_empty());
        assert_eq!(
            bases("mx", &found(Some("real"), true, true)),
            ["real", "mx"]
        );
        assert_eq!(bases("mx", &found(Some("real"), false, true)), ["mx"]);
        assert!(bases("mx", &found(Some("real"), false, false)).is_empty());
    }

    #[test]
    fn records_that_cannot_be_used_still_demand_tls() {
        let unusable = TlsaRecord {
            usage: 0,
            selector: 0,
            matching: 1,
            data: vec![0; 32],
        };
        let usable = TlsaRecord {
            usage: 3,
            ..unusable.clone()
        };
        let names = ["mx", "mx", "example.test"];
        assert_eq!(
            judge(vec![unusable.clone()], names).security,
            Security::Encrypted
        );
        let mixed = judge(vec![unusable, usable], names);
        assert!(matches!(mixed.security, Security::Dane { .. }));
        assert_eq!(mixed.lines.len(), 2);
    }
}
