//! A notice on its way: composed, signed, addressed to the sender, ready to be accepted.

use daemon::config::Config;
use store::{Acceptance, BodyKind, Draft, Error, Store};

use super::compose::{compose, is_internationalised};
use super::notice::Notice;
use crate::grammar::ReversePath;
use crate::limits::ADDED_OCTETS_MAX;
use crate::message::header::HeaderReader;
use crate::relay::leads::{Leads, leads};
use crate::sign::keyring::Keyring;
use crate::sign::own::signatures;

/// Makes a message of it, to be accepted together with what it tells. `None` if its sender has no mailbox any more: then
/// nobody is told.
///
/// # Errors
/// The store cannot do it now.
pub(crate) async fn post(
    store: &Store,
    keyring: &Keyring,
    config: &Config,
    notice: &Notice,
    now: i64,
) -> store::Result<Option<Acceptance>> {
    let leads = match leads(
        store,
        &config.relay,
        &notice.about.sender,
        &ReversePath::Null,
        now,
    )
    .await?
    {
        Leads::To(destinations) => destinations,
        Leads::Nowhere | Leads::Circle => {
            tracing::info!(
                id = notice.about.id.printed(),
                "the sender of a message that a notice is due for has no mailbox"
            );
            return Ok(None);
        }
    };
    let room = (notice.returned.octets.len() as u64).saturating_add(ADDED_OCTETS_MAX);
    let mut draft = Draft::new(store, room.saturating_mul(2));
    let octets = compose(notice, &config.hostname, &draft.id().printed(), now);
    let body = match octets.is_ascii() {
        true => BodyKind::SevenBit,
        false => BodyKind::EightBitMime,
    };
    let mut reader = HeaderReader::default();
    reader.push(&octets);
    let (header, content) = reader.finish();
    let signatures = signatures(keyring, store, &config.hostname, &header, &content).await?;
    draft.write(signatures.as_bytes()).await?;
    draft.write(&octets).await?;
    let message = draft.seal().await?;
    if leads.filings.is_empty() && leads.relays.is_empty() {
        return Err(Error::NotFound("mailbox of the sender"));
    }
    let origin = format!(
        "<> made here, {} notice about {}, Message-ID <{}@{}>",
        notice.action.keyword(),
        notice.about.id.printed(),
        message.id().printed(),
        config.hostname
    );
    Ok(Some(Acceptance {
        filings: leads.filings,
        relays: leads.relays,
        smtputf8: is_internationalised(notice),
        body,
        tls: notice.about.tls,
        ..Acceptance::new(message, origin)
    }))
}
