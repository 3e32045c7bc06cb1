//! End of data: from a whole message and its envelope to one durable `store.accept`.
//!
//! The order is fixed: checks, which may refuse or add fields; the fields of a submission; the trace on top; then the store,
//! which files each copy and queues each relay in one transaction. What has not returned from here is not accepted.

use std::net::IpAddr;

use daemon::config::Config;
use store::{
    Acceptance, AccountId, BodyKind, Filing, FilingTarget, Flags, MessageId, SpecialUse, Store,
    TlsDemand,
};

use super::compose::{date_now, message_id, missing_fields};
use super::digest::DigestKind;
use super::header::Header;
use super::intake::Message;
use super::success::successes;
use super::trace::{self, Arrival, Protocol, delivery_prefix};
use super::verdict::Verdict;
use super::vouching::{Leaving, Vouching};
use crate::envelope::{Delivery, Envelope};
use crate::grammar::{Body, Hold, ReversePath};
use crate::limits::JOURNAL_OCTETS_MAX;
use crate::milter::Milters;
use crate::milter::macros::Macros;
use crate::reject::Reject;
use crate::report::received;
use crate::restrict::greylist::{self, Caller};
use crate::shared::Shared;
use crate::verify::Evidence;

/// Where a message comes from, apart from its envelope.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The configuration of the session.
    pub config: &'a Config,
    /// Where the connection came from.
    pub address: IpAddr,
    /// TLS version and cipher suite.
    pub tls: Option<(&'a str, &'a str)>,
    /// Who has logged in: the message is then a submission.
    pub account: Option<AccountId>,
}

/// The filters of the session, and what they are told of this message.
pub struct Filters<'a> {
    /// The filters.
    pub milters: &'a mut Milters,
    /// What is known, without the queue id.
    pub macros: Macros,
}

impl Filters<'_> {
    async fn check(&mut self, message: &mut Message, verdict: &mut Verdict) -> Result<(), Reject> {
        self.macros.set("i", message.draft.id().printed());
        self.milters.check(&self.macros, message, verdict).await
    }
}

/// Takes responsibility for the message; gives the queue id.
pub async fn deliver(
    shared: &Shared,
    store: &Store,
    source: Source<'_>,
    envelope: Envelope,
    mut message: Message,
    filters: &mut Filters<'_>,
) -> Result<MessageId, Reject> {
    let id = message.draft.id();
    let date = date_now();
    let checked = check(store, &source, &envelope, &mut message, filters, &date).await?;
    let origin =
        origin(&source, &envelope, &message.header, &id.printed()) + &checked.verdict.told();
    if checked.verdict.discard {
        store.discard(id, origin).await.map_err(failed)?;
        return Ok(id);
    }
    let finished = finish(shared, store, &source, &envelope, message, &checked, &date);
    let Finished {
        letter,
        notices,
        report,
    } = finished.await.map_err(failed)?;
    let acceptance = acceptance(&source, envelope, letter, origin, &checked.verdict);
    let accepted = store.accept_with(acceptance, notices).await;
    accepted.map_err(failed)?;
    if let Some(report) = report {
        tokio::spawn(received::keep(store.clone(), report));
    }
    Ok(id)
}

/// What the checks have found.
struct Checked<'a> {
    verdict: Verdict,
    /// Of our own verification, if there was one.
    evidence: Option<Evidence<'a>>,
    /// Hashes of the body.
    hashes: Vec<(DigestKind, Vec<u8>)>,
}

/// All checks, one after the other; each adds its verdict, and any of them may refuse. They see a submission complete.
async fn check<'a>(
    store: &Store,
    source: &Source<'a>,
    envelope: &Envelope,
    message: &mut Message,
    filters: &mut Filters<'_>,
    date: &str,
) -> Result<Checked<'a>, Reject> {
    let mut verdict = Verdict::default();
    if source.account.is_some() {
        let id = message.draft.id().printed();
        verdict.fields = missing_fields(&message.header, &id, &source.config.hostname, date);
    }
    let hashes = std::mem::take(&mut message.digests).finish();
    let evidence = verify(source, message, &hashes, &mut verdict).await?;
    greylist(store, source, envelope, evidence.as_ref()).await?;
    filters.check(message, &mut verdict).await?;
    Ok(Checked {
        verdict,
        evidence,
        hashes,
    })
}

/// A message with all its fields, and what is accepted or kept together with it.
struct Finished {
    letter: Letter,
    /// Notices of success to the sender.
    notices: Vec<Acceptance>,
    /// A copy to be read as a report of others.
    report: Option<Vec<u8>>,
}

/// A message as it is stored, and how its copies leave.
struct Letter {
    message: store::Sealed,
    leaving: Leaving,
    tls: TlsDemand,
}

/// Puts our fields on top: what the checks said, our signatures, the trace.
async fn finish(
    shared: &Shared,
    store: &Store,
    source: &Source<'_>,
    envelope: &Envelope,
    message: Message,
    checked: &Checked<'_>,
    date: &str,
) -> store::Result<Finished> {
    let Message {
        mut draft, header, ..
    } = message;
    let vouching = Vouching {
        shared,
        store,
        envelope,
        header: &header.below(&checked.verdict.fields),
        hashes: &checked.hashes,
    };
    let evidence = checked.evidence.as_ref();
    let leaving = vouching.leaving(source.account, evidence).await?;
    let forged = checked.verdict.forged;
    let is_report = is_for_reports(source, envelope) && !forged;
    let report = received::copy(&draft, header.octets(), is_report).await?;
    let notices = match forged {
        true => Vec::new(),
        false => {
            let (keyring, config) = (&shared.keyring, source.config);
            successes(store, keyring, config, envelope, &header, draft.id()).await?
        }
    };
    let trace = trace(source, envelope, &draft.id().printed(), date);
    draft.prepend((trace + &leaving.signatures + &checked.verdict.fields).as_bytes())?;
    let letter = Letter {
        message: draft.seal().await?,
        leaving,
        tls: envelope.tls_demand(&header),
    };
    Ok(Finished {
        letter,
        notices,
        report,
    })
}

/// Our own verification, if the message is one that is verified.
async fn verify<'a>(
    source: &Source<'a>,
    message: &mut Message,
    hashes: &[(DigestKind, Vec<u8>)],
    verdict: &mut Verdict,
) -> Result<Option<Evidence<'a>>, Reject> {
    let Some(verification) = message.verification.take() else {
        return Ok(None);
    };
    let config = source.config;
    let verified = verification.conclude(&config.hostname, &config.verify, hashes);
    let verified = verified.await?;
    verdict.add(verified.verdict);
    Ok(Some(verified.evidence))
}

/// Whether one of the copies is for the address that others send reports to.
fn is_for_reports(source: &Source<'_>, envelope: &Envelope) -> bool {
    let address = source.config.report.address.as_deref();
    let is_address = |delivery: &Delivery| {
        address.is_some_and(|address| delivery.address.eq_ignore_ascii_case(address))
    };
    envelope.deliveries.iter().any(is_address)
}

/// Strangers of the world come twice, where that is wanted.
async fn greylist(
    store: &Store,
    source: &Source<'_>,
    envelope: &Envelope,
    evidence: Option<&Evidence<'_>>,
) -> Result<(), Reject> {
    let (rules, Some(evidence)) = (&source.config.verify.greylist, evidence) else {
        return Ok(());
    };
    if !rules.enabled {
        return Ok(());
    }
    let (sender, recipient) = (envelope.reverse_path(), envelope.first.as_ref());
    let recipient = recipient.map(ToString::to_string).unwrap_or_default();
    let caller = match &evidence.confirmed {
        Some(domain) => Caller::Domain(domain),
        None => Caller::Stranger {
            address: source.address,
            sender: &sender,
            recipient: &recipient,
        },
    };
    greylist::check(store, rules, &caller).await
}

fn failed(error: store::Error) -> Reject {
    Reject::store("acceptance of a message", &error)
}

fn trace(source: &Source<'_>, envelope: &Envelope, id: &str, date: &str) -> String {
    let recipient = envelope.only_recipient();
    trace::received(&Arrival {
        client: &envelope.client.name,
        address: source.address,
        protocol: Protocol {
            extended: envelope.client.extended,
            utf8: envelope.parameters.utf8,
            tls: source.tls.is_some(),
            login: source.account.is_some(),
        },
        tls: source.tls,
        hostname: &source.config.hostname,
        id,
        recipient: recipient.as_deref(),
        date,
    })
}

/// The line that the journal opens with.
fn origin(source: &Source<'_>, envelope: &Envelope, header: &Header, id: &str) -> String {
    let (sender, client) = (envelope.reverse_path(), &envelope.client.name);
    let message_id = match header.fields_named("Message-ID").next() {
        Some(field) => printable(field.value()),
        None if source.account.is_some() => message_id(id, &source.config.hostname),
        None => "none".into(),
    };
    let address = source.address;
    format!("<{sender}> from {client} [{address}], Message-ID {message_id}")
}

/// The start of what the client wrote, on one line: the journal is read by people.
fn printable(octets: &[u8]) -> String {
    let text =
        String::from_utf8_lossy(&octets[..octets.len().min(JOURNAL_OCTETS_MAX)]).into_owned();
    text.replace(char::is_control, "")
}

fn acceptance(
    source: &Source<'_>,
    envelope: Envelope,
    letter: Letter,
    origin: String,
    verdict: &Verdict,
) -> Acceptance {
    let Letter {
        message,
        leaving,
        tls,
    } = letter;
    let parameters = &envelope.parameters;
    Acceptance {
        envelope_id: parameters
            .envelope_id
            .as_ref()
            .map(|id| id.as_str().to_owned()),
        return_content: parameters.ret.map(|ret| ret.keyword().to_owned()),
        message,
        reverse_path: leaving.reverse_path,
        account: source.account,
        filings: envelope
            .deliveries
            .iter()
            .map(|delivery| filing(&envelope.sender, delivery, verdict))
            .collect(),
        relays: envelope.relays,
        smtputf8: envelope.parameters.utf8,
        body: match envelope.parameters.body.unwrap_or_default() {
            Body::SevenBit => BodyKind::SevenBit,
            Body::EightBitMime => BodyKind::EightBitMime,
            Body::BinaryMime => BodyKind::BinaryMime,
        },
        relay_prefix: leaving.prefix.into_bytes(),
        tls,
        forged: verdict.forged,
        held: verdict.quarantine.clone(),
        release_request: parameters.hold.as_ref().map(Hold::request),
        origin,
    }
}

fn filing(sender: &ReversePath, delivery: &Delivery, verdict: &Verdict) -> Filing {
    Filing {
        account: delivery.account,
        recipient: delivery.address.clone(),
        target: match verdict.junk {
            true => FilingTarget::SpecialUse(SpecialUse::Junk),
            false => FilingTarget::Inbox,
        },
        prefix: delivery_prefix(sender, &delivery.address),
        flags: Flags::NONE,
    }
}
