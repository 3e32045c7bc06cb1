//! The limits of this crate that are not a matter of taste, in one place. Those that an operator may want to change
//! are in [`crate::config::Limits`]; their default values are here too.

/// A line that is too long is read and thrown away up to this many octets; a longer one ends the session.
pub const LINE_DISCARD_OCTETS_MAX: usize = 1024 * 1024;
/// From the first octet of a line to its end.
pub const LINE_SECONDS_MAX: u64 = 120;
/// So many octets of a body must arrive within each [`crate::session::Session::timeout`].
pub const BODY_PROGRESS_OCTETS: u64 = 16 * 1024;
/// First size of a read buffer; it exists only while there is input to handle.
pub const READ_OCTETS_MIN: usize = 16 * 1024;
/// A read buffer grows up to this while input arrives as fast as it is read.
pub const READ_OCTETS_MAX: usize = 64 * 1024;
/// Replies gather up to this many octets before they are sent although the client still has input waiting.
pub const OUTPUT_OCTETS_MAX: usize = 64 * 1024;
/// How hard replies are compressed where the client wants that: mail compresses almost as well at the least effort (RFC 4978 §4).
pub const DEFLATE_LEVEL: u32 = 1;
/// A compressor that has had nothing to do for this time gives its memory back.
pub const DEFLATE_IDLE_SECONDS: u64 = 10;
/// The farewell must be taken by the client within this time.
pub const FAREWELL_SECONDS_MAX: u64 = 5;
/// How long a stopping daemon waits for a client to close its side, after the farewell was sent.
pub const STOP_LINGER_SECONDS_MAX: u64 = 1;
/// The PROXY header must come within this time.
pub const PROXY_SECONDS_MAX: u64 = 5;
/// A PROXY version 1 line (the specification's own limit, with its CRLF).
pub const PROXY_V1_OCTETS_MAX: usize = 107;
/// A PROXY version 2 header: the addresses and the extensions (TLVs) that follow them.
pub const PROXY_V2_OCTETS_MAX: usize = 16 + 2048;
/// Connections beyond the limit that are told so at the same time; more are closed without a word.
pub const REFUSALS_MAX: usize = 64;
/// How long sockets wait in the kernel to be accepted.
pub const LISTEN_BACKLOG: i32 = 1024;
/// TLS sessions that are kept for resumption with servers of which no certificate in particular is demanded.
pub const TLS_SESSIONS_MAX: usize = 256;
/// The same for each demand on certificates, which is one host's or one domain's.
pub const TRUST_SESSIONS_MAX: usize = 8;
/// Demands on certificates whose sessions are kept at the same time.
pub const TRUSTS_MAX: usize = 1000;
/// After this time a server must show its certificate again.
pub const TRUST_SECONDS_MAX: u64 = 3600;

/// One SASL message, decoded. RFC 4422 sets no limit; the longest that we can be sent is a SCRAM message with two names.
pub const SASL_MESSAGE_OCTETS_MAX: usize = 4096;
/// A user name as typed.
pub const USER_OCTETS_MAX: usize = 512;
/// A password as typed. Longer ones are refused before they are hashed.
pub const PASSWORD_OCTETS_MAX: usize = 1024;
/// Iterations of PBKDF2 for new SCRAM keys (RFC 7677 §4: at least 4096).
pub const SCRAM_ITERATIONS: u32 = 10_000;
/// The fewest iterations that we take from another server when we log in there (RFC 7677 §4).
pub const SCRAM_ITERATIONS_MIN: u32 = 4096;
/// The most: about a second of a core.
pub const SCRAM_ITERATIONS_MAX: u32 = 2_000_000;
/// Octets of a SCRAM salt.
pub const SCRAM_SALT_OCTETS: usize = 16;
/// How long a verified password is remembered in memory.
pub const REMEMBER_SECONDS: u64 = 300;
/// How many verified passwords are remembered.
pub const REMEMBER_MAX: usize = 10_000;
/// Address ranges with recent failures that are remembered.
pub const THROTTLE_RANGES_MAX: usize = 50_000;
/// Failures of one range that cost nothing.
pub const THROTTLE_FREE_FAILURES: u32 = 5;
/// The longest delay after a failure.
pub const THROTTLE_SECONDS_MAX: u64 = 60;
/// A range's failures are halved after each such time without a new one.
pub const THROTTLE_HALVING_SECONDS: u64 = 300;
/// Attempts of one range that may wait at the same time; more are refused at once.
pub const THROTTLE_WAITING_MAX: u32 = 8;

/// Default of `tls.reload_seconds`.
pub const TLS_RELOAD_SECONDS: u64 = 30;
/// Default of `limits.connections`.
pub const CONNECTIONS: usize = 10_000;
/// Default of `limits.connections_per_address`.
pub const CONNECTIONS_PER_ADDRESS: usize = 100;
/// Default of `limits.message_octets`: 50 MiB.
pub const MESSAGE_OCTETS: u64 = 50 * 1024 * 1024;
/// Default of `limits.shutdown_seconds`.
pub const SHUTDOWN_SECONDS: u64 = 20;
/// Default of `limits.write_seconds`.
pub const WRITE_SECONDS: u64 = 120;
/// Default of `limits.handshake_seconds`.
pub const HANDSHAKE_SECONDS: u64 = 30;
/// Default of `smtpd.recipients_max`.
pub const RECIPIENTS: usize = 1000;
/// Default of `smtpd.transactions_max`.
pub const TRANSACTIONS: usize = 10_000;
/// Default of `smtpd.received_max`: more Received fields than that are taken for a loop (RFC 5321 §6.3: at least 100).
pub const RECEIVED: usize = 100;
/// Default of `smtpd.errors_max`.
pub const ERRORS: usize = 20;
/// Default of `smtpd.idle_seconds` (RFC 5321 §4.5.3.2.7: at least five minutes).
pub const SMTP_IDLE_SECONDS: u64 = 300;
/// Default of `imapd.idle_seconds` (RFC 9051 §5.4: at least 30 minutes).
pub const IMAP_IDLE_SECONDS: u64 = 31 * 60;
/// Default of `pop3d.idle_seconds` (RFC 1939 §3: at least ten minutes).
pub const POP3_IDLE_SECONDS: u64 = 10 * 60;
/// Default of `imapd.login_seconds` and `pop3d.login_seconds`.
pub const LOGIN_SECONDS: u64 = 60;
/// Default of `dns.timeout_seconds`.
pub const DNS_SECONDS_MAX: u64 = 5;
/// Default of `log.journal_days`.
pub const JOURNAL_DAYS: u32 = 30;
/// Default of `relay.retry_minutes`. The first wait is long enough for greylisting hosts, which mostly ask for five minutes.
pub const RETRY_MINUTES: &[u64] = &[6, 15, 30, 60, 120, 240];
/// Default of `relay.retry_jitter_percent`.
pub const RETRY_JITTER_PERCENT: u64 = 20;
/// Default of `relay.expire_hours` (RFC 5321 §4.5.4.1: four to five days at least).
pub const EXPIRE_HOURS: u64 = 5 * 24;
/// Default of `relay.delay_notice_hours`.
pub const DELAY_NOTICE_HOURS: u64 = 4;
/// Default of `relay.hold_days_max`.
pub const HOLD_DAYS: u64 = 30;
/// Default of `relay.connections_max`.
pub const RELAY_CONNECTIONS: usize = 200;
/// Default of `relay.concurrency_per_destination`.
pub const RELAY_CONCURRENCY: usize = 10;
/// Default of `relay.messages_per_connection`.
pub const MESSAGES_PER_CONNECTION: usize = 100;
/// Default of `relay.connection_idle_seconds`.
pub const CONNECTION_IDLE_SECONDS: u64 = 5;
/// Default of `relay.returned_octets_max`.
pub const RETURNED_OCTETS: u64 = 256 * 1024;
/// Default of `milter.connect_seconds`.
pub const MILTER_CONNECT_SECONDS: u64 = 5;
/// Default of `milter.reply_seconds`.
pub const MILTER_REPLY_SECONDS: u64 = 30;
/// Default of `milter.message_seconds`: within what clients wait after the final dot (RFC 5321 §4.5.3.2.6: ten minutes).
pub const MILTER_MESSAGE_SECONDS: u64 = 120;
/// Default of `milter.message_octets`: 20 MiB. What is larger is hardly ever spam, and takes a filter long.
pub const MILTER_MESSAGE_OCTETS: u64 = 20 * 1024 * 1024;
/// A packet that another program sends us, without its length.
pub const PACKET_OCTETS_MAX: usize = 64 * 1024;

/// How long the answer to a message may wait for what the DNS says about its sender: `verify.deadline_seconds`.
pub const VERIFY_SECONDS: u64 = 5;
/// Default of `verify.greylist.delay_seconds`: most hosts come again after five minutes or more.
pub const GREYLIST_SECONDS: u64 = 120;
/// Default of `verify.greylist.retry_hours`: two days, longer than the pauses of most hosts.
pub const GREYLIST_RETRY_HOURS: u64 = 48;
/// Default of `verify.greylist.known_days`: a month and a little, for what comes once a month.
pub const GREYLIST_KNOWN_DAYS: u64 = 36;
/// Default of `verify.rates.address_messages_per_minute`: large providers send much from one address.
pub const ADDRESS_MESSAGES_PER_MINUTE: u64 = 600;
/// Default of `verify.rates.address_recipients_per_minute`.
pub const ADDRESS_RECIPIENTS_PER_MINUTE: u64 = 3000;
/// Default of `verify.rates.account_messages_per_hour`: what a stolen password can do before somebody looks.
pub const ACCOUNT_MESSAGES_PER_HOUR: u64 = 500;
/// Default of `verify.rates.account_recipients_per_hour`.
pub const ACCOUNT_RECIPIENTS_PER_HOUR: u64 = 3000;
