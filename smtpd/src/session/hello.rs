//! EHLO and HELO, and what is announced.
//!
//! Announced is what works on this port in this state, and nothing else. An extension that the operator hides is not
//! announced; it still works, because a client that uses what it was not offered is not to be confused further.

use daemon::sasl;

use super::SmtpSession;
use super::state::State;
use crate::answer::Answer;
use crate::envelope::Client;
use crate::grammar::ClientName;
use crate::role::Role;

impl SmtpSession {
    pub(super) fn ehlo(&mut self, name: ClientName) -> Answer {
        // Also ends a transaction (RFC 5321 §4.1.4).
        self.state = State::Greeted(Client {
            name,
            extended: true,
        });
        Answer::Extensions(self.extensions())
    }

    pub(super) fn helo(&mut self, name: ClientName) -> Answer {
        self.state = State::Greeted(Client {
            name,
            extended: false,
        });
        Answer::Hello
    }

    fn extensions(&self) -> Vec<String> {
        let config = &self.connection.config;
        let mut lines: Vec<String> = vec![
            "PIPELINING".into(),
            format!("SIZE {}", config.limits.message_octets),
        ];
        lines.extend(
            [
                "8BITMIME",
                "SMTPUTF8",
                "ENHANCEDSTATUSCODES",
                "CHUNKING",
                "BINARYMIME",
                "DSN",
            ]
            .map(String::from),
        );
        lines.extend(self.future_release());
        // RFC 8689 §2: only under TLS.
        if self.tls.is_some() {
            lines.push("REQUIRETLS".into());
        }
        if self.may_start_tls() {
            lines.push("STARTTLS".into());
        }
        let mechanisms: Vec<&str> = self
            .mechanisms()
            .iter()
            .map(|mechanism| mechanism.name())
            .collect();
        if !mechanisms.is_empty() {
            lines.push(format!("AUTH {}", mechanisms.join(" ")));
        }
        // RFC 9422 §4.
        lines.push(format!(
            "LIMITS MAILMAX={} RCPTMAX={}",
            config.smtpd.transactions_max, config.smtpd.recipients_max
        ));
        lines.push("HELP".into());
        lines.retain(|line| !self.is_hidden(line));
        lines
    }

    /// How long a submitted message may be held, in seconds and until when (RFC 4865 §3).
    fn future_release(&self) -> Option<String> {
        let longest = self.connection.config.relay.hold_max();
        if self.role != Role::Submission || longest.is_zero() {
            return None;
        }
        let until = jiff::Timestamp::now()
            .checked_add(longest)
            .and_then(|until| until.round(jiff::Unit::Second))
            .ok()?;
        Some(format!("FUTURERELEASE {} {until}", longest.as_secs()))
    }

    /// The commands that HELP lists: what is not offered here is not among them.
    pub(super) fn commands(&self) -> Vec<&'static str> {
        let mut commands = vec![
            "EHLO", "HELO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT", "VRFY", "EXPN",
            "HELP",
        ];
        if self.may_start_tls() {
            commands.push("STARTTLS");
        }
        if !self.mechanisms().is_empty() {
            commands.push("AUTH");
        }
        commands.retain(|command| !self.is_hidden(command));
        commands
    }

    /// What cannot be used without something hidden is hidden with it: BINARYMIME comes by chunks alone (RFC 3030 §3), SMTPUTF8 with
    /// 8BITMIME (RFC 6531 §3.1).
    fn is_hidden(&self, line: &str) -> bool {
        let keyword = line.split(' ').next().unwrap_or(line);
        let needed = match keyword {
            "BINARYMIME" => "CHUNKING",
            "SMTPUTF8" => "8BITMIME",
            _ => keyword,
        };
        let hidden = &self.connection.config.smtpd.hide_extensions;
        hidden.iter().any(|hidden| {
            hidden.eq_ignore_ascii_case(keyword) || hidden.eq_ignore_ascii_case(needed)
        })
    }

    /// What AUTH can use now. Nothing on port 25, where nobody has a reason to log in, and nothing once logged in.
    pub(super) fn mechanisms(&self) -> Vec<sasl::Mechanism> {
        match self.role {
            Role::Submission => sasl::mechanisms(
                &self.connection.config,
                self.tls.as_ref(),
                &self.connection.peer,
            ),
            Role::Receive => Vec::new(),
        }
    }
}
