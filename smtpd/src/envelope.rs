//! The envelope of a transaction: from whom, to whom, and where that leads.
//!
//! Each destination appears once, however many recipients and aliases lead there. Nothing here asks the store; `rcpt` does, and
//! adds the answer.

use std::collections::HashSet;

use daemon::config::Relay;
use store::{AccountId, Address, ResolvedAccount, Schedule, Timestamp, TlsDemand};

use crate::destinations::{Destinations, Success};
use crate::grammar::{ClientName, ForwardPath, Host, MailParameters, Mailbox, ReversePath};
use crate::limits::DESTINATIONS_MAX;
use crate::message::header::Header;
use crate::reject::Reject;
use crate::relay::schedule;
use crate::verify::Verification;

/// How the client introduced itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The name it gave.
    pub name: ClientName,
    /// By EHLO, not HELO.
    pub extended: bool,
}

/// The envelope, from MAIL on.
#[derive(Debug)]
pub struct Envelope {
    /// Who sends.
    pub client: Client,
    /// The sender.
    pub sender: ReversePath,
    /// What MAIL said of the message.
    pub parameters: MailParameters,
    /// RCPT commands so far, refused ones too.
    pub attempts: usize,
    /// Recipients that were accepted.
    pub accepted: usize,
    /// The first of them.
    pub first: Option<ForwardPath>,
    /// Accounts here, each once, with the address by which it was reached first.
    pub deliveries: Vec<Delivery>,
    /// Recipients elsewhere, each once.
    pub relays: Vec<store::Relay>,
    /// The domain of ours through which mail of the world goes elsewhere, if it does.
    pub forwarder: Option<String>,
    /// What is being found out about the sender, until the message takes it over.
    pub verification: Option<Verification>,
    /// What the sender wants to hear when the message is accepted.
    pub successes: Vec<Success>,
    accounts: HashSet<AccountId>,
    remotes: HashSet<String>,
}

/// A copy for an account.
#[derive(Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Whose.
    pub account: AccountId,
    /// What stands in `Delivered-To`.
    pub address: String,
}

impl Envelope {
    /// An envelope without recipients.
    pub fn new(client: Client, sender: ReversePath, parameters: MailParameters) -> Envelope {
        Envelope {
            client,
            sender,
            parameters,
            attempts: 0,
            accepted: 0,
            first: None,
            deliveries: Vec::new(),
            relays: Vec::new(),
            forwarder: None,
            verification: None,
            successes: Vec::new(),
            accounts: HashSet::new(),
            remotes: HashSet::new(),
        }
    }

    /// Adds a recipient with all that it leads to, or nothing of it.
    pub fn add(
        &mut self,
        recipient: ForwardPath,
        destinations: Destinations,
    ) -> Result<(), Reject> {
        let Destinations {
            accounts,
            relays,
            success,
        } = destinations;
        let before = self.deliveries.len() + self.relays.len();
        if before + accounts.len() + relays.len() > DESTINATIONS_MAX {
            return Err(Reject::TooManyRecipients);
        }
        self.successes.extend(success);
        for ResolvedAccount {
            account, address, ..
        } in accounts
        {
            if self.accounts.insert(account) {
                self.deliveries.push(Delivery {
                    account,
                    address: written(&address),
                });
            }
        }
        for relay in relays {
            if self.remotes.insert(relay.recipient.clone()) {
                self.relays.push(relay);
            }
        }
        self.accepted += 1;
        self.first.get_or_insert(recipient);
        Ok(())
    }

    /// When recipients elsewhere are tried: from now on, or from when the client wants the message released.
    pub fn schedule(&self, settings: &Relay) -> Schedule {
        let now = Timestamp::now().seconds;
        let release = self
            .parameters
            .hold
            .as_ref()
            .map_or(now, |hold| hold.release(now));
        schedule(settings, now, release)
    }

    /// What the sender demands of the connections that carry the message on: in the command, or else in the header
    /// (RFC 8689 §4.1).
    pub fn tls_demand(&self, header: &Header) -> TlsDemand {
        let waived = || {
            let mut fields = header.fields_named("TLS-Required");
            fields.any(|field| field.value().eq_ignore_ascii_case(b"No"))
        };
        match self.parameters.require_tls {
            true => TlsDemand::Required,
            false if waived() => TlsDemand::Waived,
            false => TlsDemand::ByPolicy,
        }
    }

    /// The recipient, if there is only one.
    pub fn only_recipient(&self) -> Option<String> {
        let first = self.first.as_ref().filter(|_| self.accepted == 1)?;
        Some(first.to_string().trim_matches(['<', '>']).to_owned())
    }

    /// The reverse-path without angle brackets; empty for the null path.
    pub fn reverse_path(&self) -> String {
        match &self.sender {
            ReversePath::Null => String::new(),
            ReversePath::Mailbox(mailbox) => mailbox.to_string(),
        }
    }
}
/// An address of the store as it stands in a header or a command: the store keeps it without quotes.
pub fn written(address: &Address) -> String {
    let mailbox = Mailbox {
        local: address.local().to_owned(),
        host: Host::Domain(address.domain().to_owned()),
    };
    mailbox.to_string()
}

/// The address as the store compares addresses; nothing if no account can have it.
pub fn local_address(mailbox: &Mailbox) -> Option<Address> {
    match &mailbox.host {
        Host::Domain(domain) => Address::from_parts(&mailbox.local, domain).ok(),
        Host::Literal(_) | Host::OtherLiteral(_) => None,
    }
}
