//! Each file under `imap/`, `smtp/` and `pop3/` is a test: its dialogue comes out as written against the real daemons,
//! and afterwards `mailctl check` finds nothing wrong with the store.

use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tests::chat::{self, Dialogue};
use tests::server::Server;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut trials = Vec::new();
    for protocol in ["imap", "smtp", "pop3"] {
        for file in files(&root.join(protocol)) {
            let name = format!(
                "{protocol}/{}",
                file.file_stem().unwrap_or_default().display()
            );
            trials.push(Trial::test(name, move || play(&file)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The dialogue files of a directory, in order.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("a directory of dialogues");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a file").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "chat")
        })
        .collect();
    files.sort();
    files
}

fn play(file: &Path) -> Result<(), Failed> {
    let text = std::fs::read_to_string(file)?;
    let shown = file
        .strip_prefix(env!("CARGO_MANIFEST_DIR"))
        .unwrap_or(file);
    let dialogue = Dialogue::parse(&Path::new("tests").join(shown), &text)?;
    let server = Server::with(dialogue.setup.config.clone(), &dialogue.setup.accounts)?;
    for arguments in &dialogue.setup.mailctl {
        chat::World::mailctl(&server, arguments)?;
    }
    chat::run(&dialogue, &server).map_err(|failure| format!("{failure}{}", server.logs()))?;
    server
        .mailctl_ok(&["check"], "")
        .map_err(|error| format!("{error}\n{}", server.logs()))?;
    Ok(())
}
