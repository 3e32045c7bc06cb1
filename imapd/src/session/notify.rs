//! A registration of NOTIFY (RFC 5465): what the session waits for, and what it tells of what it hears.
//!
//! ```text
//! the store calls ─► due ─► a new picture of the mailboxes ─compare─► STATUS, LIST, METADATA
//! ```
//!
//! Until NOTIFY is used the session tells of the selected mailbox with commands and in IDLE. Afterwards the registration
//! says of which events, and whether between commands too. Without message events for the selected mailbox its view stands
//! still, but for what the client's own commands change: RFC 5465 §5 calls that the snapshot facility.
//!
//! If a look fails, or finds more than is reasonable, the client is told so and the registration ends (RFC 5465 §5.8).

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::task::Poll;

use daemon::session::{Next, Output};
use store::{AccountId, Annotation, MailboxId, Rights, Scope, UidValidity};
use tokio::sync::watch;

use super::dispatch::Outcome;
use super::place::Place;
use super::reject::Reject;
use super::state::State;
use super::table::{Facts, Tells, facts};
use super::tidings::{Asking, Known, Picture, Tiding, compare};
use super::{ImapSession, Mode};
use crate::grammar::code::Code;
use crate::grammar::fetch::Fetch;
use crate::grammar::notify::{Filter, Group};
use crate::grammar::response::{Condition, Response};
use crate::grammar::verb::Verb;
use crate::limits::{NOTIFY_MAILBOXES_MAX, NOTIFY_TIDINGS_MAX};

/// What is told of the messages of the selected mailbox.
#[derive(Debug, Clone)]
pub(crate) struct OfSelected {
    /// Messages that come and go.
    pub messages: bool,
    /// Flags that change.
    pub flags: bool,
    /// Between commands too.
    pub at_once: bool,
    /// Expunges at once, instead of with a command that allows them.
    pub expunges_at_once: bool,
    /// What is told of new messages.
    pub fetch: Option<Fetch>,
}

/// Before NOTIFY is used.
const UNREGISTERED: OfSelected = OfSelected {
    messages: true,
    flags: true,
    at_once: false,
    expunges_at_once: false,
    fetch: None,
};
/// After NOTIFY NONE.
const SILENT: OfSelected = OfSelected {
    messages: false,
    flags: false,
    ..UNREGISTERED
};

/// A registration.
pub(crate) struct Notify {
    selected: OfSelected,
    groups: Vec<Group>,
    calls: Vec<watch::Receiver<u64>>,
    owners: BTreeSet<AccountId>,
    picture: Picture,
    /// The store has called since the last look.
    due: bool,
}

impl Notify {
    /// NOTIFY NONE.
    pub(crate) fn silent() -> Self {
        Self {
            selected: SILENT,
            groups: Vec::new(),
            calls: Vec::new(),
            owners: BTreeSet::new(),
            picture: Picture::default(),
            due: false,
        }
    }

    fn new(groups: Vec<Group>) -> Self {
        let (selected, groups): (Vec<Group>, Vec<Group>) = groups
            .into_iter()
            .partition(|group| group.filter.is_selected());
        let of_selected = selected.into_iter().next().map(|group| OfSelected {
            messages: group.events.messages,
            flags: group.events.flags,
            at_once: group.events.messages,
            expunges_at_once: group.events.messages && group.filter == Filter::Selected,
            fetch: group.events.fetch,
        });
        Self {
            selected: of_selected.unwrap_or(SILENT),
            groups,
            ..Self::silent()
        }
    }

    fn asks_metadata(&self) -> (bool, bool) {
        let mut asked = (false, false);
        for group in &self.groups {
            asked.0 |= group.events.metadata;
            asked.1 |= group.events.server_metadata;
        }
        asked
    }
}

/// Waits until the store calls by one of these.
async fn called(calls: &mut [watch::Receiver<u64>]) {
    let mut waits: Vec<Pin<Box<dyn Future<Output = bool> + Send + '_>>> = Vec::new();
    for call in calls {
        waits.push(Box::pin(async move { call.changed().await.is_ok() }));
    }
    poll_fn(|context| {
        let mut ended = Vec::new();
        for (position, wait) in waits.iter_mut().enumerate() {
            match wait.as_mut().poll(context) {
                Poll::Ready(true) => return Poll::Ready(()),
                Poll::Ready(false) => ended.push(position),
                Poll::Pending => {}
            }
        }
        for position in ended.into_iter().rev() {
            drop(waits.swap_remove(position));
        }
        Poll::Pending
    })
    .await;
}

impl ImapSession {
    /// What is to be told of the selected mailbox.
    pub(crate) fn of_selected(&self) -> &OfSelected {
        match &self.notify {
            Some(notify) => &notify.selected,
            None => &UNREGISTERED,
        }
    }

    /// Whether a command lets news of the selected mailbox in. One that changes it always does: its own work is among them.
    pub(crate) fn takes_news(&self, facts: Facts) -> bool {
        self.of_selected().messages || facts.writes
    }

    /// Waits until there may be something to tell; for ever where nothing may be told now.
    pub(crate) async fn news(&mut self) {
        let idle = matches!(self.mode, Mode::Idle { .. });
        let between = matches!(self.mode, Mode::Command) && self.intake.gathered().is_empty();
        let of_selected = self.of_selected();
        let waits = idle && of_selected.messages || between && of_selected.at_once;
        let overdue = waits && (idle || of_selected.expunges_at_once) && self.notify.is_some();
        let selected = self.state.selected().filter(|_| waits);
        if overdue
            && selected
                .as_ref()
                .is_some_and(|selected| !selected.view.gone().is_empty())
        {
            return;
        }
        let of_mailbox = async {
            match selected {
                Some(selected) => called(std::slice::from_mut(&mut selected.changes)).await,
                None => std::future::pending().await,
            }
        };
        let notify = self.notify.as_mut().filter(|_| idle || between);
        let of_others = async {
            match notify {
                Some(notify) => {
                    if !notify.due {
                        called(&mut notify.calls).await;
                        notify.due = true;
                    }
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = of_mailbox => {}
            () = of_others => {}
        }
    }

    /// Tells between commands what the registration asks for.
    pub(crate) async fn told_between(&mut self, out: &mut Output) -> Next {
        match self.tell_between(out).await {
            Ok(()) => Next::Continue,
            Err(Reject::Disconnected) => Next::Close,
            Err(reject) => {
                let refusal = reject.refusal(self.connection.id.as_str());
                out.put(&Response::Bye(refusal.code, refusal.text));
                Next::Close
            }
        }
    }

    async fn tell_between(&mut self, out: &mut Output) -> Result<(), Reject> {
        let of_selected = self.of_selected();
        if of_selected.at_once {
            let tells = match of_selected.expunges_at_once {
                true => Tells::All,
                false => Tells::AllButExpunge,
            };
            self.catch_up(true).await?;
            let facts = Facts {
                tells,
                ..facts(Verb::Notify)
            };
            self.tell(facts, out).await?;
        }
        self.tell_tidings(&[], out).await
    }

    /// Looks at the mailboxes that are not selected, if the store has called, and tells what has happened; but not what
    /// happened to names that the client itself has just changed.
    pub(crate) async fn tell_tidings(
        &mut self,
        own: &[String],
        out: &mut Output,
    ) -> Result<(), Reject> {
        let Some(mut notify) = self.notify.take() else {
            return Ok(());
        };
        if notify.groups.is_empty() || !notify.due && own.is_empty() {
            self.notify = Some(notify);
            return Ok(());
        }
        notify.due = false;
        let told = self.tell_changes(&mut notify, own, out).await;
        self.notify = Some(notify);
        match told {
            Ok(()) => Ok(()),
            Err(Reject::Disconnected) => Err(Reject::Disconnected),
            Err(reject) => {
                tracing::debug!(error = %reject, "notifications end");
                self.notify = Some(Notify::silent());
                out.put(&Response::Untagged(
                    Condition::Ok,
                    Some(Code::NotificationOverflow),
                    "No more notifications".to_owned(),
                ));
                Ok(())
            }
        }
    }

    async fn tell_changes(
        &mut self,
        notify: &mut Notify,
        own: &[String],
        out: &mut Output,
    ) -> Result<(), Reject> {
        let places = self.visible_mailboxes().await?;
        let picture = self.picture(notify, &places).await?;
        let selected = match &self.state {
            State::Selected(_, selected) => Some(selected.view.mailbox),
            _ => None,
        };
        let asking = Asking {
            groups: &notify.groups,
            condstore: self.enabled.condstore,
            selected,
            own,
        };
        let tidings = compare(&notify.picture, &picture, asking);
        notify.picture = picture;
        if tidings.len() > NOTIFY_TIDINGS_MAX {
            return Err(Reject::NotificationOverflow);
        }
        let mut names = Vec::new();
        let mut rest = Vec::new();
        for tiding in tidings {
            match tiding {
                Tiding::List { name, old_name } => names.push((name, old_name)),
                other => rest.push(other),
            }
        }
        if !names.is_empty() {
            self.tell_names(names, out).await?;
        }
        for tiding in rest {
            self.tell_tiding(tiding, &places, out).await?;
            out.drain().await?;
        }
        Ok(())
    }

    async fn tell_tiding(
        &self,
        tiding: Tiding,
        places: &[Place],
        out: &mut Output,
    ) -> Result<(), Reject> {
        match tiding {
            Tiding::Status { mailbox, items } => {
                if let Some(place) = places.iter().find(|place| place.info.id == mailbox) {
                    let owner = place.access.owner();
                    let status = self.status_response(owner, &place.info, &items).await?;
                    self.say(&status, out);
                }
            }
            Tiding::Metadata { mailbox, names } => {
                self.say(&Response::MetadataChanged { mailbox, names }, out);
            }
            Tiding::List { .. } => {}
        }
        Ok(())
    }

    /// Begins a registration: from here on everything is heard of.
    pub(crate) async fn register(
        &self,
        groups: Vec<Group>,
    ) -> Result<(Notify, Vec<Place>), Reject> {
        let mut notify = Notify::new(groups);
        if notify.groups.is_empty() {
            return Ok((notify, Vec::new()));
        }
        let (store, user) = (self.store(), self.user()?.account);
        notify.calls = vec![store.watch_server(), store.watch_account(user)];
        notify.owners.insert(user);
        // Others are called for by name only after their mailboxes are known, so these are looked at again.
        let places = self.visible_mailboxes().await?;
        self.picture(&mut notify, &places).await?;
        let places = self.visible_mailboxes().await?;
        if places.len() > NOTIFY_MAILBOXES_MAX {
            return Err(Reject::NotificationOverflow);
        }
        notify.picture = self.picture(&mut notify, &places).await?;
        Ok((notify, places))
    }

    /// What is known of these mailboxes now. Owners that are new among them are listened to from now on.
    async fn picture(&self, notify: &mut Notify, places: &[Place]) -> Result<Picture, Reject> {
        let (store, user) = (self.store(), self.user()?.account);
        let mut picture = Picture::default();
        for place in places {
            let owner = place.access.owner();
            if notify.owners.insert(owner) {
                notify.calls.push(store.watch_account(owner));
                notify.due = true;
            }
            picture.mailboxes.insert(place.info.id, known(place));
        }
        picture.subscribed = store.subscriptions(user).await?.into_iter().collect();
        let (of_mailboxes, of_server) = notify.asks_metadata();
        if of_server {
            let found = store.all_annotations(user, None).await?;
            picture.annotations.extend(found.into_iter().map(digest));
        }
        for &owner in notify.owners.iter().filter(|_| of_mailboxes) {
            let found = store.all_annotations(user, Some(owner)).await?;
            let seen = found
                .into_iter()
                .filter(|(mailbox, _)| picture.mailboxes.contains_key(mailbox));
            let digests: Vec<_> = seen.map(digest).collect();
            picture.annotations.extend(digests);
        }
        Ok(picture)
    }

    /// The client itself has put these messages into a mailbox of `owner`: it is told their numbers, but not more.
    pub(crate) fn note_own(
        &mut self,
        owner: AccountId,
        uid_validity: UidValidity,
        uids: impl IntoIterator<Item = u32>,
    ) {
        if let State::Selected(_, selected) = &self.state
            && (selected.view.account, selected.view.uid_validity) == (owner, uid_validity)
        {
            self.own_messages.extend(uids);
        }
    }

    /// Which of these new messages the client is to be told more of, and what: what NOTIFY asks of all, and UPDATE of its
    /// results (`asked`), in one response each (RFC 5465 §5.2).
    pub(crate) fn take_wanted(
        &mut self,
        arrivals: Vec<u32>,
        asked: Vec<(u32, Fetch)>,
    ) -> Vec<(Vec<u32>, Fetch)> {
        let own = std::mem::take(&mut self.own_messages);
        let of_all = self.of_selected().fetch.as_ref();
        let of_all = of_all
            .iter()
            .flat_map(|&fetch| arrivals.iter().map(move |&uid| (uid, fetch)));
        let mut wanted: BTreeMap<u32, Fetch> = BTreeMap::new();
        for (uid, fetch) in of_all.chain(asked.iter().map(|(uid, fetch)| (*uid, fetch))) {
            match wanted.get_mut(&uid) {
                Some(known) => known.add(fetch),
                None if own.contains(&uid) => {}
                None => drop(wanted.insert(uid, fetch.clone())),
            }
        }
        let mut batches: Vec<(Vec<u32>, Fetch)> = Vec::new();
        for (uid, fetch) in wanted {
            match batches.last_mut() {
                Some((uids, same)) if *same == fetch => uids.push(uid),
                _ => batches.push((vec![uid], fetch)),
            }
        }
        batches
    }

    /// Tells what happened meanwhile to other names than those that a command has changed.
    pub(crate) async fn after_own(
        &mut self,
        own: &[String],
        outcome: Outcome,
        out: &mut Output,
    ) -> Outcome {
        match own.is_empty() || outcome.is_err() {
            true => outcome,
            false => {
                self.tell_tidings(own, out).await?;
                outcome
            }
        }
    }
}

fn known(place: &Place) -> Known {
    let info = &place.info;
    Known {
        name: info.name.clone(),
        readable: !info.no_select && place.rights.contains(Rights::LOOKUP | Rights::READ),
        selectable: !info.no_select,
        uid_validity: info.uid_validity.0,
        uid_next: info.uid_next.value(),
        messages: info.messages,
        unseen: info.unseen,
        modseq: info.highest_modseq.0,
    }
}

fn digest((mailbox, annotation): (MailboxId, Annotation)) -> ((MailboxId, String), u64) {
    let scope = match annotation.scope {
        Scope::Private => "/private",
        Scope::Shared => "/shared",
    };
    let mut hasher = DefaultHasher::new();
    annotation.value.hash(&mut hasher);
    let name = format!("{scope}{}", annotation.name);
    ((mailbox, name), hasher.finish())
}
