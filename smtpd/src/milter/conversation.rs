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
//! message. Not here: the message itself (`showing`), what a failure means for the mail (`mod`).

use std::io;
use std::time::Duration;

use daemon::config::Milter as Settings;
use daemon::packet::PacketLink;

use super::Facts;
use super::macros::Macros;
use super::negotiation::Agreement;
use super::packet::{Answer, Command, Malformed, Step, parse_answer};
use super::refusal::Refusal;
use crate::limits::MILTER_PROGRESS_MAX;

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

/// An open connection to a filter.
pub(super) struct Conversation {
    pub(super) link: PacketLink,
    pub(super) agreement: Agreement,
    pub(super) reply: Duration,
    /// What the filter said to the connection as such, once it was asked.
    connection: Option<Ruling>,
    /// The last EHLO or HELO that it was told of, with TLS and login.
    hello: Option<Macros>,
    /// A message was begun, and the filter has not said its last word.
    pub(super) in_message: bool,
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

    /// Sends a command with its macros and waits for the answer, as far as the filter wants the one and gives the other.
    pub(super) async fn ask(
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

    pub(super) async fn put(
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
    pub(super) async fn answer(&mut self, within: Duration) -> Result<Answer, Broken> {
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
pub(super) fn ruling(answer: Answer) -> Result<Ruling, Malformed> {
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
