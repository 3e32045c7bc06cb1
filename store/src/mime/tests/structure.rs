//! Which parts there are, where they begin and end, and how they are numbered.

use super::{super::*, crlf};
use crate::mime::limits::{DEPTH_MAX, PARTS_MAX};

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
    // Lines that are no fields.
    assert_shape(
        "Subject: badly\nfolded\nContent-Type: text/html\n\nA",
        "text/html \"A\"",
    );
    assert_shape(
        &format!("{mixed}--b\nContent-Type: text/html\n<p>A\n--b\nno field\n--b--\n"),
        "multipart/mixed[text/html \"\", text/plain \"no field\"]",
    );
    assert_shape(
        "Content-Type: message/rfc822\nno field\n\nhello\nSubject: x\n",
        "message/rfc822[text/plain \"hello\\r\\nSubject: x\\r\\n\"]",
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
