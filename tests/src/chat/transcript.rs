//! What was said so far, for the reader of a failure.

use std::fmt::{self, Write as _};
use std::time::Instant;

/// All that was sent and received, in order, with the time since the start.
#[derive(Debug)]
pub struct Transcript {
    start: Instant,
    text: String,
}

/// Longer lines are cut: a failure must fit a screen.
const LINE_OCTETS_SHOWN_MAX: usize = 300;

impl Transcript {
    /// An empty transcript; time runs from here.
    pub fn new() -> Transcript {
        Transcript {
            start: Instant::now(),
            text: String::new(),
        }
    }

    /// Notes bytes that `who` (`C`, `S` or `-` for other events) sent on `connection`.
    pub fn note(&mut self, connection: &str, who: &str, bytes: &[u8]) {
        let milliseconds = self.start.elapsed().as_millis();
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\r\n").unwrap_or(line);
            let shown = show(line);
            // Writing to a string cannot fail.
            let _ = writeln!(
                self.text,
                "{milliseconds:>7} ms  {connection} {who}: {shown}"
            );
        }
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Bytes as text, with what cannot be seen escaped.
pub fn show(bytes: &[u8]) -> String {
    let cut = bytes.len() > LINE_OCTETS_SHOWN_MAX;
    let shown = &bytes[..bytes.len().min(LINE_OCTETS_SHOWN_MAX)];
    let mut text = String::new();
    for part in shown.utf8_chunks() {
        for c in part.valid().chars() {
            match c {
                '\r' => text.push_str("\\r"),
                '\n' => text.push_str("\\n"),
                c if c.is_control() => text.push_str(&c.escape_default().to_string()),
                c => text.push(c),
            }
        }
        for byte in part.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    if cut {
        let _ = write!(text, " … ({} octets)", bytes.len());
    }
    text
}
