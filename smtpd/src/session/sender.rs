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
    /// Whether the sender has not sent too much lately. An account counts wherever it logs in from: a webmail on this machine has the
    /// passwords that are stolen, too. Without login this machine's own programs are not counted.
    pub(super) fn may_send(&self, unit: Unit) -> bool {
        let limits = &self.connection.config.verify.rates;
        let rates = &self.shared.rates;
        let Some(identity) = &self.login else {
            let address = self.connection.peer.address;
            let count = match unit {
                Unit::Message => limits.address_messages_per_minute,
                Unit::Recipient => limits.address_recipients_per_minute,
            };
            return address.to_canonical().is_loopback()
                || rates.take_of_address(address, unit, Limit { count, seconds: 60 });
        };
        let count = match unit {
            Unit::Message => limits.account_messages_per_hour,
            Unit::Recipient => limits.account_recipients_per_hour,
        };
        let seconds = 3600;
        rates.take_of_account(identity.account, unit, Limit { count, seconds })
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
