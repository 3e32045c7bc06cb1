//! What came back: records and their security, absence, or a failure.

use hickory_proto::dnssec::Proof;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::net::{DnsError, NetError, NoRecords};

use super::host_name;
use crate::limits::{DNS_ALIASES_MAX, DNS_RECORDS_MAX};

/// Records of one type at one name; perhaps none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// The records, in the order of the answer.
    pub records: Vec<T>,
    /// True if signatures prove all of it, or the absence of records, from a trust anchor down (RFC 4033 §5: *secure*). False where the
    /// zone is not signed (*insecure*). There is no answer that is *bogus*: that is a failure.
    pub secure: bool,
    /// False if there is no such name at all (NXDOMAIN, RFC 8020).
    pub name_exists: bool,
    /// The name that the records stand at, if aliases (CNAME) lead there from the one that was asked for.
    pub alias_of: Option<String>,
    /// True if the first of those aliases is secure, even if what it leads to is not (RFC 7672 §2.2.2).
    pub alias_secure: bool,
}

/// A mail exchanger (RFC 1035 §3.3.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mx {
    /// Lower is better.
    pub preference: u16,
    /// The host, in lower case without a dot at the end; "." for the null MX (RFC 7505 §3).
    pub exchange: String,
}

/// Why there is no answer. All of it may pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DnsFailure {
    /// The answer, or the absence of one, is not signed as it should be (RFC 4033 §5: *bogus*).
    #[error("the DNS answer is bogus: its DNSSEC signatures do not hold")]
    Bogus,
    /// The name servers keep all signatures back, and must not be believed without.
    #[error(
        "the name servers keep DNSSEC signatures back (see `dns.dnssec` and `dns.servers` in the configuration)"
    )]
    Withheld,
    /// A name server says that it cannot or will not, as with SERVFAIL.
    #[error("the name server answers {0}")]
    Refused(String),
    /// Nothing came in time.
    #[error("no answer from the name server in time")]
    Timeout,
    /// There is no name server, or no way to one.
    #[error("no name server can be reached ({0})")]
    Unreachable(String),
}

/// That something is not there, and for how long that may be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Absence {
    pub(super) name_exists: bool,
    pub(super) secure: bool,
    pub(super) seconds: u64,
}

impl<T> Answer<T> {
    /// The records of one type that belong to `name`, aliases followed.
    pub(super) fn of(
        name: &Name,
        records: &[Record],
        record_type: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Answer<T> {
        let owner = follow(name, records);
        let relevant = || {
            records.iter().filter(|record| {
                matches!(record.record_type(), RecordType::CNAME)
                    || record.record_type() == record_type
            })
        };
        Answer {
            records: relevant()
                .filter(|record| record.name == owner)
                .filter_map(|record| read(&record.data))
                .take(DNS_RECORDS_MAX)
                .collect(),
            secure: relevant().all(|record| record.proof == Proof::Secure),
            name_exists: true,
            alias_secure: relevant().any(|record| {
                record.record_type() == RecordType::CNAME
                    && record.name == *name
                    && record.proof == Proof::Secure
            }),
            alias_of: (owner != *name).then(|| host_name(&owner)),
        }
    }

    /// Nothing.
    pub(crate) fn absent(name_exists: bool, secure: bool) -> Answer<T> {
        Answer {
            records: Vec::new(),
            secure,
            name_exists,
            alias_of: None,
            alias_secure: false,
        }
    }
}

/// The name at the end of the chain of aliases that begins at `name`.
fn follow(name: &Name, records: &[Record]) -> Name {
    let mut owner = name.clone();
    for _ in 0..DNS_ALIASES_MAX {
        let next = records.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == owner => Some(target.0.clone()),
            _ => None,
        });
        match next {
            Some(next) => owner = next,
            None => break,
        }
    }
    owner
}

/// Tells absence, which is an answer, from failure.
pub(super) fn absence(error: NetError) -> Result<Absence, DnsFailure> {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(nothing)) => Ok(proven(&nothing)),
        // Validation has shown that the zone need not be signed here: iterated hashes beyond RFC 9276 §3.2.
        NetError::Dns(DnsError::Nsec {
            response,
            proof: Proof::Insecure,
            ..
        }) => Ok(Absence {
            name_exists: response.response_code != ResponseCode::NXDomain,
            secure: false,
            seconds: u64::from(response.negative_ttl().unwrap_or_default()),
        }),
        NetError::Dns(DnsError::Nsec { .. } | DnsError::DnssecBogus) => Err(DnsFailure::Bogus),
        NetError::Dns(DnsError::ResponseCode(code)) => Err(DnsFailure::Refused(code.to_string())),
        NetError::Timeout => Err(DnsFailure::Timeout),
        other => Err(DnsFailure::Unreachable(other.to_string())),
    }
}

/// How long and how firmly `nothing` may be believed (RFC 2308 §5).
fn proven(nothing: &NoRecords) -> Absence {
    let soa = nothing.soa.as_deref();
    let seconds = soa.map_or(0, |soa| soa.ttl.min(soa.data.minimum));
    Absence {
        name_exists: nothing.response_code != ResponseCode::NXDomain,
        secure: soa.is_some_and(|soa| soa.proof == Proof::Secure),
        seconds: u64::from(seconds),
    }
}
