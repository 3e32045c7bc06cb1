//! The IMAP daemon: IMAP4rev1 (RFC 3501), IMAP4rev2 (RFC 9051) and their extensions, over the mailbox store.
//!
//! Where to read on: [`grammar`] is the language, pure and without a session; `session` gathers commands, dispatches
//! them and turns errors into responses; `command` has one file for each command; `view` keeps what a client knows
//! of its selected mailbox; `fetch` and `search` do the work of the two large commands.
//!
//! This crate touches no socket and writes no SQL: it stands on `daemon` and `store`.

mod command;
mod fetch;
pub mod grammar;
pub mod limits;
mod search;
mod session;
mod sort;
mod thread;
mod view;

use std::net::SocketAddr;

use daemon::config::Config;
use daemon::service::{Failed, Listener, Listeners, Program, Security, Service};

use crate::session::ImapSession;

/// The program `imapd`: its ports and its metrics.
pub static PROGRAM: Program = Program {
    name: "imapd",
    listeners: &[
        Listener {
            name: "imap",
            addresses: plain_addresses,
            security: Security::StartTls,
        },
        Listener {
            name: "imaps",
            addresses: tls_addresses,
            security: Security::Implicit,
        },
    ],
    metrics: |config| config.imapd.metrics,
};

fn plain_addresses(config: &Config) -> &[SocketAddr] {
    &config.imapd.listen
}

fn tls_addresses(config: &Config) -> &[SocketAddr] {
    &config.imapd.listen_tls
}

/// Serves IMAP until the daemon is told to stop.
///
/// # Errors
/// What makes serving impossible, such as a port that cannot be bound; already explained in the log.
pub async fn run(service: Service, listeners: Listeners) -> Result<(), Failed> {
    let indexing = tokio::spawn(search::keep_index(service.clone()));
    let served = daemon::service::serve(service, listeners, ImapSession::new).await;
    indexing.abort();
    served
}
