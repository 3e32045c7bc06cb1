//! The part of a notice for programs: `message/delivery-status` (RFC 3464 §2), or `message/global-delivery-status` (RFC 6533 §4).
//!
//! Everything from outside has been through a grammar or is made harmless here, so no value can end its field.

use std::fmt::Write;

use super::notice::{Affected, Notice};
use crate::grammar::xtext;
use crate::message::compose::date_of;

/// Octets of one value: a hostile reply does not fill a notice.
const VALUE_OCTETS_MAX: usize = 2048;

/// The whole part, with CRLF. `now` is when the attempt was made.
pub(super) fn delivery_status(notice: &Notice, hostname: &str, now: i64) -> String {
    let mut part = String::new();
    if let Some(id) = notice.about.envelope_id.as_deref().and_then(decoded) {
        field(&mut part, "Original-Envelope-Id", &id);
    }
    field(&mut part, "Reporting-MTA", &format!("dns; {hostname}"));
    field(&mut part, "Arrival-Date", &date_of(notice.about.arrived));
    if let Some(request) = &notice.about.release_request {
        field(&mut part, "Future-Release-Request", request);
    }
    for affected in &notice.affected {
        part.push_str("\r\n");
        recipient(&mut part, notice, affected, now);
    }
    part
}

fn recipient(part: &mut String, notice: &Notice, affected: &Affected, now: i64) {
    if let Some(original) = affected.original.as_deref().and_then(original_recipient) {
        field(part, "Original-Recipient", &original);
    }
    field(
        part,
        "Final-Recipient",
        &final_recipient(&affected.recipient, notice.about.utf8),
    );
    field(part, "Action", notice.action.keyword());
    field(part, "Status", &affected.status.to_string());
    if let Some(host) = &affected.host {
        field(part, "Remote-MTA", &format!("dns; {host}"));
    }
    if let Some(reply) = &affected.reply {
        field(part, "Diagnostic-Code", &format!("smtp; {reply}"));
    }
    field(part, "Last-Attempt-Date", &date_of(now));
    if let Some(until) = affected.tried_until {
        field(part, "Will-Retry-Until", &date_of(until));
    }
}

fn field(part: &mut String, name: &str, value: &str) {
    let value = &value[..value.floor_char_boundary(VALUE_OCTETS_MAX)];
    let _ = write!(part, "{name}: {}\r\n", value.replace(char::is_control, " "));
}

/// ORCPT for the Original-Recipient field: `rfc822` addresses are decoded (RFC 3464 §2.3.1); `utf-8` ones stay in their encoding,
/// which is ASCII (RFC 6533 §3).
fn original_recipient(orcpt: &str) -> Option<String> {
    let (kind, address) = orcpt.split_once(';')?;
    match kind.eq_ignore_ascii_case("utf-8") {
        true => Some(format!("{kind}; {address}")),
        false => Some(format!("{kind}; {}", decoded(address)?)),
    }
}

/// An address that is not ASCII goes as it is in an internationalised notice, and else encoded (RFC 6533 §3: `utf-8-addr-xtext`).
fn final_recipient(address: &str, utf8: bool) -> String {
    match (address.is_ascii(), utf8) {
        (true, _) => format!("rfc822; {address}"),
        (false, true) => format!("utf-8; {address}"),
        (false, false) => format!("utf-8; {}", encoded_utf8(address)),
    }
}

/// `\x{HEX}` for each character that is not printable ASCII, and for backslash, plus and equals sign.
fn encoded_utf8(address: &str) -> String {
    let mut text = String::with_capacity(address.len() * 2);
    for c in address.chars() {
        let _ = match c {
            '\\' | '+' | '=' => write!(text, "\\x{{{:X}}}", u32::from(c)),
            '!'..='~' => write!(text, "{c}"),
            _ => write!(text, "\\x{{{:X}}}", u32::from(c)),
        };
    }
    text
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(xtext::decode(text)?).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::notice::{About, Action};
    use super::super::returned::Returned;
    use super::*;
    use crate::relay::client::Status;

    pub(in super::super) fn notice(utf8: bool, recipient: &str) -> Notice {
        Notice {
            about: About {
                id: store::MessageId(1),
                sender: "me@example.test".into(),
                envelope_id: Some("QQ314159+2B".into()),
                arrived: 0,
                release_request: None,
                utf8,
                tls: store::TlsDemand::ByPolicy,
            },
            action: Action::Failed,
            affected: vec![Affected {
                recipient: recipient.into(),
                original: Some("rfc822;bob+2Bx@example.test".into()),
                status: Status::new(5, 1, 1),
                host: Some("mx.example.test".into()),
                reply: Some("550 5.1.1 no\r\nInjected: yes".into()),
                finding: None,
                tried_until: None,
            }],
            returned: Returned::default(),
        }
    }

    #[test]
    fn fields_are_those_of_rfc_3464_and_none_can_be_injected() {
        let part = delivery_status(&notice(false, "bob@one.test"), "mail.example.test", 0);
        let (message, recipient) = part.split_once("\r\n\r\n").unwrap();
        assert!(message.starts_with("Original-Envelope-Id: QQ314159+\r\nReporting-MTA: dns; mail.example.test\r\nArrival-Date: "));
        let expected = "Original-Recipient: rfc822; bob+x@example.test\r\nFinal-Recipient: rfc822; bob@one.test\r\n\
            Action: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx.example.test\r\n\
            Diagnostic-Code: smtp; 550 5.1.1 no  Injected: yes\r\nLast-Attempt-Date: ";
        assert!(recipient.starts_with(expected), "{recipient}");
    }

    #[test]
    fn addresses_in_unicode_are_encoded_unless_the_notice_is_internationalised() {
        let part = delivery_status(&notice(true, "jürgen@one.test"), "h", 0);
        assert!(part.contains("Final-Recipient: utf-8; jürgen@one.test\r\n"));
        let part = delivery_status(&notice(false, "jürgen@one.test"), "h", 0);
        assert!(part.contains("Final-Recipient: utf-8; j\\x{FC}rgen@one.test\r\n"));
    }
}
