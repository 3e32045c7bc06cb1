//! Where one recipient leads, and what its sender wants to hear of it (RFC 3461 §5.2.7).
//!
//! A recipient that leads to one place keeps its wishes on the way there. One that an alias sends on to several is *expanded*: that
//! itself is the success that the sender hears of, and from the others he hears failures and delays only.

use store::{Relay, ResolvedAccount, Schedule};

use crate::envelope::written;
use crate::grammar::{ForwardPath, RcptParameters};
use crate::relay::notification::Action;

/// Where one recipient leads.
#[derive(Debug)]
pub struct Destinations {
    /// Accounts here.
    pub(crate) accounts: Vec<ResolvedAccount>,
    /// Addresses elsewhere.
    pub(crate) relays: Vec<Relay>,
    /// What the sender hears as soon as the message is accepted.
    pub(crate) success: Option<Success>,
}

/// A recipient whose success is known when the message is accepted, and wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Success {
    /// The forward-path without angle brackets.
    pub(crate) recipient: String,
    /// ORCPT as it stood in the command.
    pub(crate) original: Option<String>,
    /// Delivered, or expanded.
    pub(crate) action: Action,
}

impl Destinations {
    /// Destinations of which nobody wants to hear more than the usual.
    pub fn new(accounts: Vec<ResolvedAccount>, relays: Vec<Relay>) -> Destinations {
        Destinations {
            accounts,
            relays,
            success: None,
        }
    }

    /// Keeps copies for accounts here in the queue as well, to be delivered when they are released (RFC 4865 §4).
    pub fn hold(&mut self, schedule: Schedule) {
        let held = |account: ResolvedAccount| Relay {
            recipient: written(&account.address),
            domain: account.address.domain().to_owned(),
            original: None,
            notify: None,
            schedule,
        };
        self.relays.extend(self.accounts.drain(..).map(held));
    }

    /// Applies what RCPT said of notices.
    pub fn wish(&mut self, to: &ForwardPath, parameters: &RcptParameters) {
        let Some(mut notify) = parameters.notify else {
            self.pass_on(parameters, None);
            return;
        };
        let action = match (self.accounts.len(), self.relays.len()) {
            (1, 0) => Some(Action::Delivered),
            (0, 1) => None,
            _ => Some(Action::Expanded),
        };
        if let Some(action) = action {
            self.success = notify.success.then(|| Success {
                recipient: to.to_string().trim_matches(['<', '>']).to_owned(),
                original: original(parameters),
                action,
            });
            notify = notify.without_success();
        }
        self.pass_on(parameters, Some(notify.to_string()));
    }

    fn pass_on(&mut self, parameters: &RcptParameters, notify: Option<String>) {
        for relay in &mut self.relays {
            relay.notify.clone_from(&notify);
            relay.original = original(parameters);
        }
    }
}

fn original(parameters: &RcptParameters) -> Option<String> {
    let original = parameters.original.as_ref()?;
    Some(original.as_str().to_owned())
}
