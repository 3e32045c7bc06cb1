//! ENVELOPE, BODY and BODYSTRUCTURE (RFC 3501 §7.4.2), written from the index that the store made at arrival.
//!
//! IMAP4rev2 differs in two places: extended parameters are decoded (RFC 9051 §7.5.2), and message/global is told like message/rfc822 (§9, media-message).
//!
//! The depth of the tree is bounded by the index, therefore the walk may recurse. Header text goes out in ASCII,
//! see [`super::encoded_word`], but to a client that has enabled UTF-8 as it is (RFC 6855 §3, RFC 9051 §4.3).

use store::mime::decode::extended_value;
use store::mime::{
    Disposition, Envelope, EnvelopeAddress, Kind, MessageIndex, Parameter, Part, Text,
};

use super::{encoded_word, quote};

fn text(value: Option<&str>, utf8: bool, into: &mut Vec<u8>) {
    match value {
        Some(value) if utf8 => quote::utf8_string(value, into),
        Some(value) => quote::string(&encoded_word::ascii(value.as_bytes()), into),
        None => into.extend_from_slice(b"NIL"),
    }
}

fn word(value: &str, utf8: bool, into: &mut Vec<u8>) {
    text(Some(value), utf8, into);
}

/// Writes ENVELOPE.
pub fn envelope(envelope: &Envelope<'_>, utf8: bool, into: &mut Vec<u8>) {
    into.push(b'(');
    text(envelope.date.as_deref(), utf8, into);
    into.push(b' ');
    text(envelope.subject.as_deref(), utf8, into);
    for list in [
        &envelope.from[..],
        envelope.sender_or_from(),
        envelope.reply_to_or_from(),
        &envelope.to,
        &envelope.cc,
        &envelope.bcc,
    ] {
        into.push(b' ');
        addresses(list, utf8, into);
    }
    into.push(b' ');
    text(envelope.in_reply_to.as_deref(), utf8, into);
    into.push(b' ');
    text(envelope.message_id.as_deref(), utf8, into);
    into.push(b')');
}

fn addresses(list: &[EnvelopeAddress<'_>], utf8: bool, into: &mut Vec<u8>) {
    if list.is_empty() {
        return into.extend_from_slice(b"NIL");
    }
    into.push(b'(');
    for address in list {
        into.push(b'(');
        text(address.name.as_deref(), utf8, into);
        into.push(b' ');
        text(address.route.as_deref(), utf8, into);
        into.push(b' ');
        text(address.mailbox.as_deref(), utf8, into);
        into.push(b' ');
        text(address.host.as_deref(), utf8, into);
        into.push(b')');
    }
    into.push(b')');
}

/// How a client reads structures.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reading {
    /// It has enabled UTF-8.
    pub utf8: bool,
    /// It has enabled IMAP4rev2.
    pub rev2: bool,
}

/// Writes BODYSTRUCTURE, or BODY, which is the same without extension data.
pub fn body(index: &MessageIndex<'_>, extended: bool, reading: Reading, into: &mut Vec<u8>) {
    Writer {
        index,
        extended,
        utf8: reading.utf8,
        rev2: reading.rev2,
        into,
    }
    .part(index.root());
}

struct Writer<'a> {
    index: &'a MessageIndex<'a>,
    extended: bool,
    utf8: bool,
    rev2: bool,
    into: &'a mut Vec<u8>,
}

impl Writer<'_> {
    fn part(&mut self, part: &Part<'_>) {
        self.into.push(b'(');
        match part.kind {
            Kind::Multipart => self.multipart(part),
            Kind::Leaf | Kind::Message => self.single(part),
        }
        self.into.push(b')');
    }

    fn multipart(&mut self, part: &Part<'_>) {
        let index = self.index;
        for child in index.children(part) {
            self.part(child);
        }
        self.space();
        word(&part.subtype, self.utf8, self.into);
        if self.extended {
            self.space();
            self.parameters(&part.parameters);
            self.disposition_language_location(part);
        }
    }

    /// body-type-basic, body-type-msg or body-type-text.
    fn single(&mut self, part: &Part<'_>) {
        word(&part.media_type, self.utf8, self.into);
        self.space();
        word(&part.subtype, self.utf8, self.into);
        self.space();
        self.parameters(&part.parameters);
        self.space();
        text(part.id.as_deref(), self.utf8, self.into);
        self.space();
        text(part.description.as_deref(), self.utf8, self.into);
        self.space();
        word(part.encoding.as_str(), self.utf8, self.into);
        self.space();
        quote::number(part.body_octets(), self.into);
        self.message_inside(part);
        if part.media_type == "text" || self.is_message(part) {
            self.space();
            quote::number(part.lines, self.into);
        }
        if self.extended {
            self.space();
            text(part.md5.as_deref(), self.utf8, self.into);
            self.disposition_language_location(part);
        }
    }

    /// RFC 3501 §9: media-message is MESSAGE/RFC822 alone; other kinds of message are told as basic bodies.
    fn is_message(&self, part: &Part<'_>) -> bool {
        part.is("message", "rfc822") || self.rev2 && part.is("message", "global")
    }

    fn message_inside(&mut self, part: &Part<'_>) {
        if !self.is_message(part) {
            return;
        }
        let index = self.index;
        let Some(message) = index.message_in(part) else {
            return;
        };
        self.space();
        match &message.envelope {
            Some(inside) => envelope(inside, self.utf8, self.into),
            None => envelope(&Envelope::default(), self.utf8, self.into),
        }
        self.space();
        self.part(message);
    }

    fn disposition_language_location(&mut self, part: &Part<'_>) {
        self.space();
        self.disposition(part.disposition.as_ref());
        self.space();
        self.language(&part.language);
        self.space();
        text(part.location.as_deref(), self.utf8, self.into);
    }

    fn disposition(&mut self, disposition: Option<&Disposition<'_>>) {
        let Some(disposition) = disposition else {
            return self.into.extend_from_slice(b"NIL");
        };
        self.into.push(b'(');
        word(&disposition.kind, self.utf8, self.into);
        self.space();
        self.parameters(&disposition.parameters);
        self.into.push(b')');
    }

    fn parameters(&mut self, parameters: &[Parameter<'_>]) {
        if parameters.is_empty() {
            return self.into.extend_from_slice(b"NIL");
        }
        for (position, parameter) in parameters.iter().enumerate() {
            self.into.push(if position == 0 { b'(' } else { b' ' });
            word(&parameter.name, self.utf8, self.into);
            self.space();
            if self.rev2 && parameter.name.ends_with('*') {
                word(&extended_value(&parameter.value), self.utf8, self.into);
            } else {
                word(&parameter.value, self.utf8, self.into);
            }
        }
        self.into.push(b')');
    }

    fn language(&mut self, tags: &[Text<'_>]) {
        match tags {
            [] => self.into.extend_from_slice(b"NIL"),
            [only] => word(only, self.utf8, self.into),
            several => {
                for (position, tag) in several.iter().enumerate() {
                    self.into.push(if position == 0 { b'(' } else { b' ' });
                    word(tag, self.utf8, self.into);
                }
                self.into.push(b')');
            }
        }
    }

    fn space(&mut self) {
        self.into.push(b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::strict;
    use proptest::prelude::*;
    use store::mime::Indexer;

    /// Octets that look like mail often enough to reach every corner.
    fn messages() -> impl Strategy<Value = Vec<u8>> {
        let pieces = prop::sample::select(vec![
            "Content-Type: multipart/mixed; boundary=b\r\n",
            "Content-Type: multipart/digest; boundary=c\r\n",
            "Content-Type: message/rfc822\r\n",
            "Content-Type: message/global\r\n",
            "Content-Type: message/external-body; access-type=\"a\\\"b\"\r\n",
            "Content-Type: text/\u{e4}; charset*0*=utf-8''%e4; x=\"\\\\\"\r\n",
            "Content-Transfer-Encoding: base64\r\n",
            "Content-Transfer-Encoding: \"\r\n",
            "Content-Disposition: attachment; filename*=''%00%0d\r\n",
            "Content-Language: de, en, \u{e4}\r\n",
            "Content-Location: x\0y\r\n",
            "Content-MD5: Q2hlY2s=\r\n",
            "Content-ID: <a>\r\n",
            "Subject: =?utf-8?q?=0d=0a?= \\ \"\r\n",
            "From: a (b <c@d>, \"e\" <f@g>;\r\n",
            "To: g: <@r:a@b>, c;\r\n",
            "Date: x\u{ff}\r\n",
            "\r\n",
            "--b\r\n",
            "--c\r\n",
            "--b--\r\n",
            "text\r\n",
        ]);
        let octets = prop_oneof![
            9 => pieces.prop_map(|text| text.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..8),
        ];
        prop::collection::vec(octets, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn a_strict_client_can_read_all(message in messages(), extended: bool, utf8: bool, rev2: bool) {
            // Whoever has enabled IMAP4rev2 reads UTF-8.
            let utf8 = utf8 || rev2;
            let index = Indexer::index(&message);
            let (mut told, mut inside) = (Vec::new(), Vec::new());
            envelope(index.envelope(), utf8, &mut told);
            prop_assert!(strict::is_envelope(&told), "{}", told.escape_ascii());
            body(&index, extended, Reading { utf8, rev2 }, &mut inside);
            prop_assert!(strict::is_body(&inside, extended, rev2), "{}", inside.escape_ascii());
            for octets in [told, inside] {
                prop_assert!(utf8 || octets.is_ascii());
                prop_assert!(String::from_utf8(octets).is_ok());
            }
        }
    }

    #[test]
    fn what_is_not_of_the_grammar_is_not_taken() {
        for text in [
            r#"("text" "plain" NIL NIL NIL "7bit" 1)"#,
            r#"("text" "plain" ("charset") NIL NIL "7bit" 1 1)"#,
            r#"("message" "rfc822" NIL NIL NIL "7bit" 1 1)"#,
            r#"("a" "b" NIL NIL NIL NIL 1)"#,
            r#"(("a" "b" NIL NIL NIL "7bit" 1) ("a" "b" NIL NIL NIL "7bit" 1) "mixed")"#,
            r#"("a" "b" NIL NIL NIL "7bit" 1) "#,
        ] {
            assert!(!strict::is_body(text.as_bytes(), false, false), "{text}");
        }
    }
}
