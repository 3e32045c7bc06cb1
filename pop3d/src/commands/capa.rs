//! CAPA: what this server can do, here and now (RFC 2449 §5).
//!
//! What is announced works. The list is the same before and after login (RFC 2449 §6: "both" for each of
//! them), but for STLS, which is announced only where it is permitted (RFC 2595 §4). USER and SASL are
//! announced only on a connection that a password may be sent on. The configuration can hide a capability
//! from clients that cannot live with it; the command itself keeps working.

use daemon::session::{Next, Output};

use crate::grammar::reply::{End, Listing, Reply};
use crate::session::{Answer, Pop3};

/// Those that never change. EXPIRE NEVER: nothing is removed but by the user. UTF8 USER: names and passwords
/// are UTF-8 (RFC 6856 §2.2).
const ALWAYS: [&str; 8] = [
    "TOP",
    "UIDL",
    "RESP-CODES",
    "AUTH-RESP-CODE",
    "PIPELINING",
    "EXPIRE NEVER",
    "UTF8 USER",
    "IMPLEMENTATION Pennyblack",
];

/// `CAPA`.
pub fn capa(session: &Pop3, out: &mut Output) -> Answer {
    out.put(&Reply::ListFollows);
    let always = ALWAYS.into_iter().map(str::to_owned);
    for capability in of_this_connection(session)
        .into_iter()
        .chain(always)
        .filter(|capability| is_shown(session, capability))
    {
        out.put(&Listing::Capability(&capability));
    }
    out.put(&End);
    Ok(Next::Continue)
}

fn of_this_connection(session: &Pop3) -> Vec<String> {
    let mut capabilities = Vec::new();
    if session.may_start_tls() && !session.is_logged_in() {
        capabilities.push("STLS".to_owned());
    }
    let mechanisms: Vec<_> = session
        .mechanisms()
        .iter()
        .map(|mechanism| mechanism.name())
        .collect();
    if !mechanisms.is_empty() {
        capabilities.push("USER".to_owned());
        capabilities.push(format!("SASL {}", mechanisms.join(" ")));
    }
    capabilities
}

fn is_shown(session: &Pop3, capability: &str) -> bool {
    let tag = capability.split(' ').next().unwrap_or_default();
    !session
        .connection
        .config
        .pop3d
        .hide_capabilities
        .iter()
        .any(|hidden| hidden.eq_ignore_ascii_case(tag))
}
