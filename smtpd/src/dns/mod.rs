//! What names mean: our questions to the DNS, their answers, and how far an answer may be believed.
//!
//! There is one [`Dns`] in a process. It validates signatures (RFC 4035), remembers answers, and asks in the same way for
//! routing (`relay`) and, through [`Dns::authenticator`], for SPF, DKIM, DMARC and ARC (`mail-auth`).
//!
//! What failure looks like: a name or record that is not there is an [`Answer`] without records. Everything else is a
//! [`DnsFailure`]: no name server, no answer in time, refusal, SERVFAIL, a wrong signature (bogus). All of those are temporary and
//! none takes longer than `dns.timeout_seconds`. A machine without any name server works; every question fails at once.
//!
//! Not here: search lists and /etc/hosts, which are for people at a terminal, not for mail (RFC 5321 §2.3.5 asks for full names);
//! what follows from an answer for mail.

mod absence;
mod answer;
mod resolver;
mod signatures;
mod wildcard;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use daemon::config::Dns as DnsConfig;
use hickory_proto::rr::rdata::TLSA;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use mail_auth::MessageAuthenticator;

use absence::Absences;
pub use answer::{Answer, DnsFailure, Mx};
pub use resolver::ResolverError;
use resolver::{Servers, Verdict};
use signatures::Signatures;

/// The resolver. Cheap to clone; all clones remember the same.
#[derive(Clone)]
pub struct Dns {
    shared: Arc<Shared>,
}

struct Shared {
    servers: Servers,
    absences: Absences,
}

impl Dns {
    /// A resolver as `[dns]` wants it. That no name server is known, or none answers, is no error but logged.
    ///
    /// # Errors
    /// The file of trust anchors cannot be used.
    pub fn open(config: &DnsConfig) -> Result<Dns, ResolverError> {
        Ok(Dns {
            shared: Arc::new(Shared {
                servers: Servers::open(config)?,
                absences: Absences::default(),
            }),
        })
    }

    /// Whether the name servers are seen to keep DNSSEC signatures back, so that there is no DANE.
    pub async fn keeps_signatures_back(&self) -> bool {
        self.shared.servers.look().await == Signatures::KeptBack
    }

    /// The same resolver in the form that `mail-auth` works with. To be asked for anew for every message: the name servers
    /// of the system may have changed.
    pub fn authenticator(&self) -> MessageAuthenticator {
        MessageAuthenticator(self.resolver())
    }

    /// The mail exchangers of a domain, in no particular order (RFC 5321 §5.1).
    ///
    /// # Errors
    /// Temporary, all of them: see [`DnsFailure`].
    pub async fn mx(&self, domain: &str) -> Result<Answer<Mx>, DnsFailure> {
        self.ask(domain, RecordType::MX, |data| match data {
            RData::MX(mx) => Some(Mx {
                preference: mx.preference,
                exchange: host_name(&mx.exchange),
            }),
            _ => None,
        })
        .await
    }

    /// The IPv4 addresses of a host.
    ///
    /// # Errors
    /// Temporary, all of them: see [`DnsFailure`].
    pub async fn ipv4(&self, host: &str) -> Result<Answer<IpAddr>, DnsFailure> {
        self.ask(host, RecordType::A, RData::ip_addr).await
    }

    /// The IPv6 addresses of a host.
    ///
    /// # Errors
    /// Temporary, all of them: see [`DnsFailure`].
    pub async fn ipv6(&self, host: &str) -> Result<Answer<IpAddr>, DnsFailure> {
        self.ask(host, RecordType::AAAA, RData::ip_addr).await
    }

    /// What certificates a service may have (RFC 6698 §3); `name` is as `_25._tcp.mx.example.org`.
    ///
    /// # Errors
    /// Temporary, all of them: see [`DnsFailure`].
    pub async fn tlsa(&self, name: &str) -> Result<Answer<TLSA>, DnsFailure> {
        self.ask(name, RecordType::TLSA, |data| match data {
            RData::TLSA(tlsa) => Some(tlsa.clone()),
            _ => None,
        })
        .await
    }

    /// The texts at a name, the strings of each joined (RFC 7208 §3.3 and its like).
    ///
    /// # Errors
    /// Temporary, all of them: see [`DnsFailure`].
    pub async fn txt(&self, name: &str) -> Result<Answer<Vec<u8>>, DnsFailure> {
        self.ask(name, RecordType::TXT, |data| match data {
            RData::TXT(text) => Some(text.txt_data.concat()),
            _ => None,
        })
        .await
    }

    /// The names of an address (RFC 1035 §3.5).
    ///
    /// # Errors
    /// Temporary, all of them: see [`DnsFailure`].
    pub async fn ptr(&self, address: IpAddr) -> Result<Answer<String>, DnsFailure> {
        let name = Name::from(address.to_canonical()).to_ascii();
        self.ask(&name, RecordType::PTR, |data| match data {
            RData::PTR(name) => Some(host_name(name)),
            _ => None,
        })
        .await
    }

    async fn ask<T>(
        &self,
        name: &str,
        record_type: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<Answer<T>, DnsFailure> {
        // What is no name in the DNS does not exist in it.
        let Some(name) = full_name(name) else {
            return Ok(Answer::absent(false, false));
        };
        let key = (name, record_type);
        if let Some(absence) = self.shared.absences.remembered(&key, Instant::now()) {
            return Ok(Answer::absent(absence.name_exists, absence.secure));
        }
        let limit = self.shared.servers.timeout();
        let result = tokio::time::timeout(limit, self.look_up(&key.0, record_type))
            .await
            .map_err(|_| DnsFailure::Timeout)?;
        let answer = match result? {
            Ok(records) => Answer::of(&key.0, &records, record_type, read),
            Err(error) => {
                let absence = answer::absence(error)?;
                let answer = Answer::absent(absence.name_exists, absence.secure);
                self.shared.absences.remember(key, absence, Instant::now());
                answer
            }
        };
        if answer.secure {
            self.shared.servers.prove();
        }
        Ok(answer)
    }

    /// # Errors
    /// The name servers keep signatures back. The library's own result comes within.
    async fn look_up(
        &self,
        name: &Name,
        record_type: RecordType,
    ) -> Result<Result<Vec<Record>, NetError>, DnsFailure> {
        let resolver = self.resolver();
        let found = lookup(&resolver, name, record_type).await;
        let Err(error) = &found else {
            return Ok(found);
        };
        if !is_bogus(error) {
            return Ok(found);
        }
        if let Some(records) = wildcard::look_again(&resolver, name, record_type).await {
            return Ok(Ok(records));
        }
        match self.shared.servers.doubt(&resolver).await {
            Verdict::Zone => Ok(found),
            Verdict::Unsigned => Ok(lookup(&self.resolver(), name, record_type).await),
            Verdict::Withheld => Err(DnsFailure::Withheld),
        }
    }

    fn resolver(&self) -> TokioResolver {
        self.shared.servers.resolver()
    }
}

async fn lookup(
    resolver: &TokioResolver,
    name: &Name,
    record_type: RecordType,
) -> Result<Vec<Record>, NetError> {
    let found = resolver.lookup(name.clone(), record_type).await?;
    Ok(found.answers().to_vec())
}

fn is_bogus(error: &NetError) -> bool {
    matches!(answer::absence(error.clone()), Err(DnsFailure::Bogus))
}

/// The name as the DNS has it. U-labels (RFC 5890 §2.3.2.1) are asked for as A-labels.
fn full_name(text: &str) -> Option<Name> {
    let ascii = match text.is_ascii() {
        true => text.to_owned(),
        false => idna::domain_to_ascii(text).ok()?,
    };
    let mut name = Name::from_ascii(ascii).ok()?;
    name.set_fqdn(true);
    Some(name)
}

/// A name as mail writes it: in lower case and without the dot at its end, except for the root alone, which is ".".
fn host_name(name: &Name) -> String {
    let text = name.to_ascii().to_ascii_lowercase();
    match text.strip_suffix('.') {
        Some("") | None => text,
        Some(text) => text.to_owned(),
    }
}
