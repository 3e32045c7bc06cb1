//! Cuts the stream of a client into commands: lines, and the literals announced at their ends.
//!
//! Framing comes before parsing: the announcement `{n}` or `{n+}` at the end of a line is recognised in every line,
//! whatever the line says, because RFC 7888 §3 obliges the receiver to, and because only so the session knows after any
//! error where the next command begins. The octets of a literal are never looked at here.
//!
//! This file does not bound anything; `session::intake` does, with the limits of the session's state.

/// The announcement of a literal at the end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// How many octets follow.
    pub octets: u64,
    /// `{n}`: the client waits for a continuation request before it sends them.
    pub synchronising: bool,
}

/// What literal the line (without its line end) announces.
///
/// A length beyond 64 bits is read as `u64::MAX`: it is over every limit, and still an announcement.
pub fn announced(line: &[u8]) -> Option<Announced> {
    let inside = line.strip_suffix(b"}")?;
    let open = memchr::memrchr(b'{', inside)?;
    let inside = inside.get(open + 1..)?;
    let (digits, synchronising) = match inside.strip_suffix(b"+") {
        Some(digits) => (digits, false),
        None => (inside, true),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let octets = std::str::from_utf8(digits)
        .ok()?
        .parse()
        .unwrap_or(u64::MAX);
    Some(Announced {
        octets,
        synchronising,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements_are_found_at_the_end_of_a_line_only() {
        let found = |line: &str| {
            announced(line.as_bytes()).map(|literal| (literal.octets, literal.synchronising))
        };
        assert_eq!(found("a LOGIN {11}"), Some((11, true)));
        assert_eq!(found("a LOGIN {11+}"), Some((11, false)));
        assert_eq!(found("nonsense{0+}"), Some((0, false)));
        assert_eq!(
            found("a {99999999999999999999999+}"),
            Some((u64::MAX, false))
        );
        for line in [
            "a LOGIN {11} ",
            "a {}",
            "a {+}",
            "a {-1}",
            "a {1",
            "1}",
            "a {1++}",
            "",
        ] {
            assert_eq!(found(line), None, "{line}");
        }
    }
}
