//! APPEND (RFC 3501 §6.3.11) of one message or several (RFC 3502), with APPENDUID (RFC 4315 §3), and REPLACE (RFC 8508).
//!
//! Messages stream into drafts of the store and never into a command. Mailbox and size are judged before a
//! synchronising literal is asked for. All messages become visible together, or none. What stands around their octets is
//! read by [`crate::grammar::append`], their URLs are followed in [`super::catenate`].
//!
//! ```text
//! text {n} ──begin──► octets ──end──► text ──► {n}: more octets
//!                                      └─────► end: append all, or replace
//! ```

use daemon::session::{Next, Output};
use store::{Access, Destination, Draft, MailboxId, Rights, Timestamp, Uid};

use super::store::split_flags;
use crate::grammar::append::{Follows, Item, Piece, Place, Start, Step};
use crate::grammar::capability::Capability;
use crate::grammar::code::Code;
use crate::grammar::command::Request;
use crate::grammar::fragment::{Announced, announced};
use crate::grammar::response::{Condition, Response};
use crate::grammar::verb::Verb;
use crate::grammar::{Malformed, Numbering, SequenceSet};
use crate::limits::{APPEND_LARGEST_MAX, APPEND_MESSAGES_MAX};
use crate::session::dispatch::{Done, Outcome};
use crate::session::place;
use crate::session::reject::Reject;
use crate::session::rights::Deed;
use crate::session::table::facts;
use crate::session::{ImapSession, Mode};

/// An APPEND or REPLACE of which messages are arriving.
pub struct Appending {
    tag: String,
    verb: Verb,
    access: Access,
    /// To the mailbox where they go.
    rights: Rights,
    /// The mailbox, and in which other form it was named by a client that is to learn the one that is kept.
    normalised: Option<(place::Place, String)>,
    mailbox: String,
    replaced: Option<Replaced>,
    /// The header sections must be ASCII.
    ascii_headers: bool,
    /// The text since the last octets of a message, and where it stands.
    text: Vec<u8>,
    place: Place,
    arrived: Vec<store::Appending>,
    current: Option<Current>,
    literal: Option<Literal>,
    failed: Option<Reject>,
}

/// The message that goes when the new one comes.
#[derive(Clone, Copy)]
struct Replaced {
    access: Access,
    mailbox: MailboxId,
    uid: Uid,
}

/// The message that is arriving.
struct Current {
    item: Item,
    draft: Draft,
}

/// The literal that comes next.
#[derive(Clone, Copy)]
enum Literal {
    /// Octets of the message.
    Message(u64),
    /// An argument.
    Argument(u64),
}

impl Appending {
    /// How many octets of a literal come next; `None` when a line comes next.
    pub fn literal(&self) -> Option<u64> {
        self.literal.map(|literal| match literal {
            Literal::Message(octets) | Literal::Argument(octets) => octets,
        })
    }

    /// Takes octets of a literal. After a failure they are thrown away, to the end of the literal.
    pub async fn octets(&mut self, octets: &[u8]) {
        match (self.literal, &mut self.current) {
            _ if self.failed.is_some() => {}
            (Some(Literal::Argument(_)), _) => self.text.extend_from_slice(octets),
            (Some(Literal::Message(_)), Some(current)) => {
                let written = current.draft.write(octets).await;
                self.failed = written.err().map(too_big);
            }
            _ => {}
        }
    }

    /// The literal has arrived.
    pub fn literal_end(&mut self) {
        if let Some(Literal::Message(_)) = self.literal.take() {
            self.text.clear();
        }
    }

    fn begin(&mut self, item: Item, draft: Draft) -> Result<(), Reject> {
        if self.arrived.len() >= APPEND_MESSAGES_MAX {
            return Err(store::Error::Limit("messages in one APPEND").into());
        }
        self.current = Some(Current { item, draft });
        Ok(())
    }

    /// The message has come whole. All together may have `octets_max` octets.
    async fn end(&mut self, octets_max: u64) -> Result<(), Reject> {
        let Some(Current { item, draft }) = self.current.take() else {
            return Ok(());
        };
        if draft.is_empty() {
            return Err(Reject::EmptyMessage);
        }
        if self.ascii_headers && draft.has_eight_bit_header() {
            return Err(Reject::EightBitHeader);
        }
        let before: u64 = self.arrived.iter().map(|one| one.message.size()).sum();
        if before.saturating_add(draft.len()) > octets_max {
            return Err(store::Error::Limit("octets in one APPEND").into());
        }
        let message = draft.seal().await?;
        self.arrived.push(appending(item, message));
        Ok(())
    }

    /// Whether a literal of the message may come.
    fn check_size(&self, octets: u64, octets_max: u64) -> Result<(), Reject> {
        let before = self.current.as_ref().map_or(0, |it| it.draft.len());
        match octets {
            0 if self.place == Place::Whole => Err(Reject::EmptyMessage),
            octets if octets > octets_max.saturating_sub(before) => Err(Reject::TooBig),
            _ => Ok(()),
        }
    }
}

/// A draft has only one limit.
pub(super) fn too_big(error: store::Error) -> Reject {
    match error {
        store::Error::Limit(_) => Reject::TooBig,
        other => other.into(),
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
    /// The beginning of an APPEND or REPLACE has come, up to its end or to the announcement of a literal.
    pub(crate) async fn begin_append(
        &mut self,
        command: &[u8],
        literal: Option<Announced>,
        out: &mut Output,
    ) -> Next {
        let appending = match Request::parse(command, self.dialect()) {
            Ok(request) => self.start_append(request.tag, command).await,
            Err(malformed) => Err((String::new(), malformed.into())),
        };
        match (appending, literal) {
            (Ok(appending), _) => self.read_on(Box::new(appending), out).await,
            (Err((_, reject)), Some(literal)) => self.refuse(literal, reject, out),
            (Err((tag, reject)), None) => {
                self.intake.take();
                self.answer(&tag, Err(reject), out)
            }
        }
    }

    /// What arrives, or the tag and why not.
    async fn start_append(
        &mut self,
        tag: String,
        command: &[u8],
    ) -> Result<Appending, (String, Reject)> {
        let start = match Start::parse(command, self.dialect()) {
            Some(Ok(start)) => start,
            Some(Err(malformed)) => return Err((tag, malformed.into())),
            None => return Err((tag, Malformed::UnknownCommand.into())),
        };
        match self.admit_append(&start).await {
            Ok((target, replaced)) => Ok(Appending {
                normalised: (self.enabled.rev2 && target.info.name != start.mailbox)
                    .then(|| (target.clone(), start.mailbox.clone())),
                tag,
                verb: start.verb,
                access: target.access,
                rights: target.rights,
                mailbox: target.local,
                replaced,
                // RFC 6855 §4: "the server MUST reject, with a NO".
                ascii_headers: self.offers(Capability::Utf8Accept) && !self.dialect().utf8,
                text: start.rest.to_vec(),
                place: Place::First,
                arrived: Vec::new(),
                current: None,
                literal: None,
                failed: None,
            }),
            Err(reject) => Err((tag, reject)),
        }
    }

    /// Whether the command may begin, where its messages go, and which message it replaces.
    async fn admit_append(
        &mut self,
        start: &Start<'_>,
    ) -> Result<(place::Place, Option<Replaced>), Reject> {
        self.admit(facts(start.verb))?;
        let replaced = match &start.replaced {
            Some((Numbering::Sequence, _)) if self.enabled.uid_only => {
                return Err(Reject::UidRequired);
            }
            Some((numbering, set)) => Some(self.replaced(*numbering, set)?),
            None => None,
        };
        Ok((self.appendable(&start.mailbox).await?, replaced))
    }

    fn replaced(&mut self, numbering: Numbering, set: &SequenceSet) -> Result<Replaced, Reject> {
        let view = &self.selected()?.view;
        let uid = view.uids(numbering, set)?.first().copied();
        Ok(Replaced {
            access: view.access,
            mailbox: view.mailbox,
            uid: uid.ok_or(store::Error::NotFound("message"))?,
        })
    }

    async fn appendable(&self, mailbox: &str) -> Result<place::Place, Reject> {
        match self.place(mailbox, Deed::Insert).await {
            Ok(place) if !place.info.no_select => Ok(place),
            Ok(_) | Err(Reject::Store(store::Error::NotFound(_))) => {
                Err(self.missing_destination(mailbox))
            }
            Err(other) => Err(other),
        }
    }

    /// A line came: text behind octets of a message, or behind an argument.
    pub(crate) async fn append_line(
        &mut self,
        mut appending: Box<Appending>,
        line: &[u8],
        out: &mut Output,
    ) -> Next {
        appending.text.extend_from_slice(line);
        self.read_on(appending, out).await
    }

    /// Does what the text asks for, and prepares for what follows it.
    async fn read_on(&mut self, mut appending: Box<Appending>, out: &mut Output) -> Next {
        let many = appending.verb == Verb::Append && self.offers(Capability::MultiAppend);
        let text = std::mem::take(&mut appending.text);
        let piece = Piece::parse(appending.place, many, &text, self.dialect());
        let follows = match piece {
            Ok(piece) => {
                if !matches!(piece.follows, Follows::Argument(_)) {
                    appending.place = piece.place;
                    self.take_steps(&mut appending, piece.steps).await;
                }
                piece.follows
            }
            Err(malformed) => {
                appending.failed.get_or_insert(malformed.into());
                announced(&text).map_or(Follows::Nothing, Follows::Octets)
            }
        };
        match follows {
            Follows::Nothing => self.finish_append(*appending, out).await,
            Follows::Octets(literal) => self.expect_octets(appending, literal, out),
            Follows::Argument(literal) => {
                appending.text = text;
                self.expect_argument(appending, literal, out)
            }
        }
    }

    /// After a failure nothing more is done.
    async fn take_steps(&mut self, appending: &mut Appending, steps: Vec<Step>) {
        for step in steps {
            if appending.failed.is_some() {
                return;
            }
            let taken = self.take_step(appending, step).await;
            appending.failed = taken.err();
        }
    }

    async fn take_step(&mut self, appending: &mut Appending, step: Step) -> Result<(), Reject> {
        let octets_max = self.connection.config.limits.message_octets;
        match (step, &mut appending.current) {
            (Step::Begin(item), _) => appending.begin(item, Draft::new(&self.store(), octets_max)),
            (Step::Url(url), Some(current)) => self.follow(&url, &mut current.draft).await,
            (Step::Url(_), None) => Ok(()),
            (Step::End, _) => {
                appending
                    .end(APPEND_LARGEST_MAX.saturating_mul(octets_max))
                    .await
            }
        }
    }

    fn expect_octets(
        &mut self,
        mut appending: Box<Appending>,
        literal: Announced,
        out: &mut Output,
    ) -> Next {
        let octets_max = self.connection.config.limits.message_octets;
        let failed = appending.failed.take().or_else(|| self.unwanted(literal));
        let sound = match failed {
            Some(reject) => Err(reject),
            None => appending.check_size(literal.octets, octets_max),
        };
        if let Err(reject) = sound {
            return self.refuse(literal, reject, out);
        }
        appending.literal = Some(Literal::Message(literal.octets));
        self.expect_literal(appending, literal, out)
    }

    fn expect_argument(
        &mut self,
        mut appending: Box<Appending>,
        literal: Announced,
        out: &mut Output,
    ) -> Next {
        let octets = literal.octets.saturating_add(appending.text.len() as u64);
        if octets > self.bounds().command_octets {
            return self.refuse(literal, Reject::CommandTooLarge, out);
        }
        if let Some(reject) = self.unwanted(literal) {
            return self.refuse(literal, reject, out);
        }
        appending.text.extend_from_slice(b"\r\n");
        appending.literal = Some(Literal::Argument(literal.octets));
        self.expect_literal(appending, literal, out)
    }

    fn expect_literal(
        &mut self,
        appending: Box<Appending>,
        literal: Announced,
        out: &mut Output,
    ) -> Next {
        self.mode = Mode::Append(appending);
        if literal.synchronising {
            out.put(&Response::Continue("Go on"));
        }
        Next::Continue
    }

    async fn finish_append(&mut self, appending: Appending, out: &mut Output) -> Next {
        // The session gathers the next command from here.
        self.intake.take();
        let (tag, verb) = (appending.tag.clone(), appending.verb);
        let outcome = self.append_all(appending, out).await;
        // RFC 3501 §6.3.11: if the mailbox is selected, the arrival should be told at once.
        let outcome = match self.takes_news(facts(verb)) {
            true => self.catch_up(true).await.and(outcome),
            false => outcome,
        };
        let told = self.tell(facts(verb), out).await;
        let outcome = outcome.and_then(|done| told.map(|()| done));
        self.answer(&tag, outcome, out)
    }

    async fn append_all(&mut self, mut appending: Appending, out: &mut Output) -> Outcome {
        if let Some(reject) = appending.failed {
            return Err(reject);
        }
        let (target, store) = (appending.access, self.store());
        let own = target.is_own();
        let count = appending.arrived.len() as u64;
        let appended = match (appending.replaced, appending.arrived.pop()) {
            (Some(replaced), Some(message)) => {
                let Replaced {
                    access,
                    mailbox,
                    uid,
                } = replaced;
                let to = Destination::new(target, &appending.mailbox);
                store.replace(access, mailbox, uid, to, message).await
            }
            (_, last) => {
                appending.arrived.extend(last);
                store
                    .append(target, &appending.mailbox, appending.arrived)
                    .await
            }
        };
        let appended = appended.map_err(|error| match error {
            store::Error::NotFound("message") => Reject::ExpungeIssued,
            store::Error::NotFound(_) if own => Reject::TryCreate,
            other => other.into(),
        })?;
        self.appended += count;
        let uids = appended.uids.iter().map(|uid| uid.value());
        self.note_own(target.owner(), appended.uid_validity, uids);
        let code = Code::AppendUid {
            uid_validity: appended.uid_validity.0,
            uids: appended.uids.iter().map(|uid| uid.value()).collect(),
        };
        let code = Some(code).filter(|_| self.tells_uids(appending.rights));
        if let Some((place, written)) = &appending.normalised {
            // RFC 9051 §6.3.12
            self.tell_name(place, written, out).await?;
        }
        if appending.verb == Verb::Append {
            let mut done = Done::text("APPEND completed");
            done.code = code;
            return Ok(done);
        }
        // RFC 8508 §4.3: before the client hears that the old message is gone.
        if let Some(code) = code {
            out.put(&Response::Untagged(
                Condition::Ok,
                Some(code),
                "Replacement is there".to_owned(),
            ));
        }
        self.after_expunge(true, "REPLACE completed").await
    }
}
