//! Runs a mail program that people use, and shows what it printed if it fails or takes too long.

use std::io::{Read, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a program may take. It is killed then.
const PROGRAM_TIME_MAX: Duration = Duration::from_secs(120);

/// Runs `program` with `input` on its standard input, at home in `home`; gives what it printed.
///
/// # Errors
/// If it is not installed, exits with failure or does not end in time; with all that it printed.
pub fn run(
    home: &Path,
    program: &str,
    arguments: &[&str],
    input: &[u8],
) -> Result<Vec<u8>, String> {
    let said = |what: &str| format!("{program} {}: {what}", arguments.join(" "));
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(home)
        .env("HOME", home)
        .env("TERM", "xterm")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| said(&format!("cannot run ({error}); tests/run installs it")))?;
    let printed = child.stdout.take().map(collect);
    let complained = child.stderr.take().map(collect);
    if let Some(mut stdin) = child.stdin.take() {
        // It may end without reading all.
        drop(stdin.write_all(input));
    }
    let deadline = Instant::now() + PROGRAM_TIME_MAX;
    let status = loop {
        match child.try_wait().map_err(|error| said(&error.to_string()))? {
            Some(status) => break Some(status),
            None if Instant::now() > deadline => {
                drop(child.kill());
                drop(child.wait());
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let text = |thread: Option<JoinHandle<Vec<u8>>>| {
        thread
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default()
    };
    let (printed, complained) = (text(printed), text(complained));
    match status {
        Some(status) if status.success() => Ok(printed),
        status => {
            let end = status.map_or("did not end in time".to_owned(), |status| {
                status.to_string()
            });
            let printed = String::from_utf8_lossy(&printed).into_owned();
            Err(said(&format!(
                "{end}\n{printed}\n{}",
                String::from_utf8_lossy(&complained)
            )))
        }
    }
}

fn collect(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut text = Vec::new();
        // What was read before an error is what there is to show.
        drop(from.read_to_end(&mut text));
        text
    })
}
