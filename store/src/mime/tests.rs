//! Tests of the index and of the text behind it: what a message looks like to a client.

use proptest::prelude::*;

use super::{
    decode,
    limits::{DEPTH_MAX, PARTS_MAX, PREVIEW_CHARACTERS_MAX},
    search::{self, Scope},
    *,
};

/// A message written with bare LFs, as it would arrive.
fn crlf(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

/// The tree in short: `type/subtype "body"`, children in brackets.
fn shape(index: &MessageIndex, message: &[u8]) -> String {
    fn write(index: &MessageIndex, message: &[u8], part: &Part, into: &mut String) {
        into.push_str(&format!("{}/{}", part.media_type, part.subtype));
        if part.kind == Kind::Leaf {
            into.push_str(&format!(" {:?}", body(message, part)));
            return;
        }
        into.push('[');
        for (place, child) in index.children(part).enumerate() {
            into.push_str(if place > 0 { ", " } else { "" });
            write(index, message, child, into);
        }
        into.push(']');
    }
    let mut text = String::new();
    write(index, message, index.root(), &mut text);
    text
}

fn slice(message: &[u8], range: &std::ops::Range<u64>) -> String {
    String::from_utf8_lossy(&message[range.start as usize..range.end as usize]).into_owned()
}

fn body(message: &[u8], part: &Part) -> String {
    slice(message, &part.body)
}

fn header(message: &[u8], part: &Part) -> String {
    slice(message, &part.header)
}

#[track_caller]
fn assert_shape(text: &str, expected: &str) {
    let message = crlf(text);
    let index = Indexer::index(&message);
    assert_eq!(shape(&index, &message), expected);
}

/// An address as `name|route|mailbox|host`, `-` for NIL.
fn addresses(list: &[EnvelopeAddress]) -> Vec<String> {
    let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
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

/// The message of which RFC 3501 §6.4.5 lists the part specifiers.
const RFC_3501_PARTS: &str = "Subject: outer
Content-Type: multipart/mixed; boundary=outer

preamble
--outer

one
--outer
Content-Type: application/octet-stream

two
--outer
Content-Type: message/rfc822

Subject: third
Content-Type: multipart/mixed; boundary=\"third\"

--third
Content-Type: text/plain

three one
--third
Content-Type: application/octet-stream

three two
--third--
--outer
Content-Type: multipart/mixed; boundary=fourth

--fourth
Content-Type: image/gif

four one
--fourth
Content-Type: message/rfc822

Subject: four two
Content-Type: multipart/mixed; boundary=deep

--deep
Content-Type: text/plain

four two one
--deep
Content-Type: multipart/alternative; boundary=deeper

--deeper
Content-Type: text/plain

four two two one
--deeper
Content-Type: text/richtext

four two two two
--deeper--
--deep--
--fourth--
--outer--
epilogue
";

#[test]
fn part_numbers_of_rfc_3501_section_6_4_5() {
    let message = crlf(RFC_3501_PARTS);
    let index = Indexer::index(&message);
    let leaf = |numbers: &[u32]| body(&message, index.section(numbers).unwrap());
    assert_eq!(leaf(&[1]), "one");
    assert_eq!(leaf(&[2]), "two");
    assert_eq!(leaf(&[3, 1]), "three one");
    assert_eq!(leaf(&[3, 2]), "three two");
    assert_eq!(leaf(&[4, 1]), "four one");
    assert_eq!(leaf(&[4, 2, 1]), "four two one");
    assert_eq!(leaf(&[4, 2, 2, 1]), "four two two one");
    assert_eq!(leaf(&[4, 2, 2, 2]), "four two two two");
    let third = index.message_in(index.section(&[3]).unwrap()).unwrap();
    assert!(header(&message, third).starts_with("Subject: third\r\n"));
    assert!(header(&message, third).ends_with("\"third\"\r\n\r\n"));
    assert!(body(&message, third).starts_with("--third\r\n"));
    assert_eq!(
        third.envelope.as_ref().unwrap().subject.as_deref(),
        Some("third")
    );
    assert!(body(&message, index.section(&[3]).unwrap()).starts_with("Subject: third\r\n"));
    assert!(body(&message, index.section(&[3]).unwrap()).ends_with("--third--"));
    let gif = index.section(&[4, 1]).unwrap();
    assert_eq!(header(&message, gif), "Content-Type: image/gif\r\n\r\n");
    assert!(body(&message, index.section(&[]).unwrap()).ends_with("--outer--\r\nepilogue\r\n"));
    for none in [
        &[0][..],
        &[5],
        &[1, 1],
        &[3, 3],
        &[3, 1, 1],
        &[4, 1, 1],
        &[4, 2, 2, 3],
        &[3, 0],
    ] {
        assert_eq!(index.section(none), None, "{none:?}");
    }
    assert!(index.has_attachment);
}

#[test]
fn a_message_without_multipart_is_its_own_part_1() {
    let message = crlf("Subject: x\n\nhello\nworld\n");
    let index = Indexer::index(&message);
    assert_eq!(
        body(&message, index.section(&[1]).unwrap()),
        "hello\r\nworld\r\n"
    );
    assert_eq!(index.section(&[1]).unwrap().lines, 2);
    assert_eq!(index.section(&[1, 1]), None);
    assert_eq!(index.section(&[2]), None);
    assert!(!index.has_attachment);

    let message = crlf("Content-Type: message/rfc822\n\nSubject: in\n\nhello\n");
    let index = Indexer::index(&message);
    assert_eq!(
        body(&message, index.section(&[1]).unwrap()),
        "Subject: in\r\n\r\nhello\r\n"
    );
    assert_eq!(body(&message, index.section(&[1, 1]).unwrap()), "hello\r\n");
    assert_eq!(index.section(&[1, 1, 1]), None);
}

#[test]
fn simple_multipart_of_rfc_2046_section_5_1_1() {
    let text = "From: Nathaniel Borenstein <nsb@bellcore.com>
To: Ned Freed <ned@innosoft.com>
Date: Sun, 21 Mar 1993 23:56:48 -0800 (PST)
Subject: Sample message
MIME-Version: 1.0
Content-type: multipart/mixed; boundary=\"simple boundary\"

This is the preamble.  It is to be ignored.

--simple boundary

This is implicitly typed plain US-ASCII text.
It does NOT end with a linebreak.
--simple boundary
Content-type: text/plain; charset=us-ascii

This is explicitly typed plain US-ASCII text.
It DOES end with a linebreak.

--simple boundary--

This is the epilogue.  It is also to be ignored.
";
    let message = crlf(text);
    let index = Indexer::index(&message);
    let one = index.section(&[1]).unwrap();
    let two = index.section(&[2]).unwrap();
    assert!(body(&message, one).ends_with("with a linebreak."));
    assert!(body(&message, two).ends_with("with a linebreak.\r\n"));
    assert_eq!((one.lines, two.lines), (1, 2));
    assert_eq!(index.section(&[3]), None);
    assert_eq!(
        index.preview,
        "This is implicitly typed plain US-ASCII text. It does NOT end with a linebreak."
    );
}

#[test]
fn a_digest_holds_messages() {
    assert_shape(
        "Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: a\n\nA\n--d\nContent-Type: text/plain\n\nB\n--d--\n",
        "multipart/digest[message/rfc822[text/plain \"A\"], text/plain \"B\"]",
    );
}

#[test]
fn broken_mime_is_read_as_well_as_it_can_be() {
    let mixed = "Content-Type: multipart/mixed; boundary=b\n\n";
    // The close delimiter is missing.
    assert_shape(
        &format!("{mixed}--b\n\nA\n"),
        "multipart/mixed[text/plain \"A\\r\\n\"]",
    );
    // An inner multipart is not closed.
    assert_shape(
        &format!(
            "{mixed}--b\nContent-Type: multipart/related; boundary=c\n\n--c\n\nA\n--b\n\nB\n--b--\n"
        ),
        "multipart/mixed[multipart/related[text/plain \"A\"], text/plain \"B\"]",
    );
    // One boundary is the beginning of another.
    assert_shape(
        &format!(
            "{mixed}--b\nContent-Type: multipart/related; boundary=bb\n\n--bb\n\nA\n--bb--\n--b\n\nB\n--b--\n"
        ),
        "multipart/mixed[multipart/related[text/plain \"A\"], text/plain \"B\"]",
    );
    // The same boundary twice: the inner one counts until it is closed.
    assert_shape(
        &format!(
            "{mixed}--b\nContent-Type: multipart/related; boundary=b\n\n--b\n\nA\n--b--\n--b\n\nB\n--b--\n"
        ),
        "multipart/mixed[multipart/related[text/plain \"A\"], text/plain \"B\"]",
    );
    // White space behind the boundary is none of it, anything else is no boundary.
    assert_shape(
        &format!("{mixed}--b \t\n\nA\n--bx\n--b--x\n--b--  \nend\n"),
        "multipart/mixed[text/plain \"A\\r\\n--bx\\r\\n--b--x\"]",
    );
    // No part at all: BODYSTRUCTURE wants one.
    assert_shape(
        &format!("{mixed}nothing\n"),
        "multipart/mixed[text/plain \"\"]",
    );
    assert_shape(
        &format!("{mixed}--b--\n"),
        "multipart/mixed[text/plain \"\"]",
    );
    assert_shape(mixed, "multipart/mixed[text/plain \"\"]");
    // A part ends in its header.
    assert_shape(
        &format!("{mixed}--b\nContent-Type: text/html\n--b\n\nB\n--b--\n"),
        "multipart/mixed[text/html \"\", text/plain \"B\"]",
    );
    assert_shape(
        &format!("{mixed}--b\nContent-Type: message/rfc822\n--b--\n"),
        "multipart/mixed[message/rfc822[text/plain \"\"]]",
    );
    // The blank line is missing.
    assert_shape(
        &format!("{mixed}--b\nContent-Type: text/html\n<p>A\n--b--\n"),
        "multipart/mixed[text/html \"<p>A\"]",
    );
    assert_shape(
        "Content-Type: message/rfc822\nno field\nhello\n",
        "message/rfc822[text/plain \"no field\\r\\nhello\\r\\n\"]",
    );
    // No header, an mbox line, nothing.
    assert_shape(
        "hello world\nSubject: x\n",
        "text/plain \"hello world\\r\\nSubject: x\\r\\n\"",
    );
    assert_shape(
        "From x Mon\nContent-Type: text/html\n\nA",
        "text/html \"A\"",
    );
    assert_shape("", "text/plain \"\"");
    assert_shape("\nA\n", "text/plain \"A\\r\\n\"");
}

#[test]
fn types_that_cannot_be_shown_get_others() {
    assert_shape(
        "Content-Type: multipart/mixed\n\n--b\n\nA\n",
        "text/plain \"--b\\r\\n\\r\\nA\\r\\n\"",
    );
    assert_shape(
        "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQQ==\n",
        "application/octet-stream \"QQ==\\r\\n\"",
    );
    assert_shape("Content-Type: nonsense\n\nA", "text/plain \"A\"");
    assert_shape(
        "Content-Type: text/plain charset=x; format=flowed\n\nA",
        "text/plain \"A\"",
    );
}

#[test]
fn bare_line_feeds_are_line_ends() {
    let message = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nA\nB\n--b--\n";
    let index = Indexer::index(message);
    assert_eq!(
        shape(&index, message),
        "multipart/mixed[text/plain \"A\\nB\"]"
    );
    assert_eq!(index.section(&[1]).unwrap().lines, 1);
}

#[test]
fn a_long_boundary_is_found() {
    let boundary = "x".repeat(200);
    assert_shape(
        &format!(
            "Content-Type: multipart/mixed; boundary={boundary}\n\n--{boundary}\n\nA\n--{boundary}--\n"
        ),
        "multipart/mixed[text/plain \"A\"]",
    );
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
        .map(|p| (p.name.as_str(), p.value.as_str()))
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

#[test]
fn limits_leave_an_opaque_rest() {
    let mut deep = String::new();
    for level in 0..DEPTH_MAX * 2 {
        deep.push_str(&format!(
            "Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"
        ));
    }
    let index = Indexer::index(&crlf(&deep));
    assert_eq!(index.parts.len(), DEPTH_MAX);
    assert!(index.parts[DEPTH_MAX - 1].is("application", "octet-stream"));

    let nested = "Content-Type: message/rfc822\n\n".repeat(DEPTH_MAX * 2);
    assert_eq!(Indexer::index(&crlf(&nested)).parts.len(), DEPTH_MAX);

    let many = "Content-Type: multipart/mixed; boundary=b\n\n".to_owned()
        + &"--b\n\nA\n".repeat(PARTS_MAX * 2);
    let index = Indexer::index(&crlf(&many));
    assert_eq!(index.parts.len(), PARTS_MAX);
    assert_eq!(index.parts[PARTS_MAX - 1].body.end, index.size);
    assert_eq!(MessageIndex::decode(&index.encode(), 0).unwrap(), index);

    let flood = format!("To: {}\n\n", "a@b.example, ".repeat(200_000));
    let index = Indexer::index(&crlf(&flood));
    assert!(index.envelope().to.len() <= limits::ADDRESSES_MAX + 1);
    let flood = format!(
        "Content-Type: text/plain; {}\n\n",
        "a*0*=b; ".repeat(100_000)
    );
    assert!(Indexer::index(&crlf(&flood)).root().parameters.len() <= limits::PARAMETERS_MAX + 1);
}

#[test]
fn the_stored_form_is_small() {
    let message = crlf(
        "Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000
From: Alice Example <alice@example.test>
To: Bob Example <bob@example.test>
Subject: The minutes of the meeting
Date: Mon, 1 Jan 2024 00:00:00 +0000
Message-ID: <0123456789abcdef@mail.example.test>
In-Reply-To: <fedcba9876543210@mail.example.test>
References: <fedcba9876543210@mail.example.test>
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Hello
",
    );
    let index = Indexer::index(&message);
    assert!(index.encode().len() - index.preview.len() <= 400);
}

#[test]
fn a_preview_shows_the_text() {
    let preview = |text: &str| Indexer::index(&crlf(text)).preview;
    assert_eq!(preview("\nHi  there,\n\n> quoted\nyes\n"), "Hi there, yes");
    assert_eq!(preview("\n> only\n> quotes\n"), "> only > quotes");
    assert_eq!(
        preview(
            "Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n<html><head><title>T</title><style>p{}</style></head><body><p>Gr=FC=DFe</p><div>a<b>b</b>c &amp;=20d&zwnj;&nbsp;</div><!-- no --></body>"
        ),
        "Gr\u{fc}\u{df}e abc & d"
    );
    assert_eq!(
        preview(
            "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nw6TDtsO8\n"
        ),
        "\u{e4}\u{f6}\u{fc}"
    );
    assert_eq!(preview("Content-Type: image/png\n\nabc"), "");
    let long = preview(&format!("\n{}", "w\u{f6}rd ".repeat(100_000)));
    assert!(long.chars().count() <= PREVIEW_CHARACTERS_MAX);
    assert!(long.chars().count() > PREVIEW_CHARACTERS_MAX - 10);
    assert_eq!(
        preview(&format!("\n{}", "x".repeat(1000))).len(),
        PREVIEW_CHARACTERS_MAX
    );
}

#[test]
fn encoded_words_are_decoded() {
    for (text, expected) in [
        ("plain", "plain"),
        ("=?ISO-8859-1?Q?a?= b", "a b"),
        ("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
        ("=?ISO-8859-1?Q?a?= =?utf-8?Q?b?= c", "ab c"),
        ("=?ISO-8859-1?Q?a_b?=", "a b"),
        ("=?utf-8?b?w6Q=?=", "\u{e4}"),
        ("=?utf-8?q?=C3?= =?utf-8?q?=A4?=", "\u{e4}"),
        ("=?utf-8*en?q?=C3=A4?=", "\u{e4}"),
        (
            "=?iso-2022-jp?b?GyRCJTglJyU+GyhC?= x",
            "\u{30b8}\u{30a7}\u{30be} x",
        ),
        ("a =? b ?= c", "a =? b ?= c"),
        ("=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        ("=?utf-8?q?abc", "=?utf-8?q?abc"),
    ] {
        assert_eq!(decode::encoded_words(text), expected, "{text}");
    }
}

#[test]
fn damaged_encodings_are_tolerated() {
    let text = |encoding, body: &[u8]| decode::transfer(&encoding, body).into_owned();
    assert_eq!(text(Encoding::Base64, b"SGVs\r\nbG8=\r\n"), b"Hello");
    assert_eq!(text(Encoding::Base64, b"SG*Vs!bG8"), b"Hello");
    assert_eq!(
        text(Encoding::QuotedPrintable, b"a=3Db=\r\nc=zz d=\r\n"),
        b"a=bc=zz d"
    );
    assert_eq!(text(Encoding::SevenBit, b"a=3D"), b"a=3D");
    assert_eq!(decode::charset("unknown", b"\xe4"), "\u{e4}");
    assert_eq!(decode::charset("us-ascii", "\u{e4}".as_bytes()), "\u{e4}");
    assert_eq!(decode::charset("koi8-r", b"\xf0\xd2"), "\u{41f}\u{440}");
}

#[test]
fn needles_are_found_without_regard_to_case() {
    for (needle, text, found) in [
        ("", "", true),
        ("a", "", false),
        ("HELLO", "oh, hello there", true),
        ("hello", "HELL0", false),
        ("\u{c4}pfel", "zwei \u{e4}PFEL", true),
        ("a\u{308}pfel", "\u{c4}pfel", true),
        ("stra\u{df}e", "STRASSE", true),
        (
            "\u{3c3}\u{3bf}\u{3c6}\u{3bf}\u{3c2}",
            "\u{3a3}\u{39f}\u{3a6}\u{39f}\u{3a3}",
            true,
        ),
        ("kelvin", "\u{212a}elvin", true),
        ("fish", "\u{fb01}sh", true),
        (
            "\u{43f}\u{440}\u{438}",
            "\u{41f}\u{420}\u{418}\u{412}\u{415}\u{422}",
            true,
        ),
        ("\u{4f60}", "\u{4f60}\u{597d}", true),
        ("\u{e4}", "a", false),
    ] {
        assert_eq!(
            Needle::new(needle).found_in(text),
            found,
            "{needle:?} in {text:?}"
        );
    }
    let far = format!("{}\u{e4}Need\u{c9}le", "\u{f6}x".repeat(30_000));
    assert!(Needle::new("NEED\u{e9}LE").found_in(&far));
    assert!(Needle::new("need").found_in_octets(b"\xff NEED"));
}

#[test]
fn a_search_sees_decoded_text() {
    let message = crlf(
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from\n afar
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html
Content-Transfer-Encoding: base64

PHA+aGVs<b>bG8gd29ybGQ8L3A+
--b
Content-Type: image/png; name=\"=?utf-8?q?b=C3=A4r.png?=\"

pixels
--b
Content-Type: message/rfc822

Subject: nested

inner text
--b--
",
    );
    let message = String::from_utf8(message)
        .unwrap()
        .replace("<b>", "")
        .into_bytes();
    let index = Indexer::index(&message);
    let found =
        |scope, needle: &str| search::found_in(&index, &message, scope, &Needle::new(needle));
    for (needle, header, body) in [
        ("gr\u{fc}sse from afar", true, false),
        ("Hello World", false, true),
        ("b\u{e4}r.png", false, true),
        ("nested", false, true),
        ("inner text", false, true),
        ("pixels", false, false),
    ] {
        assert_eq!(found(Scope::Header, needle), header, "{needle}");
        assert_eq!(found(Scope::Body, needle), body, "{needle}");
        assert_eq!(found(Scope::Text, needle), header || body, "{needle}");
    }
}

/// Octets that look like mail often enough to reach every corner.
fn messages() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "Content-Type: multipart/mixed; boundary=b\r\n",
        "Content-Type: multipart/digest; boundary=\"bb\"\r\n",
        "Content-Type: message/rfc822\r\n",
        "Content-Type: text/html; charset=utf-7\r\n",
        "Content-Type: text/plain; charset*0*=x; charset*1=y\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "Content-Transfer-Encoding: quoted-printable\r\n",
        "Content-Disposition: attachment; filename*=''%ff%\r\n",
        "Subject: =?utf-8?q?=?= =?x?b?===?=\r\n",
        "From: a (b <c@d>, \"e\" <f@g>;\r\n",
        "To: g: <@r:a@b>, c;\r\n",
        "Date: 1 Jan 2020 10:00:00 -0130\r\n",
        "References: <a> <b\r\n",
        "\r\n",
        "\n",
        "\r",
        " ",
        "-",
        "--",
        "--b",
        "--bb",
        "--b--\r\n",
        "--bb--\n",
        "--b\r\n",
        "text",
        "<style>",
        "<p>&amp;",
        "\0",
        "\u{e4}",
        "From x\r\n",
    ]);
    let octets = prop_oneof![
        9 => pieces.prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(octets, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn chunking_never_changes_the_index(message in messages(), sizes in prop::collection::vec(1usize..9, 1..20)) {
        let whole = Indexer::index(&message);
        let mut indexer = Indexer::new();
        let mut rest = message.as_slice();
        for size in sizes.iter().cycle() {
            let (chunk, tail) = rest.split_at(rest.len().min(*size));
            indexer.push(chunk);
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(indexer.finish(), whole);
    }

    #[test]
    fn the_stored_form_gives_the_index_back(message in messages(), prefix in 0u64..1000) {
        let index = Indexer::index(&message);
        prop_assert_eq!(&MessageIndex::decode(&index.encode(), 0).unwrap(), &index);
        let shifted = MessageIndex::decode(&index.encode(), prefix).unwrap();
        prop_assert_eq!(shifted, index.prepended(prefix));
    }

    #[test]
    fn fields_put_in_front_only_shift(message in messages()) {
        let prefix = b"Return-Path: <a@b.example>\r\nDelivered-To: c@d.example\r\n";
        let together = Indexer::index(&[prefix.as_slice(), &message].concat());
        prop_assert_eq!(Indexer::index(&message).prepended(prefix.len() as u64), together);
    }

    #[test]
    fn ranges_lie_inside_their_parents(message in messages()) {
        let index = Indexer::index(&message);
        prop_assert_eq!(index.size, message.len() as u64);
        for part in &index.parts {
            prop_assert!(part.header.start <= part.header.end);
            prop_assert!(part.header.end <= part.body.start);
            prop_assert!(part.body.start <= part.body.end);
            prop_assert!(part.body.end <= index.size);
            for child in index.children(part) {
                prop_assert!(part.body.start <= child.header.start);
                prop_assert!(child.body.end <= part.body.end);
            }
        }
    }

    #[test]
    fn every_message_can_be_searched(message in messages(), needle in "\\PC{0,4}") {
        let index = Indexer::index(&message);
        let needle = Needle::new(&needle);
        for scope in [Scope::Header, Scope::Body, Scope::Text] {
            search::found_in(&index, &message, scope, &needle);
        }
    }

    #[test]
    fn garbage_is_no_index(mut octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = MessageIndex::decode(&octets, 7);
        if let Some(version) = octets.first_mut() {
            *version = 1;
        }
        let _ = MessageIndex::decode(&octets, u64::MAX);
    }

    #[test]
    fn a_damaged_index_is_safe_to_use(message in messages(), at in any::<prop::sample::Index>(), octet in any::<u8>()) {
        let mut stored = Indexer::index(&message).encode();
        let at = at.index(stored.len());
        stored[at] = octet;
        if let Ok(index) = MessageIndex::decode(&stored, 3) {
            for part in &index.parts {
                let _ = (index.message_in(part), index.children(part).count(), part.body_octets());
            }
            let _ = search::found_in(&index, &message, Scope::Text, &Needle::new("x"));
            let _ = (index.section(&[1, 1, 2]), index.encode());
        }
    }

    #[test]
    fn folding_agrees_with_its_definition(text in "\\PC{0,40}", from in 0usize..40, length in 1usize..5) {
        let needle: String = text.chars().skip(from).take(length).collect();
        prop_assert!(Needle::new(&needle).found_in(&text));
        prop_assert!(Needle::new(&needle.to_uppercase()).found_in(&text));
    }
}
