//! A report on its way: signed as our users' mail is, filed here or put into the queue, in one transaction.

use daemon::config::Config;
use store::{
    Acceptance, Address, BodyKind, Draft, Filing, FilingTarget, Flags, Relay, Resolution, Schedule,
    Store, Timestamp, TlsDemand,
};

use crate::envelope::written;
use crate::grammar::{Host, Mailbox, ReversePath};
use crate::limits::REPORT_LETTER_OCTETS_MAX;
use crate::message::header::HeaderReader;
use crate::message::trace::delivery_prefix;
use crate::shared::Shared;
use crate::sign::own::signatures;

/// What sending needs.
pub(super) struct Post<'a> {
    pub(super) config: &'a Config,
    pub(super) store: &'a Store,
    pub(super) shared: &'a Shared,
    /// Our address for reports.
    pub(super) address: &'a str,
}

/// A report as a message.
pub(super) struct Letter<'a> {
    /// For the journal.
    pub(super) kind: &'static str,
    /// The domain that it is about.
    pub(super) about: &'a str,
    /// Whom it is for.
    pub(super) to: Vec<String>,
    /// Header section and body.
    pub(super) text: &'a str,
    pub(super) tls: TlsDemand,
}

impl Post<'_> {
    /// Sends a report; one that is for nobody, or that is too large for anybody, is sent to nobody.
    pub(super) async fn send(&self, letter: Letter<'_>) -> store::Result<()> {
        let Letter {
            kind, about, to, ..
        } = &letter;
        let Ok(from) = Address::parse(self.address) else {
            return Ok(());
        };
        let (filings, relays) = self.destinations(&from, to).await?;
        if filings.len() + relays.len() == 0 || letter.text.len() > REPORT_LETTER_OCTETS_MAX {
            tracing::info!(kind, about, "nobody takes the report");
            return Ok(());
        }
        let mut reader = HeaderReader::default();
        reader.push(letter.text.as_bytes());
        let (header, body) = reader.finish();
        let keyring = &self.shared.keyring;
        let signatures = signatures(keyring, self.store, from.domain(), &header, &body).await?;
        let mut draft = Draft::new(self.store, u64::MAX);
        draft.set_header(header.below(&signatures).octets())?;
        draft.write(&body).await?;
        let message = draft.seal().await?;
        let accepted = self.store.accept(Acceptance {
            reverse_path: written(&from),
            filings,
            relays,
            body: BodyKind::EightBitMime,
            tls: letter.tls,
            ..Acceptance::new(message, format!("{kind} report about {about}, made here"))
        });
        let id = accepted.await?.id.printed();
        tracing::info!(%id, kind, about, "report sent");
        Ok(())
    }

    /// Where the addresses lead; one that nobody has leads nowhere.
    async fn destinations(
        &self,
        from: &Address,
        to: &[String],
    ) -> store::Result<(Vec<Filing>, Vec<Relay>)> {
        let (mut filings, mut relays) = (Vec::new(), Vec::new());
        for text in to {
            let Ok(address) = Address::parse(text) else {
                continue;
            };
            match self.store.resolve(&address).await? {
                Resolution::Resolved { accounts, remotes } => {
                    let copies = accounts.into_iter();
                    filings.extend(copies.map(|copy| Filing {
                        account: copy.account,
                        recipient: written(&copy.address),
                        target: FilingTarget::Inbox,
                        prefix: delivery_prefix(&reverse_path(from), &written(&copy.address)),
                        flags: Flags::NONE,
                    }));
                    relays.extend(remotes.iter().map(|remote| self.relay(remote)));
                }
                Resolution::NotLocal => relays.push(self.relay(&address)),
                Resolution::Unknown | Resolution::Loop => {}
            }
        }
        Ok((filings, relays))
    }

    /// Nobody is told when it cannot be delivered: there is another report tomorrow.
    fn relay(&self, address: &Address) -> Relay {
        let now = Timestamp::now().seconds;
        let wait = self.config.relay.expire().as_secs();
        Relay {
            recipient: written(address),
            domain: address.domain().to_owned(),
            original: None,
            notify: Some("NEVER".to_owned()),
            schedule: Schedule {
                due: now,
                expires: now + i64::try_from(wait).unwrap_or(i64::MAX / 2),
                notice_due: None,
            },
        }
    }
}

fn reverse_path(address: &Address) -> ReversePath {
    ReversePath::Mailbox(Mailbox {
        local: address.local().to_owned(),
        host: Host::Domain(address.domain().to_owned()),
    })
}
