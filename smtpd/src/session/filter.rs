//! What filters (milters) are asked while the envelope comes: MAIL with all that is known of the client, then each recipient that we
//! would take.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::SmtpSession;
use crate::envelope::Client;
use crate::grammar::{ForwardPath, MailParameters, ReversePath};
use crate::limits::FILTER_NAME_SECONDS_MAX;
use crate::milter::macros::Macros;
use crate::milter::{Facts, Milters};
use crate::reject::Reject;

/// What filters are told instead of a client's name when there is none to rely on.
const UNKNOWN: &str = "unknown";

impl SmtpSession {
    /// Asks the filters about a sender that we would take.
    pub(super) async fn filter_mail(
        &mut self,
        client: &Client,
        from: &ReversePath,
        parameters: &MailParameters,
    ) -> Result<(), Reject> {
        if self.milters.is_empty() {
            return Ok(());
        }
        self.look_for_name().await;
        let mut mail = vec![from.to_string()];
        mail.extend(parameters.to_string().split_whitespace().map(String::from));
        let peer = &self.connection.peer;
        let facts = Facts {
            client: SocketAddr::new(peer.address, peer.port),
            client_name: &self.client_name,
            hello: &client.name.to_string(),
            session: self.session_macros(client),
            mail,
            macros: self.macros(client, from),
        };
        self.milters.mail(&facts).await
    }

    /// All that is known when a message begins.
    pub(super) fn macros(&self, client: &Client, from: &ReversePath) -> Macros {
        let peer = &self.connection.peer;
        let name = &self.client_name;
        let mut macros = self.session_macros(client);
        macros.set("j", &self.connection.config.hostname);
        macros.set("v", concat!("Pennyblack ", env!("CARGO_PKG_VERSION")));
        macros.set("_", format!("{name} [{}]", peer.address));
        macros.set("daemon_name", self.connection.listener.name);
        macros.set("daemon_addr", peer.local.ip().to_string());
        macros.set("daemon_port", peer.local.port().to_string());
        macros.set("client_addr", peer.address.to_string());
        macros.set("client_port", peer.port.to_string());
        macros.set("client_name", name);
        macros.set("mail_addr", from.to_string().trim_matches(['<', '>']));
        macros
    }

    /// What a new EHLO, TLS or a login changes.
    fn session_macros(&self, client: &Client) -> Macros {
        let mut macros = Macros::default();
        macros.set("s", client.name.to_string());
        if let Some(tls) = &self.tls {
            macros.set("tls_version", tls.version);
            macros.set("cipher", &tls.cipher);
        }
        if let Some(identity) = &self.login {
            macros.set("auth_authen", identity.address.to_string());
        }
        macros
    }

    /// Finds the client's name, once; filters would look for it themselves otherwise, or think ill of a client without one.
    async fn look_for_name(&mut self) {
        if !self.client_name.is_empty() {
            return;
        }
        let deadline = Instant::now() + Duration::from_secs(FILTER_NAME_SECONDS_MAX);
        let name = match (self.connection.peer.is_loopback(), self.verified_peer()) {
            (true, _) => Some("localhost".to_owned()),
            (false, Some(peer)) => peer.name(deadline).await,
            (false, None) => None,
        };
        self.client_name = name.unwrap_or_else(|| UNKNOWN.to_owned());
    }
}

/// Asks the filters about a recipient that we would take.
pub(super) async fn filter_recipient(
    milters: &mut Milters,
    to: &ForwardPath,
) -> Result<(), Reject> {
    if milters.is_empty() {
        return Ok(());
    }
    let path = to.to_string();
    let mut macros = Macros::default();
    macros.set("rcpt_addr", path.trim_matches(['<', '>']));
    milters.recipient(&path, &macros).await
}
