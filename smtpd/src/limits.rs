//! Every limit of this daemon that is not configuration, with its unit.

/// A command line with its line end, where no AUTH is possible. RFC 5321 §4.5.3.1.4 asks for 512 octets; the extensions that we
/// announce add 69 to MAIL (RFC 1870 §3, RFC 3030 §3, RFC 6531 §3.1), and addresses in UTF-8 or with a source route are longer.
pub const COMMAND_OCTETS_MAX: usize = 2048;

/// A line of an AUTH dialogue with its line end (RFC 4954 §4).
pub const AUTH_LINE_OCTETS_MAX: usize = 12_288;

/// The name of a SASL mechanism (RFC 4422 §3.1).
pub const MECHANISM_OCTETS_MAX: usize = 20;

/// A reply line with its line end (RFC 5321 §4.5.3.1.5).
pub const REPLY_LINE_OCTETS_MAX: usize = 512;

/// A local part. RFC 5321 §4.5.3.1.1 says 64 and that larger ones should be taken where possible.
pub const LOCAL_PART_OCTETS_MAX: usize = 256;

/// A domain (RFC 5321 §4.5.3.1.2).
pub const DOMAIN_OCTETS_MAX: usize = 255;
