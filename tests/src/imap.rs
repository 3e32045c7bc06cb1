//! A plain IMAP client for tests whose steps depend on what came before; where they do not, write a dialogue.

use crate::chat::{Listener, Protocol, World};
use crate::link::{Link, ReadError};
use crate::server::{PASSWORD, Server};
use std::time::Duration;

/// How long a command may take.
const COMMAND_TIME_MAX: Duration = Duration::from_secs(60);

/// A session.
pub struct Imap {
    /// The connection, for what is not a command with its reply.
    pub link: Link,
    commands: u32,
}

/// What a command was answered with.
#[derive(Debug)]
pub struct Reply {
    /// The untagged responses, literals included.
    pub untagged: Vec<Vec<u8>>,
    /// The tagged one, without its tag: `OK done`.
    pub tagged: String,
}

impl Reply {
    /// Whether it is OK.
    pub fn is_ok(&self) -> bool {
        self.tagged.starts_with("OK")
    }

    /// The untagged responses as text.
    pub fn text(&self) -> String {
        let lines: Vec<_> = self
            .untagged
            .iter()
            .map(|line| String::from_utf8_lossy(line))
            .collect();
        lines.join("\n")
    }

    /// The numbers of `* SEARCH`.
    pub fn numbers(&self) -> Vec<u32> {
        let text = self.text();
        let words = text
            .lines()
            .filter_map(|line| line.strip_prefix("* SEARCH"));
        words
            .flat_map(str::split_whitespace)
            .filter_map(|word| word.parse().ok())
            .collect()
    }
}

/// A session that cannot go on, or a command that was refused.
#[derive(Debug, thiserror::Error)]
pub enum ImapError {
    /// The connection broke, closed or is silent: what was asked for may have happened or not.
    #[error("the connection ended: {0}")]
    Lost(String),
    /// The server said NO or BAD.
    #[error("{0} was answered {1}")]
    Refused(String, String),
}

impl Imap {
    /// Connects by TLS and reads the greeting.
    ///
    /// # Errors
    /// If there is no connection.
    pub fn connect(server: &Server) -> Result<Imap, ImapError> {
        let lost = |error: std::io::Error| ImapError::Lost(error.to_string());
        let address = World::address(server, Listener::Imaps).map_err(ImapError::Lost)?;
        let link = Link::connect(address, None, Protocol::Imap).map_err(lost)?;
        let mut link = link.start_tls("mail.example.test").map_err(lost)?;
        link.response(COMMAND_TIME_MAX)
            .map_err(|error| ImapError::Lost(error.to_string()))?;
        Ok(Imap { link, commands: 0 })
    }

    /// Connects and logs in with the harness's password.
    ///
    /// # Errors
    /// If there is no connection, or the login is refused.
    pub fn login(server: &Server, user: &str) -> Result<Imap, ImapError> {
        let mut imap = Imap::connect(server)?;
        imap.ok(&format!("LOGIN {user} {PASSWORD}"))?;
        Ok(imap)
    }

    /// Sends a command, and waits for its end, whatever it is.
    ///
    /// # Errors
    /// If the connection ends.
    pub fn command(&mut self, command: &str) -> Result<Reply, ImapError> {
        self.command_bytes(command.as_bytes())
    }

    /// The same with a command that holds literals (`{n+}`).
    ///
    /// # Errors
    /// If the connection ends.
    pub fn command_bytes(&mut self, command: &[u8]) -> Result<Reply, ImapError> {
        self.commands += 1;
        let tag = format!("t{} ", self.commands);
        let line = [tag.as_bytes(), command, b"\r\n"].concat();
        self.link
            .send(&line)
            .map_err(|error| ImapError::Lost(error.to_string()))?;
        let mut untagged = Vec::new();
        loop {
            let lost = |error: ReadError| ImapError::Lost(error.to_string());
            let response = self.link.response(COMMAND_TIME_MAX).map_err(lost)?;
            match response.strip_prefix(tag.as_bytes()) {
                Some(tagged) => {
                    let tagged = String::from_utf8_lossy(tagged).into_owned();
                    return Ok(Reply { untagged, tagged });
                }
                None => untagged.push(response),
            }
        }
    }

    /// Sends a command that must be answered OK.
    ///
    /// # Errors
    /// If the connection ends, or the answer is another.
    pub fn ok(&mut self, command: &str) -> Result<Reply, ImapError> {
        let reply = self.command(command)?;
        if reply.is_ok() {
            return Ok(reply);
        }
        Err(ImapError::Refused(command.to_owned(), reply.tagged))
    }

    /// Appends a message, which must be answered OK.
    ///
    /// # Errors
    /// If the connection ends, or the answer is another.
    pub fn append(&mut self, mailbox: &str, message: &[u8]) -> Result<(), ImapError> {
        let mut command = format!("APPEND \"{mailbox}\" {{{}+}}\r\n", message.len()).into_bytes();
        command.extend_from_slice(message);
        let reply = self.command_bytes(&command)?;
        if reply.is_ok() {
            return Ok(());
        }
        Err(ImapError::Refused("APPEND".to_owned(), reply.tagged))
    }

    /// All messages of a mailbox, each as the server sends it.
    ///
    /// # Errors
    /// If the connection ends, or the server refuses.
    pub fn messages(&mut self, mailbox: &str) -> Result<Vec<Vec<u8>>, ImapError> {
        self.ok(&format!("EXAMINE \"{mailbox}\""))?;
        let reply = self.ok("UID FETCH 1:* (BODY.PEEK[])")?;
        Ok(reply
            .untagged
            .iter()
            .filter_map(|response| literal(response))
            .collect())
    }
}

/// The content of the first literal of a response.
pub fn literal(response: &[u8]) -> Option<Vec<u8>> {
    let end = response.windows(3).position(|window| window == b"}\r\n")?;
    let start = response[..end].iter().rposition(|&byte| byte == b'{')?;
    let octets: usize = std::str::from_utf8(&response[start + 1..end])
        .ok()?
        .parse()
        .ok()?;
    response.get(end + 3..end + 3 + octets).map(<[u8]>::to_vec)
}
