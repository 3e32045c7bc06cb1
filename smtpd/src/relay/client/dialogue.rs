//! Commands to a host, and its replies to them, one for one.
//!
//! A reply is only ever taken for the command that it followed: what a host says out of turn ends the dialogue, because after that
//! nobody could tell which reply belongs to which command. Once [`Lost`], a dialogue stays lost.
//!
//! Not here: what is said, and what a reply means.

use std::fmt;
use std::io;
use std::time::Duration;

use daemon::dial::Connection;
use tokio::time::{Instant, timeout_at};

use super::outcome::{Said, Status};
use super::reply::{HostReply, ReplyError, ReplyReader};
use crate::limits::LAST_WORDS_SECONDS_MAX;

/// A connection on which SMTP is spoken.
pub(super) struct Dialogue {
    connection: Connection,
    reader: ReplyReader,
    /// No wait lasts longer.
    until: Instant,
    /// The host has said 421: it closes (RFC 5321 §3.8).
    farewell: Option<HostReply>,
    lost: bool,
}

/// Why a dialogue cannot go on.
#[derive(Debug)]
pub(super) enum Lost {
    /// The host said 421 or, without being asked, another error; then it closed.
    Farewell(HostReply),
    /// The connection was closed.
    Closed,
    /// The connection broke.
    Broken(io::Error),
    /// The host did not answer, or did not take what we sent, in this time.
    Silent(Duration),
    /// What the host said is no reply.
    Garbage(ReplyError),
    /// The host said something before it was asked.
    OutOfTurn,
}

impl Lost {
    /// What journal and notices say of it.
    pub(super) fn said(self, doing: &str) -> Said {
        let status = match &self {
            Lost::Farewell(reply) if !reply.is_permanent() => return Said::Host(reply.clone()),
            Lost::Farewell(_) | Lost::Closed | Lost::Broken(_) | Lost::Silent(_) => {
                Status::new(4, 4, 2)
            }
            Lost::Garbage(_) | Lost::OutOfTurn => Status::new(4, 5, 0),
        };
        Said::us(status, format!("{self} {doing}"))
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lost::Farewell(reply) => write!(f, "the host broke off with {reply}"),
            Lost::Closed => f.write_str("the host closed the connection"),
            Lost::Broken(error) => write!(f, "the connection broke ({error})"),
            Lost::Silent(time) => write!(f, "no answer within {} s", time.as_secs()),
            Lost::Garbage(error) => write!(f, "the host sent {error}"),
            Lost::OutOfTurn => f.write_str("the host spoke out of turn"),
        }
    }
}

impl Dialogue {
    /// A dialogue on a fresh connection; `time` for all that comes until the next [`Dialogue::allow`].
    pub(super) fn new(connection: Connection, time: Duration) -> Dialogue {
        Dialogue {
            connection,
            reader: ReplyReader::default(),
            until: Instant::now() + time,
            farewell: None,
            lost: false,
        }
    }

    /// From now on, so much time in all.
    pub(super) fn allow(&mut self, time: Duration) {
        self.until = Instant::now() + time;
    }

    /// Whether commands make sense: nothing went wrong so far, and the host has not said that it closes.
    pub(super) fn is_open(&self) -> bool {
        !self.lost && self.farewell.is_none()
    }

    /// Whether the host is still there and waits for a command.
    pub(super) async fn is_waiting(&mut self) -> bool {
        self.is_open() && !self.connection.has_input().await
    }

    /// Sends a command (without its line end) and gives the reply, which must begin and end within `time`.
    pub(super) async fn ask(&mut self, command: &str, time: Duration) -> Result<HostReply, Lost> {
        let line = format!("{command}\r\n");
        self.begin(line.as_bytes(), time).await?;
        self.reply(time).await
    }

    /// Sends the beginning of something: one or more commands. Everything that was asked before has been answered, so that whatever
    /// there is to read now was said out of turn.
    pub(super) async fn begin(&mut self, octets: &[u8], time: Duration) -> Result<(), Lost> {
        if self.is_open() && self.connection.has_input().await {
            return Err(self.spoken_to().await);
        }
        self.go_on(octets, time).await
    }

    /// Sends more of what was begun.
    pub(super) async fn go_on(&mut self, octets: &[u8], time: Duration) -> Result<(), Lost> {
        if !self.is_open() {
            return Err(self.gone());
        }
        let until = self.until.min(Instant::now() + time);
        match timeout_at(until, self.connection.send(octets)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.dropped(error).await),
            Err(_) => Err(self.lose(Lost::Silent(time))),
        }
    }

    /// The next reply; it must end within `time`.
    pub(super) async fn reply(&mut self, time: Duration) -> Result<HostReply, Lost> {
        if self.lost || (self.farewell.is_some() && self.connection.unread().is_empty()) {
            return Err(self.gone());
        }
        let until = self.until.min(Instant::now() + time);
        let reply = match timeout_at(until, self.read_reply()).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(lost)) => return Err(self.lose(lost)),
            Err(_) => return Err(self.lose(Lost::Silent(time))),
        };
        if reply.code() == 421 {
            self.farewell = Some(reply.clone());
        }
        Ok(reply)
    }

    /// Whether the host has said something, or closed, before it was asked.
    pub(super) async fn spoke_early(&mut self) -> bool {
        !self.is_open() || self.connection.has_input().await
    }

    /// Says no more: the message cannot be ended properly.
    pub(super) fn abandon(&mut self) {
        self.lost = true;
    }

    /// The connection, to go over to TLS: what was said in the clear stays behind, and the host's next words are new ones
    /// (RFC 3207 §4.2).
    pub(super) fn into_connection(self) -> Connection {
        self.connection
    }

    async fn read_reply(&mut self) -> Result<HostReply, Lost> {
        loop {
            let (done, reply) = self
                .reader
                .read(self.connection.unread())
                .map_err(Lost::Garbage)?;
            self.connection.consume(done);
            if let Some(reply) = reply {
                return Ok(reply);
            }
            match self.connection.fill().await {
                Ok(0) => return Err(Lost::Closed),
                Ok(_) => {}
                Err(error) => return Err(Lost::Broken(error)),
            }
        }
    }

    /// The host spoke before it was asked: an error it may have reasons for, anything else is nonsense.
    async fn spoken_to(&mut self) -> Lost {
        let closed = self.connection.unread().is_empty();
        match self.last_words().await {
            Some(reply) => self.lose(Lost::Farewell(reply)),
            None if closed => self.lose(Lost::Closed),
            None => self.lose(Lost::OutOfTurn),
        }
    }

    /// Sending failed; perhaps the host has said why.
    async fn dropped(&mut self, error: io::Error) -> Lost {
        match self.last_words().await {
            Some(reply) => self.lose(Lost::Farewell(reply)),
            None if error.kind() == io::ErrorKind::BrokenPipe => self.lose(Lost::Closed),
            None => self.lose(Lost::Broken(error)),
        }
    }

    /// An error that the host has left for us.
    async fn last_words(&mut self) -> Option<HostReply> {
        let until = Instant::now() + Duration::from_secs(LAST_WORDS_SECONDS_MAX);
        let reply = timeout_at(until, self.read_reply()).await.ok()?.ok()?;
        (reply.code() >= 400).then_some(reply)
    }

    fn lose(&mut self, lost: Lost) -> Lost {
        self.lost = true;
        match self.farewell.clone() {
            Some(reply) => Lost::Farewell(reply),
            None => lost,
        }
    }

    fn gone(&mut self) -> Lost {
        self.lose(Lost::Closed)
    }
}
