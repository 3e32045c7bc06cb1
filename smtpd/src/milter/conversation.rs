//! One filter, talked to over one connection for one SMTP session.
//!
//! ```text
//! connect, negotiate ─► Connect ─► Hello ─┬► Mail ─► Recipient … ─► Data, Header …, EndOfHeader, Body …, EndOfMessage ─┐
//!                                         └───────────────────── Abort, or the last answer ◄──────────────────────────┘
//! ```
//!
//! Nothing is sent before the first MAIL: clients that never get there cost a filter nothing, and login and TLS are known by
//! then. What a filter says to the connection and to hello is therefore said to the client at MAIL. The steps from Data on follow one
//! another when the whole message is here: each filter sees what those before it have changed.
//!
//! Failure: [`Broken`] for whatever goes wrong with the filter. The connection to it is then given up, and opened anew with the next
//! message. Not here: what a failure means for the mail (`mod`).

use std::io;
use std::time::Duration;

use daemon::config::Milter as Settings;
use daemon::packet::PacketLink;
use store::Draft;
use tokio::time::timeout;

use super::Facts;
use super::change::{Change, apply, shown_value};
use super::macros::Macros;
use super::negotiation::Agreement;
use super::packet::{Answer, Command, Malformed, Step, parse_answer};
use super::refusal::Refusal;
use crate::limits::{MILTER_BODY_OCTETS, MILTER_CHANGES_MAX, MILTER_PROGRESS_MAX};
use crate::message::header::Header;

/// Packets gather up to this many octets before they are sent, where no answer is awaited.
const GATHERED_OCTETS: usize = 64 * 1024;

/// How long a client's QUIT waits for a filter to take ours.
const QUIT_TIME_MAX: Duration = Duration::from_secs(1);

/// What a filter decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// It has nothing against it.
    Continue,
    /// It wants to see no more of this message.
    Accept,
    /// The message is to be accepted and thrown away.
    Discard,
    /// No.
    Refuse(Refusal),
}

/// Why a filter is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it does not keep to the protocol: {0}")]
    Protocol(#[from] Malformed),
    #[error("it took too long for a message")]
    Late,
    #[error("a piece of the message could not be read: {0}")]
    Store(#[from] store::Error),
}

/// What a filter makes of a message.
#[derive(Debug)]
pub(super) struct Opinion {
    pub ruling: Ruling,
    /// The header section as the filter wants it, if it wants another.
    pub header: Option<Header>,
    /// Why the message is to be kept apart, if it is.
    pub quarantine: Option<String>,
}

impl Opinion {
    fn of(ruling: Ruling) -> Opinion {
        Opinion {
            ruling,
            header: None,
            quarantine: None,
        }
    }
}

/// An open connection to a filter.
pub(super) struct Conversation {
    link: PacketLink,
    agreement: Agreement,
    reply: Duration,
    /// What the filter said to the connection as such, once it was asked.
    connection: Option<Ruling>,
    /// The last EHLO or HELO that it was told of, with TLS and login.
    hello: Option<Macros>,
    /// A message was begun, and the filter has not said its last word.
    in_message: bool,
    progress: usize,
}

impl Conversation {
    /// Connects and negotiates.
    pub(super) async fn open(settings: &Settings) -> Result<Conversation, Broken> {
        let mut link = PacketLink::connect(&settings.address, settings.connect()).await?;
        let mut packet = Vec::new();
        Command::Negotiate.encode(&mut packet);
        link.send(&packet, settings.connect()).await?;
        match parse_answer(&link.receive(settings.connect()).await?)? {
            Answer::Agreement(agreement) => Ok(Conversation {
                link,
                agreement,
                reply: settings.reply(),
                connection: None,
                hello: None,
                in_message: false,
                progress: 0,
            }),
            _ => Err(Malformed("an answer without an agreement").into()),
        }
    }

    /// A message begins: tells of the client, as far as that is new, and of the sender.
    pub(super) async fn mail(&mut self, facts: &Facts<'_>) -> Result<Ruling, Broken> {
        self.abort().await?;
        self.progress = 0;
        match self.introduce(facts).await? {
            Ruling::Continue => {}
            ruling => return Ok(ruling),
        }
        self.in_message = true;
        let command = Command::Mail(&facts.mail);
        let answer = self.ask(Step::Mail, &command, &facts.macros).await?;
        Ok(ruling(answer)?)
    }

    /// Another recipient; `words` are the path in angle brackets and parameters.
    pub(super) async fn recipient(
        &mut self,
        words: &[String],
        macros: &Macros,
    ) -> Result<Ruling, Broken> {
        let answer = self
            .ask(Step::Recipient, &Command::Recipient(words), macros)
            .await?;
        Ok(ruling(answer)?)
    }

    /// The whole message.
    pub(super) async fn message(
        &mut self,
        within: Duration,
        macros: &Macros,
        header: &Header,
        draft: &Draft,
    ) -> Result<Opinion, Broken> {
        let shown = async {
            match self.show(macros, header, draft).await? {
                Ruling::Continue => self.last_word(within, macros, header).await,
                ruling => Ok(Opinion::of(ruling)),
            }
        };
        timeout(within, shown).await.unwrap_or(Err(Broken::Late))
    }

    /// Ends the message that was begun, if there is one.
    pub(super) async fn abort(&mut self) -> Result<(), Broken> {
        if self.in_message {
            self.in_message = false;
            self.tell(&Command::Abort).await?;
        }
        Ok(())
    }

    /// Says good-bye. What comes of that is of no interest.
    pub(super) async fn quit(mut self) {
        self.reply = QUIT_TIME_MAX;
        drop(self.tell(&Command::Quit).await);
    }

    async fn introduce(&mut self, facts: &Facts<'_>) -> Result<Ruling, Broken> {
        let connection = match self.connection.clone() {
            Some(ruling) => ruling,
            None => {
                let command = Command::Connect(facts.client_name, facts.client);
                let answer = self.ask(Step::Connect, &command, &facts.macros).await?;
                self.connection.insert(ruling(answer)?).clone()
            }
        };
        if connection != Ruling::Continue || self.hello.as_ref() == Some(&facts.session) {
            return Ok(connection);
        }
        let command = Command::Hello(facts.hello);
        let answer = self.ask(Step::Hello, &command, &facts.macros).await?;
        let ruling = ruling(answer)?;
        match ruling {
            Ruling::Continue => self.hello = Some(facts.session.clone()),
            Ruling::Accept => self.connection = Some(Ruling::Accept),
            Ruling::Discard => return Err(Malformed("a connection cannot be thrown away").into()),
            // Asked again with the next message, about the next EHLO perhaps.
            Ruling::Refuse(_) => {}
        }
        Ok(ruling)
    }

    /// All of the message but its end.
    async fn show(
        &mut self,
        macros: &Macros,
        header: &Header,
        draft: &Draft,
    ) -> Result<Ruling, Broken> {
        let answer = self.ask(Step::Data, &Command::Data, macros).await?;
        match ruling(answer)? {
            Ruling::Continue => {}
            ruling => return Ok(ruling),
        }
        match self.show_header(header).await? {
            Ruling::Continue => {}
            ruling => return Ok(ruling),
        }
        let answer = self
            .ask(Step::EndOfHeader, &Command::EndOfHeader, macros)
            .await?;
        match ruling(answer)? {
            Ruling::Continue => self.show_body(draft).await,
            ruling => Ok(ruling),
        }
    }

    async fn show_header(&mut self, header: &Header) -> Result<Ruling, Broken> {
        if !self.agreement.wants(Step::Header) {
            return Ok(Ruling::Continue);
        }
        let mut packets = Vec::new();
        for field in header.fields() {
            let value = shown_value(field.raw_value(), self.agreement.keeps_leading_space());
            Command::Header(field.name(), &value).encode(&mut packets);
            if self.agreement.answers(Step::Header) {
                self.link.send(&packets, self.reply).await?;
                packets.clear();
                match ruling(self.answer(self.reply).await?)? {
                    Ruling::Continue => {}
                    ruling => return Ok(ruling),
                }
            } else if packets.len() > GATHERED_OCTETS {
                self.link.send(&packets, self.reply).await?;
                packets.clear();
            }
        }
        self.link.send(&packets, self.reply).await?;
        Ok(Ruling::Continue)
    }

    async fn show_body(&mut self, draft: &Draft) -> Result<Ruling, Broken> {
        if !self.agreement.wants(Step::Body) {
            return Ok(Ruling::Continue);
        }
        let mut number = 0;
        while let Some(piece) = draft.written(number).await? {
            // The empty line behind the header section is no part of the body.
            let octets = match number {
                0 => piece.strip_prefix(b"\r\n").unwrap_or(&piece),
                _ => &piece,
            };
            for part in octets.chunks(MILTER_BODY_OCTETS) {
                let command = Command::Body(part);
                match self.ask(Step::Body, &command, &Macros::default()).await? {
                    Answer::Skip => return Ok(Ruling::Continue),
                    answer => match ruling(answer)? {
                        Ruling::Continue => {}
                        ruling => return Ok(ruling),
                    },
                }
            }
            number += 1;
        }
        Ok(Ruling::Continue)
    }

    /// The end of the message: the filter's changes, then its ruling.
    async fn last_word(
        &mut self,
        within: Duration,
        macros: &Macros,
        header: &Header,
    ) -> Result<Opinion, Broken> {
        let mut changes: Vec<Change> = Vec::new();
        self.put(Step::EndOfMessage, &Command::EndOfMessage, macros)
            .await?;
        let mut answer = self.answer(within).await?;
        while let Answer::Change(change) = answer {
            if !self.agreement.allows(&change) {
                return Err(Malformed("a change that was not agreed on").into());
            }
            if changes.len() >= MILTER_CHANGES_MAX {
                return Err(Malformed("too many changes").into());
            }
            changes.push(change);
            answer = self.answer(within).await?;
        }
        let ruling = ruling(answer)?;
        self.in_message = false;
        let changed = apply(header, &changes, self.agreement.keeps_leading_space())?;
        Ok(Opinion {
            ruling,
            header: (changed != *header).then_some(changed),
            quarantine: changes.into_iter().rev().find_map(|change| match change {
                Change::Quarantine(reason) => Some(reason),
                _ => None,
            }),
        })
    }

    /// Sends a command with its macros and waits for the answer, as far as the filter wants the one and gives the other.
    async fn ask(
        &mut self,
        step: Step,
        command: &Command<'_>,
        macros: &Macros,
    ) -> Result<Answer, Broken> {
        if !self.agreement.wants(step) {
            return Ok(Answer::Continue);
        }
        self.put(step, command, macros).await?;
        match self.agreement.answers(step) {
            true => self.answer(self.reply).await,
            false => Ok(Answer::Continue),
        }
    }

    async fn put(
        &mut self,
        step: Step,
        command: &Command<'_>,
        macros: &Macros,
    ) -> Result<(), Broken> {
        let macros = macros.for_step(step, &self.agreement);
        let mut packets = Vec::new();
        if !macros.is_empty() {
            Command::Macros(step, &macros).encode(&mut packets);
        }
        command.encode(&mut packets);
        Ok(self.link.send(&packets, self.reply).await?)
    }

    /// The next answer that says something. A filter that says that it is still at work is waited for anew.
    async fn answer(&mut self, within: Duration) -> Result<Answer, Broken> {
        loop {
            match parse_answer(&self.link.receive(within).await?)? {
                Answer::Progress if self.progress < MILTER_PROGRESS_MAX => self.progress += 1,
                Answer::Progress => return Err(Malformed("no end of its work").into()),
                answer => return Ok(answer),
            }
        }
    }

    async fn tell(&mut self, command: &Command<'_>) -> Result<(), Broken> {
        let mut packets = Vec::new();
        command.encode(&mut packets);
        Ok(self.link.send(&packets, self.reply).await?)
    }
}

/// What an answer decides. Only at the end of a message may there be changes, only to a part of the body a wish for no more.
fn ruling(answer: Answer) -> Result<Ruling, Malformed> {
    match answer {
        Answer::Continue => Ok(Ruling::Continue),
        Answer::Accept => Ok(Ruling::Accept),
        Answer::Discard => Ok(Ruling::Discard),
        Answer::Reject => Ok(Ruling::Refuse(Refusal::permanent())),
        Answer::TemporaryFailure => Ok(Ruling::Refuse(Refusal::temporary())),
        Answer::Shutdown => Ok(Ruling::Refuse(Refusal::shutdown())),
        Answer::Refuse(refusal) => Ok(Ruling::Refuse(refusal)),
        Answer::Agreement(_) | Answer::Skip | Answer::Progress | Answer::Change(_) => {
            Err(Malformed("an answer that belongs to another step"))
        }
    }
}
