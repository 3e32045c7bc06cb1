//! What the server says it can do: computed from configuration and state, in one place.
//!
//! Only what works whole is here: clients switch to an extension as soon as they see it.

use daemon::sasl::{self, Mechanism};
use daemon::service::Connection;
use daemon::wire::TlsInfo;

/// What does not depend on anything. `IMAP4rev1` stands first: some clients look nowhere else.
const ALWAYS: [&str; 20] = [
    "IMAP4rev1",
    "LITERAL+",
    "SASL-IR",
    "ID",
    "ENABLE",
    "IDLE",
    "NAMESPACE",
    "CHILDREN",
    "UNSELECT",
    "UIDPLUS",
    "MULTIAPPEND",
    "MOVE",
    "CONDSTORE",
    "ESEARCH",
    "WITHIN",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "STATUS=SIZE",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
];

/// The list, separated by spaces.
pub fn capabilities(connection: &Connection, tls: Option<&TlsInfo>, logged_in: bool) -> String {
    let config = &connection.config;
    let mut list: Vec<String> = ALWAYS.iter().map(|&name| name.to_owned()).collect();
    list.push(format!("APPENDLIMIT={}", config.limits.message_octets));
    if !logged_in {
        list.extend(login_capabilities(connection, tls));
    }
    list.retain(|name| !is_hidden(name, &config.imapd.hide_capabilities));
    list.join(" ")
}

fn login_capabilities(connection: &Connection, tls: Option<&TlsInfo>) -> Vec<String> {
    let mut list = Vec::new();
    if tls.is_none() && connection.starttls_offered() {
        list.push("STARTTLS".to_owned());
    }
    let mechanisms = sasl::mechanisms(&connection.config, tls, &connection.peer);
    if mechanisms.is_empty() {
        list.push("LOGINDISABLED".to_owned());
    }
    list.extend(
        mechanisms
            .into_iter()
            .map(Mechanism::name)
            .map(|name| format!("AUTH={name}")),
    );
    list
}

/// A capability is hidden by its name, with or without its value. IMAP4rev1 and LOGINDISABLED cannot be hidden.
fn is_hidden(name: &str, hidden: &[String]) -> bool {
    let bare = name.split_once('=').map_or(name, |(bare, _)| bare);
    let named =
        |hidden: &String| hidden.eq_ignore_ascii_case(name) || hidden.eq_ignore_ascii_case(bare);
    !matches!(name, "IMAP4rev1" | "LOGINDISABLED") && hidden.iter().any(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_is_hidden_by_its_name() {
        let hidden = [
            "move".to_owned(),
            "appendlimit".to_owned(),
            "AUTH=LOGIN".to_owned(),
            "imap4rev1".to_owned(),
        ];
        assert!(is_hidden("MOVE", &hidden));
        assert!(is_hidden("APPENDLIMIT=5", &hidden));
        assert!(is_hidden("AUTH=LOGIN", &hidden));
        assert!(!is_hidden("AUTH=PLAIN", &hidden));
        assert!(!is_hidden("IMAP4rev1", &hidden));
    }
}
