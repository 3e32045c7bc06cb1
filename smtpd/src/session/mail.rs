//! MAIL and RCPT: who may send, and where each recipient leads.
//!
//! Everything that can be refused is refused here, before the message comes, and never bounced later. Relaying needs a login,
//! and there is no configuration that changes that. A local part is never taken apart for routing: `user%other@here`,
//! `"user@other"@here` and `other!user@here` are names of mailboxes here, which nobody has.

use store::{Address, Relay, Resolution, ResolvedAccount, Schedule, Timestamp};

use super::SmtpSession;
use super::filter::filter_recipient;
use super::state::State;
use crate::answer::Answer;
use crate::destinations::Destinations;
use crate::envelope::{Envelope, local_address, written};
use crate::grammar::{
    ForwardPath, Host, MailParameters, Mailbox, PathKind, RcptParameters, ReversePath, SyntaxError,
};
use crate::reject::{Reject, Sequence};
use crate::relay::notification::NOTICES_FROM;
use crate::restrict::rate::Unit;
use crate::role::Role;
use crate::shared::Shared;
use crate::sign::srs::NotOurs;

impl SmtpSession {
    pub(super) async fn mail(
        &mut self,
        from: ReversePath,
        parameters: MailParameters,
    ) -> Result<Answer, Reject> {
        let config = &self.connection.config;
        if self.tally.mails >= config.smtpd.transactions_max {
            return Err(Reject::TooManyCommands);
        }
        if parameters
            .size
            .is_some_and(|size| size > config.limits.message_octets)
        {
            return Err(Reject::MessageTooBig);
        }
        self.check_extensions(&parameters)?;
        self.check_sender(&from).await?;
        let State::Greeted(client) = &self.state else {
            return Err(Sequence::HelloFirst.into());
        };
        let client = client.clone();
        if !self.may_send(Unit::Message) {
            return Err(Reject::RateExceeded);
        }
        self.filter_mail(&client, &from, &parameters).await?;
        let mut envelope = Envelope::new(client, from, parameters);
        self.tally.mails += 1;
        envelope.verification = self.verification(&envelope);
        self.state = State::Mail(Box::new(envelope));
        Ok(Answer::SenderOk)
    }

    /// What is offered in one place only is unknown in others: holding a message at submission (RFC 4865 §3), REQUIRETLS
    /// under TLS (RFC 8689 §2).
    fn check_extensions(&self, parameters: &MailParameters) -> Result<(), Reject> {
        if parameters.require_tls && self.tls.is_none() {
            return Err(SyntaxError::ParameterUnknown.into());
        }
        let Some(hold) = &parameters.hold else {
            return Ok(());
        };
        let longest = self.connection.config.relay.hold_max();
        if self.role != Role::Submission || longest.is_zero() {
            return Err(SyntaxError::ParameterUnknown.into());
        }
        let now = Timestamp::now().seconds;
        match hold.release(now) > now.saturating_add_unsigned(longest.as_secs()) {
            true => Err(SyntaxError::ParameterInvalid.into()),
            false => Ok(()),
        }
    }

    /// Whoever has logged in sends as himself (RFC 6409 §6.1), or as nobody: clients answer requests for a disposition
    /// notification with the null path (RFC 8098 §3).
    async fn check_sender(&self, from: &ReversePath) -> Result<(), Reject> {
        let (Some(identity), ReversePath::Mailbox(mailbox)) = (&self.login, from) else {
            return Ok(());
        };
        let address = local_address(mailbox).ok_or(Reject::SenderNotOwned)?;
        match self
            .connection
            .service
            .store
            .may_send_as(identity.account, &address)
            .await
        {
            Ok(true) => Ok(()),
            Ok(false) => Err(Reject::SenderNotOwned),
            Err(error) => Err(Reject::store("check of a sender", &error)),
        }
    }

    pub(super) async fn rcpt(
        &mut self,
        to: ForwardPath,
        parameters: RcptParameters,
    ) -> Result<Answer, Reject> {
        let within_rate = self.may_send(Unit::Recipient);
        let State::Mail(envelope) = &mut self.state else {
            return Err(Sequence::ChunksOpen.into());
        };
        envelope.attempts += 1;
        if !within_rate {
            return Err(Reject::RateExceeded);
        }
        if envelope.accepted >= self.connection.config.smtpd.recipients_max {
            return Err(Reject::TooManyRecipients);
        }
        if !to.is_ascii() && !envelope.parameters.utf8 {
            return Err(SyntaxError::NeedsUtf8(PathKind::Forward).into());
        }
        let schedule = envelope.schedule(&self.connection.config.relay);
        let store = &self.connection.service.store;
        let mut destinations = match returned(&self.shared, store, &to, &envelope.sender).await? {
            Some(sender) => elsewhere(&ForwardPath::Mailbox(sender), schedule)?,
            None => match resolve(store, &to, &self.connection.config.hostname).await? {
                Resolution::Resolved { accounts, remotes } => {
                    check_room(&accounts, envelope.parameters.size)?;
                    let relays = remotes.iter().map(|remote| forward(remote, schedule));
                    Destinations::new(accounts, relays.collect())
                }
                Resolution::NotLocal if self.login.is_some() => elsewhere(&to, schedule)?,
                Resolution::NotLocal => return Err(Reject::RelayDenied),
                Resolution::Unknown => return Err(Reject::MailboxUnknown),
                Resolution::Loop => return Err(Reject::AliasLoop),
            },
        };
        filter_recipient(&mut self.milters, &to).await?;
        if envelope.parameters.hold.is_some() {
            destinations.hold(schedule);
        }
        destinations.wish(&to, &parameters);
        if self.login.is_none()
            && let (false, Some(domain)) = (destinations.relays.is_empty(), domain_of(&to))
        {
            envelope.forwarder.get_or_insert(domain);
        }
        envelope.add(to, destinations)?;
        Ok(Answer::RecipientOk)
    }
}

/// Whom a bounce to a rewritten sender address of ours is for (`sign::srs`); nothing if it is no such address. Everybody but the null
/// sender is refused, and whoever made it up.
async fn returned(
    shared: &Shared,
    store: &store::Store,
    to: &ForwardPath,
    from: &ReversePath,
) -> Result<Option<Mailbox>, Reject> {
    let failed = |error: store::Error| Reject::store("reading of a rewritten address", &error);
    let Some(sender) = shared.srs.undo(store, to).await.map_err(failed)? else {
        return Ok(None);
    };
    match (sender, from) {
        (Ok(sender), ReversePath::Null) => Ok(Some(sender)),
        (Ok(_) | Err(NotOurs), _) => Err(Reject::MailboxUnknown),
    }
}

/// The domain that a recipient is of, as the store knows it.
fn domain_of(to: &ForwardPath) -> Option<String> {
    match to {
        ForwardPath::Mailbox(mailbox) => {
            local_address(mailbox).map(|address| address.domain().to_owned())
        }
        ForwardPath::Postmaster => None,
    }
}

async fn resolve(
    store: &store::Store,
    to: &ForwardPath,
    hostname: &str,
) -> Result<Resolution, Reject> {
    let resolution = match to {
        ForwardPath::Postmaster => store.resolve_postmaster().await,
        ForwardPath::Mailbox(mailbox) => match (local_address(mailbox), &mailbox.host) {
            (Some(address), _) => match store.resolve(&address).await {
                Ok(Resolution::NotLocal) if is_host(&address, hostname) => {
                    store.resolve_postmaster().await
                }
                resolution => resolution,
            },
            (None, Host::Domain(domain)) => return unaddressable(store, domain).await,
            (None, Host::Literal(_) | Host::OtherLiteral(_)) => Ok(Resolution::NotLocal),
        },
    };
    resolution.map_err(|error| Reject::store("resolution of a recipient", &error))
}

/// Whether mail is for the server itself, whose name need not be a domain that mail is received for: for its postmaster (RFC 5321
/// §4.5.1), whom notices name, or an answer to a notice.
fn is_host(address: &Address, hostname: &str) -> bool {
    ["postmaster", NOTICES_FROM].contains(&address.local())
        && address.domain().eq_ignore_ascii_case(hostname)
}

/// An address that no account can have, by its local part or its domain: unknown if the domain is ours.
async fn unaddressable(store: &store::Store, domain: &str) -> Result<Resolution, Reject> {
    let Ok(address) = Address::from_parts("postmaster", domain) else {
        return Err(SyntaxError::Path(PathKind::Forward).into());
    };
    match store.resolve(&address).await {
        Ok(Resolution::NotLocal) => Ok(Resolution::NotLocal),
        Ok(_) => Ok(Resolution::Unknown),
        Err(error) => Err(Reject::store("resolution of a recipient", &error)),
    }
}

/// One full mailbox among those that an alias leads to refuses the recipient: to deliver to the others only would lose the
/// message for this one, and the sender would not learn of it.
fn check_room(accounts: &[ResolvedAccount], size: Option<u64>) -> Result<(), Reject> {
    let is_full = |account: &ResolvedAccount| {
        let too_small = account
            .octets_left
            .is_some_and(|left| size.is_some_and(|size| size > left));
        account.over_quota || too_small
    };
    match accounts.iter().any(is_full) {
        true => Err(Reject::OverQuota),
        false => Ok(()),
    }
}

/// An alias leads elsewhere.
fn forward(remote: &Address, schedule: Schedule) -> Relay {
    Relay {
        recipient: written(remote),
        domain: remote.domain().to_owned(),
        original: None,
        notify: None,
        schedule,
    }
}

/// One recipient elsewhere.
fn elsewhere(to: &ForwardPath, schedule: Schedule) -> Result<Destinations, Reject> {
    let relay = relay(to, schedule).ok_or(SyntaxError::Path(PathKind::Forward))?;
    Ok(Destinations::new(Vec::new(), vec![relay]))
}

/// A recipient elsewhere, as the client wrote it; nothing if no mail can be sent there.
fn relay(to: &ForwardPath, schedule: Schedule) -> Option<Relay> {
    let ForwardPath::Mailbox(mailbox) = to else {
        return None;
    };
    let domain = match &mailbox.host {
        Host::Domain(name) => store::normal_domain(name).ok()?,
        literal => literal.to_string(),
    };
    Some(Relay {
        recipient: mailbox.to_string(),
        domain,
        original: None,
        notify: None,
        schedule,
    })
}
