//! Plays a dialogue: does its steps one after the other, and stops at the first that does not come out as written.
//!
//! `C:` lines that follow each other on one connection go out in one write, as a pipelining client sends them. At the
//! end each connection that is still open is closed for writing, and the server must close it without another word:
//! a line that the dialogue does not expect is a failure, wherever it comes.

use super::parse::PASSWORD;
use super::pattern::{Matcher, is_class, smtp_class};
use super::step::{Action, Append, Expectation, ReplyLine, Step};
use super::template::{Template, Values};
use super::transcript::{Transcript, show};
use super::{Dialogue, Listener, Protocol, World};
use crate::link::{Link, ReadError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// How long the server may take for what it is expected to say. Generous: the machine may be busy with other tests.
const REPLY_TIME_MAX: Duration = Duration::from_secs(20);

/// The name that certificates are asked for.
const SERVER_NAME: &str = "mail.example.test";

/// A step that did not come out as written.
#[derive(Debug)]
pub struct Failure {
    place: String,
    step: String,
    reason: String,
    transcript: String,
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.place, self.step)?;
        writeln!(f, "{}", self.reason)?;
        write!(f, "--- what was said\n{}", self.transcript)
    }
}

/// Plays `dialogue` against `world`.
pub fn run(dialogue: &Dialogue, world: &dyn World) -> Result<(), Box<Failure>> {
    let mut values = Values {
        messages: dialogue.setup.messages.clone(),
        ..Values::default()
    };
    values
        .variables
        .insert("hostname".to_owned(), SERVER_NAME.as_bytes().to_vec());
    let mut player = Player {
        listener: dialogue.setup.listener,
        world,
        links: BTreeMap::new(),
        closed: BTreeSet::new(),
        pending: None,
        values,
        transcript: Transcript::new(),
    };
    let failure = |player: &Player<'_>, line: usize, step: &str, reason: String| {
        Box::new(Failure {
            place: format!("{}:{line}", dialogue.path.display()),
            step: step.to_owned(),
            reason,
            transcript: player.transcript.to_string(),
        })
    };
    for append in &dialogue.setup.appends {
        player
            .append(append)
            .map_err(|reason| failure(&player, 1, "append in the header", reason))?;
    }
    player.transcript = Transcript::new();
    player
        .steps(&dialogue.steps)
        .map_err(|(step, reason)| failure(&player, step.line, &step.source, reason))?;
    player
        .finish()
        .map_err(|reason| failure(&player, 0, "end of the dialogue", reason))
}

struct Player<'a> {
    listener: Listener,
    world: &'a dyn World,
    links: BTreeMap<String, Link>,
    closed: BTreeSet<String>,
    /// What waits to be sent on a connection, until a step that is not a send.
    pending: Option<(String, Vec<u8>)>,
    values: Values,
    transcript: Transcript,
}

type Reason = String;

impl Player<'_> {
    fn steps<'s>(&mut self, steps: &'s [Step]) -> Result<(), (&'s Step, Reason)> {
        for step in steps {
            if let Action::Repeat { times, steps } = &step.action {
                for i in 1..=*times {
                    let value = i.to_string().into_bytes();
                    self.values.variables.insert("i".to_owned(), value);
                    self.steps(steps)?;
                }
            } else {
                self.step(step).map_err(|reason| (step, reason))?;
            }
        }
        self.flush()
            .map_err(|reason| (&steps[steps.len() - 1], reason))
    }

    fn step(&mut self, step: &Step) -> Result<(), Reason> {
        let connection = step.connection.as_str();
        match &step.action {
            Action::Send(text) => return self.queue(connection, text.bytes(&self.values)?),
            Action::SendData(text) => {
                let data = dot_stuffed(&text.bytes(&self.values)?);
                return self.queue(connection, data);
            }
            _ => self.flush()?,
        }
        match &step.action {
            Action::Connect { listener, from } => self.connect(connection, *listener, *from),
            Action::Login { user, password } => self.login(connection, user, password),
            Action::StartTls => self.start_tls(connection),
            Action::Handshake => self.handshake(connection),
            Action::Compress => self.compress(connection),
            Action::Uncompress => self.link(connection)?.set_compressed(false),
            Action::Expect(expectation) => self.expect(connection, expectation),
            Action::Nothing(time) => self.expect_nothing(connection, *time),
            Action::Eof => self.expect_eof(connection),
            Action::Close => self.close(connection),
            Action::Sleep(time) => {
                std::thread::sleep(*time);
                Ok(())
            }
            Action::Mailctl(arguments) => self.mailctl(arguments),
            Action::Deliver { message, from, to } => self.deliver(message, from, to),
            // Sends were handled above; repetitions in `steps`.
            Action::Send(_) | Action::SendData(_) | Action::Repeat { .. } => Ok(()),
        }
    }

    // --- connections

    fn listener_of(&self, connection: &str) -> Listener {
        Listener::of_label(connection).unwrap_or(self.listener)
    }

    fn connect(
        &mut self,
        connection: &str,
        listener: Option<Listener>,
        from: Option<IpAddr>,
    ) -> Result<(), Reason> {
        let listener = listener.unwrap_or_else(|| self.listener_of(connection));
        let address = self.world.address(listener)?;
        let failed = |error| format!("no connection to {} at {address}: {error}", listener.name());
        let mut link = Link::connect(address, from, listener.protocol()).map_err(failed)?;
        if listener.is_tls() {
            link = link.start_tls(SERVER_NAME).map_err(failed)?;
        }
        self.note(connection, format!("connected to {}", listener.name()));
        self.closed.remove(connection);
        self.links.insert(connection.to_owned(), link);
        Ok(())
    }

    /// The connection; if it was never opened it is opened now, and its greeting must be a good one.
    fn link(&mut self, connection: &str) -> Result<&mut Link, Reason> {
        if !self.links.contains_key(connection) {
            if self.closed.contains(connection) {
                return Err(format!("connection {connection} is closed"));
            }
            self.connect(connection, None, None)?;
            self.greeting(connection)?;
        }
        self.links
            .get_mut(connection)
            .ok_or_else(|| "not connected".to_owned())
    }

    fn greeting(&mut self, connection: &str) -> Result<(), Reason> {
        let good = match self.listener_of(connection).protocol() {
            Protocol::Smtp => return self.smtp_reply(connection, "220").map(drop),
            Protocol::Imap => "* OK ",
            Protocol::Pop3 => "+OK",
        };
        let greeting = self.response(connection)?;
        if greeting.starts_with(good.as_bytes()) {
            return Ok(());
        }
        Err(mismatch(
            &format!("a greeting that begins with {good}"),
            &greeting,
        ))
    }

    fn close(&mut self, connection: &str) -> Result<(), Reason> {
        self.note(connection, "closed by the client".to_owned());
        self.closed.insert(connection.to_owned());
        self.links
            .remove(connection)
            .map(drop)
            .ok_or_else(|| "not connected".to_owned())
    }

    fn handshake(&mut self, connection: &str) -> Result<(), Reason> {
        let link = self.links.remove(connection).ok_or("not connected")?;
        let link = link
            .start_tls(SERVER_NAME)
            .map_err(|error| format!("TLS: {error}"))?;
        self.note(connection, "TLS".to_owned());
        self.links.insert(connection.to_owned(), link);
        Ok(())
    }

    fn start_tls(&mut self, connection: &str) -> Result<(), Reason> {
        match self.link(connection)?.protocol {
            Protocol::Smtp => {
                self.say(connection, "EHLO client.example.test")?;
                self.smtp_reply(connection, "250")?;
                self.say(connection, "STARTTLS")?;
                self.smtp_reply(connection, "220")?;
            }
            Protocol::Imap => {
                self.say(connection, "starttls STARTTLS")?;
                self.completed(connection, "starttls OK")?;
            }
            Protocol::Pop3 => {
                self.say(connection, "STLS")?;
                self.completed(connection, "+OK")?;
            }
        }
        self.handshake(connection)
    }

    fn compress(&mut self, connection: &str) -> Result<(), Reason> {
        self.say(connection, "compress COMPRESS DEFLATE")?;
        self.completed(connection, "compress OK")?;
        self.link(connection)?.set_compressed(true)
    }

    fn login(&mut self, connection: &str, user: &str, password: &str) -> Result<(), Reason> {
        match self.link(connection)?.protocol {
            Protocol::Smtp => {
                let plain = BASE64.encode(format!("\0{user}\0{password}"));
                self.say(connection, "EHLO client.example.test")?;
                self.smtp_reply(connection, "250")?;
                self.say(connection, &format!("AUTH PLAIN {plain}"))?;
                self.smtp_reply(connection, "235").map(drop)
            }
            Protocol::Imap => {
                self.say(connection, &format!("login LOGIN {user} {password}"))?;
                self.completed(connection, "login OK")
            }
            Protocol::Pop3 => {
                self.say(connection, &format!("USER {user}"))?;
                self.completed(connection, "+OK")?;
                self.say(connection, &format!("PASS {password}"))?;
                self.completed(connection, "+OK")
            }
        }
    }

    /// Closes what is still open; the server must follow, without another word.
    fn finish(&mut self) -> Result<(), Reason> {
        let connections: Vec<String> = self.links.keys().cloned().collect();
        for connection in connections {
            self.link(&connection)?.finish_sending();
            self.expect_eof(&connection)?;
        }
        Ok(())
    }

    // --- what is sent

    fn queue(&mut self, connection: &str, bytes: Vec<u8>) -> Result<(), Reason> {
        if self
            .pending
            .as_ref()
            .is_some_and(|(other, _)| other != connection)
        {
            self.flush()?;
        }
        self.link(connection)?;
        let (_, pending) = self
            .pending
            .get_or_insert_with(|| (connection.to_owned(), Vec::new()));
        pending.extend(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Reason> {
        let Some((connection, bytes)) = self.pending.take() else {
            return Ok(());
        };
        self.transcript.note(&connection, "C", &bytes);
        let sent = self.link(&connection)?.send(&bytes);
        sent.map_err(|error| format!("could not send: {error}"))
    }

    fn say(&mut self, connection: &str, line: &str) -> Result<(), Reason> {
        self.queue(connection, format!("{line}\r\n").into_bytes())?;
        self.flush()
    }

    // --- what is expected

    fn expect(&mut self, connection: &str, expectation: &Expectation) -> Result<(), Reason> {
        match expectation {
            Expectation::One(pattern) => self.expect_one(connection, pattern),
            Expectation::Raw(text) => self.expect_raw(connection, text),
            Expectation::Data(pattern) => self.expect_data(connection, pattern),
            Expectation::Unordered(patterns) => self.expect_unordered(connection, patterns),
            Expectation::Reply { last, lines } => self.expect_reply(connection, last, lines),
        }
    }

    fn expect_one(&mut self, connection: &str, pattern: &Template) -> Result<(), Reason> {
        let protocol = self.link(connection)?.protocol;
        let class = is_class(&pattern.source, protocol);
        if class && protocol == Protocol::Smtp {
            return self.smtp_reply(connection, &pattern.source).map(drop);
        }
        let matcher = Matcher::new(pattern, &self.values, class)?;
        let response = self.response(connection)?;
        let bound = matcher
            .apply(&response)
            .ok_or_else(|| mismatch(&self.expected(pattern), &response))?;
        self.values.variables.extend(bound);
        Ok(())
    }

    fn expect_raw(&mut self, connection: &str, text: &Template) -> Result<(), Reason> {
        let expected = text.bytes(&self.values)?;
        let link = self.link(connection)?;
        let got = link.octets(expected.len(), REPLY_TIME_MAX);
        let got = got.map_err(|error| format!("{error}; received: {}", show(link.waiting())))?;
        self.transcript.note(connection, "S", &got);
        if got == expected {
            Ok(())
        } else {
            Err(mismatch(&show(&expected), &got))
        }
    }

    fn expect_data(&mut self, connection: &str, pattern: &Template) -> Result<(), Reason> {
        let mut data = Vec::new();
        loop {
            let line = self.response(connection)?;
            if line == b"." {
                break;
            }
            data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            data.extend_from_slice(b"\r\n");
        }
        let bound = Matcher::new(pattern, &self.values, false)?
            .apply(&data)
            .ok_or_else(|| mismatch(&self.expected(pattern), &data))?;
        self.values.variables.extend(bound);
        Ok(())
    }

    fn expect_unordered(
        &mut self,
        connection: &str,
        patterns: &[(usize, Template)],
    ) -> Result<(), Reason> {
        let mut left: Vec<&Template> = patterns.iter().map(|(_, pattern)| pattern).collect();
        while !left.is_empty() {
            let response = self.response(connection)?;
            let mut found = None;
            for (index, pattern) in left.iter().enumerate() {
                if let Some(bound) = Matcher::new(pattern, &self.values, false)?.apply(&response) {
                    found = Some((index, bound));
                    break;
                }
            }
            let Some((index, bound)) = found else {
                let left: Vec<String> = left.iter().map(|pattern| self.expected(pattern)).collect();
                return Err(mismatch(
                    &format!("one of\n  {}", left.join("\n  ")),
                    &response,
                ));
            };
            self.values.variables.extend(bound);
            left.remove(index);
        }
        Ok(())
    }

    fn expect_reply(
        &mut self,
        connection: &str,
        last: &Template,
        lines: &[ReplyLine],
    ) -> Result<(), Reason> {
        let responses = match self.link(connection)?.protocol {
            Protocol::Smtp => self.smtp_reply(connection, &last.source)?,
            Protocol::Imap => self.imap_reply(connection, last)?,
            Protocol::Pop3 => self.pop3_reply(connection, last)?,
        };
        for line in lines {
            let matcher = Matcher::new(&line.pattern, &self.values, false)?;
            let found = responses
                .iter()
                .find_map(|response| matcher.apply(response));
            match (line.present, found) {
                (true, None) => {
                    let expected = self.expected(&line.pattern);
                    return Err(format!(
                        "line {}: the reply has no\n  {expected}",
                        line.line
                    ));
                }
                (false, Some(_)) => {
                    let expected = self.expected(&line.pattern);
                    return Err(format!(
                        "line {}: the reply may not have\n  {expected}",
                        line.line
                    ));
                }
                (true, Some(bound)) => self.values.variables.extend(bound),
                (false, None) => {}
            }
        }
        Ok(())
    }

    /// A whole reply, each line of which has the class; its lines without code.
    fn smtp_reply(&mut self, connection: &str, class: &str) -> Result<Vec<Vec<u8>>, Reason> {
        let matcher = smtp_class(class)?;
        let mut lines = Vec::new();
        loop {
            let line = self.response(connection)?;
            if !matcher.is_match(&line) {
                return Err(mismatch(&format!("a reply {class}"), &line));
            }
            lines.push(line.get(4..).unwrap_or_default().to_vec());
            if line.get(3) != Some(&b'-') {
                return Ok(lines);
            }
        }
    }

    /// All responses up to the one that matches `last`, this too. Another response with the same tag is a mismatch.
    fn imap_reply(&mut self, connection: &str, last: &Template) -> Result<Vec<Vec<u8>>, Reason> {
        let matcher = Matcher::new(last, &self.values, is_class(&last.source, Protocol::Imap))?;
        let tag = match last.source.split(' ').next() {
            Some("*" | "+") | None => None,
            Some(tag) => Some(format!("{tag} ").into_bytes()),
        };
        let mut responses = Vec::new();
        loop {
            let response = self.response(connection)?;
            let is_last = matcher.apply(&response);
            let same_tag = tag.as_ref().is_some_and(|tag| response.starts_with(tag));
            responses.push(response);
            if let Some(bound) = is_last {
                self.values.variables.extend(bound);
                return Ok(responses);
            }
            if same_tag {
                let response = responses.pop().unwrap_or_default();
                return Err(mismatch(&self.expected(last), &response));
            }
        }
    }

    /// The lines between the status and the final dot, with dots unstuffed.
    fn pop3_reply(&mut self, connection: &str, status: &Template) -> Result<Vec<Vec<u8>>, Reason> {
        self.expect_one(connection, status)?;
        let mut lines = Vec::new();
        loop {
            let line = self.response(connection)?;
            if line == b"." {
                return Ok(lines);
            }
            lines.push(line.strip_prefix(b".").unwrap_or(&line).to_vec());
        }
    }

    fn completed(&mut self, connection: &str, last: &str) -> Result<(), Reason> {
        let template = Template::parse(last, super::template::PATTERN)?;
        match self.link(connection)?.protocol {
            Protocol::Imap => self.imap_reply(connection, &template).map(drop),
            Protocol::Smtp | Protocol::Pop3 => self.expect_one(connection, &template),
        }
    }

    fn expect_nothing(&mut self, connection: &str, time: Duration) -> Result<(), Reason> {
        let link = self.link(connection)?;
        match link.response(time) {
            Ok(response) => {
                self.transcript.note(connection, "S", &response);
                Err(mismatch("nothing", &response))
            }
            Err(ReadError::Timeout) if link.waiting().is_empty() => Ok(()),
            Err(ReadError::Timeout) => Err(mismatch("nothing", link.waiting())),
            Err(error) => Err(format!("expected nothing, but {error}")),
        }
    }

    fn expect_eof(&mut self, connection: &str) -> Result<(), Reason> {
        let link = self.link(connection)?;
        match link.response(REPLY_TIME_MAX) {
            Err(ReadError::Eof) if link.waiting().is_empty() => {
                self.note(connection, "closed by the server".to_owned());
                self.links.remove(connection);
                self.closed.insert(connection.to_owned());
                Ok(())
            }
            Err(ReadError::Eof) => Err(mismatch("the end of the connection", link.waiting())),
            Err(error) => Err(format!(
                "the server did not close connection {connection}: {error}"
            )),
            Ok(response) => {
                self.transcript.note(connection, "S", &response);
                Err(mismatch("the end of the connection", &response))
            }
        }
    }

    fn response(&mut self, connection: &str) -> Result<Vec<u8>, Reason> {
        let link = self.link(connection)?;
        match link.response(REPLY_TIME_MAX) {
            Ok(response) => {
                self.transcript.note(connection, "S", &response);
                Ok(response)
            }
            Err(error) => Err(format!("{error}; received: {}", show(link.waiting()))),
        }
    }

    /// The pattern as written, and with its variables' values if that is another text.
    fn expected(&self, pattern: &Template) -> String {
        match pattern.bytes(&self.values) {
            Ok(bytes) => show(&bytes),
            Err(_) => pattern.source.clone(),
        }
    }

    // --- other than talk

    fn mailctl(&mut self, arguments: &[String]) -> Result<(), Reason> {
        let printed = self.world.mailctl(arguments)?;
        self.transcript.note("-", "mailctl", printed.as_bytes());
        Ok(())
    }

    fn deliver(&mut self, message: &str, from: &str, to: &[String]) -> Result<(), Reason> {
        const CONNECTION: &str = "smtp-deliver";
        let bytes = self.values.messages.get(message).cloned();
        let bytes = bytes.ok_or_else(|| format!("there is no message {message}"))?;
        let from = if from == "<>" { "" } else { from };
        self.connect(CONNECTION, Some(Listener::Smtp), None)?;
        self.smtp_reply(CONNECTION, "220")?;
        self.say(CONNECTION, "EHLO client.example.test")?;
        self.smtp_reply(CONNECTION, "250")?;
        self.say(CONNECTION, &format!("MAIL FROM:<{from}>"))?;
        self.smtp_reply(CONNECTION, "250")?;
        for recipient in to {
            self.say(CONNECTION, &format!("RCPT TO:<{recipient}>"))?;
            self.smtp_reply(CONNECTION, "250")?;
        }
        self.say(CONNECTION, "DATA")?;
        self.smtp_reply(CONNECTION, "354")?;
        self.queue(CONNECTION, dot_stuffed(&bytes))?;
        self.flush()?;
        self.smtp_reply(CONNECTION, "250")?;
        self.close(CONNECTION)
    }

    /// Puts a message into a mailbox before the dialogue begins.
    fn append(&mut self, append: &Append) -> Result<(), Reason> {
        const CONNECTION: &str = "imaps-append";
        let message = self
            .values
            .messages
            .get(&append.message)
            .cloned()
            .unwrap_or_default();
        let mailbox = &append.mailbox;
        self.connect(CONNECTION, Some(Listener::Imaps), None)?;
        self.response(CONNECTION)?;
        self.login(CONNECTION, &append.account, PASSWORD)?;
        if !mailbox.eq_ignore_ascii_case("INBOX") {
            self.say(CONNECTION, &format!("create CREATE \"{mailbox}\""))?;
            // It may be there already.
            while !self.response(CONNECTION)?.starts_with(b"create ") {}
        }
        // Without it, a header section with octets above 127 is refused (RFC 6855 §4).
        if !message.is_ascii() {
            self.say(CONNECTION, "enable ENABLE UTF8=ACCEPT")?;
            while !self.response(CONNECTION)?.starts_with(b"enable ") {}
        }
        let attributes = match append.attributes.as_str() {
            "" => String::new(),
            attributes => format!(" {attributes}"),
        };
        for _ in 0..append.times {
            let command = format!(
                "append APPEND \"{mailbox}\"{attributes} {{{}+}}\r\n",
                message.len()
            );
            self.queue(CONNECTION, command.into_bytes())?;
            self.queue(CONNECTION, message.clone())?;
            self.say(CONNECTION, "")?;
            self.completed(CONNECTION, "append OK")?;
        }
        self.close(CONNECTION)
    }

    fn note(&mut self, connection: &str, what: String) {
        self.transcript.note(connection, "-", what.as_bytes());
    }
}

fn mismatch(expected: &str, got: &[u8]) -> Reason {
    format!("  expected  {expected}\n  got       {}", show(got))
}

/// A message as it goes through DATA: dots doubled at the start of lines, and the final dot (RFC 5321 §4.5.2).
fn dot_stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 5);
    for line in message.split_inclusive(|&byte| byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};
    use std::path::Path;

    /// A server that sends its next piece whenever something arrives, and closes after the last.
    struct Scripted(SocketAddr);

    impl World for Scripted {
        fn address(&self, _: Listener) -> Result<SocketAddr, String> {
            Ok(self.0)
        }

        fn mailctl(&self, arguments: &[String]) -> Result<String, String> {
            Err(arguments.join(" "))
        }
    }

    fn scripted(greeting: &'static str, replies: &'static [&'static str]) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            socket.write_all(greeting.as_bytes()).unwrap();
            let mut buffer = [0; 4096];
            for reply in replies {
                if socket.read(&mut buffer).unwrap() == 0 {
                    return;
                }
                socket.write_all(reply.as_bytes()).unwrap();
            }
            while socket.read(&mut buffer).unwrap_or(0) > 0 {}
        });
        Scripted(address)
    }

    fn play(steps: &str, world: &Scripted, protocol: &str) -> Result<(), Box<Failure>> {
        let text =
            format!("# x\nprotocol: {protocol}\nmessage m:\n    A: b\n\n    .c\n---\n{steps}");
        run(&Dialogue::parse(Path::new("x.chat"), &text).unwrap(), world)
    }

    #[test]
    fn a_dialogue_that_comes_out_as_written_passes() {
        let world = scripted(
            "* OK hi\r\n",
            &[
                "* 2 EXISTS\r\n* FLAGS (\\Seen)\r\n* OK [UIDNEXT 7] x\r\na OK done\r\n",
                "* 1 FETCH (BODY[] {12}\r\nA: b\r\n\r\n.c\r\n)\r\nb OK\r\n",
                "+ idling\r\n",
            ],
        );
        let steps = concat!(
            "C: a SELECT INBOX\nS unordered:\n    * FLAGS ...\n    * 2 EXISTS\n",
            "S: * OK [UIDNEXT {$next}] ...\nS: a OK\nC: b FETCH {next}\n",
            "S: * 1 FETCH (BODY[] {literal:{message:m}})\nS: b OK\nC: c IDLE\nS: +\nexpect nothing 20ms\n",
        );
        play(steps, &world, "imap").unwrap();
    }

    #[test]
    fn a_wrong_line_fails_and_shows_what_was_said() {
        let world = scripted("* OK hi\r\n", &["* 3 EXISTS\r\na OK\r\n"]);
        let failure = play("C: a NOOP\nS: * 2 EXISTS\nS: a OK\n", &world, "imap").unwrap_err();
        let text = failure.to_string();
        assert!(text.starts_with("x.chat:9: S: * 2 EXISTS\n"), "{text}");
        assert!(text.contains("got       * 3 EXISTS"), "{text}");
        assert!(text.contains("1 C: a NOOP"), "{text}");
    }

    #[test]
    fn a_line_too_many_fails_at_the_end() {
        let world = scripted("+OK hi\r\n", &["+OK\r\n+OK again\r\n"]);
        let failure = play("C: NOOP\nS: +OK\n", &world, "pop3").unwrap_err();
        assert!(
            failure.to_string().contains("got       +OK again"),
            "{failure}"
        );
    }

    #[test]
    fn smtp_replies_have_classes_and_lines() {
        let world = scripted(
            "220 hi\r\n",
            &[
                "250-me\r\n250-SIZE 5\r\n250 HELP\r\n",
                "550 5.1.1 no\r\n",
                "250-me\r\n250 AUTH X\r\n",
            ],
        );
        let steps = concat!(
            "C: EHLO x\nS reply: 250\n    SIZE {$size}\n    no AUTH...\n",
            "C: X\nS: 550 5.1.x\nC: EHLO x\nS reply: 250\n    no AUTH...\n",
        );
        let failure = play(steps, &world, "smtp").unwrap_err();
        assert!(
            failure
                .to_string()
                .contains("line 16: the reply may not have"),
            "{failure}"
        );
    }

    #[test]
    fn a_bad_tagged_reply_ends_the_wait() {
        let world = scripted("* OK hi\r\n", &["* 1 EXISTS\r\na BAD what\r\n"]);
        let failure = play("C: a NOOP\nS reply: a OK\n", &world, "imap").unwrap_err();
        assert!(
            failure.to_string().contains("got       a BAD what"),
            "{failure}"
        );
    }

    #[test]
    fn data_is_compared_with_dots_unstuffed() {
        let world = scripted("+OK\r\n", &["+OK\r\nX: y\r\nA: b\r\n\r\n..c\r\n.\r\n"]);
        play(
            "C: RETR 1\nS: +OK\nS data: ...{message:m}\n",
            &world,
            "pop3",
        )
        .unwrap();
    }

    #[test]
    fn a_word_where_the_end_is_expected_is_a_failure() {
        let world = scripted("+OK\r\n", &["+OK\r\nwait\r\n"]);
        let failure = play("C: QUIT\nS: +OK\neof\n", &world, "pop3").unwrap_err();
        assert!(failure.to_string().contains("got       wait"), "{failure}");
    }
}
