//! The verification of one message, from MAIL to its end.

use std::fmt;
use std::sync::Arc;

use daemon::config::Verify;
use mail_auth::common::crypto::Algorithm;
use mail_auth::common::headers::HeaderWriter;
use mail_auth::common::verify::{DomainKey, VerifySignature};
use mail_auth::dkim::{DkimError, Signature};
use mail_auth::dmarc::Dmarc;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::{
    ArcOutput, AuthenticatedMessage, AuthenticationResults, DkimOutput, DkimResult, DmarcOutput,
    DmarcResult, Error, IprevResult, MessageAuthenticator, Parameters, SpfResult,
};
use tokio::time::{Instant, timeout_at};

use super::Verifier;
use super::lists::Listing;
use super::lookup::Lookup;
use super::memory::Memory;
use super::peer::{Peer, no_answer};
use super::policy::Facts;
use super::sender::{Names, Spf};
use crate::limits::{DKIM_SIGNATURES_MAX, DMARC_WALK_LABELS_MAX};
use crate::message::author::authors;
use crate::message::digest::DigestKind;
use crate::message::header::Header;
use crate::message::verdict::Verdict;
use crate::reject::Reject;
use crate::report::gathering::{Disposition, Observed};

/// A verification that is under way.
pub struct Verification {
    verifier: Arc<Verifier>,
    peer: Arc<Peer>,
    names: Names,
    spf: Option<Lookup<Spf>>,
    header: Header,
    memory: Arc<Memory>,
    prepared: Option<Lookup<()>>,
}

/// What came of it.
pub struct Verified<'h> {
    /// For the message.
    pub verdict: Verdict,
    /// For those who seal the message.
    pub evidence: Evidence<'h>,
}

/// What was found out, for those who vouch for it.
pub struct Evidence<'h> {
    /// What our field in the header says.
    pub results: AuthenticationResults<'h>,
    /// Of the chain of seals that the message came with.
    pub chain: DkimResult,
    /// The sender's domain, if SPF confirms it.
    pub confirmed: Option<String>,
}

impl fmt::Debug for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verification")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl Verification {
    /// Begins at MAIL: asks who may send for these names.
    pub fn begin(verifier: &Arc<Verifier>, peer: &Arc<Peer>, names: Names) -> Verification {
        let (resolver, address) = (verifier.dns.authenticator(), peer.address());
        let asked = names.clone();
        let is_there = verifier.reach.is_there();
        Verification {
            verifier: verifier.clone(),
            peer: peer.clone(),
            spf: is_there.then(|| Lookup::begin(asked.verify(resolver, address))),
            names,
            header: Header::default(),
            memory: Arc::default(),
            prepared: None,
        }
    }

    /// The header section is there as it was sent: asks for keys and policies. Says which hashes of the body will be needed.
    ///
    /// # Errors
    /// The message has no author, or several who are not of one domain (RFC 9989 §5.3.1).
    pub fn header(&mut self, header: &Header) -> Result<Vec<DigestKind>, Reject> {
        if header.fields_named("From").count() != 1 {
            return Err(Reject::FromField);
        }
        self.header = header.clone();
        let Some(message) = parse(&self.header) else {
            return Err(Reject::FromField);
        };
        if domains(&message).len() > 1 || domains(&message).iter().any(|domain| !is_name(domain)) {
            return Err(Reject::FromField);
        }
        let kinds = message.body_hashes.iter().map(|hash| DigestKind {
            canonicalization: hash.0,
            algorithm: hash.1,
        });
        let kinds = kinds.collect();
        let (keys, policies) = (key_names(&message), policy_names(&message));
        if self.verifier.reach.is_there() {
            let (resolver, memory) = (self.verifier.dns.authenticator(), self.memory.clone());
            self.prepared = Some(Lookup::begin(async move {
                tokio::join!(
                    prepare_each::<DomainKey>(&resolver, &memory, keys),
                    prepare_each::<Dmarc>(&resolver, &memory, policies)
                );
            }));
        }
        Ok(kinds)
    }

    /// The message has ended, with these hashes of its body.
    ///
    /// # Errors
    /// A policy wants it refused.
    pub async fn conclude<'h>(
        self,
        hostname: &'h str,
        rules: &Verify,
        hashes: &[(DigestKind, Vec<u8>)],
    ) -> Result<Verified<'h>, Reject> {
        let deadline = Instant::now() + rules.deadline();
        let iprev = self.peer.iprev(deadline).await;
        let listings = self.peer.listings(deadline).await;
        let spf = finish(self.spf, deadline)
            .await
            .unwrap_or_else(|| self.names.unknown());
        finish(self.prepared, deadline).await;
        let Some(mut message) = parse(&self.header) else {
            return Err(Reject::FromField);
        };
        insert(&mut message, hashes);
        let asking = Asking {
            resolver: self.verifier.dns.authenticator(),
            memory: &self.memory,
            message: &message,
            deadline: match self.verifier.reach.is_there() {
                true => deadline,
                false => Instant::now(),
            },
        };
        let dkim = asking.dkim().await;
        let arc = asking.arc().await;
        let dmarc = asking.dmarc(&dkim, &spf, self.names.domain()).await;
        note_reach(&self.verifier, &iprev.result, &spf, &self.memory);

        let facts = Facts {
            spf: spf.decisive().result(),
            dkim: &dkim,
            dmarc: &dmarc,
            listings: &listings,
            sealed: *arc.result() == DkimResult::Pass && is_trusted(&message, rules),
        };
        let findings = findings(&iprev.result, &facts, &arc);
        tracing::info!(findings = findings.join(" "), "verified");
        let decided = facts.decide(rules);
        self.verifier.gathering.note(&Observed {
            address: self.peer.address(),
            author: domains(&message).first().copied().unwrap_or_default(),
            sender: self.names.sender_domain(),
            spf: spf.decisive(),
            dkim: &dkim,
            dmarc: &dmarc,
            disposition: match decided {
                Ok(false) => Disposition::Delivered,
                Ok(true) => Disposition::Junk,
                Err(_) => Disposition::Refused,
            },
        });
        let junk = decided?;
        let forged = facts.is_forged();
        let address = self.peer.address();
        let author = message.from().to_owned();
        let mut results = AuthenticationResults::new(hostname)
            .with_iprev_result(&iprev, address)
            .with_spf_ehlo_result(&spf.helo, address, &self.names.helo);
        if let Some(sender) = &spf.sender {
            let Names {
                sender: path, helo, ..
            } = &self.names;
            results = results.with_spf_mailfrom_result(sender, address, path, helo);
        }
        results = results
            .with_dkim_results(&dkim, &author)
            .with_arc_result(&arc, address)
            .with_dmarc_result(&dmarc);
        Ok(Verified {
            verdict: Verdict {
                fields: results.to_header() + &list_fields(&listings),
                junk,
                findings,
                forged,
                ..Verdict::default()
            },
            evidence: Evidence {
                chain: arc.result().clone(),
                confirmed: (facts.spf == SpfResult::Pass).then(|| self.names.domain().to_owned()),
                results,
            },
        })
    }
}

async fn finish<T: Send + 'static>(lookup: Option<Lookup<T>>, deadline: Instant) -> Option<T> {
    lookup?.finish(deadline).await
}

/// The header section as mail-auth reads it. `l=` is kept: see [`insert`].
fn parse(header: &Header) -> Option<AuthenticatedMessage<'_>> {
    let mut message = AuthenticatedMessage::parse_with_opts(header.octets(), None, false)?;
    message.from = authors(header);
    message.dkim_headers.truncate(DKIM_SIGNATURES_MAX);
    message.errors.truncate(DKIM_SIGNATURES_MAX);
    Some(message)
}

/// Gives the message the hashes of its whole body. A signature with `l=` is compared with that of the whole body too: it counts
/// if it covers all of it, and does not if anything was put behind (RFC 6376 §8.2).
fn insert(message: &mut AuthenticatedMessage<'_>, hashes: &[(DigestKind, Vec<u8>)]) {
    for (canonicalization, algorithm, _, hash) in &mut message.body_hashes {
        let kind = DigestKind {
            canonicalization: *canonicalization,
            algorithm: *algorithm,
        };
        let found = hashes.iter().find(|(made, _)| *made == kind);
        *hash = found.map(|(_, made)| made.clone()).unwrap_or_default();
    }
}

/// The domains of all authors, each once.
fn domains<'m>(message: &'m AuthenticatedMessage<'_>) -> Vec<&'m str> {
    let mut domains: Vec<&str> = message
        .from
        .iter()
        .filter_map(|address| address.rsplit_once('@'))
        .map(|(_, domain)| domain)
        .collect();
    domains.sort_unstable();
    domains.dedup();
    domains
}

/// Whether it may be the name of a domain, or an address literal. Who writes anything else wants to be taken for somebody.
fn is_name(domain: &str) -> bool {
    let is_octet =
        |octet: u8| octet.is_ascii_alphanumeric() || octet >= 0x80 || b"-_.".contains(&octet);
    domain.starts_with('[')
        || (!domain.is_empty() && domain.bytes().all(is_octet) && !domain.contains(".."))
}

/// Where the keys are that will be needed.
fn key_names(message: &AuthenticatedMessage<'_>) -> Vec<String> {
    let of_dkim = message
        .dkim_headers
        .iter()
        .map(|field| field.header.domain_key());
    let of_arc = message
        .ams_headers
        .iter()
        .map(|field| field.header.domain_key());
    of_dkim.chain(of_arc).take(DKIM_SIGNATURES_MAX).collect()
}

/// Where the author's policy may be: at his domain, and at each above it (RFC 9989 §4.10).
fn policy_names(message: &AuthenticatedMessage<'_>) -> Vec<String> {
    let [domain] = domains(message)[..] else {
        return Vec::new();
    };
    let Ok(domain) = store::normal_domain(domain) else {
        return Vec::new();
    };
    let labels: Vec<&str> = domain.split('.').collect();
    let short = labels.len().saturating_sub(DMARC_WALK_LABELS_MAX);
    let starts = std::iter::once(0).chain(short.max(1)..labels.len());
    starts
        .map(|start| format!("_dmarc.{}.", labels[start..].join(".")))
        .collect()
}

async fn prepare_each<T>(resolver: &MessageAuthenticator, memory: &Memory, names: Vec<String>)
where
    T: mail_auth::common::parse::TxtRecordParser
        + Into<mail_auth::Txt>
        + mail_auth::common::resolver::UnwrapTxtRecord,
{
    let mut names = names.into_iter();
    // Two at a time are enough for one message, and no burden for any name server.
    while let Some(first) = names.next() {
        let second = async {
            if let Some(name) = names.next() {
                memory.prepare::<T>(resolver, name).await;
            }
        };
        tokio::join!(memory.prepare::<T>(resolver, first), second);
    }
}

/// The questions that are asked at the end of a message; most have been answered already.
struct Asking<'a> {
    resolver: MessageAuthenticator,
    memory: &'a Memory,
    message: &'a AuthenticatedMessage<'a>,
    deadline: Instant,
}

impl<'a> Asking<'a> {
    async fn dkim(&self) -> Vec<DkimOutput<'a>> {
        let parameters = Parameters::new(self.message).with_txt_cache(self.memory);
        let signatures = || self.message.dkim_headers.iter().map(|field| &field.header);
        let asked = timeout_at(self.deadline, self.resolver.verify_dkim(parameters)).await;
        let mut outputs = asked.unwrap_or_else(|_| {
            let unknown = |signature| DkimOutput::temp_err(no_answer()).with_signature(signature);
            signatures().map(unknown).collect()
        });
        for output in &mut outputs {
            let weak = signatures()
                .filter_map(|signature| Some((signature, weakness(signature)?)))
                .find(|(signature, _)| output.signature() == Some(signature));
            if let Some((signature, error)) = weak {
                *output = DkimOutput::perm_err(error).with_signature(signature);
            }
        }
        outputs
    }

    async fn arc(&self) -> ArcOutput<'a> {
        let parameters = Parameters::new(self.message).with_txt_cache(self.memory);
        let asked = timeout_at(self.deadline, self.resolver.verify_arc(parameters)).await;
        asked.unwrap_or_else(|_| {
            ArcOutput::default().with_result(DkimResult::TempError(no_answer()))
        })
    }

    async fn dmarc(&self, dkim: &[DkimOutput<'a>], spf: &Spf, sender: &str) -> DmarcOutput {
        let asked = DmarcParameters::new(self.message, dkim, sender, spf.decisive());
        let parameters = Parameters::new(asked).with_txt_cache(self.memory);
        let asked = timeout_at(self.deadline, self.resolver.verify_dmarc(parameters)).await;
        asked.unwrap_or_else(|_| {
            let domain = domains(self.message).first().copied().unwrap_or_default();
            let unknown = || DmarcResult::TempError(no_answer());
            DmarcOutput::new(domain.to_owned())
                .with_spf_result(unknown())
                .with_dkim_result(unknown())
        })
    }
}

/// Why a signature proves nothing even if it is right: SHA-1 (RFC 8301 §3.1), or an author who is not signed (RFC 6376 §6.1.1).
fn weakness(signature: &Signature) -> Option<Error> {
    let is_from = |name: &String| name.eq_ignore_ascii_case("From");
    match signature {
        Signature {
            a: Algorithm::RsaSha1,
            ..
        } => Some(Error::Dkim(DkimError::UnsupportedAlgorithm)),
        Signature { h, .. } if !h.iter().any(is_from) => Some(Error::MissingParameters),
        _ => None,
    }
}

/// Whether the last forwarder is one that we trust.
fn is_trusted(message: &AuthenticatedMessage<'_>, rules: &Verify) -> bool {
    let sealer = message.as_headers.last().map(|field| &field.header.d);
    sealer.is_some_and(|sealer| {
        let is_sealer = |trusted: &String| trusted.eq_ignore_ascii_case(sealer);
        rules.trusted_sealers.iter().any(is_sealer)
    })
}

/// Remembers whether anything has answered, if anything was asked.
fn note_reach(verifier: &Verifier, iprev: &IprevResult, spf: &Spf, memory: &Memory) {
    if !verifier.reach.is_there() {
        return;
    }
    let answered = !matches!(iprev, IprevResult::TempError(_))
        || spf.decisive().result() != SpfResult::TempError
        || memory.has_answers() == Some(true);
    verifier.reach.note(answered);
}

/// A field for each list that the peer is on.
fn list_fields(listings: &[Listing]) -> String {
    let field = |listing: &Listing| format!("X-DNS-List: {}\r\n", listing.zone);
    listings.iter().map(field).collect()
}

/// The verdicts in short, for journal and log.
fn findings(iprev: &IprevResult, facts: &Facts<'_>, arc: &ArcOutput<'_>) -> Vec<String> {
    let iprev = match iprev {
        IprevResult::Pass => "pass",
        IprevResult::Fail(_) => "fail",
        IprevResult::TempError(_) => "temperror",
        IprevResult::PermError(_) => "permerror",
        IprevResult::None => "none",
    };
    let dkim = match facts.dkim {
        [] => vec!["dkim=none".to_owned()],
        outputs => outputs.iter().map(signature_finding).collect(),
    };
    let spf = facts.spf.to_string().to_lowercase();
    let dmarc = match facts.dmarc.result() {
        DmarcResult::Pass => "pass",
        DmarcResult::Fail(_) => "fail",
        DmarcResult::TempError(_) => "temperror",
        DmarcResult::PermError(_) => "permerror",
        DmarcResult::None => "none",
    };
    let mut findings = vec![format!("iprev={iprev}"), format!("spf={spf}")];
    findings.extend(dkim);
    findings.push(format!("arc={}", word(arc.result())));
    findings.push(format!("dmarc={dmarc}"));
    let zones = facts.listings.iter().map(|listing| &listing.zone);
    findings.extend(zones.map(|zone| format!("listed={zone}")));
    findings
}

fn signature_finding(output: &DkimOutput<'_>) -> String {
    let domain = output.signature().map_or("", |signature| &signature.d);
    let domain: String = domain.chars().filter(char::is_ascii_graphic).collect();
    format!("dkim={}({domain})", word(output.result()))
}

fn word(result: &DkimResult) -> &'static str {
    match result {
        DkimResult::Pass => "pass",
        DkimResult::Neutral(_) => "neutral",
        DkimResult::Fail(_) => "fail",
        DkimResult::PermError(_) => "permerror",
        DkimResult::TempError(_) => "temperror",
        DkimResult::None => "none",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_covers_the_author_and_is_not_made_with_sha1() {
        let signature = |a, h: &[&str]| Signature {
            a,
            h: h.iter().map(|name| (*name).to_owned()).collect(),
            ..Signature::default()
        };
        let sha256 = Algorithm::RsaSha256;
        assert_eq!(weakness(&signature(sha256, &["To", "from"])), None);
        assert!(weakness(&signature(sha256, &["To", "Subject"])).is_some());
        assert!(weakness(&signature(Algorithm::RsaSha1, &["From"])).is_some());
    }
}
