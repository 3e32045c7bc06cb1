//! What is told of header fields: envelope, description of a part, dates and references.

use super::{super::*, crlf};

/// An address as `name|route|mailbox|host`, `-` for NIL.
fn addresses(list: &[EnvelopeAddress]) -> Vec<String> {
    let or = |text: &Option<Text<'_>>| text.as_deref().unwrap_or("-").to_owned();
    list.iter()
        .map(|a| [or(&a.name), or(&a.route), or(&a.mailbox), or(&a.host)].join("|"))
        .collect()
}

fn from(text: &str) -> Vec<String> {
    let index = Indexer::index(format!("From: {text}\r\n\r\n").as_bytes());
    addresses(&index.envelope().from)
}

const RFC_3501_HEADER: &str = "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)
From: Terry Gray <gray@cac.washington.edu>
Subject: IMAP4rev1 WG mtg summary and minutes
To: imap@cac.washington.edu
cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>
Message-Id: <B27397-0100000@cac.washington.edu>
MIME-Version: 1.0
Content-Type: TEXT/PLAIN; CHARSET=US-ASCII

";

#[test]
fn envelope_of_rfc_3501_section_8() {
    let message = crlf(RFC_3501_HEADER);
    let index = Indexer::index(&message);
    let envelope = index.envelope();
    assert_eq!(
        envelope.date.as_deref(),
        Some("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)")
    );
    assert_eq!(
        envelope.subject.as_deref(),
        Some("IMAP4rev1 WG mtg summary and minutes")
    );
    let gray = ["Terry Gray|-|gray|cac.washington.edu"];
    assert_eq!(addresses(&envelope.from), gray);
    assert_eq!(addresses(envelope.sender_or_from()), gray);
    assert_eq!(addresses(envelope.reply_to_or_from()), gray);
    assert_eq!(addresses(&envelope.to), ["-|-|imap|cac.washington.edu"]);
    let cc = [
        "-|-|minutes|CNRI.Reston.VA.US",
        "John Klensin|-|KLENSIN|MIT.EDU",
    ];
    assert_eq!(addresses(&envelope.cc), cc);
    assert_eq!(envelope.bcc, []);
    assert_eq!(envelope.in_reply_to, None);
    assert_eq!(
        envelope.message_id.as_deref(),
        Some("<B27397-0100000@cac.washington.edu>")
    );
    assert_eq!(index.root().parameter("charset"), Some("US-ASCII"));
    assert_eq!(
        index.sent,
        Some(SentDate {
            seconds: 837_595_405,
            offset_minutes: -420
        })
    );
    // The RFC says {342}, but that is what its header has.
    assert_eq!(index.root().header, 0..message.len() as u64);
    assert_eq!(index.size, message.len() as u64);
}

#[test]
fn addresses_are_read_as_imap_tells_them() {
    for (text, expected) in [
        ("a@b.example", vec!["-|-|a|b.example"]),
        ("<a@b.example>", vec!["-|-|a|b.example"]),
        (
            "A B <a@b.example>, c@d.example",
            vec!["A B|-|a|b.example", "-|-|c|d.example"],
        ),
        (
            "\"Doe, \\\"J\\\"\" <j@x.example>",
            vec!["Doe, \"J\"|-|j|x.example"],
        ),
        (
            "a@b.example (Ann (the first) B)",
            vec!["Ann (the first) B|-|a|b.example"],
        ),
        (
            "<@r.example,@s.example:a@b.example>",
            vec!["-|@r.example,@s.example|a|b.example"],
        ),
        ("\"a b\"@c.example", vec!["-|-|a b|c.example"]),
        ("<\"a>b\"@c.example>", vec!["-|-|a>b|c.example"]),
        (
            "=?utf-8?q?J=C3=B6?= <j@x.example>",
            vec!["=?utf-8?q?J=C3=B6?=|-|j|x.example"],
        ),
        (
            "friends: a@b.example, C <c@d.example>;, e@f.example",
            vec![
                "-|-|friends|-",
                "-|-|a|b.example",
                "C|-|c|d.example",
                "-|-|-|-",
                "-|-|e|f.example",
            ],
        ),
        (
            "undisclosed-recipients:;",
            vec!["-|-|undisclosed-recipients|-", "-|-|-|-"],
        ),
        (
            "open: a@b.example",
            vec!["-|-|open|-", "-|-|a|b.example", "-|-|-|-"],
        ),
        ("root", vec!["-|-|root|MISSING_DOMAIN"]),
        ("<>", vec!["-|-|MISSING_MAILBOX|MISSING_DOMAIN"]),
        ("John Doe j@x.example", vec!["John Doe|-|j|x.example"]),
        (", ,", vec![]),
        ("", vec![]),
        ("Jos\u{e9} <j@x.example>", vec!["Jos\u{e9}|-|j|x.example"]),
        (
            "A <a@b.example, c@d.example",
            vec!["A|-|a|b.example", "-|-|c|d.example"],
        ),
        ("a@[127.0.0.1]", vec!["-|-|a|[127.0.0.1]"]),
    ] {
        assert_eq!(from(text), expected, "{text}");
    }
}

#[test]
fn header_texts_are_unfolded_and_utf8() {
    let index = Indexer::index(
        b"SUBJECT : a\r\n\tb\r\n  c\0\r\nMessage-ID:\r\nFrom: J\xf6rg <j@x.example>\r\nSubject: second\r\nTo: a@b\r\nTo: c@d\r\n\r\n",
    );
    let envelope = index.envelope();
    assert_eq!(envelope.subject.as_deref(), Some("a\tb  c"));
    assert_eq!(envelope.message_id.as_deref(), Some(""));
    assert_eq!(addresses(&envelope.from), ["J\u{f6}rg|-|j|x.example"]);
    assert_eq!(addresses(&envelope.to), ["-|-|a|b", "-|-|c|d"]);
}

#[test]
fn content_fields_are_described() {
    let index = Indexer::index(&crlf(
        "Content-Type: Application/PDF; name*0=\"long \"; name*1*=na%20me; name*2=.pdf; X=\"a;b\\\"c\" (no)
Content-Disposition: Attachment; filename*=utf-8'en'%e2%82%ac.pdf; size=3
Content-Transfer-Encoding: BASE64 (yes)
Content-ID: <id@x>
Content-Description: words
Content-MD5: abc=
Content-Language: de, en
Content-Location: http://x.example/

",
    ));
    let part = index.root();
    assert!(part.is("application", "pdf"));
    let parameters: Vec<_> = part
        .parameters
        .iter()
        .map(|p| (&*p.name, &*p.value))
        .collect();
    assert_eq!(
        parameters,
        [("name*", "long%20na%20me.pdf"), ("x", "a;b\"c")]
    );
    let disposition = part.disposition.as_ref().unwrap();
    assert_eq!(disposition.kind, "attachment");
    assert_eq!(
        disposition.parameter("filename*"),
        Some("utf-8'en'%e2%82%ac.pdf")
    );
    assert_eq!(decode::file_name(part).as_deref(), Some("\u{20ac}.pdf"));
    assert_eq!(part.encoding, Encoding::Base64);
    assert_eq!(part.id.as_deref(), Some("<id@x>"));
    assert_eq!(part.description.as_deref(), Some("words"));
    assert_eq!(part.md5.as_deref(), Some("abc="));
    assert_eq!(part.language, ["de", "en"]);
    assert_eq!(part.location.as_deref(), Some("http://x.example/"));
    assert!(index.has_attachment);
}

#[test]
fn dates_and_references_are_read() {
    let index = Indexer::index(&crlf(
        "Date: 1 Jan 2020 01:30:00 +0200\nReferences: <a@x> junk <b@y>\n <c@z>\n\n",
    ));
    assert_eq!(index.sent.map(|sent| sent.day()), Some(18_262));
    assert_eq!(index.references, ["a@x", "b@y", "c@z"]);
    let date = |text: &str| Indexer::index(format!("Date: {text}\r\n\r\n").as_bytes()).sent;
    assert_eq!(
        date("1 Jan 2020 01:30:00").map(|sent| sent.seconds),
        Some(1_577_842_200)
    );
    for no_date in [
        "",
        "yesterday",
        "99 Foo 2020 01:00:00 +0000",
        "1 Jan 2020 55:00:00 +0000",
    ] {
        assert_eq!(date(no_date), None, "{no_date}");
    }
}
