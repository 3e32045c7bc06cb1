//! Text behind encodings: preview, decoding, search.

use super::{super::*, crlf};
use crate::mime::{
    limits::PREVIEW_CHARACTERS_MAX,
    search::{self, Scope},
};

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
