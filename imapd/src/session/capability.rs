//! What the server says it can do: computed from configuration and state, in one place.
//!
//! Only what works whole is here: clients switch to an extension as soon as they see it. What the operator hides is neither announced nor
//! understood: see [`crate::grammar::dialect`].

use daemon::sasl::{self, Mechanism};
use daemon::service::Connection;
use daemon::wire::TlsInfo;

use crate::grammar::capability::{Capabilities, Capability};

/// What this server has, whole.
const WHOLE: &[Capability] = &[
    Capability::Imap4Rev1,
    Capability::Imap4Rev2,
    Capability::LiteralPlus,
    Capability::LiteralMinus,
    Capability::SaslIr,
    Capability::Id,
    Capability::Enable,
    Capability::Idle,
    Capability::Namespace,
    Capability::Children,
    Capability::Unselect,
    Capability::UidPlus,
    Capability::MultiAppend,
    Capability::Move,
    Capability::CondStore,
    Capability::QResync,
    Capability::ESearch,
    Capability::SearchRes,
    Capability::MultiSearch,
    Capability::Partial,
    Capability::Within,
    Capability::SearchFuzzy,
    Capability::ContextSearch,
    Capability::ContextSort,
    Capability::Sort,
    Capability::SortDisplay,
    Capability::ESort,
    Capability::ThreadReferences,
    Capability::ThreadOrderedSubject,
    Capability::I18nLevel1,
    Capability::InProgress,
    Capability::Notify,
    Capability::ListExtended,
    Capability::ListStatus,
    Capability::StatusSize,
    Capability::SpecialUse,
    Capability::CreateSpecialUse,
    Capability::AppendLimit,
    Capability::Binary,
    Capability::Catenate,
    Capability::Replace,
    Capability::ObjectId,
    Capability::SaveDate,
    Capability::Preview,
    Capability::Compress,
    Capability::UidOnly,
    Capability::Unauthenticate,
    Capability::Utf8Accept,
    Capability::ListMyRights,
    Capability::ListMetadata,
    Capability::Metadata,
    Capability::Acl,
    Capability::Rights,
    Capability::Quota,
    Capability::QuotaStorage,
    Capability::QuotaMessage,
    Capability::QuotaSet,
];

/// What is offered to administrators alone.
const ADMINISTRATIVE: &[Capability] = &[Capability::QuotaSet];

/// What is offered where `hidden` names what is not, to an administrator or to somebody else.
///
/// RFC 7888 §6: a server has LITERAL+ or LITERAL-; ours has the first, and the second where that is hidden.
pub fn offered(hidden: &[String], admin: bool) -> Capabilities {
    let whole = WHOLE.iter().copied();
    let offered: Capabilities = whole
        .filter(|capability| admin || !ADMINISTRATIVE.contains(capability))
        .filter(|capability| !is_hidden(capability.name(), hidden))
        .collect();
    let offered = offered.self_sufficient();
    if offered.contains(Capability::LiteralPlus) {
        offered.without(Capability::LiteralMinus)
    } else {
        offered
    }
}

/// The list to be announced, separated by spaces.
pub fn announced(
    offered: Capabilities,
    connection: &Connection,
    tls: Option<&TlsInfo>,
    logged_in: bool,
) -> String {
    let mut list: Vec<String> = offered
        .iter()
        .map(|capability| with_value(capability, connection))
        .collect();
    if !logged_in {
        let login = login_capabilities(connection, tls).into_iter();
        list.extend(
            login.filter(|name| !is_hidden(name, &connection.config.imapd.hide_capabilities)),
        );
    }
    list.join(" ")
}

fn with_value(capability: Capability, connection: &Connection) -> String {
    match capability {
        Capability::AppendLimit => {
            format!("APPENDLIMIT={}", connection.config.limits.message_octets)
        }
        // The rights that RFC 2086 did not have (RFC 4314 §5.1.1).
        Capability::Rights => "RIGHTS=texk".to_owned(),
        other => other.name().to_owned(),
    }
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

    #[test]
    fn what_is_hidden_is_not_offered() {
        let offered = offered(&["move".to_owned()], false);
        assert!(!offered.contains(Capability::QuotaSet));
        assert!(super::offered(&[], true).contains(Capability::QuotaSet));
        assert!(!offered.contains(Capability::Move));
        assert!(offered.contains(Capability::Imap4Rev1));
        assert!(offered.contains(Capability::UidPlus));
    }

    #[test]
    fn one_of_the_two_literals_is_offered() {
        let has = |hidden: &[&str]| {
            let hidden: Vec<String> = hidden.iter().map(|&name| name.to_owned()).collect();
            let offered = offered(&hidden, false);
            [Capability::LiteralPlus, Capability::LiteralMinus].map(|one| offered.contains(one))
        };
        assert_eq!(has(&[]), [true, false]);
        assert_eq!(has(&["LITERAL+"]), [false, true]);
        assert_eq!(has(&["LITERAL+", "LITERAL-"]), [false, false]);
    }
}
