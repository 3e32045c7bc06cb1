//! ENVELOPE and BODYSTRUCTURE as a client reads them that takes nothing but the grammar (RFC 9051 §9): for tests and fuzz targets.
//!
//! A text that is not of the grammar gives `None`. What the values are is not looked at.

/// How deep the bodies of a message may lie in each other; beyond that the writer has no bound.
const DEPTH_MAX: usize = 1000;

/// Whether `text` is an ENVELOPE.
pub fn is_envelope(text: &[u8]) -> bool {
    let mut reader = Reader { rest: text };
    reader.envelope().is_some() && reader.rest.is_empty()
}

/// Whether `text` is a BODYSTRUCTURE with all its extension data, or without `extended` a BODY. With `rev2` a message/global part is
/// a message.
pub fn is_body(text: &[u8], extended: bool, rev2: bool) -> bool {
    let mut reader = Reader { rest: text };
    let form = Form { extended, rev2 };
    reader.body(form, 0).is_some() && reader.rest.is_empty()
}

#[derive(Clone, Copy)]
struct Form {
    extended: bool,
    rev2: bool,
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn eat(&mut self, word: &[u8]) -> bool {
        let rest = self.rest.strip_prefix(word);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, word: &[u8]) -> Option<()> {
        self.eat(word).then_some(())
    }

    fn envelope(&mut self) -> Option<()> {
        self.expect(b"(")?;
        self.nstring()?;
        self.expect(b" ")?;
        self.nstring()?;
        for _ in 0..6 {
            self.expect(b" ")?;
            self.addresses()?;
        }
        self.expect(b" ")?;
        self.nstring()?;
        self.expect(b" ")?;
        self.nstring()?;
        self.expect(b")")
    }

    fn addresses(&mut self) -> Option<()> {
        if self.eat(b"NIL") {
            return Some(());
        }
        self.expect(b"((")?;
        loop {
            self.nstring()?;
            for _ in 0..3 {
                self.expect(b" ")?;
                self.nstring()?;
            }
            self.expect(b")")?;
            if !self.eat(b"(") {
                return self.expect(b")");
            }
        }
    }

    fn body(&mut self, form: Form, depth: usize) -> Option<()> {
        self.expect(b"(")?;
        if depth == DEPTH_MAX {
            return None;
        }
        if self.rest.first() == Some(&b'(') {
            while self.rest.first() == Some(&b'(') {
                self.body(form, depth + 1)?;
            }
            self.expect(b" ")?;
            self.string()?;
            if form.extended {
                self.expect(b" ")?;
                self.parameters()?;
                self.place()?;
            }
        } else {
            self.single(form, depth)?;
            if form.extended {
                self.expect(b" ")?;
                self.nstring()?;
                self.place()?;
            }
        }
        self.expect(b")")
    }

    fn single(&mut self, form: Form, depth: usize) -> Option<()> {
        let media_type = self.string()?.to_ascii_lowercase();
        self.expect(b" ")?;
        let subtype = self.string()?.to_ascii_lowercase();
        self.expect(b" ")?;
        self.parameters()?;
        for _ in 0..2 {
            self.expect(b" ")?;
            self.nstring()?;
        }
        self.expect(b" ")?;
        self.string()?;
        self.expect(b" ")?;
        self.number()?;
        let is_message = match (media_type.as_slice(), subtype.as_slice()) {
            (b"message", b"rfc822") => true,
            (b"message", b"global") => form.rev2,
            _ => false,
        };
        if is_message {
            self.expect(b" ")?;
            self.envelope()?;
            self.expect(b" ")?;
            self.body(form, depth + 1)?;
        }
        if is_message || media_type == b"text" {
            self.expect(b" ")?;
            self.number()?;
        }
        Some(())
    }

    fn parameters(&mut self) -> Option<()> {
        if self.eat(b"NIL") {
            return Some(());
        }
        self.expect(b"(")?;
        loop {
            self.string()?;
            self.expect(b" ")?;
            self.string()?;
            if !self.eat(b" ") {
                return self.expect(b")");
            }
        }
    }

    /// Disposition, language, location, each with its space.
    fn place(&mut self) -> Option<()> {
        self.expect(b" ")?;
        if !self.eat(b"NIL") {
            self.expect(b"(")?;
            self.string()?;
            self.expect(b" ")?;
            self.parameters()?;
            self.expect(b")")?;
        }
        self.expect(b" ")?;
        if self.eat(b"(") {
            self.string()?;
            while self.eat(b" ") {
                self.string()?;
            }
            self.expect(b")")?;
        } else {
            self.nstring()?;
        }
        self.expect(b" ")?;
        self.nstring()
    }

    fn nstring(&mut self) -> Option<()> {
        match self.eat(b"NIL") {
            true => Some(()),
            false => self.string().map(drop),
        }
    }

    /// A quoted string, with its escapes, or a literal.
    fn string(&mut self) -> Option<&'a [u8]> {
        if self.eat(b"{") {
            let octets = self.number()?;
            self.expect(b"}\r\n")?;
            let (content, rest) = self.rest.split_at_checked(octets)?;
            self.rest = rest;
            return (!content.contains(&0)).then_some(content);
        }
        self.expect(b"\"")?;
        let start = self.rest;
        loop {
            match self.rest {
                [b'"', rest @ ..] => {
                    let content = &start[..start.len() - self.rest.len()];
                    self.rest = rest;
                    return Some(content);
                }
                [b'\\', b'"' | b'\\', rest @ ..] => self.rest = rest,
                [b'\\' | b'\r' | b'\n' | 0, ..] | [] => return None,
                [_, rest @ ..] => self.rest = rest,
            }
        }
    }

    fn number(&mut self) -> Option<usize> {
        let digits = self.rest.iter().take_while(|octet| octet.is_ascii_digit());
        let (digits, rest) = self.rest.split_at(digits.count());
        self.rest = rest;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }
}
