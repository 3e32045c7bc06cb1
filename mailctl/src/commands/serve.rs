//! `serve`: a daemon in this process, the same as its own program.

use std::io::Read as _;
use std::process::ExitCode;
use std::thread;

use daemon::service;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::answer::Answer;
use crate::cli::{Daemon, Global, Serve};
use crate::fail::{Failure, Outcome};

/// Runs a daemon until it is told to stop.
pub fn run(options: &Serve, global: &Global) -> Outcome<Answer> {
    if options.until_stdin_ends {
        stop_when_stdin_ends()?;
    }
    let config = global.config();
    let (name, code) = match options.daemon {
        Daemon::Smtpd => ("smtpd", service::start(&smtpd::PROGRAM, config, smtpd::run)),
        Daemon::Imapd => ("imapd", service::start(&imapd::PROGRAM, config, imapd::run)),
        Daemon::Pop3d => ("pop3d", service::start(&pop3d::PROGRAM, config, pop3d::run)),
    };
    match code == ExitCode::SUCCESS {
        true => Ok(Answer::silent()),
        false => {
            Err(Failure::failed(format!("{name} ended with a failure")).next("Its log says why."))
        }
    }
}

/// The other end of standard input is held by whoever started us. When that process ends, in whatever way,
/// the pipe ends too, and the daemon stops as if it had been told to.
fn stop_when_stdin_ends() -> Outcome<()> {
    let watch = || {
        let mut ignored = [0; 64];
        while matches!(std::io::stdin().read(&mut ignored), Ok(1..)) {}
        let _ = kill(Pid::this(), Signal::SIGTERM);
    };
    thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(watch)?;
    Ok(())
}
