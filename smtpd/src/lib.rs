//! smtpd: mail comes in by SMTP, from other servers (port 25) and from our users (ports 465 and 587), and leaves for other hosts.
//!
//! When it says 250 to a message, the message lies durable in its recipients' mailboxes, in the outbound queue, or both. What
//! cannot be delivered here is refused while the client is there; nothing is accepted and bounced.
//!
//! Where to read on: `session` (states and commands), `grammar` (the language), `message` (from octets to the store), `answer` and
//! `reject` (every word that is said), `dns` (what names mean), `verify` (what to believe of the mail of others), `milter` (filters),
//! `restrict` (how much of it), `sign` (what vouches for ours), `relay` (the way out), `report` (reports about mail), `limits`.
//!
//! Not here: the connection (`daemon`), mailboxes and addresses (`store`).

pub mod answer;
pub mod destinations;
pub mod dns;
pub mod envelope;
pub mod grammar;
mod https;
pub mod limits;
pub mod message;
pub mod milter;
pub mod public_address;
pub mod reject;
pub mod relay;
pub mod report;
pub mod restrict;
pub mod role;
pub mod session;
pub mod shared;
pub mod sign;
pub mod verify;

pub use role::PROGRAM;

use std::sync::Arc;

use daemon::service::{Failed, Listeners, Service};
use relay::route::Router;
use session::SmtpSession;
use shared::Shared;

/// Serves until the daemon is told to stop.
pub async fn run(service: Service, listeners: Listeners) -> Result<(), Failed> {
    let shared = Shared::open(&service.config());
    let shared = Arc::new(shared.map_err(|error| Failed::System(error.to_string()))?);
    let router = Router::open(&service.config(), service.store.clone(), shared.dns.clone())?;
    let relaying = tokio::spawn(relay::run(service.clone(), shared.clone(), router));
    let reporting = tokio::spawn(report::run(service.clone(), shared.clone()));
    let new_session = move |connection| SmtpSession::new(connection, shared.clone());
    daemon::service::serve(service, listeners, new_session).await?;
    if let Err(error) = relaying.await {
        tracing::error!(%error, "mail for other hosts was not sent any more");
    }
    if let Err(error) = reporting.await {
        tracing::error!(%error, "reports were not sent any more");
    }
    Ok(())
}
