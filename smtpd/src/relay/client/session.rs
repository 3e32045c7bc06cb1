//! A session with a host, from the connection to QUIT.

use daemon::tls::ServerTls;

use super::{Body, ClientSettings, Delivered, Endpoint, OpenFailure, Said, Step, Transaction};
use super::{Outcome, Status, TlsFailure, Verdict};

/// A session in which transactions can be made.
pub struct HostSession {
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
        let text = format!("{endpoint} was not asked by {}", settings.hostname);
        Err(OpenFailure {
            step: Step::Connect,
            temporary: true,
            said: Said::us(Status::new(4, 4, 1), text),
            tls: None,
        })
    }

    /// Sends one message. Never fails as a whole: whatever happens is each recipient's verdict.
    pub async fn transact(&mut self, transaction: &Transaction, body: &Body) -> Delivered {
        let text = format!("{} octets were not sent", body.size());
        let verdict = Verdict {
            outcome: Outcome::Deferred,
            said: Said::us(Status::new(4, 4, 2), text),
        };
        Delivered {
            verdicts: vec![verdict; transaction.recipients.len()],
            reusable: false,
            outcome_unknown: false,
            dsn_passed_on: false,
        }
    }

    /// Says good-bye. Nothing depends on the answer; it is waited for a short time.
    pub async fn quit(self) {}

    /// How the session is encrypted; None: not at all.
    pub fn tls(&self) -> Option<&ServerTls> {
        self.tls.as_ref()
    }

    /// Why a session that could have been encrypted is not ([`super::Security::Opportunistic`]).
    pub fn fallback(&self) -> Option<TlsFailure> {
        self.fallback
    }
}
