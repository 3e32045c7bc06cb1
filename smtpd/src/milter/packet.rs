//! The packets of the milter protocol: commands to octets, octets to answers. There is no RFC; the facts are those of libmilter's
//! `mfdef.h` (version 6) and of what filters in use do.
//!
//! A packet is its length (four octets, network order, counting what follows), one octet that says what it is, and its data.
//! Texts in the data end with NUL. Here a packet is read and written without its length, which `daemon::packet` cuts.
//!
//! Failure: an answer that cannot be read is [`Malformed`]; what then happens is the operator's choice, never the client's harm.
//! Pure: no I/O, no clock.

use std::net::SocketAddr;

use super::change::Change;
use super::negotiation::{Agreement, agreement, offer};
use super::refusal::Refusal;
use crate::limits::MILTER_TEXT_OCTETS_MAX;

/// What a filter is told or asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// Versions, actions and steps that we offer.
    Negotiate,
    /// Macros for the command that follows: its letter, then names and values.
    Macros(Step, &'a [(String, String)]),
    /// A client: its name if known, and its address.
    Connect(&'a str, SocketAddr),
    /// EHLO or HELO, with the name.
    Hello(&'a str),
    /// MAIL: the reverse-path in angle brackets and the parameters.
    Mail(&'a [String]),
    /// RCPT: the forward-path in angle brackets and the parameters.
    Recipient(&'a [String]),
    /// The message begins.
    Data,
    /// A header field. The value has LF where it is folded.
    Header(&'a [u8], &'a [u8]),
    /// The header section ends.
    EndOfHeader,
    /// A part of the body.
    Body(&'a [u8]),
    /// The message ends.
    EndOfMessage,
    /// The message is given up; the connection stays for the next one.
    Abort,
    /// The connection ends.
    Quit,
}

/// The steps of a session at which filters are asked. The values are the protocol's letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Step {
    /// A client has connected.
    Connect = b'C',
    /// EHLO or HELO.
    Hello = b'H',
    /// MAIL.
    Mail = b'M',
    /// RCPT.
    Recipient = b'R',
    /// DATA or the first BDAT.
    Data = b'T',
    /// A header field.
    Header = b'L',
    /// The end of the header section.
    EndOfHeader = b'N',
    /// A part of the body.
    Body = b'B',
    /// The end of the message.
    EndOfMessage = b'E',
}

/// What a filter answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What it takes of our offer.
    Agreement(Agreement),
    /// Go on.
    Continue,
    /// Accepted without further questions: the message, or at connect and hello the connection.
    Accept,
    /// Refused for good.
    Reject,
    /// Refused for now.
    TemporaryFailure,
    /// Refused in the filter's own words.
    Refuse(Refusal),
    /// To be accepted and thrown away.
    Discard,
    /// No more of the body is wanted.
    Skip,
    /// Still at work.
    Progress,
    /// The client's connection is to be closed.
    Shutdown,
    /// A change of the message; more follows.
    Change(Change),
}

/// A packet that is not in the protocol, or not at this place; what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

impl Command<'_> {
    /// Adds the packet, with its length, to `into`.
    pub fn encode(&self, into: &mut Vec<u8>) {
        let start = into.len();
        into.extend_from_slice(&[0; 4]);
        into.push(self.letter());
        self.encode_data(into);
        // No packet comes near 4 GiB: the longest hold a part of a body or a text that was cut.
        let length = u32::try_from(into.len() - start - 4).unwrap_or(u32::MAX);
        into[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    fn letter(&self) -> u8 {
        match self {
            Command::Negotiate => b'O',
            Command::Macros(..) => b'D',
            Command::Connect(..) => Step::Connect as u8,
            Command::Hello(_) => Step::Hello as u8,
            Command::Mail(_) => Step::Mail as u8,
            Command::Recipient(_) => Step::Recipient as u8,
            Command::Data => Step::Data as u8,
            Command::Header(..) => Step::Header as u8,
            Command::EndOfHeader => Step::EndOfHeader as u8,
            Command::Body(_) => Step::Body as u8,
            Command::EndOfMessage => Step::EndOfMessage as u8,
            Command::Abort => b'A',
            Command::Quit => b'Q',
        }
    }

    fn encode_data(&self, into: &mut Vec<u8>) {
        match self {
            Command::Negotiate => into.extend_from_slice(&offer()),
            Command::Macros(step, values) => {
                into.push(*step as u8);
                for (name, value) in *values {
                    push_text(name.as_bytes(), into);
                    push_text(value.as_bytes(), into);
                }
            }
            Command::Connect(name, address) => {
                push_text(name.as_bytes(), into);
                into.push(if address.is_ipv4() { b'4' } else { b'6' });
                into.extend_from_slice(&address.port().to_be_bytes());
                push_text(address.ip().to_string().as_bytes(), into);
            }
            Command::Hello(name) => push_text(name.as_bytes(), into),
            Command::Mail(words) | Command::Recipient(words) => {
                for word in *words {
                    push_text(word.as_bytes(), into);
                }
            }
            Command::Header(name, value) => {
                push_text(name, into);
                push_text(value, into);
            }
            Command::Body(octets) => into.extend_from_slice(octets),
            Command::Data
            | Command::EndOfHeader
            | Command::EndOfMessage
            | Command::Abort
            | Command::Quit => {}
        }
    }
}

/// A text with its NUL. A NUL in it would end it, so it ends there; libmilter takes no packet that is longer than 64 KiB.
fn push_text(text: &[u8], into: &mut Vec<u8>) {
    let text = &text[..text.len().min(MILTER_TEXT_OCTETS_MAX)];
    let end = memchr::memchr(0, text).unwrap_or(text.len());
    into.extend_from_slice(&text[..end]);
    into.push(0);
}

/// Reads an answer, without its length.
///
/// # Errors
/// It is not in the protocol.
pub fn parse_answer(packet: &[u8]) -> Result<Answer, Malformed> {
    let (letter, data) = packet.split_first().ok_or(Malformed("an empty packet"))?;
    Ok(match letter {
        b'O' => Answer::Agreement(agreement(data)?),
        b'c' => Answer::Continue,
        b'a' => Answer::Accept,
        b'r' => Answer::Reject,
        b't' => Answer::TemporaryFailure,
        b'y' => Answer::Refuse(Refusal::parse(last_text(data)?)?),
        b'd' => Answer::Discard,
        b's' => Answer::Skip,
        b'p' => Answer::Progress,
        b'4' => Answer::Shutdown,
        b'f' => return Err(Malformed("the filter wants the connection to fail")),
        b'h' => Answer::Change(add_field(data)?),
        b'i' => Answer::Change(insert_field(data)?),
        b'm' => Answer::Change(change_field(data)?),
        b'q' => Answer::Change(Change::Quarantine(printable(last_text(data)?))),
        _ => return Err(Malformed("an answer that the protocol does not have")),
    })
}

fn add_field(data: &[u8]) -> Result<Change, Malformed> {
    let (name, rest) = text(data)?;
    Ok(Change::AddField {
        name: name.to_vec(),
        value: last_text(rest)?.to_vec(),
    })
}

fn insert_field(data: &[u8]) -> Result<Change, Malformed> {
    let (place, rest) = number(data)?;
    let (name, rest) = text(rest)?;
    Ok(Change::InsertField {
        place,
        name: name.to_vec(),
        value: last_text(rest)?.to_vec(),
    })
}

fn change_field(data: &[u8]) -> Result<Change, Malformed> {
    let (nth, rest) = number(data)?;
    let (name, rest) = text(rest)?;
    Ok(Change::ChangeField {
        nth,
        name: name.to_vec(),
        value: last_text(rest)?.to_vec(),
    })
}

/// The text that comes first, and what is behind its NUL.
fn text(data: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let end = memchr::memchr(0, data).ok_or(Malformed("a text without its end"))?;
    Ok((&data[..end], &data[end + 1..]))
}

/// The text that is all there is.
fn last_text(data: &[u8]) -> Result<&[u8], Malformed> {
    match text(data)? {
        (text, []) => Ok(text),
        _ => Err(Malformed("octets behind the end")),
    }
}

/// Four octets in network order.
pub(super) fn number(data: &[u8]) -> Result<(u32, &[u8]), Malformed> {
    let (octets, rest) = data
        .split_first_chunk()
        .ok_or(Malformed("a number without its octets"))?;
    Ok((u32::from_be_bytes(*octets), rest))
}

fn printable(text: &[u8]) -> String {
    String::from_utf8_lossy(text).replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(command: Command<'_>) -> Vec<u8> {
        let mut octets = Vec::new();
        command.encode(&mut octets);
        octets
    }

    #[test]
    fn commands_are_as_libmilter_reads_them() {
        let v4 = "192.0.2.7:4321".parse().unwrap();
        let v6 = "[2001:db8::7]:25".parse().unwrap();
        let values = [("i".to_owned(), "ABC".to_owned())];
        let words = ["<a@b.test>".to_owned(), "SIZE=9".to_owned()];
        let table: [(Command<'_>, &[u8]); 13] = [
            (
                Command::Negotiate,
                b"\0\0\0\x0dO\0\0\0\x06\0\0\0\x31\0\x1f\xf7\xff",
            ),
            (
                Command::Macros(Step::Data, &values),
                b"\0\0\0\x08DTi\0ABC\0",
            ),
            (
                Command::Connect("[192.0.2.7]", v4),
                b"\0\0\0\x1aC[192.0.2.7]\x004\x10\xe1192.0.2.7\0",
            ),
            (
                Command::Connect("x.test", v6),
                b"\0\0\0\x17Cx.test\x006\0\x192001:db8::7\0",
            ),
            (Command::Hello("me"), b"\0\0\0\x04Hme\0"),
            (Command::Mail(&words), b"\0\0\0\x13M<a@b.test>\0SIZE=9\0"),
            (Command::Recipient(&words[..1]), b"\0\0\0\x0cR<a@b.test>\0"),
            (Command::Data, b"\0\0\0\x01T"),
            (Command::Header(b"To", b"x\n y"), b"\0\0\0\x09LTo\0x\n y\0"),
            (Command::EndOfHeader, b"\0\0\0\x01N"),
            (Command::Body(b"a\0b"), b"\0\0\0\x04Ba\0b"),
            (Command::EndOfMessage, b"\0\0\0\x01E"),
            (Command::Abort, b"\0\0\0\x01A"),
        ];
        for (command, octets) in table {
            let written = format!("{command:?}");
            assert_eq!(encoded(command), octets, "{written}");
        }
    }

    #[test]
    fn a_text_ends_where_it_would_be_misread_or_too_long() {
        assert_eq!(encoded(Command::Hello("a\0b")), b"\0\0\0\x03Ha\0");
        let long = encoded(Command::Header(b"X", &vec![b'y'; 200_000]));
        assert!(long.len() <= 65_536 + 4, "{}", long.len());
    }

    #[test]
    fn answers_are_read() {
        let table: [(&[u8], Answer); 12] = [
            (b"c", Answer::Continue),
            (b"a", Answer::Accept),
            (b"r", Answer::Reject),
            (b"t", Answer::TemporaryFailure),
            (b"d", Answer::Discard),
            (b"s", Answer::Skip),
            (b"p", Answer::Progress),
            (b"4", Answer::Shutdown),
            (
                b"hX-Spam\0Yes\0",
                Answer::Change(Change::AddField {
                    name: b"X-Spam".into(),
                    value: b"Yes".into(),
                }),
            ),
            (
                b"i\0\0\0\x02A\0b\0",
                Answer::Change(Change::InsertField {
                    place: 2,
                    name: b"A".into(),
                    value: b"b".into(),
                }),
            ),
            (
                b"m\0\0\0\x01A\0\0",
                Answer::Change(Change::ChangeField {
                    nth: 1,
                    name: b"A".into(),
                    value: Vec::new(),
                }),
            ),
            (
                b"qlooks\nbad\0",
                Answer::Change(Change::Quarantine("looks bad".into())),
            ),
        ];
        for (octets, answer) in table {
            assert_eq!(parse_answer(octets), Ok(answer));
        }
    }

    #[test]
    fn what_is_not_in_the_protocol_is_malformed() {
        for octets in [
            &b""[..],
            b"f",
            b"Z",
            b"hX-Spam\0Yes",
            b"hX-Spam\0",
            b"hX-Spam\0Yes\0more",
            b"i\0\0\0",
            b"i\0\0\0\x01A\0b",
            b"y",
            b"y250 ok\0",
            b"q",
            b"+<a@b.test>\0",
            b"breplaced",
            b"O\0\0",
        ] {
            assert!(parse_answer(octets).is_err(), "{octets:?}");
        }
    }

    proptest! {
        #[test]
        fn no_octets_upset_the_reader(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
            drop(parse_answer(&octets));
        }

        #[test]
        fn a_packet_says_its_own_length(name in "[a-z\0]{0,20}", value in proptest::collection::vec(any::<u8>(), 0..300)) {
            let octets = encoded(Command::Header(name.as_bytes(), &value));
            prop_assert_eq!(number(&octets).map(|(length, rest)| length as usize == rest.len()), Ok(true));
        }
    }
}
