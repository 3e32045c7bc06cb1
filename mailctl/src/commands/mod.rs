//! What each command does: a file for each noun.
//!
//! [`run`] decides who does the work and under which user; the modules ask the store and shape an [`Answer`].
//! The JSON of an answer is the public form: its names are stable, times are RFC 3339, sizes are octets.

mod account;
mod acl;
mod address;
mod alias;
mod app_password;
mod capability;
mod check;
mod config;
mod confirm;
mod credential;
mod dkim;
mod domain;
mod index;
mod init;
mod mailbox;
mod message;
mod moment;
mod queue;
mod report;
mod serve;
mod trace;

use tokio::runtime::{Builder, Runtime};

pub use credential::set_password;

use crate::answer::Answer;
use crate::cli::{Cli, Command, Global};
use crate::fail::{Failure, Outcome};
use crate::office::Office;
use crate::tour;

/// Runs a command to its end.
pub fn run(cli: Cli) -> Outcome<Answer> {
    match cli.command {
        // These make or read the configuration by themselves, or choose their user before a thread exists.
        Command::Serve(options) => serve::run(&options, &cli.global),
        Command::Config(command) => config::run(&command, &cli.global),
        Command::Init(options) => init::run(&options, &cli.global),
        Command::Try(options) => tour::run(&options, &cli.global),
        command => with_store(command, &cli.global),
    }
}

/// A TOML basic string; JSON's escapes are a part of TOML's.
pub fn toml_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A runtime on this thread: a command waits for one thing at a time.
pub fn runtime() -> Outcome<Runtime> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::from(error).during("cannot start"))
}

fn with_store(command: Command, global: &Global) -> Outcome<Answer> {
    runtime()?.block_on(async {
        let office = Office::open(global.config()).await?;
        match command {
            Command::Domain(command) => domain::run(command, &office).await,
            Command::Account(command) => account::run(command, &office).await,
            Command::AppPassword(command) => app_password::run(command, &office).await,
            Command::Alias(command) => alias::run(command, &office).await,
            Command::Dkim(command) => dkim::run(command, &office).await,
            Command::Mailbox(command) => mailbox::run(command, &office).await,
            Command::Acl(command) => acl::run(command, &office).await,
            Command::Message(command) => message::run(command, &office, global.json).await,
            Command::Queue(command) => queue::run(command, &office).await,
            Command::Trace(options) => trace::run(&options, &office).await,
            Command::Report(command) => report::run(command, &office).await,
            Command::Check => check::run(&office).await,
            Command::Index(options) => index::run(&options, &office).await,
            Command::Serve(_) | Command::Config(_) | Command::Init(_) | Command::Try(_) => {
                Ok(Answer::silent())
            }
        }
    })
}
