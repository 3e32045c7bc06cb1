//! A plain SMTP client for tests whose steps depend on what came before; where they do not, write a dialogue.

use crate::chat::{Listener, Protocol, World};
use crate::link::Link;
use crate::server::{PASSWORD, Server};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::net::IpAddr;
use std::time::Duration;

/// How long a reply may take.
const REPLY_TIME_MAX: Duration = Duration::from_secs(60);

/// A session on port 25, or on the submissions port after [`Smtp::login`].
pub struct Smtp {
    /// The connection, for what is not a command with its reply.
    pub link: Link,
}

/// A session that cannot go on, or a command that was refused.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// The connection broke, closed or is silent: what was asked for may have happened or not.
    #[error("the connection ended: {0}")]
    Lost(String),
    /// The server answered otherwise.
    #[error("{0} was answered {1}")]
    Refused(String, String),
}

impl Smtp {
    /// Connects and says EHLO.
    ///
    /// # Errors
    /// If there is no connection, or the server refuses.
    pub fn connect(server: &Server) -> Result<Smtp, SmtpError> {
        Smtp::open(server, "", "client.example.test")
    }

    /// The same as a client of another address, which a PROXY header claims; the server must trust those of this machine.
    ///
    /// # Errors
    /// If there is no connection, or the server refuses.
    pub fn connect_as(server: &Server, address: IpAddr, name: &str) -> Result<Smtp, SmtpError> {
        let (family, local) = match address {
            IpAddr::V4(_) => ("TCP4", "127.0.0.1"),
            IpAddr::V6(_) => ("TCP6", "::1"),
        };
        let header = format!("PROXY {family} {address} {local} 4321 25\r\n");
        Smtp::open(server, &header, name)
    }

    /// Connects to the submissions port and logs in.
    ///
    /// # Errors
    /// If there is no connection, or the server refuses.
    pub fn login(server: &Server, account: &str) -> Result<Smtp, SmtpError> {
        let lost = |error: std::io::Error| SmtpError::Lost(error.to_string());
        let address = World::address(server, Listener::Submissions).map_err(SmtpError::Lost)?;
        let link = Link::connect(address, None, Protocol::Smtp).map_err(lost)?;
        let link = link.start_tls("mail.example.test").map_err(lost)?;
        let mut smtp = Smtp { link };
        smtp.reply()?;
        smtp.command("EHLO client.example.test", "250")?;
        let plain = STANDARD.encode(format!("\0{account}\0{PASSWORD}"));
        smtp.command(&format!("AUTH PLAIN {plain}"), "235")?;
        Ok(smtp)
    }

    fn open(server: &Server, header: &str, name: &str) -> Result<Smtp, SmtpError> {
        let address = World::address(server, Listener::Smtp).map_err(SmtpError::Lost)?;
        let link = Link::connect(address, None, Protocol::Smtp);
        let mut smtp = Smtp {
            link: link.map_err(|error| SmtpError::Lost(error.to_string()))?,
        };
        let sent = smtp.link.send(header.as_bytes());
        sent.map_err(|error| SmtpError::Lost(error.to_string()))?;
        let greeting = smtp.reply()?;
        if !greeting.starts_with("220") {
            return Err(SmtpError::Refused("the connection".to_owned(), greeting));
        }
        smtp.command(&format!("EHLO {name}"), "250")?;
        Ok(smtp)
    }

    /// Sends a message; returns when it was accepted.
    ///
    /// # Errors
    /// If the connection ends or the server refuses.
    pub fn deliver(&mut self, from: &str, to: &[&str], message: &[u8]) -> Result<(), SmtpError> {
        self.deliver_as(&format!("<{from}>"), to, message)
    }

    /// The same; `from` is what stands behind `MAIL FROM:`, with its parameters.
    ///
    /// # Errors
    /// If the connection ends or the server refuses.
    pub fn deliver_as(&mut self, from: &str, to: &[&str], message: &[u8]) -> Result<(), SmtpError> {
        self.command(&format!("MAIL FROM:{from}"), "250")?;
        for recipient in to {
            self.command(&format!("RCPT TO:<{recipient}>"), "250")?;
        }
        self.command("DATA", "354")?;
        // Test messages have no lines that begin with dots.
        let data = [message, b".\r\n"].concat();
        self.link
            .send(&data)
            .map_err(|error| SmtpError::Lost(error.to_string()))?;
        let reply = self.reply()?;
        if reply.starts_with("250") {
            return Ok(());
        }
        Err(SmtpError::Refused("the message".to_owned(), reply))
    }

    /// Sends a command, whose reply must begin with `code`; gives the reply.
    ///
    /// # Errors
    /// If the connection ends or the reply is another.
    pub fn command(&mut self, command: &str, code: &str) -> Result<String, SmtpError> {
        let line = format!("{command}\r\n");
        self.link
            .send(line.as_bytes())
            .map_err(|error| SmtpError::Lost(error.to_string()))?;
        let reply = self.reply()?;
        if reply.starts_with(code) {
            return Ok(reply);
        }
        Err(SmtpError::Refused(command.to_owned(), reply))
    }

    /// The next reply, its lines divided by newlines.
    ///
    /// # Errors
    /// If the connection ends.
    pub fn reply(&mut self) -> Result<String, SmtpError> {
        let mut reply = String::new();
        loop {
            let line = self.link.response(REPLY_TIME_MAX);
            let line = line.map_err(|error| SmtpError::Lost(error.to_string()))?;
            reply.push_str(&String::from_utf8_lossy(&line));
            if line.get(3) != Some(&b'-') {
                return Ok(reply);
            }
            reply.push('\n');
        }
    }
}
