//! Text to [`Dialogue`]: the header's words and the steps' words.
//!
//! Everything that is not understood is an error with file and line; a dialogue that checks nothing is one too, for it
//! would pass whatever the server does.

use super::block::{Block, blocks};
use super::step::{Action, Append, Expectation, ReplyLine, Setup, Step};
use super::template::{ESCAPED, ESCAPED_PATTERN, PATTERN, TEXT, Template, Values};
use super::{Dialogue, Listener};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Why a file is not a dialogue.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}: {reason}")]
pub struct ParseError {
    /// The file.
    pub file: String,
    /// Line in the file, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// The password of all accounts that the harness makes.
pub const PASSWORD: &str = "testpass";

/// The domain that names without one belong to.
pub const DOMAIN: &str = "example.test";

type Reason = (usize, String);

impl Dialogue {
    /// Reads a dialogue.
    pub fn parse(path: &Path, text: &str) -> Result<Dialogue, ParseError> {
        parse(path, text).map_err(|(line, reason)| ParseError {
            file: path.display().to_string(),
            line,
            reason,
        })
    }
}

fn parse(path: &Path, text: &str) -> Result<Dialogue, Reason> {
    let lines: Vec<(usize, &str)> = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .collect();
    let end = lines
        .iter()
        .position(|(_, line)| line.trim_end() == "---")
        .ok_or((1, "no line --- between the header and the steps".to_owned()))?;
    if !lines
        .first()
        .is_some_and(|(_, line)| line.starts_with("# "))
    {
        return Err((
            1,
            "the first line says what the file shows: # ...".to_owned(),
        ));
    }
    let setup = setup(&blocks(&lines[..end]))?;
    let steps = steps(&blocks(&lines[end + 1..]))?;
    if !steps.iter().any(|step| step.action.checks()) {
        return Err((lines.len(), "the dialogue checks nothing".to_owned()));
    }
    Ok(Dialogue {
        path: path.to_owned(),
        setup,
        steps,
    })
}

fn setup(blocks: &[Block<'_>]) -> Result<Setup, Reason> {
    let mut listener = None;
    let mut setup = Setup {
        listener: Listener::Imap,
        config: toml::Table::new(),
        accounts: Vec::new(),
        mailctl: Vec::new(),
        messages: BTreeMap::new(),
        appends: Vec::new(),
    };
    for block in blocks {
        let at = |reason: String| (block.line, reason);
        let (word, value) = block
            .text
            .split_once(':')
            .ok_or_else(|| at(format!("{} is not a line of a header", block.text)))?;
        let value = value.trim();
        match word {
            "protocol" => {
                listener = Listener::parse(value);
                listener.ok_or_else(|| at(format!("there is no protocol {value}")))?;
            }
            "config" => {
                let text: Vec<&str> = block.body.iter().map(|(_, text)| *text).collect();
                setup.config = text
                    .join("\n")
                    .parse()
                    .map_err(|error| at(format!("config: {error}")))?;
            }
            "accounts" => setup.accounts.extend(value.split_whitespace().map(address)),
            "mailctl" => setup.mailctl.push(words(value).map_err(at)?),
            "append" => setup.appends.push(append(value).map_err(at)?),
            _ => {
                let (name, message) = message(word, block).map_err(at)?;
                if setup.messages.insert(name, message).is_some() {
                    return Err(at("a second message of this name".to_owned()));
                }
            }
        }
    }
    setup.listener = listener.ok_or((1, "protocol: is missing".to_owned()))?;
    for append in &setup.appends {
        if !setup.messages.contains_key(&append.message) {
            return Err((1, format!("append: there is no message {}", append.message)));
        }
    }
    Ok(setup)
}

/// `message NAME:` with CRLF line ends, or `message NAME escaped:` whose lines may hold escapes and functions.
fn message(word: &str, block: &Block<'_>) -> Result<(String, Vec<u8>), String> {
    let words: Vec<&str> = word.split_whitespace().collect();
    let (name, escaped) = match words[..] {
        ["message", name] => (name, false),
        ["message", name, "escaped"] => (name, true),
        _ => return Err(format!("{word}: is not a word of the header")),
    };
    let mut message = Vec::new();
    for (_, line) in &block.body {
        let bytes = if escaped {
            Template::parse(line, ESCAPED)?.bytes(&Values::default())?
        } else {
            line.as_bytes().to_vec()
        };
        message.extend(bytes);
        message.extend_from_slice(b"\r\n");
    }
    Ok((name.to_owned(), message))
}

/// `alice INBOX hello (\Seen) "01-Jan-2026 10:00:00 +0000" x 20`; a mailbox's name may stand in quotes.
fn append(value: &str) -> Result<Append, String> {
    let wrong = || "append: ACCOUNT MAILBOX MESSAGE [(FLAGS)] [\"DATE\"] [x TIMES]".to_owned();
    let (account, rest) = value.split_once(' ').ok_or_else(wrong)?;
    let (mailbox, rest) = match rest.strip_prefix('"') {
        Some(rest) => rest.split_once("\" ").ok_or_else(wrong)?,
        None => rest.split_once(' ').ok_or_else(wrong)?,
    };
    let (message, attributes) = rest.split_once(' ').unwrap_or((rest, ""));
    let (attributes, times) = match attributes.rsplit_once('x') {
        Some((before, times)) if times.trim().parse::<usize>().is_ok() => {
            (before, times.trim().parse().map_err(|_| wrong())?)
        }
        _ => (attributes, 1),
    };
    Ok(Append {
        account: address(account),
        mailbox: mailbox.to_owned(),
        message: message.to_owned(),
        attributes: attributes.trim().to_owned(),
        times,
    })
}

/// `alice` is `alice@example.test`; `<>` and full addresses are themselves.
pub fn address(name: &str) -> String {
    if name.contains('@') || name == "<>" {
        name.to_owned()
    } else {
        format!("{name}@{DOMAIN}")
    }
}

fn steps(blocks: &[Block<'_>]) -> Result<Vec<Step>, Reason> {
    blocks.iter().map(step).collect()
}

fn step(block: &Block<'_>) -> Result<Step, Reason> {
    let (connection, text) = label(block.text);
    let action = action(text, block)?;
    let takes_body = matches!(
        action,
        Action::Repeat { .. }
            | Action::Expect(Expectation::Unordered(_) | Expectation::Reply { .. })
    );
    if !takes_body && !block.body.is_empty() {
        return Err((
            block.body[0].0,
            "nothing may be indented under this step".to_owned(),
        ));
    }
    Ok(Step {
        line: block.line,
        source: block.text.to_owned(),
        connection: connection.to_owned(),
        action,
    })
}

/// Cuts the connection's label from a step: a number, or a listener's name with or without a number.
fn label(text: &str) -> (&str, &str) {
    match text.split_once(' ') {
        Some((label, rest))
            if label.chars().all(|c| c.is_ascii_digit()) || Listener::of_label(label).is_some() =>
        {
            (label, rest)
        }
        _ => ("1", text),
    }
}

fn action(text: &str, block: &Block<'_>) -> Result<Action, Reason> {
    let at = |reason: String| (block.line, reason);
    if let Some((verb, content)) = speech(text) {
        return match verb.split(' ').next() {
            Some("C") => send(verb, content).map_err(at),
            _ => expect(verb, content, block).map(Action::Expect),
        };
    }
    let words = words(text).map_err(at)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["connect", ref rest @ ..] => connect(rest).map_err(at),
        ["login", user] => Ok(Action::Login {
            user: address(user),
            password: PASSWORD.to_owned(),
        }),
        ["login", user, password] => Ok(Action::Login {
            user: address(user),
            password: password.to_owned(),
        }),
        ["starttls"] => Ok(Action::StartTls),
        ["tls"] => Ok(Action::Handshake),
        ["compress"] => Ok(Action::Compress),
        ["uncompress"] => Ok(Action::Uncompress),
        ["eof"] => Ok(Action::Eof),
        ["close"] => Ok(Action::Close),
        ["expect", "nothing", time] => duration(time).map(Action::Nothing).map_err(at),
        ["sleep", time] => duration(time).map(Action::Sleep).map_err(at),
        ["mailctl", ref rest @ ..] => Ok(Action::Mailctl(
            rest.iter().map(|word| (*word).to_owned()).collect(),
        )),
        ["deliver", message, ref rest @ ..] => deliver(message, rest).map_err(at),
        ["repeat", times] => {
            let times = times.trim_end_matches(':');
            let times = times
                .parse()
                .map_err(|_| at(format!("{times} is not a number")))?;
            Ok(Action::Repeat {
                times,
                steps: steps(&blocks(&block.body))?,
            })
        }
        _ => Err(at(format!("{text}: there is no such step"))),
    }
}

/// Tells `C: text` and its relatives from other steps: the words before the colon, and what follows it.
fn speech(text: &str) -> Option<(&str, &str)> {
    const VERBS: [&str; 8] = [
        "C",
        "C raw",
        "C data",
        "S",
        "S raw",
        "S data",
        "S unordered",
        "S reply",
    ];
    let (verb, content) = text.split_once(':')?;
    let verb = VERBS.into_iter().find(|known| *known == verb)?;
    Some((verb, content.strip_prefix(' ').unwrap_or(content)))
}

fn send(verb: &str, content: &str) -> Result<Action, String> {
    match verb {
        "C raw" => Ok(Action::Send(Template::parse(content, ESCAPED)?)),
        "C data" => Ok(Action::SendData(Template::parse(content, ESCAPED)?)),
        _ => Ok(Action::Send(
            Template::parse(content, TEXT)?.with_end(b"\r\n"),
        )),
    }
}

fn expect(verb: &str, content: &str, block: &Block<'_>) -> Result<Expectation, Reason> {
    let parse = |line: usize, text: &str, dialect| {
        Template::parse(text, dialect).map_err(|reason| (line, reason))
    };
    match verb {
        "S raw" => parse(block.line, content, ESCAPED).map(Expectation::Raw),
        "S data" => parse(block.line, content, ESCAPED_PATTERN).map(Expectation::Data),
        "S unordered" => block
            .body
            .iter()
            .map(|&(line, text)| Ok((line, parse(line, text, PATTERN)?)))
            .collect::<Result<_, _>>()
            .map(Expectation::Unordered),
        "S reply" => {
            let line = |&(line, text): &(usize, &str)| {
                let (present, text) = match text.strip_prefix("no ") {
                    Some(text) => (false, text),
                    None => (true, text),
                };
                Ok(ReplyLine {
                    line,
                    present,
                    pattern: parse(line, text, PATTERN)?,
                })
            };
            let last = content.trim_end_matches(':');
            let lines = block.body.iter().map(line).collect::<Result<_, Reason>>()?;
            Ok(Expectation::Reply {
                last: parse(block.line, last, PATTERN)?,
                lines,
            })
        }
        _ => parse(block.line, content, PATTERN).map(Expectation::One),
    }
}

/// `connect [LISTENER] [from ADDRESS]`.
fn connect(words: &[&str]) -> Result<Action, String> {
    let (listener, words) = match words.split_first() {
        Some((word, rest)) if *word != "from" => (
            Some(Listener::parse(word).ok_or(format!("there is no listener {word}"))?),
            rest,
        ),
        _ => (None, words),
    };
    let from = match words {
        [] => None,
        ["from", address] => Some(
            address
                .parse()
                .map_err(|_| format!("{address} is not an IP address"))?,
        ),
        _ => return Err("connect [LISTENER] [from ADDRESS]".to_owned()),
    };
    Ok(Action::Connect { listener, from })
}

/// `deliver MESSAGE [from SENDER] to RECIPIENT...`.
fn deliver(message: &str, words: &[&str]) -> Result<Action, String> {
    let (from, to) = match words {
        ["from", from, "to", to @ ..] => (*from, to),
        ["to", to @ ..] => ("sender@elsewhere.test", to),
        _ => return Err("deliver MESSAGE [from SENDER] to RECIPIENT...".to_owned()),
    };
    Ok(Action::Deliver {
        message: message.to_owned(),
        from: address(from),
        to: to.iter().map(|name| address(name)).collect(),
    })
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text} is not a time such as 200ms or 2s");
    if let Some(number) = text.strip_suffix("ms") {
        return number
            .parse()
            .map(Duration::from_millis)
            .map_err(|_| wrong());
    }
    let number = text.strip_suffix('s').ok_or_else(wrong)?;
    number.parse().map(Duration::from_secs).map_err(|_| wrong())
}

/// Words between spaces; double quotes keep spaces in a word.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    for (index, part) in text.split('"').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    if text.matches('"').count() % 2 == 1 {
        return Err("a quote is not closed".to_owned());
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Dialogue, ParseError> {
        Dialogue::parse(Path::new("x.chat"), text)
    }

    const HEADER: &str = "# what\nprotocol: imap\n---\n";

    #[test]
    fn a_whole_file_is_read() {
        let text = concat!(
            "# what it shows\nprotocol: imap\nconfig:\n    [imapd]\n    x = 1\n",
            "accounts: carol dave@other.test\nmailctl: alias add \"a b\" c\n",
            "message hello:\n    A: b\n\n    body\nappend: alice INBOX hello (\\Seen) x 20\n---\n",
            "# comment\nlogin alice\nC: a SELECT INBOX\nS unordered:\n    * 1 EXISTS\n    * 0 RECENT\n",
            "S reply: a OK\n    no * 1 EXPUNGE\n2 connect from 127.0.0.9\nsmtp C: EHLO x\nsmtp S: 250\n",
            "expect nothing 200ms\nrepeat 3:\n    C: {i} NOOP\n    S: {i} OK\n",
        );
        let dialogue = read(text).unwrap();
        assert_eq!(dialogue.setup.messages["hello"], b"A: b\r\n\r\nbody\r\n");
        assert_eq!(
            dialogue.setup.accounts,
            ["carol@example.test", "dave@other.test"]
        );
        assert_eq!(dialogue.setup.mailctl, [["alias", "add", "a b", "c"]]);
        assert_eq!(dialogue.setup.appends[0].times, 20);
        assert_eq!(dialogue.setup.appends[0].attributes, "(\\Seen)");
        let connections: Vec<&str> = dialogue
            .steps
            .iter()
            .map(|step| step.connection.as_str())
            .collect();
        assert_eq!(
            connections,
            ["1", "1", "1", "1", "2", "smtp", "smtp", "1", "1"]
        );
        let Action::Repeat { times: 3, steps } = &dialogue.steps[8].action else {
            panic!()
        };
        assert_eq!(steps.len(), 2);
    }

    #[test]
    fn a_dialogue_that_checks_nothing_is_an_error() {
        let error = read(&format!("{HEADER}C: a NOOP\n")).unwrap_err();
        assert_eq!(error.to_string(), "x.chat:4: the dialogue checks nothing");
    }

    #[test]
    fn errors_name_the_line() {
        let error = read(&format!("{HEADER}S: * OK\nhello world\n")).unwrap_err();
        assert_eq!(error.line, 5);
        let error = read(&format!("{HEADER}S: * OK\n    indented\n")).unwrap_err();
        assert_eq!(error.line, 5);
        assert!(read("protocol: imap\n---\nS: x\n").is_err());
        assert!(read("# x\nprotocol: gopher\n---\nS: x\n").is_err());
    }
}
