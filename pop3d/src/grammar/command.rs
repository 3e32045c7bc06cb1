//! Commands: one line from the client to one [`Command`], and the facts about each keyword.
//!
//! A line that is no command becomes a [`Fault`], which says what is wrong with it; the session stays in
//! step, because a command of POP3 is always exactly one line (RFC 1939 §3). What is read leniently, since no
//! meaning is lost by it: the case of keywords, and spaces after the last argument. Nothing else is: a
//! message number is digits and nothing but digits.

use std::fmt;
use std::str;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use daemon::secret::Secret;

/// A message's number in this session: 1 for the first (RFC 1939 §4). 0 can be typed, and refers to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageNumber(pub u32);

impl fmt::Display for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `AUTH` without an argument: which mechanisms are there? Older than CAPA, and still how some clients ask.
    AuthList,
    /// `AUTH mechanism [initial-response]` (RFC 5034 §4). The mechanism is in upper case; the initial
    /// response is decoded, and `=` has become empty.
    Auth {
        /// The mechanism's name, in upper case.
        mechanism: String,
        /// The client's first message, if it came with the command.
        initial: Option<Secret>,
    },
    /// `CAPA` (RFC 2449 §5).
    Capa,
    /// `DELE msg`.
    Dele(MessageNumber),
    /// `LIST [msg]`.
    List(Option<MessageNumber>),
    /// `NOOP`.
    Noop,
    /// `PASS string`: everything after the space is the password, spaces too (RFC 1939 §7).
    Pass(Secret),
    /// `QUIT`.
    Quit,
    /// `RETR msg`.
    Retr(MessageNumber),
    /// `RSET`.
    Rset,
    /// `STAT`.
    Stat,
    /// `STLS` (RFC 2595 §4).
    Stls,
    /// `TOP msg n`.
    Top {
        /// Which message.
        number: MessageNumber,
        /// How many lines of its body.
        lines: u64,
    },
    /// `UIDL [msg]`.
    Uidl(Option<MessageNumber>),
    /// `USER name`.
    User(String),
    /// `UTF8` (RFC 6856 §2.1).
    Utf8,
}

/// The state that a command needs (RFC 1939 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before login only.
    Authorization,
    /// After login only.
    Transaction,
    /// Both.
    Any,
}

/// What the dispatcher has to know of a command before it runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// As it is typed, in upper case.
    pub keyword: &'static str,
    /// Where it is allowed.
    pub phase: Phase,
    /// Carries or begins an authentication: refused on a channel on which a password must not be sent.
    pub authenticates: bool,
}

const fn facts(keyword: &'static str, phase: Phase) -> Facts {
    Facts {
        keyword,
        phase,
        authenticates: false,
    }
}

const fn login(keyword: &'static str) -> Facts {
    Facts {
        authenticates: true,
        ..facts(keyword, Phase::Authorization)
    }
}

impl Command {
    /// The facts of this command.
    pub fn facts(&self) -> Facts {
        match self {
            Command::AuthList | Command::Auth { .. } => login("AUTH"),
            Command::User(_) => login("USER"),
            Command::Pass(_) => login("PASS"),
            Command::Stls => facts("STLS", Phase::Authorization),
            Command::Utf8 => facts("UTF8", Phase::Authorization),
            Command::Capa => facts("CAPA", Phase::Any),
            Command::Quit => facts("QUIT", Phase::Any),
            Command::Dele(_) => facts("DELE", Phase::Transaction),
            Command::List(_) => facts("LIST", Phase::Transaction),
            Command::Noop => facts("NOOP", Phase::Transaction),
            Command::Retr(_) => facts("RETR", Phase::Transaction),
            Command::Rset => facts("RSET", Phase::Transaction),
            Command::Stat => facts("STAT", Phase::Transaction),
            Command::Top { .. } => facts("TOP", Phase::Transaction),
            Command::Uidl(_) => facts("UIDL", Phase::Transaction),
        }
    }
}

/// Why a line is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No keyword that we know.
    UnknownCommand,
    /// An argument is missing.
    ArgumentMissing,
    /// There is an argument too many.
    ArgumentUnexpected,
    /// A message number or a count of lines is not a number.
    NotANumber,
    /// A name or a password is not UTF-8 (RFC 6856 §2.2), or has control characters in it.
    NotText,
    /// An initial response or a line of an authentication is not base64.
    NotBase64,
}

/// The keywords of all commands. What is not listed here is not known.
pub const KEYWORDS: [&str; 15] = [
    "AUTH", "CAPA", "DELE", "LIST", "NOOP", "PASS", "QUIT", "RETR", "RSET", "STAT", "STLS", "TOP",
    "UIDL", "USER", "UTF8",
];

/// Reads one line, without its line end.
pub fn parse_command(line: &[u8]) -> Result<Command, Fault> {
    let (keyword, rest) = match line.iter().position(|&octet| octet == b' ') {
        Some(space) => (&line[..space], Some(&line[space + 1..])),
        None => (line, None),
    };
    let keyword = KEYWORDS
        .into_iter()
        .find(|known| known.as_bytes().eq_ignore_ascii_case(keyword))
        .ok_or(Fault::UnknownCommand)?;
    let mut arguments = Arguments::of(rest);
    let command = match keyword {
        "AUTH" => parse_auth(&mut arguments)?,
        "CAPA" => Command::Capa,
        "DELE" => Command::Dele(arguments.number()?),
        "LIST" => Command::List(arguments.optional_number()?),
        "NOOP" => Command::Noop,
        // The password is the rest of the line exactly as it stands, so it bypasses the splitting into arguments.
        "PASS" => {
            return parse_text(rest.ok_or(Fault::ArgumentMissing)?)
                .map(|text| Command::Pass(Secret::new(text)));
        }
        "QUIT" => Command::Quit,
        "RETR" => Command::Retr(arguments.number()?),
        "RSET" => Command::Rset,
        "STAT" => Command::Stat,
        "STLS" => Command::Stls,
        "TOP" => Command::Top {
            number: arguments.number()?,
            lines: arguments.count()?,
        },
        "UIDL" => Command::Uidl(arguments.optional_number()?),
        "USER" => Command::User(parse_text(arguments.next().ok_or(Fault::ArgumentMissing)?)?),
        "UTF8" => Command::Utf8,
        _ => return Err(Fault::UnknownCommand),
    };
    arguments.end()?;
    Ok(command)
}

/// A line that answers a challenge of `AUTH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthLine {
    /// `*`: the client gives up (RFC 5034 §4).
    Cancel,
    /// The client's next message, decoded.
    Response(Secret),
}

/// Reads the line that follows a challenge.
pub fn parse_auth_line(line: &[u8]) -> Result<AuthLine, Fault> {
    match line {
        b"*" => Ok(AuthLine::Cancel),
        _ => Ok(AuthLine::Response(parse_base64(line)?)),
    }
}

fn parse_auth(arguments: &mut Arguments<'_>) -> Result<Command, Fault> {
    let Some(mechanism) = arguments.next() else {
        return Ok(Command::AuthList);
    };
    let mechanism = parse_text(mechanism)?.to_ascii_uppercase();
    let initial = match arguments.next() {
        None => None,
        // RFC 5034 §4: an empty initial response is sent as a single equals sign.
        Some(b"=") => Some(Secret::default()),
        Some(encoded) => Some(parse_base64(encoded)?),
    };
    Ok(Command::Auth { mechanism, initial })
}

fn parse_base64(encoded: &[u8]) -> Result<Secret, Fault> {
    BASE64
        .decode(encoded)
        .map(Secret::new)
        .map_err(|_| Fault::NotBase64)
}

fn parse_text(octets: &[u8]) -> Result<String, Fault> {
    let text = str::from_utf8(octets).map_err(|_| Fault::NotText)?;
    match text {
        "" => Err(Fault::ArgumentMissing),
        _ if text.contains(char::is_control) => Err(Fault::NotText),
        _ => Ok(text.to_owned()),
    }
}

fn parse_digits<N: str::FromStr>(octets: &[u8]) -> Result<N, Fault> {
    // `parse` alone would take a plus sign.
    if !octets.iter().all(u8::is_ascii_digit) {
        return Err(Fault::NotANumber);
    }
    str::from_utf8(octets)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .ok_or(Fault::NotANumber)
}

/// The arguments of a command, each separated by a single space (RFC 1939 §3).
struct Arguments<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Arguments<'a> {
    fn of(rest: Option<&'a [u8]>) -> Self {
        Arguments {
            rest: rest
                .map(<[u8]>::trim_ascii_end)
                .filter(|rest| !rest.is_empty()),
        }
    }

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let mut halves = rest.splitn(2, |&octet| octet == b' ');
        let argument = halves.next();
        self.rest = halves.next();
        argument
    }

    fn number(&mut self) -> Result<MessageNumber, Fault> {
        self.optional_number()?.ok_or(Fault::ArgumentMissing)
    }

    fn optional_number(&mut self) -> Result<Option<MessageNumber>, Fault> {
        self.next()
            .map(parse_digits)
            .transpose()
            .map(|number| number.map(MessageNumber))
    }

    fn count(&mut self) -> Result<u64, Fault> {
        parse_digits(self.next().ok_or(Fault::ArgumentMissing)?)
    }

    fn end(&self) -> Result<(), Fault> {
        match self.rest {
            None => Ok(()),
            Some(_) => Err(Fault::ArgumentUnexpected),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pass(text: &str) -> Result<Command, Fault> {
        Ok(Command::Pass(Secret::new(text)))
    }

    #[test]
    fn each_command_is_read() {
        let number = MessageNumber;
        let table: &[(&str, Result<Command, Fault>)] = &[
            ("quit", Ok(Command::Quit)),
            ("QUIT ", Ok(Command::Quit)),
            ("Stat", Ok(Command::Stat)),
            ("LIST", Ok(Command::List(None))),
            ("LIST 2", Ok(Command::List(Some(number(2))))),
            ("UIDL 4294967295", Ok(Command::Uidl(Some(number(u32::MAX))))),
            ("RETR 1 ", Ok(Command::Retr(number(1)))),
            ("DELE 0", Ok(Command::Dele(number(0)))),
            (
                "TOP 1 10",
                Ok(Command::Top {
                    number: number(1),
                    lines: 10,
                }),
            ),
            ("USER mrose", Ok(Command::User("mrose".to_owned()))),
            (
                "USER jörg@example.test",
                Ok(Command::User("jörg@example.test".to_owned())),
            ),
            ("PASS two words ", pass("two words ")),
            ("PASS  x", pass(" x")),
            ("AUTH", Ok(Command::AuthList)),
            (
                "AUTH plain",
                Ok(Command::Auth {
                    mechanism: "PLAIN".to_owned(),
                    initial: None,
                }),
            ),
            (
                "AUTH PLAIN =",
                Ok(Command::Auth {
                    mechanism: "PLAIN".to_owned(),
                    initial: Some(Secret::new(vec![])),
                }),
            ),
            (
                "AUTH X AGE=",
                Ok(Command::Auth {
                    mechanism: "X".to_owned(),
                    initial: Some(Secret::new(vec![0, 97])),
                }),
            ),
        ];
        for (line, command) in table {
            assert_eq!(&parse_command(line.as_bytes()), command, "{line}");
        }
    }

    #[test]
    fn each_fault_is_named() {
        let table: &[(&[u8], Fault)] = &[
            (b"", Fault::UnknownCommand),
            (b" STAT", Fault::UnknownCommand),
            (b"LAST", Fault::UnknownCommand),
            (b"STAT 1", Fault::ArgumentUnexpected),
            (b"LIST 1 2", Fault::ArgumentUnexpected),
            (b"LIST  1", Fault::NotANumber),
            (b"LIST +1", Fault::NotANumber),
            (b"LIST -1", Fault::NotANumber),
            (b"RETR 4294967296", Fault::NotANumber),
            (b"RETR", Fault::ArgumentMissing),
            (b"TOP 1", Fault::ArgumentMissing),
            (b"USER", Fault::ArgumentMissing),
            (b"USER a b", Fault::ArgumentUnexpected),
            (b"PASS", Fault::ArgumentMissing),
            (b"PASS ", Fault::ArgumentMissing),
            (b"PASS a\0b", Fault::NotText),
            (b"USER \xff", Fault::NotText),
            (b"AUTH PLAIN !", Fault::NotBase64),
            (b"AUTH PLAIN = x", Fault::ArgumentUnexpected),
        ];
        for (line, fault) in table {
            assert_eq!(parse_command(line), Err(*fault), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let shown = format!(
            "{:?} {:?}",
            parse_command(b"PASS hunter2"),
            parse_auth_line(b"aHVudGVyMg==")
        );
        assert!(
            !shown.contains("hunter2") && !shown.contains("104"),
            "{shown}"
        );
    }

    #[test]
    fn the_lines_of_an_authentication() {
        assert_eq!(parse_auth_line(b"*"), Ok(AuthLine::Cancel));
        assert_eq!(
            parse_auth_line(b""),
            Ok(AuthLine::Response(Secret::new(vec![])))
        );
        assert_eq!(
            parse_auth_line(b"YQ=="),
            Ok(AuthLine::Response(Secret::new(b"a")))
        );
        assert_eq!(parse_auth_line(b"YQ"), Err(Fault::NotBase64));
    }

    proptest! {
        #[test]
        fn no_line_makes_the_parser_panic(line: Vec<u8>) {
            let _ = parse_command(&line);
            let _ = parse_auth_line(&line);
        }

        #[test]
        fn no_arguments_make_the_parser_panic(keyword in "(AUTH|LIST|RETR|TOP|USER|PASS|UIDL|DELE)", rest: Vec<u8>) {
            let _ = parse_command(&[keyword.as_bytes(), b" ", &rest].concat());
        }

        #[test]
        fn a_password_is_taken_exactly(password in "[ -~]{1,60}") {
            prop_assert_eq!(parse_command(format!("PASS {password}").as_bytes()), pass(&password));
        }
    }
}
