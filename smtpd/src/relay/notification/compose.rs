//! A notice as a message: `multipart/report` of a text, the fields and what is returned (RFC 6522, RFC 3464 §2, RFC 6533 §4 to §6).

use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::raw::Raw;
use mail_builder::mime::{BodyPart, MimePart};

use super::notice::{Action, Notice};
use super::returned::Returned;
use super::{NOTICES_FROM, fields, words};

/// The message with the id `id`, as of `now` (seconds since 1970).
pub(super) fn compose(notice: &Notice, hostname: &str, id: &str, now: i64) -> Vec<u8> {
    let utf8 = is_internationalised(notice);
    let report = ContentType::new("multipart/report").attribute("report-type", "delivery-status");
    let parts = vec![
        MimePart::new("text/plain", words::text(notice, hostname)),
        raw_part(
            match utf8 {
                true => "message/global-delivery-status",
                false => "message/delivery-status",
            },
            fields::delivery_status(notice, hostname, now).into_bytes(),
        ),
        returned_part(&notice.returned, utf8),
    ];
    let mut message = MessageBuilder::new()
        .from(Address::new_address(
            Some("Mail delivery"),
            format!("{NOTICES_FROM}@{hostname}"),
        ))
        .header("To", Raw::new(format!("<{}>", notice.about.sender)))
        .subject(words::subject(notice.action))
        .message_id(format!("{id}@{hostname}"))
        .date(now)
        // RFC 3834 §5: nobody's vacation answers this.
        .header("Auto-Submitted", Raw::new("auto-replied"));
    if let Some(original) = reference(&notice.returned) {
        message = message
            .header("In-Reply-To", Raw::new(original.clone()))
            .header("References", Raw::new(original));
    }
    if notice.action == Action::Failed
        && let Some(failed) = failed_recipients(notice)
    {
        // What the senders of lists look at first.
        message = message.header("X-Failed-Recipients", failed);
    }
    let mut octets = Vec::new();
    let mut whole = MimePart::new(report, BodyPart::Multipart(parts));
    if utf8 || !notice.returned.octets.is_ascii() {
        // RFC 2045 §6.4: what has such a part within says so itself.
        whole = whole.transfer_encoding("8bit");
    }
    message.body(whole).serialize(&mut octets);
    octets
}

/// Whether it bears addresses or header fields that are not ASCII. Only senders who use SMTPUTF8 get such a notice (RFC 6533 §3).
pub(super) fn is_internationalised(notice: &Notice) -> bool {
    let header_is_ascii = || notice.returned.octets.is_ascii();
    notice.about.utf8
        && (!notice.about.sender.is_ascii()
            || notice
                .affected
                .iter()
                .any(|affected| !affected.recipient.is_ascii())
            || !header_is_ascii())
}

fn returned_part(returned: &Returned, utf8: bool) -> MimePart<'static> {
    let kind = match (returned.whole, utf8) {
        (true, false) => "message/rfc822",
        (true, true) => "message/global",
        (false, false) => "text/rfc822-headers",
        (false, true) => "message/global-headers",
    };
    raw_part(kind, returned.octets.clone())
}

/// A part whose octets stand as they are: RFC 2046 §5.2.1 forbids to encode messages.
fn raw_part(kind: &'static str, octets: Vec<u8>) -> MimePart<'static> {
    let encoding = match octets.is_ascii() {
        true => "7bit",
        false => "8bit",
    };
    MimePart::new(ContentType::new(kind), octets).transfer_encoding(encoding)
}

/// The Message-ID of the original, if it is one that can stand in a field.
fn reference(returned: &Returned) -> Option<String> {
    let id = returned.message_id.as_deref()?.trim();
    let is_id = id.starts_with('<')
        && id.ends_with('>')
        && id.len() <= 255
        && id.bytes().all(|octet| octet.is_ascii_graphic());
    is_id.then(|| id.to_owned())
}

/// The first of those that can stand in a field.
fn failed_recipients(notice: &Notice) -> Option<HeaderType<'static>> {
    let recipients: Vec<&str> = notice
        .affected
        .iter()
        .map(|affected| affected.recipient.as_str())
        .filter(|recipient| recipient.is_ascii())
        .take(10)
        .collect();
    (!recipients.is_empty()).then(|| Raw::new(recipients.join(",\r\n\t")).into())
}

#[cfg(test)]
mod tests {
    use super::super::fields::tests::notice;
    use super::*;

    fn header(notice: &Notice) -> String {
        let message = String::from_utf8(compose(notice, "mail.example.test", "1", 0)).unwrap();
        let (header, _) = message.split_once("\r\n\r\n").unwrap();
        header.to_owned()
    }

    #[test]
    fn the_header_names_recipients_only_where_it_can() {
        let plain = header(&notice(false, "bob@one.test"));
        assert!(plain.contains("\r\nX-Failed-Recipients: bob@one.test\r\n"));
        assert!(!plain.contains("Content-Transfer-Encoding"), "{plain}");
        let utf8 = header(&notice(true, "jürgen@one.test"));
        assert!(!utf8.contains("X-Failed-Recipients"), "{utf8}");
    }

    #[test]
    fn the_whole_is_8bit_where_a_part_is() {
        let encoding = "\r\nContent-Transfer-Encoding: 8bit";
        assert!(header(&notice(true, "jürgen@one.test")).contains(encoding));
        let mut returned = notice(false, "bob@one.test");
        returned.returned.octets = "Subject: x\r\n\r\nü".into();
        assert!(header(&returned).contains(encoding));
    }
}
