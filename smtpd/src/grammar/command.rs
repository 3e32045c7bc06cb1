//! A line becomes a command.
//!
//! Tolerances: blanks after the colon of `MAIL FROM:` and `RCPT TO:` (Outlook sends them) and at the end of any line
//! (RFC 5321 §4.1.1 asks for that), several blanks where one is due.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::cursor::Cursor;
use super::domain::ClientName;
use super::error::{PathKind, SyntaxError};
use super::parameter::{MailParameters, RcptParameters};
use super::path::{ForwardPath, ReversePath, parse_forward_path, parse_reverse_path};
use super::verb::Verb;
use crate::limits::MECHANISM_OCTETS_MAX;

/// One command with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// RFC 5321 §4.1.1.1.
    Ehlo(ClientName),
    /// RFC 5321 §4.1.1.1.
    Helo(ClientName),
    /// RFC 5321 §4.1.1.2.
    Mail {
        /// Who sends.
        from: ReversePath,
        /// What the client says of the message.
        parameters: MailParameters,
    },
    /// RFC 5321 §4.1.1.3.
    Rcpt {
        /// Who shall receive.
        to: ForwardPath,
        /// What the client wants for this recipient.
        parameters: RcptParameters,
    },
    /// RFC 5321 §4.1.1.4.
    Data,
    /// RFC 3030 §2.
    Bdat {
        /// How many octets follow the line.
        octets: u64,
        /// Whether they end the message.
        last: bool,
    },
    /// RFC 5321 §4.1.1.5.
    Rset,
    /// RFC 5321 §4.1.1.9. Its argument means nothing.
    Noop,
    /// RFC 5321 §4.1.1.10.
    Quit,
    /// RFC 5321 §4.1.1.6. Its argument is not kept: the answer does not depend on it.
    Vrfy,
    /// RFC 5321 §4.1.1.7. Its argument is not kept: the answer does not depend on it.
    Expn,
    /// RFC 5321 §4.1.1.8. Its argument is not kept: there is one help text.
    Help,
    /// RFC 3207 §4.
    StartTls,
    /// RFC 4954 §4.
    Auth {
        /// The mechanism's name in capitals.
        mechanism: String,
        /// What came with the command, decoded; `=` stands for the empty response.
        initial: Option<Secret>,
    },
}

/// What a client sends in an AUTH dialogue (RFC 4954 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthResponse {
    /// `*`: the client gives up.
    Cancel,
    /// The decoded octets.
    Data(Secret),
}

/// Octets that may hold a password and are therefore never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Command {
    /// The first word of the command.
    pub fn verb(&self) -> Verb {
        match self {
            Command::Ehlo(_) => Verb::Ehlo,
            Command::Helo(_) => Verb::Helo,
            Command::Mail { .. } => Verb::Mail,
            Command::Rcpt { .. } => Verb::Rcpt,
            Command::Data => Verb::Data,
            Command::Bdat { .. } => Verb::Bdat,
            Command::Rset => Verb::Rset,
            Command::Noop => Verb::Noop,
            Command::Quit => Verb::Quit,
            Command::Vrfy => Verb::Vrfy,
            Command::Expn => Verb::Expn,
            Command::Help => Verb::Help,
            Command::StartTls => Verb::StartTls,
            Command::Auth { .. } => Verb::Auth,
        }
    }
}

/// Writes the command as a client would send it, without the line end. What the parser did not keep is not there.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb().name())?;
        match self {
            Command::Ehlo(name) | Command::Helo(name) => write!(f, " {name}"),
            Command::Mail { from, parameters } => write!(f, " FROM:{from}{parameters}"),
            Command::Rcpt { to, parameters } => write!(f, " TO:{to}{parameters}"),
            Command::Bdat { octets, last } => {
                write!(f, " {octets}{}", if *last { " LAST" } else { "" })
            }
            Command::Vrfy | Command::Expn => f.write_str(" postmaster"),
            Command::Auth { mechanism, initial } => {
                write!(f, " {mechanism}")?;
                match initial {
                    Some(Secret(octets)) if octets.is_empty() => f.write_str(" ="),
                    Some(Secret(octets)) => write!(f, " {}", BASE64.encode(octets)),
                    None => Ok(()),
                }
            }
            Command::Data
            | Command::Rset
            | Command::Noop
            | Command::Quit
            | Command::Help
            | Command::StartTls => Ok(()),
        }
    }
}

/// Reads one line, given without its line end.
pub fn parse_command(line: &[u8]) -> Result<Command, SyntaxError> {
    let line = parse_text(line)?;
    let mut cursor = Cursor::new(line.trim_end_matches([' ', '\t']));
    let word = cursor.take_while(|c| c != ' ' && c != '\t');
    let verb = Verb::parse(word).ok_or(SyntaxError::UnknownVerb)?;
    cursor.skip_blanks();
    match verb {
        Verb::Ehlo => parse_name(verb, cursor).map(Command::Ehlo),
        Verb::Helo => parse_name(verb, cursor).map(Command::Helo),
        Verb::Mail => parse_mail(cursor),
        Verb::Rcpt => parse_rcpt(cursor),
        Verb::Bdat => parse_bdat(cursor).ok_or(SyntaxError::ChunkSize),
        Verb::Auth => parse_auth(cursor),
        Verb::Data => alone(Command::Data, cursor),
        Verb::Rset => alone(Command::Rset, cursor),
        Verb::Quit => alone(Command::Quit, cursor),
        Verb::StartTls => alone(Command::StartTls, cursor),
        Verb::Vrfy => with_argument(Command::Vrfy, cursor),
        Verb::Expn => with_argument(Command::Expn, cursor),
        Verb::Noop => Ok(Command::Noop),
        Verb::Help => Ok(Command::Help),
        Verb::Obsolete => Err(SyntaxError::NotImplemented),
    }
}

/// Reads one line of an AUTH dialogue, given without its line end (RFC 4954 §4).
pub fn parse_auth_response(line: &[u8]) -> Result<AuthResponse, SyntaxError> {
    match line {
        b"*" => Ok(AuthResponse::Cancel),
        encoded => BASE64
            .decode(encoded)
            .map(|octets| AuthResponse::Data(Secret(octets)))
            .map_err(|_| SyntaxError::Base64),
    }
}

/// A line holds UTF-8 without control characters; nothing that is printed or logged from it can break a line.
fn parse_text(line: &[u8]) -> Result<&str, SyntaxError> {
    let text = std::str::from_utf8(line).map_err(|_| SyntaxError::Octets)?;
    match text.chars().any(|c| c.is_control() && c != '\t') {
        true => Err(SyntaxError::Octets),
        false => Ok(text),
    }
}

fn alone(command: Command, cursor: Cursor<'_>) -> Result<Command, SyntaxError> {
    match cursor.at_end() {
        true => Ok(command),
        false => Err(SyntaxError::Argument(command.verb())),
    }
}

fn with_argument(command: Command, cursor: Cursor<'_>) -> Result<Command, SyntaxError> {
    match cursor.at_end() {
        true => Err(SyntaxError::Argument(command.verb())),
        false => Ok(command),
    }
}

fn parse_name(verb: Verb, cursor: Cursor<'_>) -> Result<ClientName, SyntaxError> {
    ClientName::parse(cursor.rest()).ok_or(SyntaxError::Argument(verb))
}

fn parse_mail(mut cursor: Cursor<'_>) -> Result<Command, SyntaxError> {
    if !cursor.eat_word("FROM:") {
        return Err(SyntaxError::Argument(Verb::Mail));
    }
    cursor.skip_blanks();
    let from = parse_reverse_path(&mut cursor).ok_or(SyntaxError::Path(PathKind::Reverse))?;
    let parameters = MailParameters::parse(&mut cursor)?;
    match from.is_ascii() || parameters.utf8 {
        true => Ok(Command::Mail { from, parameters }),
        false => Err(SyntaxError::NeedsUtf8(PathKind::Reverse)),
    }
}

fn parse_rcpt(mut cursor: Cursor<'_>) -> Result<Command, SyntaxError> {
    if !cursor.eat_word("TO:") {
        return Err(SyntaxError::Argument(Verb::Rcpt));
    }
    cursor.skip_blanks();
    let to = parse_forward_path(&mut cursor).ok_or(SyntaxError::Path(PathKind::Forward))?;
    let parameters = RcptParameters::parse(&mut cursor)?;
    Ok(Command::Rcpt { to, parameters })
}

fn parse_bdat(mut cursor: Cursor<'_>) -> Option<Command> {
    let octets = cursor.take_while(|c| c.is_ascii_digit()).parse().ok()?;
    let separated = cursor.skip_blanks();
    let last = separated && cursor.eat_word("LAST");
    cursor.at_end().then_some(Command::Bdat { octets, last })
}

fn parse_auth(mut cursor: Cursor<'_>) -> Result<Command, SyntaxError> {
    let mechanism = cursor
        .take_while(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        .to_ascii_uppercase();
    let separated = cursor.skip_blanks();
    if mechanism.is_empty()
        || mechanism.len() > MECHANISM_OCTETS_MAX
        || !(separated || cursor.at_end())
    {
        return Err(SyntaxError::Argument(Verb::Auth));
    }
    let initial = match cursor.rest() {
        "" => None,
        "=" => Some(Secret(Vec::new())),
        encoded => Some(
            BASE64
                .decode(encoded)
                .map(Secret)
                .map_err(|_| SyntaxError::Base64)?,
        ),
    };
    Ok(Command::Auth { mechanism, initial })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(line: &str) -> Result<String, SyntaxError> {
        parse_command(line.as_bytes()).map(|command| command.to_string())
    }

    #[test]
    fn commands_are_read_and_written_in_their_simplest_form() {
        let table = [
            ("ehlo client.test", "EHLO client.test"),
            ("HELO  client.test  ", "HELO client.test"),
            ("MAIL FROM:<a@b.test>", "MAIL FROM:<a@b.test>"),
            (
                "mail from: <a@b.test> size=10 body=8bitmime",
                "MAIL FROM:<a@b.test> SIZE=10 BODY=8BITMIME",
            ),
            (
                "MAIL FROM:<> BODY=BINARYMIME SMTPUTF8",
                "MAIL FROM:<> BODY=BINARYMIME SMTPUTF8",
            ),
            (
                "MAIL FROM:<e@b.test> AUTH=e+3Dmc2@example.test",
                "MAIL FROM:<e@b.test> AUTH=<>",
            ),
            (
                "MAIL FROM:<a@b.test> SIZE=99999999999999999999",
                "MAIL FROM:<a@b.test> SIZE=18446744073709551615",
            ),
            ("rcpt to:<a@b.test>", "RCPT TO:<a@b.test>"),
            ("RCPT TO: <Postmaster>", "RCPT TO:<postmaster>"),
            ("DATA ", "DATA"),
            ("BDAT 0 LAST", "BDAT 0 LAST"),
            ("bdat 86", "BDAT 86"),
            ("NOOP what ever", "NOOP"),
            ("HELP mail", "HELP"),
            ("VRFY smith", "VRFY postmaster"),
            ("STARTTLS", "STARTTLS"),
            ("AUTH plain AGEAYg==", "AUTH PLAIN AGEAYg=="),
            ("AUTH PLAIN =", "AUTH PLAIN ="),
            ("AUTH SCRAM-SHA-256-PLUS", "AUTH SCRAM-SHA-256-PLUS"),
        ];
        for (line, expected) in table {
            assert_eq!(written(line).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn each_kind_of_mistake_has_its_own_error() {
        use SyntaxError::*;
        let table = [
            ("", UnknownVerb),
            ("XYZZY", UnknownVerb),
            ("MAILFROM:<a@b.test>", UnknownVerb),
            (" MAIL FROM:<a@b.test>", UnknownVerb),
            ("TURN", NotImplemented),
            ("EHLO", Argument(Verb::Ehlo)),
            ("EHLO a b", Argument(Verb::Ehlo)),
            ("MAIL", Argument(Verb::Mail)),
            ("MAIL TO:<a@b.test>", Argument(Verb::Mail)),
            ("MAIL FROM <a@b.test>", Argument(Verb::Mail)),
            ("MAIL FROM:a@b.test", Path(PathKind::Reverse)),
            ("RCPT TO:<>", Path(PathKind::Forward)),
            ("MAIL FROM:<ä@b.test>", NeedsUtf8(PathKind::Reverse)),
            ("MAIL FROM:<a@b.test> RET=ALL", ParameterInvalid),
            ("MAIL FROM:<a@b.test> RET=FULL RET=HDRS", ParameterInvalid),
            ("MAIL FROM:<a@b.test> ENVID=a+3", ParameterInvalid),
            ("MAIL FROM:<a@b.test> HOLDFOR=0", ParameterInvalid),
            (
                "MAIL FROM:<a@b.test> HOLDFOR=1 HOLDUNTIL=2030-01-01T00:00:00Z",
                ParameterInvalid,
            ),
            ("MAIL FROM:<a@b.test> REQUIRETLS=yes", ParameterInvalid),
            ("MAIL FROM:<a@b.test> BY=120;R", ParameterUnknown),
            ("MAIL FROM:<a@b.test>SIZE=1", ParameterInvalid),
            ("MAIL FROM:<a@b.test> SIZE=1 SIZE=1", ParameterInvalid),
            ("MAIL FROM:<a@b.test> SIZE=", ParameterInvalid),
            ("MAIL FROM:<a@b.test> SIZE=-1", ParameterInvalid),
            ("MAIL FROM:<a@b.test> SIZE=1=2", ParameterInvalid),
            ("MAIL FROM:<a@b.test> BODY=9BIT", ParameterInvalid),
            ("MAIL FROM:<a@b.test> SMTPUTF8=yes", ParameterInvalid),
            ("MAIL FROM:<a@b.test> AUTH=a", ParameterInvalid),
            ("RCPT TO:<a@b.test> NOTIFY=NEVER,DELAY", ParameterInvalid),
            ("RCPT TO:<a@b.test> NOTIFY=", ParameterInvalid),
            ("RCPT TO:<a@b.test> ORCPT=a@b.test", ParameterInvalid),
            ("RCPT TO:<a@b.test> RRVS=x", ParameterUnknown),
            ("DATA now", Argument(Verb::Data)),
            ("RSET x", Argument(Verb::Rset)),
            ("QUIT x", Argument(Verb::Quit)),
            ("STARTTLS x", Argument(Verb::StartTls)),
            ("VRFY", Argument(Verb::Vrfy)),
            ("EXPN ", Argument(Verb::Expn)),
            ("BDAT", ChunkSize),
            ("BDAT x", ChunkSize),
            ("BDAT 1 FIRST", ChunkSize),
            ("BDAT 1LAST", ChunkSize),
            ("BDAT 99999999999999999999", ChunkSize),
            ("AUTH", Argument(Verb::Auth)),
            ("AUTH PLAIN!", Argument(Verb::Auth)),
            ("AUTH PLAIN ???", Base64),
            ("NOOP \u{7}", Octets),
            ("MAIL FROM:<a\r@b.test>", Octets),
        ];
        for (line, expected) in table {
            assert_eq!(written(line), Err(expected), "{line}");
        }
        assert_eq!(parse_command(b"NOOP \xff"), Err(Octets));
        assert_eq!(parse_command(b"RSET\0"), Err(Octets));
    }

    #[test]
    fn an_auth_response_is_base64_or_a_star() {
        assert_eq!(parse_auth_response(b"*"), Ok(AuthResponse::Cancel));
        assert_eq!(
            parse_auth_response(b""),
            Ok(AuthResponse::Data(Secret(vec![])))
        );
        assert_eq!(
            parse_auth_response(b"YQ=="),
            Ok(AuthResponse::Data(Secret(b"a".to_vec())))
        );
        assert_eq!(parse_auth_response(b"YQ"), Err(SyntaxError::Base64));
        assert_eq!(parse_auth_response(b"a b"), Err(SyntaxError::Base64));
    }

    #[test]
    fn secrets_are_not_printed() {
        let command = parse_command(b"AUTH PLAIN AGEAc2VjcmV0").unwrap();
        assert!(!format!("{command:?}").contains("115"));
    }
}
