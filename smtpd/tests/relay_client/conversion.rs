//! Messages that a host does not take as they are: what it gets instead says the same.

use mail_parser::{MessageParser, MimeHeaders};
use smtpd::relay::client::{Delivered, Outcome};
use store::BodyKind;

use crate::ground::{GREETED, outcomes, send_message, transaction};

const MIXED: &str = "From: a@from.test\r\nMIME-Version: 1.0\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=o\r\nContent-Transfer-Encoding: 8bit\r\n\r\npreamble\r\n--o\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding:\r\n 8bit\r\nX-Behind: yes\r\n\r\nMüll, = und Leerzeichen am Ende \r\n.Punkt\r\n--o\r\nContent-Type: application/x-odd\r\n\r\n\u{e4}\u{f6}\u{fc}\r\n--o\r\nContent-Type: text/plain\r\n\r\nonly ASCII = here \r\n--o\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: inner\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\ninnen schön\r\n--o--\r\nepilogue\r\n";

/// Sends it to a host that offers `offered`, and gives what arrived.
async fn sent(
    offered: &str,
    parameters: &str,
    message: &[u8],
    body: BodyKind,
) -> (Delivered, Vec<u8>) {
    let script = format!(
        "{GREETED}S: 250-mx.test\n{offered}S: 250 HELP\nC: MAIL FROM:<a@from.test>{parameters}\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nDATA\nS: 250 ok\nREST"
    );
    let mut wanted = transaction(&["b@to.test"]);
    wanted.body = body;
    let (delivered, messages) = send_message(&script, &wanted, message).await;
    let stuffed = messages.concat();
    let text = stuffed.strip_suffix(b".\r\n").expect("a dot at its end");
    let mut unstuffed = Vec::new();
    for line in text.split_inclusive(|&octet| octet == b'\n') {
        unstuffed.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    (delivered, unstuffed)
}

/// The decoded parts, of inner messages too, each with its type.
fn parts(message: &[u8]) -> Vec<(String, Vec<u8>)> {
    let parsed = MessageParser::default().parse(message).expect("a message");
    let mut parts = Vec::new();
    for part in &parsed.parts {
        if let Some(inner) = part.message() {
            parts.extend(self::parts(inner.raw_message()));
        } else if !part.is_multipart() {
            let kind = part.content_type().map_or("", |kind| kind.ctype());
            parts.push((kind.to_owned(), part.contents().to_vec()));
        }
    }
    parts
}

#[tokio::test]
async fn eight_bit_parts_are_encoded_for_a_host_that_takes_seven_and_nothing_else_is_touched() {
    let (delivered, arrived) = sent("", "", MIXED.as_bytes(), BodyKind::EightBitMime).await;
    assert_eq!(outcomes(&delivered), [Outcome::Delivered]);
    assert!(arrived.is_ascii());
    assert_eq!(parts(&arrived), parts(MIXED.as_bytes()));
    let text = String::from_utf8(arrived).unwrap();
    for unchanged in [
        "From: a@from.test\r\nMIME-Version: 1.0\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=o\r\nContent-Transfer-Encoding: 7bit\r\n\r\npreamble\r\n--o\r\n",
        "Content-Transfer-Encoding: quoted-printable\r\nX-Behind: yes\r\n\r\nM=C3=BCll, =3D und Leerzeichen am Ende=20\r\n.Punkt\r\n--o\r\n",
        "Content-Type: application/x-odd\r\nContent-Transfer-Encoding: base64\r\n\r\nw6TDtsO8\r\n--o\r\n",
        "Content-Type: text/plain\r\n\r\nonly ASCII = here \r\n--o\r\n",
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nSubject: inner\r\n",
        "innen sch=C3=B6n\r\n--o--\r\nepilogue\r\n",
    ] {
        assert!(
            text.contains(unchanged),
            "{unchanged}\n--- is not in\n{text}"
        );
    }
}

#[tokio::test]
async fn a_message_of_ascii_goes_unchanged_to_a_host_that_takes_seven_bits() {
    let message = b"Subject: x\r\nContent-Transfer-Encoding: 8bit\r\n\r\nplain = text \r\n";
    let (delivered, arrived) = sent("", "", message, BodyKind::EightBitMime).await;
    assert_eq!(outcomes(&delivered), [Outcome::Delivered]);
    assert_eq!(arrived, message);
}

#[tokio::test]
async fn a_message_that_was_no_mime_message_becomes_one() {
    let message = "Subject: x\r\n\r\nMüll\r\n".as_bytes();
    let (_, arrived) = sent("", "", message, BodyKind::SevenBit).await;
    let expected = "Subject: x\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Type: text/plain; charset=unknown-8bit\r\n\r\nM=C3=BCll\r\n";
    assert_eq!(String::from_utf8(arrived).unwrap(), expected);
}

#[tokio::test]
async fn binary_parts_are_base64_for_a_host_without_binarymime() {
    let mut message = b"MIME-Version: 1.0\r\nContent-Type: image/x-test\r\nContent-Transfer-Encoding: binary\r\n\r\n".to_vec();
    let octets: Vec<u8> = (0..=255u8).cycle().take(300_000).chain(*b"\n.\n").collect();
    message.extend_from_slice(&octets);
    for offered in [
        "",
        "S: 250-8BITMIME\n",
        "S: 250-8BITMIME\nS: 250-BINARYMIME\n",
    ] {
        let (delivered, arrived) = sent(offered, "", &message, BodyKind::BinaryMime).await;
        assert_eq!(outcomes(&delivered), [Outcome::Delivered]);
        let parsed = MessageParser::default().parse(&arrived).unwrap();
        assert!(parsed.parts[0].contents() == octets, "{offered}");
        assert!(
            arrived
                .split(|&octet| octet == b'\n')
                .all(|line| line.len() <= 78)
        );
    }
}

#[tokio::test]
async fn a_host_that_takes_binary_gets_it_as_it_is() {
    let message = b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\n.\n\r\n";
    let script = format!(
        "{GREETED}S: 250-mx.test\nS: 250-8BITMIME\nS: 250-CHUNKING\nS: 250 BINARYMIME\nC: MAIL FROM:<a@from.test> BODY=BINARYMIME\nS: 250 ok\nC: RCPT\nS: 250 ok\nBDAT\nS: 250 ok\nREST"
    );
    let mut wanted = transaction(&["b@to.test"]);
    wanted.body = BodyKind::BinaryMime;
    let (delivered, messages) = send_message(&script, &wanted, message).await;
    assert_eq!(outcomes(&delivered), [Outcome::Delivered]);
    assert_eq!(messages, [message]);
}

#[tokio::test]
async fn what_is_signed_is_not_touched_and_does_not_go() {
    let message = "MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n--s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nMüll\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--s--\r\n";
    let script = format!("{GREETED}S: 250 mx.test\nREST");
    let (delivered, _) =
        send_message(&script, &transaction(&["b@to.test"]), message.as_bytes()).await;
    assert_eq!(outcomes(&delivered), [Outcome::Rejected]);
    assert_eq!(delivered.verdicts[0].said.status().to_string(), "5.6.3");
}

#[tokio::test]
async fn an_internationalised_header_needs_smtputf8_if_its_sender_said_so() {
    let message = "Subject: Müll\r\n\r\nbody\r\n".as_bytes();
    let mut wanted = transaction(&["b@to.test"]);
    wanted.smtputf8 = true;
    let script = format!("{GREETED}S: 250-mx.test\nS: 250 8BITMIME\nREST");
    let (delivered, _) = send_message(&script, &wanted, message).await;
    assert_eq!(delivered.verdicts[0].said.status().to_string(), "5.6.7");

    let ascii = b"Subject: x\r\n\r\nbody\r\n";
    let script = format!(
        "{GREETED}S: 250-mx.test\nS: 250 8BITMIME\nC: MAIL FROM:<a@from.test>\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nDATA\nS: 250 ok\nREST"
    );
    let (delivered, _) = send_message(&script, &wanted, ascii).await;
    assert_eq!(outcomes(&delivered), [Outcome::Delivered]);
}
