//! Where an address of an envelope leads: mailboxes here, hosts elsewhere, nowhere.
//!
//! For mail that is already ours: notices to senders, and queued mail whose domain has become local. What clients send is decided
//! at RCPT, where it can still be refused.

use daemon::config::Relay as Settings;
use store::{Address, Filing, FilingTarget, Flags, Relay, Resolution, Schedule, Store};

use crate::envelope::written;
use crate::grammar::{ForwardPath, Host, Mailbox, ReversePath};
use crate::message::trace::delivery_prefix;
use crate::sign::srs::Srs;

/// Where an address leads.
#[derive(Debug)]
pub(crate) enum Leads {
    /// To all of these; there is at least one.
    To(Destinations),
    /// Its domain is ours and there is no such mailbox, or it is no address.
    Nowhere,
    /// Its aliases lead in a circle.
    Circle,
}

/// Copies to make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Destinations {
    /// Here.
    pub(crate) filings: Vec<Filing>,
    /// Elsewhere.
    pub(crate) relays: Vec<Relay>,
    /// One of the mailboxes here is full.
    pub(crate) is_full: bool,
}

/// Follows an address without angle brackets; `sender` stands in Return-Path.
///
/// # Errors
/// The store cannot be read.
pub(crate) async fn leads(
    store: &Store,
    settings: &Settings,
    address: &str,
    sender: &ReversePath,
    now: i64,
) -> store::Result<Leads> {
    let Some(mailbox) = Mailbox::parse(address) else {
        return Ok(Leads::Nowhere);
    };
    // A notice about forwarded mail goes back to whoever sent it (`sign::srs`).
    let to = ForwardPath::Mailbox(mailbox.clone());
    let mailbox = match (Srs::default().undo(store, &to).await?, sender) {
        (None, _) => mailbox,
        (Some(Ok(first)), ReversePath::Null) => first,
        (Some(_), _) => return Ok(Leads::Nowhere),
    };
    let schedule = schedule(settings, now, now);
    let elsewhere = |domain: String| {
        let relay = relay(&mailbox.to_string(), &domain, schedule);
        Leads::To(Destinations {
            relays: vec![relay],
            ..Destinations::default()
        })
    };
    let domain = match &mailbox.host {
        Host::Domain(domain) => domain,
        literal => return Ok(elsewhere(literal.to_string())),
    };
    let Ok(domain) = store::normal_domain(domain) else {
        return Ok(Leads::Nowhere);
    };
    match Address::from_parts(&mailbox.local, &domain) {
        Ok(address) => Ok(match store.resolve(&address).await? {
            Resolution::NotLocal => elsewhere(domain),
            Resolution::Unknown => Leads::Nowhere,
            Resolution::Loop => Leads::Circle,
            Resolution::Resolved { accounts, remotes } => Leads::To(Destinations {
                is_full: accounts.iter().any(|account| account.over_quota),
                filings: accounts
                    .iter()
                    .map(|account| Filing {
                        account: account.account,
                        recipient: written(&account.address),
                        target: FilingTarget::Inbox,
                        prefix: delivery_prefix(sender, &written(&account.address)),
                        flags: Flags::NONE,
                    })
                    .collect(),
                relays: remotes
                    .iter()
                    .map(|remote| relay(&written(remote), remote.domain(), schedule))
                    .collect(),
            }),
        }),
        Err(_) if is_local(store, &domain).await? => Ok(Leads::Nowhere),
        Err(_) => Ok(elsewhere(domain)),
    }
}

/// Whether mail for the domain stays here.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn is_local(store: &Store, domain: &str) -> store::Result<bool> {
    match Address::from_parts("postmaster", domain) {
        Ok(address) => Ok(store.resolve(&address).await? != Resolution::NotLocal),
        Err(_) => Ok(false),
    }
}

/// The times of a recipient that is first tried at `due`: as long as the operator says; the sender is told before.
pub(crate) fn schedule(settings: &Settings, now: i64, due: i64) -> Schedule {
    let due = due.max(now);
    let after = |time: std::time::Duration| due.saturating_add_unsigned(time.as_secs());
    Schedule {
        due,
        expires: after(settings.expire()),
        notice_due: settings.delay_notice().map(after),
    }
}

fn relay(recipient: &str, domain: &str, schedule: Schedule) -> Relay {
    Relay {
        recipient: recipient.to_owned(),
        domain: domain.to_owned(),
        original: None,
        notify: None,
        schedule,
    }
}
