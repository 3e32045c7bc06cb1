//! `mailctl`: the administrator's command line.
//!
//! The way of a command: [`cli`] reads what was typed, [`office`] loads the configuration, becomes the owner
//! of the data and opens the store, a module of [`commands`] does one thing by the store's own calls, and
//! [`answer`] prints what came of it, as a table or as JSON. What fails becomes a [`fail::Failure`], which
//! says what to do next and which exit code it is. No SQL is here, and no secret is printed, but for a
//! password that was just generated, once.

mod answer;
mod cli;
mod commands;
mod fail;
mod office;
mod owner;
mod password;
mod tour;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let json = cli.global.json;
    match commands::run(cli) {
        Ok(answer) => answer.print(json),
        Err(failure) => failure.print(json),
    }
}
