//! The `imapd` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    daemon::service::main(&imapd::PROGRAM, imapd::run)
}
