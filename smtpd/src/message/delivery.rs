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
use super::trace::{Arrival, Protocol, delivery_prefix, received};
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
    let id = message.draft.id().printed();
    let date = date_now();
    let mut verdict = Verdict::default();
    if source.account.is_some() {
        verdict.fields = missing_fields(&message.header, &id, &source.config.hostname, &date);
    }
    let hashes = std::mem::take(&mut message.digests).finish();
    // Checks add their verdicts here, one after the other; any of them may refuse.
    let evidence = verify(&source, &mut message, &hashes, &mut verdict).await?;
    greylist(store, &source, &envelope, evidence.as_ref()).await?;
    filters.check(&mut message, &mut verdict).await?;

    let Message {
        mut draft, header, ..
    } = message;
    let origin = origin(&source, &envelope, &header, &id) + &verdict.told();
    if verdict.discard {
        store.discard(draft.id(), origin).await.map_err(failed)?;
        return Ok(draft.id());
    }
    let mut fields = std::mem::take(&mut verdict.fields);
    let vouching = Vouching {
        shared,
        store,
        envelope: &envelope,
        header: &header.below(&fields),
        hashes: &hashes,
    };
    let leaving = vouching.leaving(source.account, evidence.as_ref()).await;
    let leaving = leaving.map_err(failed)?;
    fields.insert_str(0, &leaving.signatures);
    fields.insert_str(0, &trace(&source, &envelope, &id, &date));
    let is_report = is_for_reports(&source, &envelope) && !verdict.forged;
    let report = received::copy(&draft, header.octets(), is_report).await;
    let report = report.map_err(failed)?;
    draft.prepend(fields.as_bytes()).map_err(failed)?;
    let notices = match verdict.forged {
        true => Vec::new(),
        false => successes(store, source.config, &envelope, &header, draft.id())
            .await
            .map_err(failed)?,
    };
    let message = draft.seal().await.map_err(failed)?;
    let tls = envelope.tls_demand(&header);
    let acceptance = acceptance(&source, envelope, message, leaving, origin, &verdict, tls);
    let accepted = store.accept_with(acceptance, notices).await;
    let id = accepted.map_err(failed)?.id;
    if let Some(report) = report {
        tokio::spawn(received::keep(store.clone(), report));
    }
    Ok(id)
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
    received(&Arrival {
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
    message: store::Sealed,
    leaving: Leaving,
    origin: String,
    verdict: &Verdict,
    tls: TlsDemand,
) -> Acceptance {
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
