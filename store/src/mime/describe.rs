//! What a part is, from its header fields, and whether other parts are inside.
//!
//! Failure: none. BODYSTRUCTURE cannot tell of a multipart without parts or of a message that was not read, so that
//! what was not or cannot be taken apart gets another type; the rules are listed in `indexer`.

use super::{
    content::{self, ContentType},
    header::{Field, Fields},
    index::{Encoding, Kind, Part},
    limits::BOUNDARY_OCTETS_MAX,
};

impl Part<'static> {
    /// An empty `text/plain` part.
    pub(super) fn empty(place: usize, at: u64) -> Part<'static> {
        let ContentType {
            media_type,
            subtype,
            parameters,
        } = ContentType::plain("text", "plain");
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        Part {
            place,
            end: place.saturating_add(1),
            header: at..at,
            body: at..at,
            lines: 0,
            kind: Kind::Leaf,
            media_type,
            subtype,
            parameters,
            encoding: Encoding::SevenBit,
            id: None,
            description: None,
            md5: None,
            disposition: None,
            language: Vec::new(),
            location: None,
            envelope: None,
        }
    }
}

/// Fills in what the fields say. Gives the boundary if there are parts inside; `room` says whether any may be.
pub(super) fn describe(
    part: &mut Part<'static>,
    fields: &Fields,
    by_default: ContentType,
    room: bool,
) -> Option<Vec<u8>> {
    let stated = fields.text(Field::ContentType);
    let content = stated.as_deref().and_then(ContentType::parse);
    // An unreadable type is text (RFC 2045 §5.2), even in a digest.
    let fallback = || {
        if stated.is_some() {
            ContentType::plain("text", "plain")
        } else {
            by_default
        }
    };
    let content = content.unwrap_or_else(fallback);
    part.media_type = content.media_type;
    part.subtype = content.subtype;
    part.parameters = content.parameters;
    part.encoding = content::encoding(fields);
    part.id = fields.text_not_empty(Field::ContentId);
    part.description = fields.text_not_empty(Field::ContentDescription);
    part.md5 = fields.text_not_empty(Field::ContentMd5);
    part.disposition = content::disposition(fields);
    part.language = content::language(fields);
    part.location = fields.text_not_empty(Field::ContentLocation);
    contained(part, room)
}

/// Decides whether parts are inside, and gives the boundary between them.
fn contained(part: &mut Part<'static>, room: bool) -> Option<Vec<u8>> {
    match (&*part.media_type, &*part.subtype) {
        ("multipart", _) => match boundary(part) {
            None => {
                let plain = ContentType::plain("text", "plain");
                part.media_type = plain.media_type;
                part.subtype = plain.subtype;
                part.parameters = plain.parameters;
                None
            }
            Some(_) if !room => {
                make_opaque(part);
                None
            }
            found => {
                part.kind = Kind::Multipart;
                found
            }
        },
        ("message", "rfc822" | "global") if room && part.encoding.is_identity() => {
            part.kind = Kind::Message;
            None
        }
        ("message", "rfc822" | "global") => {
            make_opaque(part);
            None
        }
        _ => None,
    }
}

fn boundary(part: &Part<'_>) -> Option<Vec<u8>> {
    let boundary = part.parameter("boundary")?.trim_end().as_bytes();
    let usable = !boundary.is_empty() && boundary.len() <= BOUNDARY_OCTETS_MAX;
    usable.then(|| boundary.to_vec())
}

pub(super) fn make_opaque(part: &mut Part<'static>) {
    part.kind = Kind::Leaf;
    part.media_type = "application".into();
    part.subtype = "octet-stream".into();
}

/// Whether a reader would call the part an attachment: it says so, or it is neither text, nor shown inside a text,
/// nor a signature.
pub(super) fn is_attachment(part: &Part<'_>) -> bool {
    if part.kind == Kind::Multipart {
        return false;
    }
    match &part.disposition {
        Some(disposition) if disposition.kind == "attachment" => true,
        Some(_) if part.id.is_some() => false,
        _ if part.media_type == "text" => part.parameter("name").is_some(),
        _ => part.id.is_none() && !part.subtype.ends_with("-signature"),
    }
}
