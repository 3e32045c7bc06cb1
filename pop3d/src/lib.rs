//! POP3 (RFC 1939), with CAPA, STLS, SASL, response codes and UTF-8 mode.
//!
//! [`session`] is the protocol's state machine; it speaks the language of [`grammar`] and works on a
//! [`maildrop`]. The loop around it, TLS, and who may log in are [`daemon`]'s; messages are [`store`]'s. A
//! message that a client has fetched is removed only when the client says DELE and then QUIT, and then in one
//! transaction with the others.
//!
//! | RFC | what | where |
//! |---|---|---|
//! | 1939 | whole, without APOP (it needs passwords in the clear) | [`commands`] |
//! | 2449 | CAPA, response codes; LOGIN-DELAY is not imposed | `commands::capa`, [`reject`] |
//! | 2595 | STLS | `commands::tls` |
//! | 3206 | AUTH-RESP-CODE, SYS/TEMP, SYS/PERM | [`reject`] |
//! | 5034 | AUTH | `commands::auth` |
//! | 6856 | UTF8, without LANG | [`grammar::surrogate`] |

use daemon::config::Config;
use daemon::service::{Failed, Listener, Listeners, Program, Security, Service};

pub mod commands;
pub mod grammar;
pub mod limits;
pub mod maildrop;
mod read_ahead;
pub mod reject;
pub mod session;

/// What pop3d is.
pub static PROGRAM: Program = Program {
    name: "pop3d",
    listeners: &[
        Listener {
            name: "pop3",
            addresses: |config: &Config| &config.pop3d.listen,
            security: Security::StartTls,
        },
        Listener {
            name: "pop3s",
            addresses: |config: &Config| &config.pop3d.listen_tls,
            security: Security::Implicit,
        },
    ],
    metrics: |config| config.pop3d.metrics,
};

/// Serves until the daemon is told to stop.
///
/// # Errors
/// Why it could not go on; the log has explained it.
pub async fn run(service: Service, listeners: Listeners) -> Result<(), Failed> {
    daemon::service::serve(service, listeners, session::Pop3::new).await
}
