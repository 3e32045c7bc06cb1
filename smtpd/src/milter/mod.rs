//! Filters that speak the milter protocol, such as rspamd: each message passes those that are configured for its port, in their order.
//!
//! ```text
//! session: MAIL, RCPT ─► Milters ─► Conversation (one a filter) ─► daemon::packet
//! end of data ─────────►    │
//!                           └─ header section as the filters want it, Junk, refusal, or to be thrown away
//! ```
//!
//! `packet` and `negotiation` are the language, `macros`, `refusal` and `change` what is said in it; all of that is pure.
//! `conversation` talks to one filter, `showing` is the part of it that has the message. Here is what their opinions come to, and what holds when a filter fails.
//!
//! Failure: a filter that cannot be reached, is too slow, or breaks the protocol is logged, and the mail does what `on_failure` says; no
//! filter can end, stall or confuse the SMTP session. Not offered to filters: the body and the envelope cannot be changed by them, and
//! they hear of no command that was refused or is unknown.

pub mod change;
mod conversation;
pub mod macros;
pub mod negotiation;
pub mod packet;
pub mod refusal;
mod showing;

use std::net::SocketAddr;

use daemon::config::{Config, Milter as Settings, MilterPort, OnFailure};
use store::Draft;

use conversation::{Broken, Conversation, Ruling};
use macros::Macros;
use showing::Opinion;

use crate::message::header::Header;
use crate::message::intake::Message;
use crate::message::verdict::Verdict;
use crate::reject::Reject;
use crate::role::Role;

/// What filters are told of a client and of the message that it begins.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The client's address.
    pub client: SocketAddr,
    /// Its name, `unknown` if there is none to rely on.
    pub client_name: &'a str,
    /// The name that it gave in EHLO or HELO.
    pub hello: &'a str,
    /// What makes this EHLO differ from the one before: name, TLS, login.
    pub session: Macros,
    /// MAIL: the path in angle brackets, and the parameters.
    pub mail: Vec<String>,
    /// All that is known.
    pub macros: Macros,
}

/// The filters of one session.
#[derive(Default)]
pub struct Milters(Vec<Milter>);

/// What all filters together make of a message that none of them refuses.
#[derive(Debug, Default)]
struct Findings {
    /// The header section as they want it, if they want another.
    header: Option<Header>,
    /// It belongs in Junk.
    junk: bool,
    /// It is to be kept apart; why.
    quarantine: Option<String>,
    /// It is to be accepted and thrown away.
    discard: bool,
}

/// A filter and where it stands in this session.
struct Milter {
    settings: Settings,
    conversation: Option<Conversation>,
    part: Part,
}

/// What a filter has to do with the present message.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// It is asked at every step.
    Asked,
    /// It has had its say, or is not there.
    Out,
    /// It wants the message thrown away.
    Discards,
}

impl Milters {
    /// The filters of a port.
    pub fn new(config: &Config, role: Role) -> Milters {
        let port = match role {
            Role::Receive => MilterPort::Incoming,
            Role::Submission => MilterPort::Submission,
        };
        let settings = config.milter.iter();
        let milters = settings
            .filter(|settings| settings.ports.contains(&port))
            .map(|settings| Milter {
                settings: settings.clone(),
                conversation: None,
                part: Part::Out,
            });
        Milters(milters.collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A message begins.
    ///
    /// # Errors
    /// A filter refuses it, or fails and mail is refused then.
    pub async fn mail(&mut self, facts: &Facts<'_>) -> Result<(), Reject> {
        for milter in &mut self.0 {
            milter.mail(facts).await?;
        }
        Ok(())
    }

    /// A recipient that we would take. `path` is in angle brackets.
    ///
    /// # Errors
    /// As [`Milters::mail`]; other recipients are not concerned.
    pub async fn recipient(&mut self, path: &str, macros: &Macros) -> Result<(), Reject> {
        let words = [path.to_owned()];
        for milter in &mut self.0 {
            milter.recipient(&words, macros).await?;
        }
        Ok(())
    }

    async fn message(
        &mut self,
        macros: &Macros,
        header: &Header,
        draft: &Draft,
    ) -> Result<Findings, Reject> {
        let mut shown = header.clone();
        // A mark of a filter's that the message had before is nobody's word.
        shown.remove(&self.marks());
        let mut findings = Findings::default();
        for milter in &mut self.0 {
            let Some(opinion) = milter.message(macros, &shown, draft).await? else {
                findings.discard |= milter.part == Part::Discards;
                continue;
            };
            shown = opinion.header.unwrap_or(shown);
            findings.quarantine = findings.quarantine.or(opinion.quarantine);
            findings.junk |= milter.marked(&shown);
        }
        findings.junk |= findings.quarantine.is_some();
        findings.header = (shown != *header).then_some(shown);
        Ok(findings)
    }

    /// The whole message as one of the checks before it is accepted: the filters see the fields that earlier checks want on top, and
    /// what they change is changed.
    ///
    /// # Errors
    /// As [`Milters::mail`], or the changed header section makes the message too big.
    pub async fn check(
        &mut self,
        macros: &Macros,
        message: &mut Message,
        verdict: &mut Verdict,
    ) -> Result<(), Reject> {
        if self.is_empty() {
            return Ok(());
        }
        let shown = message.header.below(&verdict.fields);
        let findings = self.message(macros, &shown, &message.draft).await?;
        if let Some(header) = findings.header {
            message.replace_header(header)?;
            verdict.fields.clear();
        }
        verdict.junk |= findings.junk;
        verdict.discard |= findings.discard;
        if findings.junk {
            verdict.findings.push("filter=junk".to_owned());
        }
        if let Some(reason) = findings.quarantine {
            verdict
                .findings
                .push(format!("filter=quarantine ({reason})"));
            verdict.quarantine.get_or_insert(reason);
        }
        Ok(())
    }

    /// The session ends.
    pub async fn quit(&mut self) {
        for milter in &mut self.0 {
            if let Some(conversation) = milter.conversation.take() {
                conversation.quit().await;
            }
        }
    }

    fn marks(&self) -> Vec<&str> {
        self.0
            .iter()
            .filter_map(|milter| milter.settings.junk_header.as_ref())
            .map(|mark| mark.name.as_str())
            .collect()
    }
}

impl Milter {
    async fn mail(&mut self, facts: &Facts<'_>) -> Result<(), Reject> {
        self.part = Part::Asked;
        let ruling = match self.converse().await {
            Ok(conversation) => conversation.mail(facts).await,
            Err(broken) => Err(broken),
        };
        self.rule(ruling)
    }

    async fn recipient(&mut self, words: &[String], macros: &Macros) -> Result<(), Reject> {
        let ruling = match (&self.part, &mut self.conversation) {
            (Part::Asked, Some(conversation)) => conversation.recipient(words, macros).await,
            _ => return Ok(()),
        };
        self.rule(ruling)
    }

    /// What the filter makes of the message, unless it has no part in it or wants none of it.
    async fn message(
        &mut self,
        macros: &Macros,
        header: &Header,
        draft: &Draft,
    ) -> Result<Option<Opinion>, Reject> {
        let (Part::Asked, Some(conversation)) = (&self.part, &mut self.conversation) else {
            return Ok(None);
        };
        if draft.len() > self.settings.message_octets {
            return Ok(None);
        }
        let opinion = conversation.message(self.settings.message(), macros, header, draft);
        match opinion.await {
            Ok(opinion) => {
                self.rule(Ok(opinion.ruling.clone()))?;
                Ok((self.part != Part::Discards).then_some(opinion))
            }
            Err(broken) => self.rule(Err(broken)).map(|()| None),
        }
    }

    /// The connection to the filter, opened if need be.
    async fn converse(&mut self) -> Result<&mut Conversation, Broken> {
        let conversation = match self.conversation.take() {
            Some(conversation) => conversation,
            None => Conversation::open(&self.settings).await?,
        };
        Ok(self.conversation.insert(conversation))
    }

    /// Whether the filter has marked this header section as one that belongs in Junk.
    fn marked(&self, header: &Header) -> bool {
        self.settings.junk_header.as_ref().is_some_and(|mark| {
            header
                .fields_named(&mark.name)
                .any(|field| field.value().eq_ignore_ascii_case(mark.value.as_bytes()))
        })
    }

    /// Does what the filter has decided, or what holds when it fails.
    fn rule(&mut self, ruling: Result<Ruling, Broken>) -> Result<(), Reject> {
        match ruling {
            Ok(Ruling::Continue) => Ok(()),
            Ok(Ruling::Accept) => {
                self.part = Part::Out;
                Ok(())
            }
            Ok(Ruling::Discard) => {
                self.part = Part::Discards;
                Ok(())
            }
            Ok(Ruling::Refuse(refusal)) => Err(Reject::Filter(refusal)),
            Err(broken) => self.fail(&broken),
        }
    }

    fn fail(&mut self, broken: &Broken) -> Result<(), Reject> {
        self.conversation = None;
        self.part = Part::Out;
        let (milter, then) = (&self.settings.address, self.settings.on_failure);
        tracing::warn!(%milter, %broken, ?then, "a filter failed");
        metrics::counter!("smtp_milter_failures_total", "milter" => milter.to_string())
            .increment(1);
        match then {
            OnFailure::Accept => Ok(()),
            OnFailure::Tempfail => Err(Reject::FilterUnavailable),
            OnFailure::Reject => Err(Reject::FilterMissing),
        }
    }
}
