//! What one message may cost. Beyond any of these the message is still stored and served whole; only its index
//! knows less of it.

/// Parts nested in one another (a message within a part counts as one level).
pub const DEPTH_MAX: usize = 100;
/// Parts of one message, in all. What follows the last one is body of that part.
pub const PARTS_MAX: usize = 10_000;
/// Octets of indexed header fields of one message, in all parts together. Fields beyond are not indexed.
pub const HEADER_OCTETS_MAX: usize = 1024 * 1024;
/// Octets of a field name (RFC 5322 §2.1.1 allows no longer line). A longer one is no header field.
pub const FIELD_NAME_OCTETS_MAX: usize = 998;
/// Octets of a multipart boundary. RFC 2046 §5.1.1 allows 70; real mailers write more.
pub const BOUNDARY_OCTETS_MAX: usize = 1_000;
/// Octets of a line that may be a boundary line, with its trailing white space.
pub const BOUNDARY_LINE_OCTETS_MAX: usize = BOUNDARY_OCTETS_MAX + 100;
/// Parameters of one Content-Type or Content-Disposition field.
pub const PARAMETERS_MAX: usize = 100;
/// Addresses of one kind (To, Cc, ...) in one envelope.
pub const ADDRESSES_MAX: usize = 10_000;
/// Language tags of one Content-Language field.
pub const LANGUAGES_MAX: usize = 100;
/// Message-IDs kept of References: the first, and the last ones.
pub const REFERENCES_MAX: usize = 200;
/// Comments nested in one another in a structured field; deeper ones end the field.
pub const COMMENT_DEPTH_MAX: usize = 50;
/// Octets of a part (as stored) from which the preview is made.
pub const PREVIEW_OCTETS_MAX: usize = 64 * 1024;
/// Characters of the preview. RFC 8970 §3.3 recommends 200.
pub const PREVIEW_CHARACTERS_MAX: usize = 200;
/// Octets of one header or body (as stored) that a search looks at.
pub const SEARCH_OCTETS_MAX: u64 = 16 * 1024 * 1024;
/// White space at the end of a line of quoted-printable that is taken for added on the way; RFC 2045 §6.7 allows no longer line.
pub const PADDING_OCTETS_MAX: usize = 76;
