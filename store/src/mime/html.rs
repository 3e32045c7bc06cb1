//! The text of an HTML document, for searching and for the preview.
//!
//! No parser of HTML: tags are dropped, blocks end lines, scripts and styles are left out, entities are replaced.
//! Takes linear time whatever the input. Not here: layout, links, and what a style sheet hides.

use mail_parser::decoders::html::add_html_token;

/// Octets of an entity with its `&` and `;`.
const ENTITY_OCTETS_MAX: usize = 40;
/// Tags that do not separate words.
const INLINE: [&str; 20] = [
    "a", "abbr", "b", "bdo", "big", "code", "em", "font", "i", "ins", "del", "mark", "s", "small",
    "span", "strong", "sub", "sup", "tt", "u",
];
/// Elements whose content is no text of the document.
const HIDDEN: [&str; 4] = ["script", "style", "title", "template"];

/// The text of `html`, white space collapsed, a line for each block.
pub(super) fn to_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len() / 2);
    let mut rest = html;
    while let Some(at) = memchr::memchr2(b'<', b'&', rest.as_bytes()) {
        push_collapsed(&mut text, &rest[..at]);
        rest = &rest[at..];
        rest = if rest.starts_with('<') {
            skip_markup(&mut text, rest)
        } else {
            push_entity(&mut text, rest)
        };
    }
    push_collapsed(&mut text, rest);
    text
}

fn push_collapsed(text: &mut String, run: &str) {
    for (place, word) in run.split([' ', '\t', '\r', '\n']).enumerate() {
        if place > 0 && !text.is_empty() && !text.ends_with([' ', '\n']) {
            text.push(' ');
        }
        text.push_str(word);
    }
}

/// Replaces the entity at the start of `html`, and gives what follows it.
fn push_entity<'a>(text: &mut String, html: &'a str) -> &'a str {
    let scanned = html.len().min(ENTITY_OCTETS_MAX);
    let proper = |b: &u8| b.is_ascii_alphanumeric() || *b == b'#';
    let name = html.as_bytes()[1..scanned]
        .iter()
        .take_while(|b| proper(b))
        .count();
    if name == 0 || html.as_bytes().get(name + 1) != Some(&b';') {
        text.push('&');
        return &html[1..];
    }
    let (entity, rest) = html.split_at(name + 2);
    add_html_token(text, entity.as_bytes(), false);
    rest
}

/// Acts on the tag or comment at the start of `html`, and gives what follows it.
fn skip_markup<'a>(text: &mut String, html: &'a str) -> &'a str {
    if let Some(comment) = html.strip_prefix("<!--") {
        return comment.split_once("-->").map_or("", |(_, rest)| rest);
    }
    let inside = &html[1..];
    if !inside.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
        text.push('<');
        return inside;
    }
    let (tag, rest) = inside.split_once('>').unwrap_or((inside, ""));
    let closes = tag.starts_with('/');
    let name = tag.trim_start_matches('/');
    let length = name.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let name = name[..length].to_ascii_lowercase();
    if !closes && HIDDEN.contains(&name.as_str()) {
        return after_element(&name, rest);
    }
    if matches!(name.as_str(), "td" | "th" | "img") {
        push_collapsed(text, " ");
    } else if !INLINE.contains(&name.as_str()) && !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    rest
}

/// What follows the end tag of a hidden element; nothing if it does not end.
fn after_element<'a>(name: &str, html: &'a str) -> &'a str {
    for at in memchr::memmem::find_iter(html.as_bytes(), b"</") {
        let tag = &html.as_bytes()[at + 2..];
        if tag.len() >= name.len() && tag[..name.len()].eq_ignore_ascii_case(name.as_bytes()) {
            return html[at..].split_once('>').map_or("", |(_, rest)| rest);
        }
    }
    ""
}
