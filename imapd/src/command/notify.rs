//! NOTIFY (RFC 5465 §3.1). What comes of a registration is in [`crate::session::notify`].

use std::collections::BTreeSet;

use daemon::session::Output;
use store::Rights;

use crate::grammar::capability::Capability;
use crate::grammar::notify::{EVENTS, Group, Notify};
use crate::grammar::verb::Verb;
use crate::limits::{NOTIFY_GROUPS_MAX, NOTIFY_NAMES_MAX};
use crate::session::ImapSession;
use crate::session::dispatch::{Done, Outcome};
use crate::session::notify::Notify as Registration;
use crate::session::place::Place;
use crate::session::reject::Reject;
use crate::session::table::facts;
use crate::session::tidings::status_items;

impl ImapSession {
    pub(crate) async fn notify(&mut self, notify: Notify, out: &mut Output) -> Outcome {
        let Notify::Set { status, groups } = notify else {
            self.notify = Some(Registration::silent());
            return Ok(Done::text("NOTIFY completed"));
        };
        if groups.iter().any(|group| group.events.unsupported) {
            return Err(Reject::BadEvent(EVENTS));
        }
        let names: usize = groups.iter().map(|group| group.filter.names().len()).sum();
        if groups.len() > NOTIFY_GROUPS_MAX || names > NOTIFY_NAMES_MAX {
            return Err(Reject::NotificationOverflow);
        }
        // "implies an implicit NOOP command", whatever is to be told from now on.
        self.catch_up(true).await?;
        self.tell(facts(Verb::Notify), out).await?;
        let (registration, places) = self.register(groups.clone()).await?;
        let subscribed = self.store().subscriptions(self.user()?.account).await?;
        let subscribed: BTreeSet<String> = subscribed.into_iter().collect();
        let selected = self.state.selected().map(|selected| selected.view.mailbox);
        for place in places {
            if Some(place.info.id) != selected && !place.info.no_select {
                let is_subscribed = subscribed.contains(&place.info.name);
                self.tell_registered(&place, &groups, is_subscribed, status, out)
                    .await?;
                out.drain().await?;
            }
        }
        self.notify = Some(registration);
        Ok(Done::text("NOTIFY completed"))
    }

    /// STATUS of a mailbox of whose messages is to be told, if it is wanted; `\NoAccess` where that is not allowed.
    async fn tell_registered(
        &self,
        place: &Place,
        groups: &[Group],
        subscribed: bool,
        status: bool,
        out: &mut Output,
    ) -> Result<(), Reject> {
        let condstore = (self.offers(Capability::CondStore), self.enabled.condstore);
        let items = status_items(groups, &place.info.name, subscribed, condstore);
        if items.is_empty() {
            return Ok(());
        }
        if !place.rights.contains(Rights::READ) {
            return self.tell_no_access(place, out).await;
        }
        if status {
            let owner = place.access.owner();
            let status = self.status_response(owner, &place.info, &items).await?;
            self.say(&status, out);
        }
        Ok(())
    }
}
