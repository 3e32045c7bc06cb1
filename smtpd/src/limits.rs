//! Every limit of this daemon that is not configuration, with its unit.

/// A command line without its line end, where no AUTH is possible. RFC 5321 §4.5.3.1.4 asks for 512 octets; the extensions that we
/// announce add some 300 to MAIL and 530 to RCPT (RFC 1870 §3, RFC 3030 §3, RFC 3461 §4, RFC 4865 §4, RFC 6531 §3.1, RFC 8689 §2), and addresses in UTF-8 or with a source route are longer.
pub const COMMAND_OCTETS_MAX: usize = 2048;

/// An ENVID (RFC 3461 §5.4).
pub const ENVELOPE_ID_OCTETS_MAX: usize = 100;

/// An ORCPT (RFC 3461 §5.4).
pub const ORIGINAL_RECIPIENT_OCTETS_MAX: usize = 500;

/// A line of an AUTH dialogue without its line end (RFC 4954 §4).
pub const AUTH_LINE_OCTETS_MAX: usize = 12_288;

/// The name of a SASL mechanism (RFC 4422 §3.1).
pub const MECHANISM_OCTETS_MAX: usize = 20;

/// A reply line with its line end (RFC 5321 §4.5.3.1.5).
pub const REPLY_LINE_OCTETS_MAX: usize = 512;

/// A local part. RFC 5321 §4.5.3.1.1 says 64 and that larger ones should be taken where possible.
pub const LOCAL_PART_OCTETS_MAX: usize = 256;

/// A domain (RFC 5321 §4.5.3.1.2).
pub const DOMAIN_OCTETS_MAX: usize = 255;

/// A header section. RFC 5321 sets no limit; the largest of real mail have some hundred KiB of trace and recipients.
pub const HEADER_OCTETS_MAX: usize = 1 << 20;

/// A text in a packet to a filter: libmilter takes packets of 64 KiB less one octet, a field's name and value together.
pub const MILTER_TEXT_OCTETS_MAX: usize = 64 * 1024 - 1 - 4 - MILTER_FIELD_NAME_OCTETS_MAX;

/// The name of a header field that a filter adds. RFC 5322 §2.1.1 has lines of 998 octets; nobody has such names.
pub const MILTER_FIELD_NAME_OCTETS_MAX: usize = 512;

/// A part of the body in a packet to a filter (`MILTER_CHUNK_SIZE`).
pub const MILTER_BODY_OCTETS: usize = 65_535;

/// How long the first message of a connection waits for the client's name in the DNS, which filters are told.
pub const FILTER_NAME_SECONDS_MAX: u64 = 2;

/// Macros that a filter may ask for at one step.
pub const MILTER_MACROS_MAX: usize = 64;

/// Lines of a refusal that are taken from a filter.
pub const MILTER_REPLY_LINES_MAX: usize = 20;

/// Changes that one filter may make in one message.
pub const MILTER_CHANGES_MAX: usize = 1000;

/// Packets that a filter may send to say that it is still at work, in one message.
pub const MILTER_PROGRESS_MAX: usize = 10_000;

/// How often counts for reports are written to the store.
pub const REPORT_COUNTS_SECONDS: u64 = 10;

/// Different counts for reports that wait to be written.
pub const REPORT_COUNTS_MAX: usize = 10_000;

/// How often is looked whether reports are due.
pub const REPORT_ROUND_SECONDS: u64 = 600;

/// Addresses that are told about one domain (RFC 9990 §3.5 lets us limit them; most have one or two).
pub const REPORT_ADDRESSES_MAX: usize = 10;

/// A report as a message, sent or received. Compressed, the largest of real ones have some MiB.
pub const REPORT_LETTER_OCTETS_MAX: usize = 10 << 20;

/// How long a host may take to be handed a report.
pub const REPORT_HANDOVER_SECONDS_MAX: u64 = 60;

/// Octets of what a host answers to a report.
pub const REPORT_ANSWER_OCTETS_MAX: usize = 1 << 20;

/// A received report, uncompressed.
pub const REPORT_UNCOMPRESSED_OCTETS_MAX: usize = 50 << 20;

/// `Delivered-To` fields that name one of our recipients: more is a loop. Not one, because people do
/// resend messages to themselves with all their fields.
pub const DELIVERED_TO_FIELDS_MAX: usize = 10;

/// Octets that are read and thrown away behind a message that is already refused, before the connection is closed.
pub const DISCARD_OCTETS_MAX: u64 = 256 << 20;

/// Commands between two accepted messages. A client that names many more recipients than we take may still finish its message.
pub const COMMANDS_MAX: usize = 10_000;

/// Accounts and foreign addresses that one message goes to in all, after aliases are expanded.
pub const DESTINATIONS_MAX: usize = 10_000;

/// What we add to a message in front of its header section, beyond the size limit that holds for the client.
pub const ADDED_OCTETS_MAX: u64 = 64 << 10;

/// Of a header field that the journal quotes.
pub const JOURNAL_OCTETS_MAX: usize = 255;

/// DKIM signatures of one message that are verified; what is more is passed over.
pub const DKIM_SIGNATURES_MAX: usize = 10;

/// Labels of the longest name above an author's own at which his DMARC policy is looked for (RFC 9989 §4.10).
pub const DMARC_WALK_LABELS_MAX: usize = 7;

/// For how long the DNS is not asked about mail after nothing at all has answered.
pub const DNS_GONE_SECONDS: u64 = 30;

/// For how many days a rewritten sender address leads back: longer than any host tries to deliver.
pub const SRS_DAYS_MAX: u64 = 21;

/// For how long the test entries of a DNS list are believed.
pub const LIST_HEALTH_SECONDS: u64 = 3600;

/// For how long a DNS list is left alone that failed its test or does not answer.
pub const LIST_ILL_SECONDS: u64 = 300;

/// How often the operator is told of the same DNS list at most.
pub const LIST_WARNING_SECONDS: u64 = 3600;

/// Senders whose rates are remembered, messages and recipients apart: some 10 MB.
pub const RATE_SENDERS_MAX: usize = 100_000;

/// How many times what one address may send its /48 may.
pub const RATE_WIDE_FACTOR: u64 = 4;

/// Domains whose signing keys are remembered.
pub const KEYRING_DOMAINS_MAX: usize = 1000;

/// How long signing keys are remembered: after `mailctl dkim rotate` the old ones sign for this long at most.
pub const KEYRING_SECONDS: u64 = 10;

/// Answers that the resolver remembers, each of at most 64 KiB (a DNS message over TCP), most of some hundred octets.
pub const DNS_ANSWERS_MAX: u64 = 2048;

/// Absent names and records that are remembered.
pub const DNS_ABSENCES_MAX: usize = 4096;

/// How long an answer is remembered at most, whatever it says itself.
pub const DNS_ANSWER_SECONDS_MAX: u64 = 24 * 3600;

/// The same for the absence of a name or record (RFC 2308 §5: one to three hours).
pub const DNS_ABSENCE_SECONDS_MAX: u64 = 3600;

/// Records of one answer that are looked at; what is more is left out.
pub const DNS_RECORDS_MAX: usize = 100;

/// Aliases (CNAME) that lead from a name to another (RFC 1034 §3.6.2 sets no limit).
pub const DNS_ALIASES_MAX: usize = 16;

/// How often it is looked, after answers that are bogus, whether the name servers are of any use.
pub const DNS_DOUBT_SECONDS: u64 = 60;

/// How long name servers that keep signatures back are asked without validation before it is tried with it again.
pub const DNS_UNSIGNED_SECONDS: u64 = 3600;

/// The longest answer that we take in a datagram (RFC 9715 §3.2 has it at 1400; fragments are to be avoided).
pub const DNS_UDP_OCTETS_MAX: u16 = 1232;

/// How often /etc/resolv.conf is looked at for changes.
pub const RESOLV_CONF_SECONDS: u64 = 10;

// The outbound queue.

/// Destinations that are remembered with how many connections they may have.
pub const LANES_MAX: usize = 10_000;

/// How long a destination is left alone when it could not be reached; doubled each time.
pub const BACK_OFF_SECONDS_FIRST: u64 = 15;

/// Messages that a courier takes at a time.
pub const LEASED_MESSAGES_MAX: usize = 10;

/// Due destinations that are looked at, beside those that have couriers.
pub const DUE_DESTINATIONS_MAX: usize = 200;

/// Between two looks at the queue, however much happens.
pub const LOOK_MILLIS_MIN: u64 = 5;

/// The same if nothing happens: for clocks that jump.
pub const LOOK_SECONDS_MAX: u64 = 30;

/// Between two looks at sessions that nobody uses.
pub const UPKEEP_SECONDS: u64 = 1;

/// Between two looks at what processes that are gone have left.
pub const TAKE_BACK_SECONDS: u64 = 60;

/// Between two measurements of the queue.
pub const QUEUE_SIZE_SECONDS: u64 = 60;

/// Before the store is asked again when it could not answer.
pub const STORE_RETRY_SECONDS: u64 = 5;

/// Before it is tried again to write down what became of a message.
pub const SETTLE_RETRY_SECONDS: u64 = 2;

/// Hosts, or addresses of one, that are asked in one attempt (RFC 5321 §5.1: at least two).
pub const ENDPOINTS_TRIED_MAX: usize = 6;

/// Transactions with one host in one attempt, when it takes few recipients at a time.
pub const TRANSACTIONS_OF_AN_ATTEMPT_MAX: usize = 100;

/// Of a header section that goes back with a notice.
pub const RETURNED_HEADER_OCTETS_MAX: u64 = 64 << 10;

/// Characters of a subject in a notice.
pub const SUBJECT_CHARS_MAX: usize = 200;

// What we wait for and take from the hosts that we send to.

/// The TCP connection to a host. RFC 5321 sets no time; a domain's other hosts are waiting to be tried.
pub const CONNECT_SECONDS_MAX: u64 = 30;

/// The greeting of a host (RFC 5321 §4.5.3.2.1).
pub const GREETING_SECONDS_MAX: u64 = 5 * 60;

/// A host's reply to EHLO, HELO, STARTTLS, and to each step of AUTH. The RFC sets no time; the one of MAIL serves.
pub const HELLO_SECONDS_MAX: u64 = 5 * 60;

/// The TLS handshake with a host.
pub const HOST_HANDSHAKE_SECONDS_MAX: u64 = 60;

/// A host's reply to MAIL (RFC 5321 §4.5.3.2.2).
pub const MAIL_REPLY_SECONDS_MAX: u64 = 5 * 60;

/// A host's reply to RCPT (RFC 5321 §4.5.3.2.3).
pub const RCPT_REPLY_SECONDS_MAX: u64 = 5 * 60;

/// A host's 354 to DATA (RFC 5321 §4.5.3.2.4).
pub const DATA_REPLY_SECONDS_MAX: u64 = 2 * 60;

/// A host must take each piece of a message within this time (RFC 5321 §4.5.3.2.5).
pub const BODY_PIECE_SECONDS_MAX: u64 = 3 * 60;

/// Such a piece: with the time above, the least progress that a host must make.
pub const BODY_PIECE_OCTETS_MAX: usize = 64 << 10;

/// A host's reply to the end of the message (RFC 5321 §4.5.3.2.6).
pub const END_REPLY_SECONDS_MAX: u64 = 10 * 60;

/// A host's reply to RSET and QUIT: nothing depends on it.
pub const FAREWELL_REPLY_SECONDS_MAX: u64 = 20;

/// One transaction in all: a host that uses up every other time to its end must not hold a message for days.
pub const TRANSACTION_SECONDS_MAX: u64 = 2 * 3600;

/// Recipients of one transaction: what every host must take (RFC 5321 §4.5.3.1.8).
pub const TRANSACTION_RECIPIENTS_MAX: usize = 100;

/// A line of a host's reply without its line end. RFC 5321 §4.5.3.1.5 says 512; hosts send whole reports.
pub const HOST_LINE_OCTETS_MAX: usize = 4096;

/// Lines of a host's reply.
pub const HOST_REPLY_LINES_MAX: usize = 100;

/// A host's reply in all.
pub const HOST_REPLY_OCTETS_MAX: usize = 16 << 10;

/// How long a host that breaks off is listened to for its reason.
pub const LAST_WORDS_SECONDS_MAX: u64 = 2;

/// So much of a message is read from the store at once.
pub const BODY_READ_OCTETS_MAX: u64 = 256 << 10;

/// A line of a message without its line end (RFC 5322 §2.1.1, RFC 2045 §2.7).
pub const TEXT_LINE_OCTETS_MAX: usize = 998;
/// Hosts of a domain that are tried in one attempt (RFC 5321 §5.1: a limit is allowed).
pub const HOSTS_MAX: usize = 20;

/// Addresses of a host that are tried (RFC 5321 §5.1: at least two).
pub const HOST_ADDRESSES_MAX: usize = 8;

/// The password of a smart host, with what surrounds it in its file.
pub const PASSWORD_OCTETS_MAX: u64 = 4096;

/// How long a host that did TLS before is given mail under TLS alone, from the first time that it does not: long enough that an attack
/// on the way must last, short enough that no mail expires because a host has given TLS up.
pub const TLS_PATIENCE_SECONDS: i64 = 12 * 3600;

/// An MTA-STS policy file (RFC 8461 §3.3 suggests 64 KiB).
pub const STS_POLICY_OCTETS_MAX: usize = 64 << 10;

/// MX patterns of an MTA-STS policy that are looked at.
pub const STS_PATTERNS_MAX: usize = 100;

/// How long an MTA-STS policy holds at most (RFC 8461 §3.2: 31557600).
pub const STS_AGE_SECONDS_MAX: i64 = 31_557_600;

/// How long the fetch of an MTA-STS policy may take in all (RFC 8461 §3.3 suggests a minute).
pub const STS_FETCH_SECONDS_MAX: u64 = 30;

/// Fetches of MTA-STS policies at the same time.
pub const STS_FETCHES_MAX: usize = 8;

/// After a failed fetch there is no other for so long (RFC 8461 §3.3: at least five minutes).
pub const STS_RETRY_SECONDS: u64 = 5 * 60;

/// Domains whose failed fetches are remembered.
pub const STS_FAILURES_MAX: usize = 1024;

/// Policies older than this are fetched anew, used or not (RFC 8461 §10.2: at least daily).
pub const STS_REFRESH_SECONDS: i64 = 24 * 3600;

/// Policies that are fetched anew in one round.
pub const STS_REFRESH_BATCH: u32 = 100;

/// Seconds between two rounds.
pub const STS_REFRESH_ROUND_SECONDS: u64 = 3600;

/// Seconds for which counts and memories of TLS are gathered before they are written.
pub const TLS_COUNTS_SECONDS: u64 = 5;

/// Different counts and memories that wait to be written; what is more is lost, for reports are not worth memory without end.
pub const TLS_COUNTS_MAX: usize = 10_000;
