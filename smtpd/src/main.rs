//! The `smtpd` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    daemon::service::main(&smtpd::PROGRAM, smtpd::run)
}
