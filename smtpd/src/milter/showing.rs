//! A whole message shown to one filter, and what the filter makes of it: the part of a [`Conversation`] from Data to the last answer.
//!
//! The body is read back from the draft piece by piece and never held whole. All of it is under one deadline, which a filter cannot put off
//! by saying that it is at work. Failure: as in `conversation`; then the message is as it was before this filter.

use std::time::Duration;

use store::Draft;
use tokio::time::timeout;

use super::change::{Change, apply, shown_value};
use super::conversation::{Broken, Conversation, Ruling, ruling};
use super::macros::Macros;
use super::packet::{Answer, Command, Malformed, Step};
use crate::limits::{MILTER_BODY_OCTETS, MILTER_CHANGES_MAX};
use crate::message::header::Header;

/// Packets gather up to this many octets before they are sent, where no answer is awaited.
const GATHERED_OCTETS: usize = 64 * 1024;

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

impl Conversation {
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
}
