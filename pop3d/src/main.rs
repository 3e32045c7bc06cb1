//! The `pop3d` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    daemon::service::main(&pop3d::PROGRAM, pop3d::run)
}
