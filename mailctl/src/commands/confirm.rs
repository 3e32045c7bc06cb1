//! The question before something is lost.

use std::io::{self, IsTerminal as _, Write as _};

use crate::fail::{Failure, Kind, Outcome};

/// Asks unless `yes`. Without a terminal there is nobody to ask, and nothing is done.
pub fn confirm(question: &str, yes: bool) -> Outcome<()> {
    if yes {
        return Ok(());
    }
    let unconfirmed = |text: &str| Failure::new(Kind::Unconfirmed, text);
    if !io::stdin().is_terminal() {
        let failure = unconfirmed(&format!("not confirmed: {question}"));
        return Err(failure.next("Nothing was changed. Give --yes if that is what you want."));
    }
    eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    match line.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(unconfirmed("not confirmed; nothing was changed")),
    }
}
