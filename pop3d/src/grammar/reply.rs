//! Replies: typed in the handlers, turned to bytes here and nowhere else.
//!
//! A status line is one [`Reply`]; the lines of a listing are [`Listing`]s, ended by [`End`]. The octets of a
//! message are not here but in [`super::message`], since they stream. No text tells what the server's policy
//! is, or whether a name exists.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use daemon::session::Encode;

use super::command::MessageNumber;
use crate::reject::Reject;

/// A reply of one line (RFC 2449 §3: at most 512 octets, which all of these keep).
#[derive(Debug)]
pub enum Reply<'a> {
    /// The greeting. It has no timestamp in angle brackets, so it offers no APOP (RFC 1939 §7): that would
    /// need passwords kept in the clear.
    Greeting {
        /// The server's name.
        hostname: &'a str,
        /// Finds this session in the log.
        session: &'a str,
    },
    /// A challenge of an authentication (RFC 5034 §4).
    Challenge(&'a [u8]),
    /// `CAPA`, `AUTH`: a list follows.
    ListFollows,
    /// `USER`: the same for every name.
    NameNoted,
    /// Logged in, the maildrop is locked.
    Ready(Totals),
    /// `STLS`: the handshake may begin.
    BeginTls,
    /// `UTF8`.
    Utf8Enabled,
    /// `STAT`: the drop listing.
    DropListing(Totals),
    /// `LIST` without argument: the scan listings follow.
    ScanListingsFollow(Totals),
    /// `LIST msg`, `UIDL msg`.
    One(Listing<'a>),
    /// `UIDL` without argument: the unique-id listings follow.
    UniqueIdsFollow,
    /// `RETR`: so many octets follow.
    MessageFollows(u64),
    /// `TOP`.
    TopFollows,
    /// `DELE`.
    Marked(MessageNumber),
    /// `NOOP`.
    Done,
    /// `RSET`: no message is marked any more.
    Unmarked(Totals),
    /// `QUIT` before login.
    Goodbye,
    /// `QUIT` after login: so many messages are left.
    GoodbyeLeaving(usize),
    /// Anything that failed.
    Rejected {
        /// What, which decides the words and the response code.
        reject: &'a Reject,
        /// Finds this session in the log.
        session: &'a str,
    },
}

/// Number and size of the messages that are not marked as deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// How many.
    pub messages: usize,
    /// Their size together.
    pub octets: u64,
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing<'a> {
    /// `LIST`: a message's size in octets.
    Scan(MessageNumber, u64),
    /// `UIDL`: a message's name for ever.
    UniqueId(MessageNumber, UniqueId),
    /// `CAPA`: a capability, with its arguments.
    Capability(&'a str),
    /// `AUTH`: a mechanism.
    Mechanism(&'a str),
}

/// What names a message for ever, whatever session and server process (RFC 1939 §7, UIDL): the UIDVALIDITY of
/// its mailbox and its UID there. IMAP promises that this pair is never given to another message (RFC 3501
/// §2.3.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UniqueId {
    /// The mailbox's.
    pub uid_validity: u32,
    /// The message's.
    pub uid: u32,
}

/// The end of a listing: a dot alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End;

impl Encode for Reply<'_> {
    fn encode(&self, into: &mut Vec<u8>) {
        // Writing to a Vec does not fail.
        let _ = match self {
            Reply::Greeting { hostname, session } => {
                write!(into, "+OK {hostname} POP3 ready ({session})")
            }
            Reply::Challenge(challenge) => write!(into, "+ {}", BASE64.encode(challenge)),
            Reply::ListFollows => write!(into, "+OK List follows"),
            Reply::NameNoted => write!(into, "+OK Send the password"),
            Reply::Ready(totals) => write!(
                into,
                "+OK Maildrop has {} messages ({} octets)",
                totals.messages, totals.octets
            ),
            Reply::BeginTls => write!(into, "+OK Begin TLS negotiation"),
            Reply::Utf8Enabled => write!(into, "+OK UTF-8 it is"),
            Reply::DropListing(totals) => write!(into, "+OK {} {}", totals.messages, totals.octets),
            Reply::ScanListingsFollow(totals) => write!(
                into,
                "+OK {} messages ({} octets)",
                totals.messages, totals.octets
            ),
            Reply::One(listing) => write!(into, "+OK ").map(|()| listing.encode_text(into)),
            Reply::UniqueIdsFollow => write!(into, "+OK Unique-ids follow"),
            Reply::MessageFollows(octets) => write!(into, "+OK {octets} octets"),
            Reply::TopFollows => write!(into, "+OK Top of message follows"),
            Reply::Marked(number) => write!(into, "+OK Message {number} is marked"),
            Reply::Done => write!(into, "+OK"),
            Reply::Unmarked(totals) => write!(
                into,
                "+OK Maildrop has {} messages ({} octets)",
                totals.messages, totals.octets
            ),
            Reply::Goodbye => write!(into, "+OK Goodbye"),
            Reply::GoodbyeLeaving(left) => write!(into, "+OK Goodbye, {left} messages left"),
            Reply::Rejected { reject, session } => match reject.code() {
                Some(code) if reject.is_fault_of_server() => {
                    write!(into, "-ERR [{}] {} ({session})", code.name(), reject.text())
                }
                Some(code) => write!(into, "-ERR [{}] {}", code.name(), reject.text()),
                None => write!(into, "-ERR {}", reject.text()),
            },
        };
        into.extend_from_slice(b"\r\n");
    }
}

impl Listing<'_> {
    fn encode_text(&self, into: &mut Vec<u8>) {
        let _ = match self {
            Listing::Scan(number, octets) => write!(into, "{number} {octets}"),
            Listing::UniqueId(number, UniqueId { uid_validity, uid }) => {
                write!(into, "{number} {uid_validity:08x}{uid:08x}")
            }
            Listing::Capability(text) | Listing::Mechanism(text) => write!(into, "{text}"),
        };
    }
}

impl Encode for Listing<'_> {
    fn encode(&self, into: &mut Vec<u8>) {
        self.encode_text(into);
        into.extend_from_slice(b"\r\n");
    }
}

impl Encode for End {
    fn encode(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(b".\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::command::{Fault, Phase};
    use crate::reject::all_rejects;

    fn encoded(what: &impl Encode) -> String {
        let mut bytes = Vec::new();
        what.encode(&mut bytes);
        String::from_utf8(bytes).expect("replies are UTF-8")
    }

    fn rejected(reject: &Reject) -> String {
        encoded(&Reply::Rejected {
            reject,
            session: "s1",
        })
    }

    #[test]
    fn formats_that_clients_parse() {
        let totals = Totals {
            messages: 2,
            octets: 320,
        };
        let two = MessageNumber(2);
        let id = UniqueId {
            uid_validity: 0x5f00_0001,
            uid: 77,
        };
        assert_eq!(encoded(&Reply::DropListing(totals)), "+OK 2 320\r\n");
        assert_eq!(
            encoded(&Reply::ScanListingsFollow(totals)),
            "+OK 2 messages (320 octets)\r\n"
        );
        assert_eq!(
            encoded(&Reply::One(Listing::Scan(two, 200))),
            "+OK 2 200\r\n"
        );
        assert_eq!(encoded(&Listing::Scan(two, 200)), "2 200\r\n");
        assert_eq!(
            encoded(&Listing::UniqueId(two, id)),
            "2 5f0000010000004d\r\n"
        );
        assert_eq!(encoded(&Reply::Challenge(b"")), "+ \r\n");
        assert_eq!(
            encoded(&Reply::Challenge(b"Username:")),
            "+ VXNlcm5hbWU6\r\n"
        );
        assert_eq!(encoded(&End), ".\r\n");
    }

    #[test]
    fn response_codes_stand_first() {
        assert!(rejected(&Reject::InUse).starts_with("-ERR [IN-USE] "));
        assert!(rejected(&Reject::Credentials).starts_with("-ERR [AUTH] "));
        assert!(rejected(&Reject::Throttled).starts_with("-ERR [SYS/TEMP] "));
        // What trying again does not mend (RFC 3206 §4).
        let damaged = store::Error::Corrupt("a message without octets".into());
        let told = rejected(&Reject::Store(damaged));
        assert!(told.starts_with("-ERR [SYS/PERM] "));
        assert!(!told.contains("octets"), "{told}");
        assert!(rejected(&Reject::Syntax(Fault::NotText)).starts_with("-ERR "));
        assert!(!rejected(&Reject::WrongState(Phase::Transaction)).contains('['));
    }

    #[test]
    fn a_failure_of_the_server_names_the_session() {
        assert!(rejected(&Reject::Unavailable).ends_with("(s1)\r\n"));
        assert!(!rejected(&Reject::Credentials).contains("s1"));
    }

    #[test]
    fn every_rejection_is_one_short_line() {
        for reject in all_rejects() {
            let line = rejected(&reject);
            assert!(line.starts_with("-ERR ") && line.len() <= 512, "{line}");
            assert_eq!(line.find("\r\n"), Some(line.len() - 2), "{line}");
        }
    }
}
