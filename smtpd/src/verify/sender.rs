//! Whether the peer may speak for the names that it gives: SPF of EHLO's name and of the reverse-path (RFC 7208 §2.3, §2.4).

use std::net::IpAddr;

use mail_auth::spf::verify::SpfParameters;
use mail_auth::{MessageAuthenticator, SpfOutput, SpfResult};

/// The names that are looked up.
#[derive(Clone, Debug)]
pub struct Names {
    /// Our own.
    pub hostname: String,
    /// The name of EHLO or HELO; empty if it is none that the DNS could have.
    pub helo: String,
    /// The reverse-path; empty: the null path.
    pub sender: String,
}

/// Both verdicts.
pub(super) struct Spf {
    /// Of EHLO's name.
    pub(super) helo: SpfOutput,
    /// Of the reverse-path; none for the null path, for which EHLO's name stands (RFC 7208 §2.4).
    pub(super) sender: Option<SpfOutput>,
}

impl Names {
    /// The domain of the reverse-path; empty for the null path.
    pub(super) fn sender_domain(&self) -> &str {
        self.sender
            .rsplit_once('@')
            .map_or("", |(_, domain)| domain)
    }

    /// The domain of the reverse-path, or EHLO's name.
    pub(super) fn domain(&self) -> &str {
        match self.sender.rsplit_once('@') {
            Some((_, domain)) => domain,
            None => &self.helo,
        }
    }

    /// Asks the DNS.
    pub(super) async fn verify(self, resolver: MessageAuthenticator, address: IpAddr) -> Spf {
        let Names {
            hostname,
            helo,
            sender,
        } = &self;
        let of_helo = resolver.verify_spf(SpfParameters::verify_ehlo(address, helo, hostname));
        let of_sender = async {
            let parameters = SpfParameters::verify_mail_from(address, helo, hostname, sender);
            match sender.is_empty() {
                true => None,
                false => Some(resolver.verify_spf(parameters).await),
            }
        };
        let (helo, sender) = tokio::join!(of_helo, of_sender);
        Spf { helo, sender }
    }

    /// What is known when nothing was answered.
    pub(super) fn unknown(&self) -> Spf {
        let temporary =
            |domain: &str| SpfOutput::new(domain.to_owned()).with_result(SpfResult::TempError);
        Spf {
            helo: temporary(&self.helo),
            sender: (!self.sender.is_empty()).then(|| temporary(self.domain())),
        }
    }
}

impl Spf {
    /// The one that DMARC is about (RFC 9989 §4.1).
    pub(super) fn decisive(&self) -> &SpfOutput {
        self.sender.as_ref().unwrap_or(&self.helo)
    }
}
