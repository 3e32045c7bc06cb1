//! The base subject (RFC 5256 §2.1): a subject without what replying and forwarding have put around it.
//!
//! All takes time in proportion to the subject, whatever it is made of. Decoding of encoded words is step (1) and has been done before.

/// A subject, looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseSubject {
    /// What is left.
    pub text: String,
    /// Whether the message is a reply or forward: a `subj-refwd`, a `(fwd)` or a `[fwd: ]` was taken off (RFC 5256 §3).
    pub is_reply: bool,
}

impl BaseSubject {
    /// The base subject of a decoded and unfolded subject.
    pub fn of(subject: &str) -> Self {
        let subject = collapse(subject);
        let (text, is_reply) = strip(&subject);
        Self {
            text: text.to_owned(),
            is_reply,
        }
    }
}

/// Step (1): tabs become spaces, and several spaces one.
fn collapse(subject: &str) -> String {
    let mut collapsed = String::with_capacity(subject.len());
    for character in subject.chars() {
        let character = match character {
            '\t' | '\r' | '\n' => ' ',
            other => other,
        };
        if character != ' ' || !collapsed.ends_with(' ') {
            collapsed.push(character);
        }
    }
    collapsed
}

fn strip(subject: &str) -> (&str, bool) {
    let mut rest = subject;
    let mut is_reply = false;
    loop {
        rest = without_trailers(rest, &mut is_reply);
        rest = without_leaders(rest, &mut is_reply);
        // Step (6).
        match strip_prefix(rest, "[fwd:").and_then(|inner| inner.strip_suffix(']')) {
            Some(inner) => {
                rest = inner;
                is_reply = true;
            }
            None => return (rest, is_reply),
        }
    }
}

/// Step (2): `subj-trailer`s.
fn without_trailers<'a>(mut rest: &'a str, is_reply: &mut bool) -> &'a str {
    loop {
        rest = rest.trim_end_matches(' ');
        match strip_suffix(rest, "(fwd)") {
            Some(before) => {
                rest = before;
                *is_reply = true;
            }
            None => return rest,
        }
    }
}

/// Steps (3) to (5): `subj-leader`s, and `subj-blob`s before something that remains.
///
/// Blobs are looked at together: if no `subj-refwd` follows the last of them, none follows any of them, so that all go but
/// the last one where nothing else would remain.
fn without_leaders<'a>(mut rest: &'a str, is_reply: &mut bool) -> &'a str {
    loop {
        rest = rest.trim_start_matches(' ');
        let mut after_blobs = rest;
        let mut last_blob = rest;
        while let Some(after) = strip_blob(after_blobs) {
            last_blob = after_blobs;
            after_blobs = after;
        }
        match strip_refwd(after_blobs) {
            Some(after) => {
                rest = after;
                *is_reply = true;
            }
            None if after_blobs.is_empty() => return last_blob,
            None => return after_blobs,
        }
    }
}

/// `subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"`
fn strip_refwd(text: &str) -> Option<&str> {
    let after = ["re", "fwd", "fw"]
        .iter()
        .find_map(|word| strip_prefix(text, word))?;
    let after = after.trim_start_matches(' ');
    strip_blob(after).unwrap_or(after).strip_prefix(':')
}

/// `subj-blob = "[" *BLOBCHAR "]" *WSP`
fn strip_blob(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?;
    let end = inner.find(['[', ']'])?;
    let after = inner.get(end..)?.strip_prefix(']')?;
    Some(after.trim_start_matches(' '))
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn strip_suffix<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let (rest, end) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    end.eq_ignore_ascii_case(suffix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn base(subject: &str) -> (String, bool) {
        let base = BaseSubject::of(subject);
        (base.text, base.is_reply)
    }

    #[test]
    fn artifacts_are_taken_off() {
        for (subject, text, is_reply) in [
            ("hello", "hello", false),
            ("Re: hello", "hello", true),
            ("RE : hello", "hello", true),
            ("re[2]: hello", "hello", true),
            ("Re [list] : hello", "hello", true),
            ("Fwd: Re: fw: hello", "hello", true),
            ("[list] Re: hello", "hello", true),
            ("[a] [b]Re: [c] hello", "hello", true),
            ("[list] hello", "hello", false),
            ("[list]", "[list]", false),
            ("[a][b]", "[b]", false),
            ("Re: [list]", "[list]", true),
            ("hello (fwd)", "hello", true),
            ("hello (FWD) (fwd)  ", "hello", true),
            ("[fwd: hello]", "hello", true),
            ("[Fwd: [Fwd: Re: hello (fwd)]]", "hello", true),
            ("[fwd: hello] world", "world", false),
            ("hello \t  big\t world ", "hello big world", false),
            ("Re:", "", true),
            ("", "", false),
            ("(fwd)", "", true),
            ("reply: x", "reply: x", false),
            ("Rex: x", "Rex: x", false),
            ("[unclosed Re: x", "[unclosed Re: x", false),
            ("Größe: Re: x", "Größe: Re: x", false),
        ] {
            assert_eq!(base(subject), (text.to_owned(), is_reply), "{subject:?}");
        }
    }

    #[test]
    fn floods_take_linear_time() {
        let floods = [
            "[a]".repeat(200_000),
            "[a]".repeat(200_000) + "Re:",
            "Re:".repeat(200_000),
            "[fwd:".repeat(100_000) + &"]".repeat(100_000),
            "(fwd)".repeat(200_000),
            "[".repeat(200_000),
            "re[".repeat(200_000),
        ];
        for flood in floods {
            BaseSubject::of(&flood);
        }
    }

    /// The RFC's steps one by one, as slow as they are written.
    fn by_the_letter(subject: &str) -> String {
        let mut text = collapse(subject);
        loop {
            let mut ignored = false;
            text = without_trailers(&text, &mut ignored).to_owned();
            loop {
                let before = text.clone();
                // (3): one subj-leader at a time.
                if let Some(rest) = text.strip_prefix(' ') {
                    text = rest.to_owned();
                } else {
                    let mut rest = text.as_str();
                    while let Some(after) = strip_blob(rest) {
                        rest = after;
                    }
                    if let Some(after) = strip_refwd(rest) {
                        text = after.to_owned();
                    }
                }
                if text != before {
                    continue;
                }
                // (4)
                if let Some(after) = strip_blob(&text).filter(|after| !after.is_empty()) {
                    text = after.to_owned();
                }
                if text == before {
                    break;
                }
            }
            match strip_prefix(&text, "[fwd:").and_then(|inner| inner.strip_suffix(']')) {
                Some(inner) => text = inner.to_owned(),
                None => return text,
            }
        }
    }

    proptest! {
        #[test]
        fn any_subject_has_the_base_that_the_steps_give(
            pieces in proptest::collection::vec(
                prop_oneof![
                    Just("re"), Just("Fwd"), Just("fw"), Just("["), Just("]"), Just(":"), Just(" "), Just("[fwd:"),
                    Just("(fwd)"), Just("a"), Just("ß"), Just("\t"), Just("[x]"), Just("re:"),
                ],
                0..14,
            )
        ) {
            let subject = pieces.concat();
            prop_assert_eq!(BaseSubject::of(&subject).text, by_the_letter(&subject));
        }

        #[test]
        fn no_subject_panics(subject in "\\PC{0,60}") {
            BaseSubject::of(&subject);
        }
    }
}
