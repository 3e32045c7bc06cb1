//! APPEND (RFC 3501 §6.3.11) of one message or several (RFC 3502), with APPENDUID (RFC 4315 §3).
//!
//! Messages stream into drafts of the store and never into a command. Mailbox and size are judged before a
//! synchronising literal is asked for. All messages become visible together, or none.
//!
//! ```text
//! line {n} ──begin──► literal ──end──► line ──► {n}: next message
//!                                       └─────► end: append all
//! ```

use daemon::session::{Next, Output};
use store::{Draft, Timestamp};

use super::store::split_flags;
use crate::grammar::append::{Item, Start};
use crate::grammar::capability::Capability;
use crate::grammar::code::Code;
use crate::grammar::command::Request;
use crate::grammar::fragment::{Announced, announced};
use crate::grammar::response::Response;
use crate::grammar::verb::Verb;
use crate::limits::APPEND_MESSAGES_MAX;
use crate::session::dispatch::{Done, Outcome};
use crate::session::reject::Reject;
use crate::session::table::facts;
use crate::session::{ImapSession, Mode};

/// An APPEND of which messages are arriving.
pub struct Appending {
    tag: String,
    mailbox: String,
    arrived: Vec<store::Appending>,
    current: Option<Current>,
    failed: Option<Reject>,
}

/// The message that is arriving.
struct Current {
    item: Item,
    draft: Draft,
    octets: u64,
}

impl Appending {
    /// How many octets of a message come next; `None` when a line comes next.
    pub fn literal(&self) -> Option<u64> {
        self.current.as_ref().map(|current| current.octets)
    }

    /// Takes octets of a message. After a failure they are thrown away, to the end of the literal.
    pub async fn octets(&mut self, octets: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        if let Some(current) = &mut self.current
            && let Err(error) = current.draft.write(octets).await
        {
            self.failed = Some(error.into());
        }
    }

    /// The message has arrived.
    pub async fn literal_end(&mut self) {
        let Some(current) = self.current.take() else {
            return;
        };
        if self.failed.is_some() {
            return;
        }
        match current.draft.seal().await {
            Ok(message) => self.arrived.push(appending(current.item, message)),
            Err(error) => self.failed = Some(error.into()),
        }
    }
}

fn appending(item: Item, message: store::Sealed) -> store::Appending {
    let (flags, keywords) = split_flags(&item.flags);
    let internal_date = item.date.map(|date| Timestamp {
        seconds: date.seconds,
        offset_minutes: date.offset_minutes,
    });
    store::Appending {
        message,
        flags,
        keywords,
        internal_date,
    }
}

impl ImapSession {
    /// The line that begins an APPEND has come, and announced a message.
    pub(crate) async fn begin_append(
        &mut self,
        start: Start,
        literal: Announced,
        out: &mut Output,
    ) -> Next {
        let tag = match Request::parse(self.intake.gathered(), self.dialect()) {
            Ok(request) => request.tag,
            Err(malformed) => return self.refuse(literal, malformed.into(), out),
        };
        if let Err(reject) = self.appendable(&start.mailbox).await {
            return self.refuse(literal, reject, out);
        }
        let appending = Appending {
            tag,
            mailbox: start.mailbox,
            arrived: Vec::new(),
            current: None,
            failed: None,
        };
        self.next_message(Box::new(appending), start.item, literal, out)
    }

    async fn appendable(&self, mailbox: &str) -> Result<(), Reject> {
        let user = self.user()?;
        match self.store().mailbox(user.account, mailbox).await {
            Err(store::Error::NotFound(_)) => Err(Reject::TryCreate),
            Err(other) => Err(other.into()),
            Ok(info) if info.no_select => Err(Reject::TryCreate),
            Ok(_) => Ok(()),
        }
    }

    fn next_message(
        &mut self,
        mut appending: Box<Appending>,
        item: Item,
        literal: Announced,
        out: &mut Output,
    ) -> Next {
        let limit = self.connection.config.limits.message_octets;
        let reject = match literal.octets {
            0 => Some(Reject::EmptyMessage),
            octets if octets > limit => Some(Reject::TooBig),
            _ if appending.arrived.len() >= APPEND_MESSAGES_MAX => {
                Some(Reject::Store(store::Error::Limit("messages in one APPEND")))
            }
            _ => appending.failed.take().or_else(|| self.unwanted(literal)),
        };
        if let Some(reject) = reject {
            return self.refuse(literal, reject, out);
        }
        let draft = Draft::new(&self.store(), limit);
        appending.current = Some(Current {
            item,
            draft,
            octets: literal.octets,
        });
        self.mode = Mode::Append(appending);
        if literal.synchronising {
            out.put(&Response::Continue("Go on"));
        }
        Next::Continue
    }

    /// A line came after a message: it announces another, or ends the command.
    pub(crate) async fn append_line(
        &mut self,
        mut appending: Box<Appending>,
        line: &[u8],
        out: &mut Output,
    ) -> Next {
        match (Item::parse_next(line, self.dialect()), announced(line)) {
            (Ok(Some(item)), Some(literal)) => self.next_message(appending, item, literal, out),
            (Err(malformed), Some(literal)) => self.refuse(literal, malformed.into(), out),
            (parsed, _) => {
                // The session gathers the next command from here.
                self.intake.take();
                let tag = std::mem::take(&mut appending.tag);
                let outcome = match parsed {
                    Err(malformed) => Err(malformed.into()),
                    Ok(_) => self.append_all(*appending).await,
                };
                self.finish_append(&tag, outcome, out).await
            }
        }
    }

    async fn append_all(&mut self, appending: Appending) -> Outcome {
        if let Some(reject) = appending.failed {
            return Err(reject);
        }
        let count = appending.arrived.len() as u64;
        let account = self.user()?.account;
        let appended = self
            .store()
            .append(account, &appending.mailbox, appending.arrived)
            .await;
        let appended = appended.map_err(|error| match error {
            store::Error::NotFound(_) => Reject::TryCreate,
            other => other.into(),
        })?;
        self.appended += count;
        if !self.offers(Capability::UidPlus) {
            return Ok(Done::text("APPEND completed"));
        }
        let uids = appended.uids.iter().map(|uid| uid.value()).collect();
        Ok(Done::code(
            Code::AppendUid {
                uid_validity: appended.uid_validity.0,
                uids,
            },
            "APPEND completed",
        ))
    }

    async fn finish_append(&mut self, tag: &str, outcome: Outcome, out: &mut Output) -> Next {
        // RFC 3501 §6.3.11: if the mailbox is selected, the arrival should be told at once.
        let outcome = match self.catch_up(true).await {
            Ok(()) => outcome,
            Err(reject) => Err(reject),
        };
        self.tell(facts(Verb::Append), out);
        self.answer(tag, outcome, out)
    }
}
