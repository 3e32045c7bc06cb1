//! Every limit of this crate, with its unit and its reason. Times are configuration: `pop3d.idle_seconds`,
//! `pop3d.login_seconds`.

/// Octets of a command line without its line end. RFC 2449 §4 demands 253; more lets the initial response of a long
/// name and password come with AUTH.
pub const COMMAND_OCTETS_MAX: usize = 1024;

/// Octets of a line that answers a challenge: what other servers take (RFC 4954 §4.3 suggests as much for SMTP).
pub const AUTH_LINE_OCTETS_MAX: usize = 12_288;

/// Lines that are no commands, before login, after which the connection is closed: it is not POP3 that is
/// being spoken.
pub const FAULTS_BEFORE_LOGIN_MAX: u32 = 10;

/// The same after login: generous, because a client that probes is not an attacker any more.
pub const FAULTS_MAX: u32 = 100;

/// Octets that are read of a message at a time.
pub const CHUNK_OCTETS: u64 = 256 * 1024;

/// Octets of the messages that are read ahead of a client which fetches one after the other.
pub const READ_AHEAD_OCTETS: u64 = 512 * 1024;

/// Messages that are read ahead at a time.
pub const READ_AHEAD_MESSAGES: usize = 64;

/// Entries whose sizes are asked for at a time, at login.
pub const ENTRIES_BATCH: usize = 1000;

/// Lines of a listing after which the client is given time to take them.
pub const LISTING_BATCH: usize = 1000;
