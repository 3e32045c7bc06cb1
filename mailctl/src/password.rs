//! Where passwords come from: a prompt, standard input, or chance. Never the command line, which every user
//! of the machine can read.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::{process, thread};

use daemon::limits::PASSWORD_OCTETS_MAX;
use daemon::secret::{Secret, fill_random};
use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};

use crate::cli::PasswordSource;
use crate::commands::runtime;
use crate::fail::{Failure, Outcome};

/// Letters and digits that nobody takes for others: 32, so that each is five bits.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Groups of a generated password, and letters in a group: 100 bits in all.
const GROUPS: usize = 4;
const GROUP_LETTERS: usize = 5;

/// The exit code of a program that Ctrl-C ended, by the shells' convention.
const INTERRUPTED: i32 = 130;

/// A password, and whether it has to be shown because nobody knows it yet.
pub struct NewPassword {
    /// The password.
    pub secret: Secret,
    /// Its text, if it was generated here.
    pub generated: Option<String>,
}

/// A password from where the options say; without any, from a prompt.
pub fn obtain(source: &PasswordSource) -> Outcome<NewPassword> {
    let typed = match (source.generate, source.password_stdin) {
        (true, _) => return Ok(generate()),
        (false, true) => read_line()?,
        (false, false) => prompt()?,
    };
    check(&typed)?;
    Ok(NewPassword {
        secret: Secret::new(typed),
        generated: None,
    })
}

/// A password by chance.
pub fn generate() -> NewPassword {
    let mut octets = [0; GROUPS * GROUP_LETTERS];
    fill_random(&mut octets);
    let letters: Vec<char> = octets
        .iter()
        .map(|octet| char::from(ALPHABET[usize::from(octet & 31)]))
        .collect();
    let groups: Vec<String> = letters
        .chunks(GROUP_LETTERS)
        .map(|group| group.iter().collect())
        .collect();
    let text = groups.join("-");
    NewPassword {
        secret: Secret::new(text.as_str()),
        generated: Some(text),
    }
}

fn read_line() -> Outcome<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    // The line end is not part of it; anything else is, spaces too.
    let password = line.strip_suffix('\n').unwrap_or(&line);
    Ok(password.strip_suffix('\r').unwrap_or(password).to_owned())
}

fn prompt() -> Outcome<String> {
    if !io::stdin().is_terminal() {
        return Err(
            Failure::failed("there is no terminal to ask for a password")
                .next("Use --password-stdin or --generate."),
        );
    }
    restore_terminal_after_interrupt()?;
    let first = rpassword::prompt_password("Password: ")?;
    let second = rpassword::prompt_password("Once more: ")?;
    match first == second {
        true => Ok(first),
        false => {
            Err(Failure::failed("the two passwords differ").next("Nothing was changed; try again."))
        }
    }
}

/// Without this, Ctrl-C at a prompt leaves a terminal that does not show what is typed.
fn restore_terminal_after_interrupt() -> Outcome<()> {
    let before = tcgetattr(io::stdin()).map_err(io::Error::from)?;
    let runtime = runtime()?;
    thread::spawn(move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &before);
            eprintln!();
            process::exit(INTERRUPTED);
        }
    });
    Ok(())
}

fn check(password: &str) -> Outcome<()> {
    if password.is_empty() {
        return Err(Failure::failed("the password is empty"));
    }
    if password.len() > PASSWORD_OCTETS_MAX {
        return Err(Failure::failed(format!(
            "the password has more than {PASSWORD_OCTETS_MAX} octets"
        )));
    }
    if password.contains(char::is_control) {
        return Err(Failure::failed(
            "the password has control characters in it, which no mail client can send",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_passwords_are_long_and_differ() {
        let [first, second] =
            [generate(), generate()].map(|password| password.generated.expect("is shown"));
        assert_ne!(first, second);
        assert_eq!(first.len(), GROUPS * GROUP_LETTERS + GROUPS - 1);
    }

    #[test]
    fn what_no_client_could_send_is_refused() {
        assert!(check("").is_err() && check("a\0").is_err() && check(&"x".repeat(2000)).is_err());
        assert!(check("correct horse ü").is_ok());
    }
}
