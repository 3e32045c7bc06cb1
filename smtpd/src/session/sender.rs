//! Who sends, from MAIL on: whether he has not sent too much (`restrict::rate`), and whether he is looked at (`verify`).

use std::sync::Arc;

use super::SmtpSession;
use crate::envelope::Envelope;
use crate::public_address::is_public;
use crate::restrict::rate::{Limit, Unit};
use crate::role::Role;
use crate::verify::sender::Names;
use crate::verify::{Peer, Verification};

impl SmtpSession {
    /// Whether the sender has not sent too much lately.
    pub(super) fn may_send(&self, unit: Unit) -> bool {
        let (limits, address) = (
            &self.connection.config.verify.rates,
            self.connection.peer.address,
        );
        if address.to_canonical().is_loopback() {
            return true;
        }
        let limit = |count, seconds| Limit { count, seconds };
        match (&self.login, unit) {
            (Some(identity), Unit::Message) => {
                let limit = limit(limits.account_messages_per_hour, 3600);
                self.shared
                    .rates
                    .take_of_account(identity.account, unit, limit)
            }
            (Some(identity), Unit::Recipient) => {
                let limit = limit(limits.account_recipients_per_hour, 3600);
                self.shared
                    .rates
                    .take_of_account(identity.account, unit, limit)
            }
            (None, Unit::Message) => {
                let limit = limit(limits.address_messages_per_minute, 60);
                self.shared.rates.take_of_address(address, unit, limit)
            }
            (None, Unit::Recipient) => {
                let limit = limit(limits.address_recipients_per_minute, 60);
                self.shared.rates.take_of_address(address, unit, limit)
            }
        }
    }

    /// Mail of the world is verified; that of our users and of machines that the DNS knows nothing of is not.
    pub(super) fn verification(&mut self, envelope: &Envelope) -> Option<Verification> {
        let names = Names {
            hostname: self.connection.config.hostname.clone(),
            helo: envelope.client.name.domain().unwrap_or_default().to_owned(),
            sender: envelope.reverse_path(),
        };
        let peer = self.verified_peer()?;
        Some(Verification::begin(&self.shared.verifier, &peer, names))
    }

    /// The machine on the other side, if it is one that is looked at; once for the connection.
    pub(super) fn verified_peer(&mut self) -> Option<Arc<Peer>> {
        let (config, address) = (&self.connection.config, self.connection.peer.address);
        if self.role != Role::Receive || !config.verify.enabled || !is_public(address) {
            return None;
        }
        let verifier = &self.shared.verifier;
        let begin = || Peer::begin(verifier, &config.verify, address);
        Some(self.peer.get_or_insert_with(begin).clone())
    }
}
