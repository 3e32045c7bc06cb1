//! The preview of a message (RFC 8970): the first words of its text, taken while the message is indexed.
//!
//! Of the first `text/plain` part and of the first `text/html` part that are no attachments, the first
//! [`PREVIEW_OCTETS_MAX`] octets are kept. The plain one gives the preview; if it says nothing, the HTML one does.
//! Quoted lines (`> `) of plain text are left out, unless there is nothing else.

use super::{
    decode,
    index::{Kind, Part},
    limits::{PREVIEW_CHARACTERS_MAX, PREVIEW_OCTETS_MAX},
};

/// Gathers the octets of which the preview is made.
#[derive(Default)]
pub(super) struct Preview {
    plain: Option<Sample>,
    html: Option<Sample>,
    now: Option<Which>,
}

#[derive(Clone, Copy)]
enum Which {
    Plain,
    Html,
}

/// The beginning of a part.
struct Sample {
    part: Part<'static>,
    octets: Vec<u8>,
}

impl Preview {
    /// The body of `part` begins.
    pub(super) fn start_part(&mut self, part: &Part<'static>) {
        self.now = None;
        let attached = part
            .disposition
            .as_ref()
            .is_some_and(|d| d.kind == "attachment");
        if part.kind != Kind::Leaf || attached {
            return;
        }
        let (sample, which) = if part.is("text", "plain") {
            (&mut self.plain, Which::Plain)
        } else if part.is("text", "html") {
            (&mut self.html, Which::Html)
        } else {
            return;
        };
        if sample.is_none() {
            *sample = Some(Sample {
                part: part.clone(),
                octets: Vec::new(),
            });
            self.now = Some(which);
        }
    }

    /// The body that began has ended.
    pub(super) fn end_part(&mut self) {
        self.now = None;
    }

    /// Octets of the present body.
    pub(super) fn push(&mut self, octets: &[u8]) {
        let sample = match self.now {
            None => return,
            Some(Which::Plain) => &mut self.plain,
            Some(Which::Html) => &mut self.html,
        };
        let Some(sample) = sample else { return };
        let room = PREVIEW_OCTETS_MAX.saturating_sub(sample.octets.len());
        if room == 0 {
            self.now = None;
        }
        sample
            .octets
            .extend_from_slice(&octets[..octets.len().min(room)]);
    }

    /// The preview; empty if the message has no text.
    pub(super) fn finish(self) -> String {
        let samples = [self.plain, self.html];
        let mut texts = samples.iter().flatten().map(Sample::text);
        texts.find(|text| !text.is_empty()).unwrap_or_default()
    }
}

impl Sample {
    fn text(&self) -> String {
        let text = decode::body_text(&self.part, &self.octets);
        let own = text.lines().filter(|line| !line.starts_with('>'));
        let own = first_words(own);
        if own.is_empty() {
            first_words(text.lines())
        } else {
            own
        }
    }
}

/// The first characters, each run of white space as one space, without characters that show nothing.
fn first_words<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut preview = String::new();
    let mut characters = 0;
    let words = lines.flat_map(str::split_whitespace);
    for word in words {
        let mut visible = word.chars().filter(|&c| !is_invisible(c)).peekable();
        if visible.peek().is_some() && characters > 0 {
            if characters + 1 >= PREVIEW_CHARACTERS_MAX {
                return preview;
            }
            preview.push(' ');
            characters += 1;
        }
        for c in visible {
            preview.push(c);
            characters += 1;
            if characters >= PREVIEW_CHARACTERS_MAX {
                return preview;
            }
        }
    }
    // The sample may end within a character.
    preview
        .trim_end_matches(char::REPLACEMENT_CHARACTER)
        .trim_end()
        .to_owned()
}

/// Controls, and the fillers that bulk mail puts behind its preview line.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        )
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
