//! DATA and BDAT: the message comes, and is accepted or refused.
//!
//! Line ends. In DATA a CR or LF outside a CRLF is refused (RFC 5321 §2.3.8): hosts disagree about what it means, and smuggling
//! lives on that. The message is read to its real end first. Chunks are counted and cannot be misread, but the message
//! may leave this host by DATA later; so text in chunks, which RFC 3030 §2 wants with CRLF only, is held to the same
//! rule. With BODY=BINARYMIME any octets may come behind the header section, and are kept as they are.

use daemon::output::Output;
use daemon::session::Next;

use super::SmtpSession;
use super::state::State;
use crate::answer::Answer;
use crate::envelope::Envelope;
use crate::grammar::Body;
use crate::limits::DISCARD_OCTETS_MAX;
use crate::message::compose::{NOT_RECEIVED, NOT_SUBMITTED};
use crate::message::delivery::{Filters, Source, deliver};
use crate::message::intake::{Intake, Overrun, Rules};
use crate::reject::{Reject, Sequence};

impl SmtpSession {
    pub(super) fn data(&mut self) -> Result<Answer, Reject> {
        match std::mem::replace(&mut self.state, State::Connected) {
            State::Mail(mut envelope) => {
                if let Err(reject) = check_data(&envelope) {
                    self.state = State::Mail(envelope);
                    return Err(reject);
                }
                let intake = self.intake(&mut envelope, false);
                self.state = State::Data(envelope, Box::new(intake));
                Ok(Answer::StartInput)
            }
            other => {
                self.state = other;
                Err(Sequence::ChunksOpen.into())
            }
        }
    }

    /// Begins a chunk, if it is `allowed`. Its octets follow the command at once, so whatever is wrong is said when they have been read.
    pub(super) fn bdat(
        &mut self,
        octets: u64,
        last: bool,
        allowed: Result<(), Reject>,
    ) -> Result<Answer, Reject> {
        if octets
            > self
                .connection
                .config
                .limits
                .message_octets
                .saturating_add(DISCARD_OCTETS_MAX)
        {
            return Err(Reject::Overrun);
        }
        let state = std::mem::replace(&mut self.state, State::Connected);
        self.state = match (allowed.and_then(|()| check_chunk(&state)), state) {
            (Ok(()), State::Chunked(envelope, intake)) => State::Chunk {
                envelope,
                intake,
                octets,
                last,
            },
            (Ok(()), State::Mail(mut envelope)) => {
                let is_text = envelope.parameters.body != Some(Body::BinaryMime);
                let intake = Box::new(self.intake(&mut envelope, is_text));
                State::Chunk {
                    envelope,
                    intake,
                    octets,
                    last,
                }
            }
            (Ok(()), then) => State::Discarding {
                then: Box::new(then),
                reject: Sequence::MailFirst.into(),
                octets,
            },
            (Err(reject), then) => State::Discarding {
                then: Box::new(then),
                reject,
                octets,
            },
        };
        Ok(Answer::ChunkComes)
    }

    fn intake(&self, envelope: &mut Envelope, strict_newlines: bool) -> Intake {
        let config = &self.connection.config;
        let rules = Rules {
            octets_max: config.limits.message_octets,
            received_max: config.smtpd.received_max,
            removed_fields: if self.login.is_some() {
                NOT_SUBMITTED
            } else {
                NOT_RECEIVED
            },
            strict_newlines,
            signed: self.login.is_some() || envelope.forwarder.is_some(),
            hostname: config.hostname.clone(),
            delivered_to: envelope
                .deliveries
                .iter()
                .map(|delivery| delivery.address.clone())
                .collect(),
        };
        let verification = envelope.verification.take();
        Intake::new(&self.connection.service.store, rules, verification)
    }

    /// Takes some octets of a message.
    pub(super) async fn body_octets(&mut self, octets: &[u8], out: &mut Output) -> Next {
        let taken = match &mut self.state {
            State::Data(_, intake) | State::Chunk { intake, .. } => intake.push(octets).await,
            _ => Ok(()),
        };
        match taken {
            Ok(()) => Next::Continue,
            Err(Overrun) => self.refuse(Reject::Overrun, out),
        }
    }

    /// The message or the chunk has ended.
    pub(super) async fn body_end(&mut self, bare_newline: bool) -> Result<Answer, Reject> {
        match std::mem::replace(&mut self.state, State::Connected) {
            State::Data(envelope, mut intake) => {
                if bare_newline {
                    intake.refuse(Reject::BareNewline);
                }
                self.message_end(*envelope, *intake).await
            }
            State::Chunk {
                envelope,
                intake,
                last: true,
                ..
            } => self.message_end(*envelope, *intake).await,
            State::Chunk {
                envelope,
                intake,
                octets,
                last: false,
            } => self.chunk_end(envelope, intake, octets),
            State::Discarding { then, reject, .. } => {
                self.state = *then;
                Err(reject)
            }
            other => {
                self.state = other;
                Err(Sequence::MailFirst.into())
            }
        }
    }

    /// A refused chunk ends the transaction; others that are on their way already are read and refused as well, because they
    /// have no transaction (RFC 3030 §2).
    fn chunk_end(
        &mut self,
        envelope: Box<Envelope>,
        intake: Box<Intake>,
        octets: u64,
    ) -> Result<Answer, Reject> {
        match intake.refusal().cloned() {
            Some(reject) => {
                self.state = State::Greeted(envelope.client);
                Err(reject)
            }
            None => {
                self.state = State::Chunked(envelope, intake);
                Ok(Answer::ChunkTaken { octets })
            }
        }
    }

    /// The transaction ends here, whatever comes of the message.
    async fn message_end(&mut self, envelope: Envelope, intake: Intake) -> Result<Answer, Reject> {
        self.state = State::Greeted(envelope.client.clone());
        let octets = intake.octets();
        let recipients = envelope.deliveries.len() + envelope.relays.len();
        let sender = envelope.reverse_path();
        let message = intake.finish().await?;
        let macros = self.macros(&envelope.client, &envelope.sender);
        // Taken out so that the session can be read meanwhile.
        let mut milters = std::mem::take(&mut self.milters);
        let mut filters = Filters {
            milters: &mut milters,
            macros,
        };
        let delivered = deliver(
            &self.shared,
            &self.connection.service.store,
            self.source(),
            envelope,
            message,
            &mut filters,
        )
        .await;
        self.milters = milters;
        let id = delivered?.printed();
        tracing::info!(%id, from = sender, recipients, octets, "accepted");
        metrics::counter!("smtp_messages_total").increment(1);
        metrics::counter!("smtp_message_octets_total").increment(octets);
        self.tally.messages += 1;
        self.tally.recipients += recipients as u64;
        self.tally.errors = 0;
        self.tally.commands = 0;
        Ok(Answer::Accepted { id })
    }

    fn source(&self) -> Source<'_> {
        Source {
            config: &self.connection.config,
            address: self.connection.peer.address,
            tls: self
                .tls
                .as_ref()
                .map(|tls| (tls.version, tls.cipher.as_str())),
            account: self.login.as_ref().map(|identity| identity.account),
        }
    }
}

/// Whether there is somebody to send to (RFC 5321 §4.1.1.4, RFC 2920 §3.2 (3)).
fn check_recipients(envelope: &Envelope) -> Result<(), Reject> {
    match (envelope.accepted, envelope.attempts) {
        (0, 0) => Err(Sequence::RcptFirst.into()),
        (0, _) => Err(Reject::NoRecipients),
        _ => Ok(()),
    }
}

fn check_data(envelope: &Envelope) -> Result<(), Reject> {
    check_recipients(envelope)?;
    match envelope.parameters.body {
        Some(Body::BinaryMime) => Err(Sequence::BinaryNeedsChunks.into()),
        _ => Ok(()),
    }
}

fn check_chunk(state: &State) -> Result<(), Reject> {
    match state {
        State::Mail(envelope) => check_recipients(envelope),
        _ => Ok(()),
    }
}
