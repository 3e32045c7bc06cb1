//! Every code that a daemon can send is expected somewhere: by a dialogue, by a cell of the tables of states, or by another test, all of
//! which talk to the real daemons.
//!
//! The codes are the daemons' own lists. Dialogues and cells fail where the code does not come; in the other tests a text that
//! holds the code is taken for an expectation.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

use regex::{Regex, escape};

/// All that is expected of servers, by dialogues and tests.
fn expectations() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = String::new();
    for directory in ["imap", "smtp", "pop3", "tests"] {
        gather(&root.join(directory), &mut all);
    }
    all
}

fn gather(path: &Path, all: &mut String) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            gather(&entry.unwrap().path(), all);
        }
        return;
    }
    let text = fs::read_to_string(path).unwrap();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("chat") => all.extend(expected_lines(&text)),
        Some("rs" | "table") => all.push_str(&text),
        _ => {}
    }
}

/// The steps of a dialogue without what the client says, and without comments.
fn expected_lines(dialogue: &str) -> impl Iterator<Item = &str> {
    let (_, steps) = dialogue.split_once("\n---\n").unwrap();
    let by_client = Regex::new("^([a-z0-9]+ )?C( raw| data)?:").unwrap();
    steps
        .split_inclusive('\n')
        .filter(move |line| !line.starts_with('#') && !by_client.is_match(line))
}

/// Fails for each code of which no expectation has the form that goes with it.
fn assert_expected(codes: impl Iterator<Item = (String, String)>) {
    let all = expectations();
    let missing: Vec<String> = codes
        .filter(|(_, form)| !Regex::new(form).unwrap().is_match(&all))
        .map(|(code, _)| code)
        .collect();
    assert!(missing.is_empty(), "expected by nobody: {missing:?}");
}

#[test]
fn each_code_of_smtp_is_expected() {
    let refusals = smtpd::reject::Reject::CODES.iter();
    let refusals = refusals.map(|&(code, enhanced)| (code, Some(enhanced)));
    let answers = smtpd::answer::Answer::CODES.iter().copied();
    assert_expected(
        answers
            .chain(refusals)
            .map(|(code, enhanced)| match enhanced {
                Some((subject, detail)) => {
                    let enhanced = format!("{}.{subject}.{detail}", code / 100);
                    (
                        format!("{code} {enhanced}"),
                        format!("\\b{code} {}\\b", escape(&enhanced)),
                    )
                }
                None => (code.to_string(), format!("\\b{code}\\b")),
            }),
    );
}

#[test]
fn each_response_code_of_imap_is_expected() {
    let names = imapd::grammar::code::Code::NAMES.iter();
    assert_expected(names.map(|&name| (name.to_owned(), format!("\\[{}[ \\]]", escape(name)))));
}

#[test]
fn each_response_code_of_pop3_is_expected() {
    let codes = pop3d::reject::Code::ALL.iter().map(|code| code.name());
    assert_expected(codes.map(|name| (name.to_owned(), format!("-ERR \\[{}\\]", escape(name)))));
}
