//! A zone as a test writes it. Names are full names; what is wrong with one is told when the zone is published.

use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::rdata::tlsa::{CertUsage, Matching, Selector};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, PTR, TLSA, TXT};
use hickory_proto::rr::{Name, RData, Record};

use super::InternetError;

/// How long records may be remembered, if the test does not say.
const SECONDS: u32 = 300;

/// A character-string has at most so many octets (RFC 1035 §3.3).
const STRING_OCTETS_MAX: usize = 255;

/// A zone.
#[derive(Debug, Clone)]
pub struct Zone {
    origin: Name,
    trust: Trust,
    seconds: u32,
    records: Vec<(Name, RData)>,
    faults: Vec<String>,
}

/// What a validating resolver finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Signed; the parent vouches for the key.
    Secure,
    /// Not signed, and the parent proves that.
    Insecure,
    /// Signed, but the parent vouches for another key.
    Bogus,
}

impl Zone {
    /// A zone that is signed, with an unbroken chain from the root.
    pub fn signed(origin: &str) -> Zone {
        Zone::new(origin, Trust::Secure)
    }

    /// A zone that is not signed.
    pub fn unsigned(origin: &str) -> Zone {
        Zone::new(origin, Trust::Insecure)
    }

    /// A zone whose signatures are wrong.
    pub fn bogus(origin: &str) -> Zone {
        Zone::new(origin, Trust::Bogus)
    }

    fn new(origin: &str, trust: Trust) -> Zone {
        let mut zone = Zone {
            origin: Name::root(),
            trust,
            seconds: SECONDS,
            records: Vec::new(),
            faults: Vec::new(),
        };
        match name(origin) {
            Ok(origin) => zone.origin = origin,
            Err(fault) => zone.faults.push(fault),
        }
        zone
    }

    /// How long its records, and the absence of others, may be remembered.
    pub fn ttl(mut self, seconds: u32) -> Zone {
        self.seconds = seconds;
        self
    }

    /// An MX record of the zone's own name.
    pub fn mx(self, preference: u16, exchange: &str) -> Zone {
        let owner = self.origin.to_string();
        self.mx_of(&owner, preference, exchange)
    }

    /// An MX record of another name in the zone.
    pub fn mx_of(mut self, owner: &str, preference: u16, exchange: &str) -> Zone {
        match name(exchange) {
            Ok(exchange) => self.record(owner, RData::MX(MX::new(preference, exchange))),
            Err(fault) => {
                self.faults.push(fault);
                self
            }
        }
    }

    /// An IPv4 address.
    pub fn a(self, owner: &str, address: impl Into<Ipv4Addr>) -> Zone {
        self.record(owner, RData::A(A(address.into())))
    }

    /// An IPv6 address.
    pub fn aaaa(self, owner: &str, address: impl Into<Ipv6Addr>) -> Zone {
        self.record(owner, RData::AAAA(AAAA(address.into())))
    }

    /// A text, cut into strings of 255 octets.
    pub fn txt(self, owner: &str, text: &str) -> Zone {
        let strings = text.as_bytes().chunks(STRING_OCTETS_MAX).collect();
        self.record(owner, RData::TXT(TXT::from_bytes(strings)))
    }

    /// An alias.
    pub fn cname(mut self, owner: &str, target: &str) -> Zone {
        match name(target) {
            Ok(target) => self.record(owner, RData::CNAME(CNAME(target))),
            Err(fault) => {
                self.faults.push(fault);
                self
            }
        }
    }

    /// The name of an address; `owner` is as `5.2.0.192.in-addr.arpa`.
    pub fn ptr(mut self, owner: &str, target: &str) -> Zone {
        match name(target) {
            Ok(target) => self.record(owner, RData::PTR(PTR(target))),
            Err(fault) => {
                self.faults.push(fault);
                self
            }
        }
    }

    /// What certificate a service has (RFC 6698 §2.1), `owner` being as `_25._tcp.mx.example.test`.
    pub fn tlsa(self, owner: &str, usage: u8, selector: u8, matching: u8, data: &[u8]) -> Zone {
        let tlsa = TLSA::new(
            CertUsage::from(usage),
            Selector::from(selector),
            Matching::from(matching),
            data.to_vec(),
        );
        self.record(owner, RData::TLSA(tlsa))
    }

    /// A record of any kind.
    pub fn record(mut self, owner: &str, data: RData) -> Zone {
        match name(owner) {
            Ok(owner) => self.records.push((owner, data)),
            Err(fault) => self.faults.push(fault),
        }
        self
    }

    /// The zone, if nothing is wrong with it.
    pub(super) fn checked(mut self) -> Result<Zone, InternetError> {
        let stray = self
            .records
            .iter()
            .find(|(owner, _)| !self.origin.zone_of(owner));
        if let Some((owner, _)) = stray {
            self.faults.push(format!("{owner} does not belong to it"));
        }
        match self.faults.is_empty() {
            true => Ok(self),
            false => Err(InternetError::Zone(
                self.origin.to_string(),
                self.faults.join("; "),
            )),
        }
    }

    pub(super) fn origin(&self) -> &Name {
        &self.origin
    }

    pub(super) fn trust(&self) -> Trust {
        self.trust
    }

    pub(super) fn seconds(&self) -> u32 {
        self.seconds
    }

    pub(super) fn records(&self) -> impl Iterator<Item = Record> + '_ {
        self.records
            .iter()
            .map(|(owner, data)| Record::from_rdata(owner.clone(), self.seconds, data.clone()))
    }
}

/// A full name, with or without a dot at its end.
pub(super) fn name(text: &str) -> Result<Name, String> {
    let mut name = Name::from_ascii(text).map_err(|error| format!("{text}: {error}"))?;
    name.set_fqdn(true);
    Ok(name)
}
