//! Waits for a message by IDLE (RFC 2177) and fetches it, as a mail client does.

use super::line::{Line, unexpected};
use crate::fail::Outcome;

/// A client with INBOX selected.
pub struct Imap {
    line: Line,
    tags: u32,
}

impl Imap {
    /// Logs in and selects INBOX.
    pub async fn log_in(line: Line, user: &str, password: &str) -> Outcome<Self> {
        let mut client = Imap { line, tags: 0 };
        let greeting = client.line.read().await?;
        if !greeting.starts_with("* OK") {
            return Err(unexpected("greeting", &greeting));
        }
        client
            .command(&format!("LOGIN \"{user}\" \"{password}\""))
            .await?;
        client.command("SELECT INBOX").await?;
        Ok(client)
    }

    /// Begins to IDLE.
    pub async fn idle(&mut self) -> Outcome<()> {
        let tag = self.next_tag();
        self.line.send(format!("{tag} IDLE\r\n").as_bytes()).await?;
        self.until(|line| line.starts_with('+')).await.map(drop)
    }

    /// Waits until IDLE tells of a message. Returns its sequence number.
    pub async fn arrival(&mut self) -> Outcome<u32> {
        let exists = self
            .until(|line| line.starts_with("* ") && line.ends_with(" EXISTS"))
            .await?;
        let number = exists
            .split(' ')
            .nth(1)
            .and_then(|number| number.parse().ok());
        self.line.send(b"DONE\r\n").await?;
        let tag = format!("T{} ", self.tags);
        self.until(|line| line.starts_with(&tag)).await?;
        number.ok_or_else(|| unexpected("IDLE", &exists))
    }

    /// Fetches a message whole.
    pub async fn fetch(&mut self, number: u32) -> Outcome<Vec<u8>> {
        let tag = self.next_tag();
        self.line
            .send(format!("{tag} FETCH {number} BODY.PEEK[]\r\n").as_bytes())
            .await?;
        let line = self
            .until(|line| line.ends_with('}') || line.starts_with(&tag))
            .await?;
        let octets = line
            .rsplit_once('{')
            .and_then(|(_, octets)| octets.trim_end_matches('}').parse().ok());
        let message = self
            .line
            .read_exactly(octets.ok_or_else(|| unexpected("FETCH", &line))?)
            .await?;
        self.until(|line| line.starts_with(&tag)).await?;
        Ok(message)
    }

    /// Logs out.
    pub async fn log_out(mut self) -> Outcome<()> {
        self.command("LOGOUT").await
    }

    async fn command(&mut self, command: &str) -> Outcome<()> {
        let tag = self.next_tag();
        self.line
            .send(format!("{tag} {command}\r\n").as_bytes())
            .await?;
        let answer = self
            .until(|line| line.starts_with(&format!("{tag} ")))
            .await?;
        let name = command.split(' ').next().unwrap_or_default();
        match answer.split(' ').nth(1) {
            Some("OK") => Ok(()),
            _ => Err(unexpected(name, &answer)),
        }
    }

    /// Reads lines up to one that is wanted.
    async fn until(&mut self, wanted: impl Fn(&str) -> bool) -> Outcome<String> {
        loop {
            let line = self.line.read().await?;
            if wanted(&line) {
                return Ok(line);
            }
        }
    }

    fn next_tag(&mut self) -> String {
        self.tags += 1;
        format!("T{}", self.tags)
    }
}
