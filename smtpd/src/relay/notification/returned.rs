//! What of a message is given back with a notice: all of it, or its header section (RFC 3461 §4.3, RFC 6522 §3).
//!
//! Bounded: a message beyond `relay.returned_octets_max` gives its header section, and that up to [`RETURNED_HEADER_OCTETS_MAX`].

use store::mime::decode::encoded_words;
use store::{BodyKind, MessageId, Store};

use crate::limits::{RETURNED_HEADER_OCTETS_MAX, SUBJECT_CHARS_MAX};
use crate::message::header::Header;

/// What is given back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Returned {
    /// The subject, decoded, on one line.
    pub(super) subject: Option<String>,
    /// The Message-ID with its angle brackets.
    pub(super) message_id: Option<String>,
    /// The octets.
    pub(super) octets: Vec<u8>,
    /// All of the message, not its header section alone.
    pub(super) whole: bool,
}

/// The message in the store. `whole` if all of it is wanted and not too large.
///
/// # Errors
/// The store cannot be read.
pub(crate) async fn of_queue(
    store: &Store,
    message: MessageId,
    whole: bool,
    body: BodyKind,
) -> store::Result<Returned> {
    // Binary octets cannot stand in a text of lines.
    let whole = whole && body != BodyKind::BinaryMime;
    let encoded = store.message_index(message).await?;
    let (end, subject, message_id) = {
        let index = encoded.decode()?;
        let end = match whole {
            true => index.size,
            false => index.root().header.end.min(RETURNED_HEADER_OCTETS_MAX),
        };
        let envelope = index.envelope();
        let subject = envelope.subject.as_deref().map(printable_subject);
        let message_id = envelope.message_id.as_deref().map(str::to_owned);
        (end, subject, message_id)
    };
    let mut octets = Vec::new();
    while (octets.len() as u64) < end {
        let piece = store
            .message_octets(message, octets.len() as u64..end)
            .await?;
        if piece.is_empty() {
            break;
        }
        octets.extend_from_slice(&piece);
    }
    Ok(Returned {
        subject,
        message_id,
        octets,
        whole,
    })
}

/// A message that is not in the store yet: its header section.
pub(crate) fn of_header(header: &Header) -> Returned {
    let value = |name| {
        let field = header.fields_named(name).next()?;
        Some(String::from_utf8_lossy(field.value()).into_owned())
    };
    let octets = header.octets();
    let end = octets.len().min(RETURNED_HEADER_OCTETS_MAX as usize);
    Returned {
        subject: value("Subject").as_deref().map(printable_subject),
        message_id: value("Message-ID"),
        octets: octets[..end].to_vec(),
        whole: false,
    }
}

fn printable_subject(subject: &str) -> String {
    encoded_words(subject)
        .chars()
        .filter(|c| !c.is_control())
        .take(SUBJECT_CHARS_MAX)
        .collect()
}
