//! The limits of imapd, with their units. What an operator may choose is in the configuration.

/// Longest line before login. The longest legitimate one carries a SASL response (RFC 4959).
pub const LINE_OCTETS_BEFORE_LOGIN_MAX: usize = 8 * 1024;
/// Longest line after login. RFC 2683 §3.2.1.5 asks for 8,000; clients send sets of thousands of UIDs.
pub const LINE_OCTETS_MAX: usize = 128 * 1024;
/// Largest command before login, its lines and literals together.
pub const COMMAND_OCTETS_BEFORE_LOGIN_MAX: u64 = 16 * 1024;
/// Largest command after login; the messages of an APPEND do not count.
pub const COMMAND_OCTETS_MAX: u64 = 1024 * 1024;
/// A non-synchronising literal that is refused is read and thrown away up to this size; above it the connection ends
/// (RFC 7888 §4).
pub const DISCARD_OCTETS_MAX: u64 = 256 * 1024 * 1024;
/// The same, before login.
pub const DISCARD_OCTETS_BEFORE_LOGIN_MAX: u64 = 64 * 1024;
/// Largest non-synchronising literal of a client that is offered LITERAL- (RFC 7888 §5).
pub const LITERAL_MINUS_OCTETS_MAX: u64 = 4096;
/// Commands that fail one after another before the connection ends.
pub const FAILURES_IN_A_ROW_MAX: u32 = 50;
/// Messages in one MULTIAPPEND.
pub const APPEND_MESSAGES_MAX: usize = 1_000;
/// How many of the largest messages one MULTIAPPEND may hold, in octets: all are staged until the last has come, and with CATENATE a
/// short command names many.
pub const APPEND_LARGEST_MAX: u64 = 20;
/// Ranges of UIDs in one VANISHED; more go out in several.
pub const VANISHED_RANGES_MAX: usize = 1_000;
/// Messages whose data is read from the store at a time.
pub const FETCH_BATCH: usize = 500;
/// Items up to which a FETCH takes whole batches; with twice as many it takes half as many messages at a time.
pub const FETCH_ITEMS_USUAL: usize = 16;
/// Batches that are read while one is written: with fewer, processors wait for each other between them. Each holds what is told of
/// at most a MiB of indexes, and as much of sections.
pub const FETCH_BATCHES_AHEAD: usize = 4;
/// Searches of one session whose results are kept up to date (RFC 5267 §4.3.1).
pub const CONTEXTS_MAX: usize = 32;
/// Messages in a sorted result that is kept up to date: their sort keys stay in memory.
pub const SORTED_CONTEXT_MESSAGES_MAX: usize = 100_000;
/// Ranges of UIDs in a result that is saved (RFC 5182 §2.5); each takes 8 octets.
pub const SAVED_RANGES_MAX: usize = 500_000;
/// Mailboxes that one ESEARCH looks into (RFC 7377 §2.4).
pub const MULTISEARCH_MAILBOXES_MAX: usize = 20_000;
/// Seconds between two INPROGRESS of one command. RFC 9585 §4 advises 10 to 15.
pub const PROGRESS_SECONDS: u64 = 10;
/// Octets of one body that are in memory at a time.
pub const BODY_CHUNK_OCTETS: u64 = 256 * 1024;
/// Event groups in one NOTIFY (RFC 5465 §5.8).
pub const NOTIFY_GROUPS_MAX: usize = 100;
/// Names of mailboxes in one NOTIFY.
pub const NOTIFY_NAMES_MAX: usize = 1_000;
/// Mailboxes that a client may look up, when it asks for notifications of some.
pub const NOTIFY_MAILBOXES_MAX: usize = 5_000;
/// Notifications about mailboxes that are not selected, at one time; with more the client had better look for itself.
pub const NOTIFY_TIDINGS_MAX: usize = 1_000;
