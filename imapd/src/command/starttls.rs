//! STARTTLS (RFC 3501 §6.2.1). The session loop drops what was read before the handshake.

use crate::session::ImapSession;
use crate::session::dispatch::{After, Done, Outcome};
use crate::session::reject::Reject;

impl ImapSession {
    pub(crate) fn starttls(&self) -> Outcome {
        if self.tls.is_some() || !self.connection.starttls_offered() {
            return Err(Reject::NoStartTls);
        }
        Ok(Done::then(After::StartTls, "Begin TLS negotiation now"))
    }
}
