//! From a whole command to its tagged response.
//!
//! The dispatcher alone gates commands by the table, takes in the store's news, and decides what is told and when;
//! the commands put their own untagged data and return how they ended.

use daemon::session::{Next, Output};
use store::Store;

use super::contexts::Updates;
use super::reject::{Refusal, Reject};
use super::state::{Selected, State, User};
use super::table::{Facts, Needs, Tells, facts};
use super::{ImapSession, Mode};
use crate::grammar::Malformed;
use crate::grammar::code::Code;
use crate::grammar::command::{Command, Request};
use crate::grammar::response::{Condition, Response};
use crate::view::Manner;

/// How a command ended well.
#[derive(Debug, PartialEq, Eq)]
pub struct Done {
    /// For machines.
    pub code: Option<Code>,
    /// For people.
    pub text: &'static str,
    /// What comes after the tagged response.
    pub after: After,
}

/// What comes after the tagged response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The next command.
    Next,
    /// The TLS handshake.
    StartTls,
    /// Compression, from the next octet on (RFC 4978 §3).
    Compress,
    /// No compression any more (RFC 8437 §2).
    Uncompress,
    /// The end.
    Close,
    /// No tagged response yet: the session waits for more (SASL, IDLE).
    Unfinished,
}

impl Done {
    /// Without a code.
    pub fn text(text: &'static str) -> Self {
        Self {
            code: None,
            text,
            after: After::Next,
        }
    }

    /// With a code.
    pub fn code(code: Code, text: &'static str) -> Self {
        Self {
            code: Some(code),
            text,
            after: After::Next,
        }
    }

    /// Followed by something else than the next command.
    pub fn then(after: After, text: &'static str) -> Self {
        Self {
            code: None,
            text,
            after,
        }
    }
}

/// How a command ended.
pub type Outcome = Result<Done, Reject>;

impl ImapSession {
    /// Does a whole command.
    pub(super) async fn dispatch(&mut self, command: &[u8], out: &mut Output) -> Next {
        let mut request = match Request::parse(command, self.dialect()) {
            Ok(request) => request,
            Err(malformed) => return self.answer_untagged(malformed, out),
        };
        let outcome = self.obey(&mut request, out).await;
        self.answer(&request.tag, outcome, out)
    }

    async fn obey(&mut self, request: &mut Request<'_>, out: &mut Output) -> Outcome {
        let verb = request.verb.clone()?;
        let mut facts = facts(verb);
        self.admit(facts)?;
        let command = Command::parse(verb, &mut request.arguments);
        if matches!(command, Err(Malformed::Charset { saves: true })) {
            self.forget_saved();
        }
        let command = command?;
        if command.names_numbers() {
            if self.enabled.uid_only {
                return Err(Reject::UidRequired);
            }
            // RFC 7162 §3.2.10.2: nor during a UID SEARCH that contains message numbers.
            facts.tells = facts.tells.without_expunge();
        }
        if let Some(selected) = self.state.selected() {
            selected.view.remember(command.is_conditional_change());
        }
        // Before the command, arrivals and flags may be told, but no expunge: the command's numbers are from before it.
        // What is not told before is not taken in before either, unless the command changes flags: FETCH must not
        // answer with numbers of which the client has not heard.
        if facts.tells_first || facts.writes {
            self.catch_up_for(facts, facts.asks).await?;
        }
        if facts.tells_first {
            let tells = facts.tells.without_expunge();
            self.tell(Facts { tells, ..facts }, out).await?;
        }
        let own = command.names_changed();
        let outcome = self.perform(&request.tag, command, out).await;
        let outcome = self.after_own(&own, outcome, out).await;
        if !matches!(outcome, Err(Reject::Disconnected)) {
            self.catch_up_for(facts, false).await?;
            self.tell(facts, out).await?;
        }
        Ok(self.with_expunge_noted(outcome?, facts))
    }

    /// Where others have expunged messages and it cannot be told now, the client hears that it had better ask (RFC 5530 §3, RFC 2180 §4.1).
    fn with_expunge_noted(&mut self, done: Done, facts: Facts) -> Done {
        let waits = |selected: &mut Selected| !selected.view.gone().is_empty();
        let untold =
            facts.tells == Tells::AllButExpunge && self.state.selected().is_some_and(waits);
        if untold && done.code.is_none() && done.after == After::Next {
            Done::code(Code::ExpungeIssued, done.text)
        } else {
            done
        }
    }

    /// A command that begins or ends a view tells nothing of it, so that nothing is taken in either: the next command
    /// would answer with messages of which the client has not heard. Nor does it care whether the mailbox is still there.
    async fn catch_up_for(&mut self, facts: Facts, ask: bool) -> Result<(), Reject> {
        match facts.tells {
            Tells::Nothing => Ok(()),
            _ if !self.takes_news(facts) => Ok(()),
            Tells::AllButExpunge | Tells::All => self.catch_up(ask).await,
        }
    }

    /// Whether a command exists for this client, and is allowed now.
    pub(crate) fn admit(&self, facts: Facts) -> Result<(), Reject> {
        match facts.capability {
            Some(capability) if !self.offers(capability) => Err(Malformed::UnknownCommand.into()),
            _ => self.gate(facts),
        }
    }

    fn gate(&self, facts: Facts) -> Result<(), Reject> {
        match (facts.needs, &self.state) {
            (Needs::NotAuthenticated, State::Authenticated(_) | State::Selected(..)) => {
                return Err(Reject::WrongState("Already logged in"));
            }
            (Needs::Authenticated | Needs::Selected, State::NotAuthenticated) => {
                return Err(Reject::WrongState("Log in first"));
            }
            (Needs::Selected, State::Authenticated(_)) => {
                return Err(Reject::WrongState("Select a mailbox first"));
            }
            (Needs::Selected, State::Selected(_, selected))
                if facts.writes && selected.view.read_only =>
            {
                return Err(Reject::ReadOnly);
            }
            (Needs::Selected, State::Selected(_, selected))
                if !selected.view.rights.contains(facts.rights) =>
            {
                return Err(Reject::NoPermission);
            }
            _ => {}
        }
        if facts.by_number && self.enabled.uid_only {
            return Err(Reject::UidRequired);
        }
        if facts.private && !self.takes_passwords() {
            Err(Reject::PrivacyRequired)
        } else {
            Ok(())
        }
    }

    fn takes_passwords(&self) -> bool {
        let connection = &self.connection;
        !daemon::sasl::mechanisms(&connection.config, self.tls.as_ref(), &connection.peer)
            .is_empty()
    }

    async fn perform(&mut self, tag: &str, command: Command, out: &mut Output) -> Outcome {
        match command {
            Command::Capability => self.capability(out),
            Command::Noop => Ok(Done::text("NOOP completed")),
            Command::Logout => self.logout(out),
            Command::StartTls => self.starttls(),
            Command::Authenticate { mechanism, initial } => {
                self.authenticate(tag, &mechanism, initial, out).await
            }
            Command::Login { user, password } => self.login(&user, &password).await,
            Command::Unauthenticate => Ok(self.unauthenticate()),
            Command::Id(fields) => self.id(&fields, out),
            Command::Enable(names) => self.enable(&names, out),
            Command::Select(select) => self.select(&select, false, out).await,
            Command::Examine(select) => self.select(&select, true, out).await,
            Command::Create { mailbox, uses } => self.create(&mailbox, &uses, out).await,
            Command::Delete(mailbox) => self.delete(&mailbox, out).await,
            Command::Rename { from, to } => self.rename(&from, &to, out).await,
            Command::Subscribe(mailbox) => self.subscribe(&mailbox).await,
            Command::Unsubscribe(mailbox) => self.unsubscribe(&mailbox).await,
            Command::List(list) => self.list(&list, out).await,
            Command::Lsub { reference, pattern } => self.lsub(&reference, &pattern, out).await,
            Command::Status { mailbox, items } => self.status(&mailbox, &items, out).await,
            Command::Namespace => self.namespace(out),
            Command::Acl(acl) => self.acl(acl, out).await,
            Command::Quota(quota) => self.quota(quota, out).await,
            Command::Metadata(metadata) => self.metadata(metadata, out).await,
            Command::Notify(notify) => self.notify(notify, out).await,
            Command::Idle => self.idle(tag, out),
            Command::Compress => self.compress(),
            Command::Check => Ok(Done::text("CHECK completed")),
            Command::Close => self.close().await,
            Command::Unselect => self.unselect(),
            Command::Expunge(uids) => self.expunge(uids.as_ref()).await,
            Command::Search(numbering, search) => self.search(tag, numbering, search, out).await,
            Command::MultiSearch(search) => self.multi_search(tag, search, out).await,
            Command::Sort(numbering, sort) => self.sort(tag, numbering, sort, out).await,
            Command::Thread(numbering, thread) => self.thread(tag, numbering, thread, out).await,
            Command::CancelUpdate(tags) => self.cancel_update(&tags),
            Command::Fetch(numbering, set, fetch) => self.fetch(numbering, &set, fetch, out).await,
            Command::Store(numbering, set, store) => {
                self.store_flags(numbering, &set, store, out).await
            }
            Command::Copy(numbering, set, to) => self.copy(tag, numbering, &set, &to, out).await,
            Command::Move(numbering, set, to) => {
                self.move_messages(tag, numbering, &set, &to, out).await
            }
        }
    }

    /// Takes in what has changed in the selected mailbox. With `ask` the store is asked in any case; otherwise only if it
    /// has called, which it does a moment after each commit of any process.
    pub(crate) async fn catch_up(&mut self, ask: bool) -> Result<(), Reject> {
        let (store, takes_recent) = (self.store(), !self.enabled.rev2);
        let Some(Selected { view, changes, .. }) = self.state.selected() else {
            return Ok(());
        };
        if !ask && !changes.has_changed().unwrap_or(true) {
            return Ok(());
        }
        changes.mark_unchanged();
        let news = match store
            .changes_since(view.access, view.mailbox, view.modseq())
            .await
        {
            Err(store::Error::NotFound(_)) => return Err(Reject::MailboxRemoved),
            other => other?,
        };
        view.apply(&news);
        if view.has_arrivals() && !view.read_only && takes_recent {
            let first = store.claim_recent(view.account, view.mailbox).await?;
            view.claim_recent(first.value());
        }
        Ok(())
    }

    /// Ends a command that has expunged messages, or found none. A client with QRESYNC learns up to where it knows
    /// everything once it has been told of them, which the dispatcher does next (RFC 7162 §3.2.7, §3.2.9).
    pub(crate) async fn after_expunge(&mut self, any: bool, text: &'static str) -> Outcome {
        if !any || !self.enabled.qresync {
            return Ok(Done::text(text));
        }
        self.catch_up(true).await?;
        let code = Code::HighestModSeq(self.selected()?.view.modseq().0);
        Ok(Done::code(code, text))
    }

    /// Tells what the command allows to be told.
    pub(crate) async fn tell(&mut self, facts: Facts, out: &mut Output) -> Result<(), Reject> {
        let (enabled, store) = (self.enabled, self.store());
        if facts.tells == Tells::Nothing {
            return Ok(());
        }
        // RFC 5465 §5.1: what NOTIFY asks to be told bears the UID.
        let (flags, uid) = (
            self.of_selected().flags || facts.writes,
            self.notify.is_some(),
        );
        let (mut arrivals, mut updates) = (Vec::new(), Updates::default());
        if let Some(selected) = self.state.selected() {
            selected.update_before(out);
            arrivals = selected.view.arrivals();
            let manner = Manner {
                expunge: facts.tells == Tells::All,
                flags,
                // What expunges by itself says it in its tagged response: see `after_expunge`.
                modseq: flags && !facts.writes,
                uid: facts.uid || uid,
                enabled,
            };
            selected.view.tell(manner, out).await?;
            updates = selected.update_after(store, &arrivals).await?;
        }
        self.tell_updates(arrivals, updates, out).await
    }

    /// Changed results go after the data that UPDATE asks for (RFC 5465 §7), but before what NOTIFY asks for (§5.2), which
    /// wins where both ask: there is one FETCH response for a message.
    async fn tell_updates(
        &mut self,
        arrivals: Vec<u32>,
        updates: Updates,
        out: &mut Output,
    ) -> Result<(), Reject> {
        let first = self.of_selected().fetch.is_some();
        if first {
            updates.responses.iter().for_each(|told| out.put(told));
        }
        for (uids, fetch) in self.take_wanted(arrivals, updates.asked) {
            self.tell_new(&uids, fetch, out).await?;
        }
        if !first {
            updates.responses.iter().for_each(|told| out.put(told));
        }
        Ok(())
    }

    /// Writes the tagged response.
    pub(crate) fn answer(&mut self, tag: &str, outcome: Outcome, out: &mut Output) -> Next {
        match outcome {
            Ok(done) => {
                self.count_success();
                if done.after != After::Unfinished {
                    self.put_tagged(tag, Condition::Ok, done.code, done.text, out);
                }
                match done.after {
                    After::Next | After::Unfinished => Next::Continue,
                    After::StartTls => Next::StartTls,
                    After::Compress => Next::Compress,
                    After::Uncompress => Next::Uncompress,
                    After::Close => Next::Close,
                }
            }
            Err(Reject::Disconnected) => Next::Close,
            Err(reject) => self.answer_reject(tag, &reject, out),
        }
    }

    fn answer_reject(&mut self, tag: &str, reject: &Reject, out: &mut Output) -> Next {
        if reject.is_ours() {
            tracing::error!(error = %reject, "command failed");
        } else {
            tracing::debug!(error = %reject, "command refused");
        }
        let refusal = reject.refusal(self.connection.id.as_str());
        let Refusal {
            condition,
            code,
            text,
        } = refusal;
        self.put_tagged(tag, condition, code, &text, out);
        if matches!(reject, Reject::MailboxRemoved) {
            out.put(&Response::Bye(
                None,
                "The selected mailbox was removed".to_owned(),
            ));
            return Next::Close;
        }
        // After login a client may ask for many things that are not there; before it, or in words that are none, it may not.
        let hostile = self.state.user().is_none() || condition == Condition::Bad;
        if hostile && !reject.is_ours() {
            self.count_failure(out)
        } else {
            Next::Continue
        }
    }

    fn put_tagged(
        &self,
        tag: &str,
        condition: Condition,
        code: Option<Code>,
        text: &str,
        out: &mut Output,
    ) {
        out.put(&Response::Tagged {
            tag: tag.to_owned(),
            condition,
            code,
            text: text.to_owned(),
        });
    }

    /// The store.
    pub(crate) fn store(&self) -> Store {
        self.connection.service.store.clone()
    }

    /// Who has logged in; the table has seen to it that someone has.
    pub(crate) fn user(&self) -> Result<User, Reject> {
        self.state
            .user()
            .cloned()
            .ok_or(Reject::WrongState("Log in first"))
    }

    /// The selected mailbox; the table has seen to it that there is one.
    pub(crate) fn selected(&mut self) -> Result<&mut Selected, Reject> {
        self.state
            .selected()
            .ok_or(Reject::WrongState("Select a mailbox first"))
    }

    /// Leaves a mode in which lines are no commands.
    pub(crate) fn enter(&mut self, mode: Mode) -> Done {
        self.mode = mode;
        Done::then(After::Unfinished, "")
    }
}

impl Tells {
    fn without_expunge(self) -> Self {
        if self == Self::All {
            Self::AllButExpunge
        } else {
            self
        }
    }
}
