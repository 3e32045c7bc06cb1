//! A session with a host, from the connection to QUIT.
//!
//! Not here: how it comes about (`opening`) and what happens in a transaction (`transaction`).

use daemon::tls::ServerTls;

use super::body::Body;
use super::capability::Capabilities;
use super::dialogue::Dialogue;
use super::endpoint::{Endpoint, Security};
use super::failure::{OpenFailure, Step, TlsFailure};
use super::opening::{Opened, Opening, trust_of};
use super::outcome::{Delivered, Transaction};
use super::settings::{ClientSettings, Timeouts};
use super::transaction;

/// A session in which transactions can be made.
pub struct HostSession {
    pub(super) dialogue: Dialogue,
    pub(super) capabilities: Capabilities,
    pub(super) timeouts: Timeouts,
    /// A transaction was begun and not ended: RSET comes before the next.
    pub(super) needs_reset: bool,
    /// MAIL commands so far.
    pub(super) transactions: u32,
    tls: Option<ServerTls>,
    fallback: Option<TlsFailure>,
}

impl HostSession {
    /// Connects, greets, starts TLS and logs in, as the endpoint demands.
    ///
    /// # Errors
    /// The host cannot be reached, does not want us, or is not protected as it must be.
    pub async fn open(
        endpoint: &Endpoint,
        settings: &ClientSettings,
    ) -> Result<HostSession, OpenFailure> {
        let mut opening = Opening {
            endpoint,
            settings,
            trust: trust_of(&endpoint.security),
        };
        match opening.run().await {
            Ok(opened) => Ok(HostSession::new(opened, settings, None)),
            // RFC 7435 §3: better in the clear than not at all. The host may have given up on the connection, or be somebody else:
            // a fresh one, on which nothing has been said.
            Err(failure)
                if failure.step == Step::Tls && endpoint.security == Security::Opportunistic =>
            {
                opening.trust = None;
                let opened = opening.run().await?;
                Ok(HostSession::new(opened, settings, failure.tls))
            }
            Err(failure) => Err(failure),
        }
    }

    fn new(opened: Opened, settings: &ClientSettings, fallback: Option<TlsFailure>) -> HostSession {
        HostSession {
            dialogue: opened.dialogue,
            capabilities: opened.capabilities,
            timeouts: settings.timeouts,
            needs_reset: false,
            transactions: 0,
            tls: opened.tls,
            fallback,
        }
    }

    /// Sends one message. Never fails as a whole: whatever happens is each recipient's verdict.
    pub async fn transact(&mut self, transaction: &Transaction, body: &Body) -> Delivered {
        self.dialogue.allow(self.timeouts.transaction);
        transaction::transact(self, transaction, body).await
    }

    /// Whether the host is still there and waits for a command: to be asked before a session that was idle is used again.
    pub async fn is_waiting(&mut self) -> bool {
        self.takes_another() && self.dialogue.is_waiting().await
    }

    /// Says good-bye. Nothing depends on the answer; it is waited for a short time, because some hosts take a connection that is
    /// closed without QUIT for a failure.
    pub async fn quit(mut self) {
        let time = self.timeouts.farewell;
        self.dialogue.allow(time);
        if self.dialogue.is_open() {
            let _ = self.dialogue.ask("QUIT", time).await;
        }
        let close = self.dialogue.into_connection().close();
        let _ = tokio::time::timeout(time, close).await;
    }

    /// How the session is encrypted; None: not at all.
    pub fn tls(&self) -> Option<&ServerTls> {
        self.tls.as_ref()
    }

    /// Why a session that could have been encrypted is not ([`Security::Opportunistic`]).
    pub fn fallback(&self) -> Option<TlsFailure> {
        self.fallback
    }

    /// Whether another transaction can be made, as far as we know (RFC 9422 MAILMAX).
    pub(super) fn takes_another(&self) -> bool {
        let transactions_max = self.capabilities.transactions_max.unwrap_or(u32::MAX);
        self.dialogue.is_open() && self.transactions < transactions_max
    }
}
