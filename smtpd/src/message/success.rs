//! Notices of success that are due as soon as a message is accepted: what is in a mailbox here is delivered (RFC 3461 §5.2.3).
//!
//! They are accepted together with the message, so that they tell the truth. What goes to other hosts is told later (`relay`).

use daemon::config::Config;
use store::{Acceptance, MessageId, Store, Timestamp};

use super::header::Header;
use crate::destinations::Success;
use crate::envelope::Envelope;
use crate::grammar::ReversePath;
use crate::relay::client::Status;
use crate::relay::notification::{About, Action, Affected, Notice, of_header, post};
use crate::sign::keyring::Keyring;

/// The notices that the sender of the message `id` wants now.
///
/// # Errors
/// The store cannot do it now.
pub(super) async fn successes(
    store: &Store,
    keyring: &Keyring,
    config: &Config,
    envelope: &Envelope,
    header: &Header,
    id: MessageId,
) -> store::Result<Vec<Acceptance>> {
    let mut notices = Vec::new();
    // The null path is never answered (RFC 5321 §6.1).
    if envelope.sender == ReversePath::Null {
        return Ok(notices);
    }
    let now = Timestamp::now().seconds;
    for action in [Action::Delivered, Action::Expanded] {
        let affected: Vec<Affected> = envelope
            .successes
            .iter()
            .filter(|success| success.action == action)
            .map(affected)
            .collect();
        if affected.is_empty() {
            continue;
        }
        let notice = Notice {
            about: about(envelope, header, id, now),
            action,
            affected,
            returned: of_header(header),
        };
        notices.extend(post(store, keyring, config, &notice, now).await?);
    }
    Ok(notices)
}

fn about(envelope: &Envelope, header: &Header, id: MessageId, now: i64) -> About {
    let envelope_id = envelope.parameters.envelope_id.as_ref();
    About {
        id,
        sender: envelope.reverse_path(),
        envelope_id: envelope_id.map(|id| id.as_str().to_owned()),
        arrived: now,
        release_request: None,
        utf8: envelope.parameters.utf8,
        tls: envelope.tls_demand(header),
    }
}

fn affected(success: &Success) -> Affected {
    Affected {
        recipient: success.recipient.clone(),
        original: success.original.clone(),
        status: Status::new(2, 1, 5),
        host: None,
        reply: None,
        finding: None,
        tried_until: None,
    }
}
