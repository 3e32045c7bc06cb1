//! `config`: is the file right, and what is in effect?

use serde_json::json;

use crate::answer::Answer;
use crate::cli::{Config, Global};
use crate::fail::Outcome;
use crate::office::load_config;

/// Runs a `config` command.
pub fn run(command: &Config, global: &Global) -> Outcome<Answer> {
    let config = load_config(&global.config)?;
    Ok(match command {
        Config::Check => {
            let json = json!({ "config": global.config, "valid": true });
            Answer::done(format!("{} is right.", global.config.display()), json)
        }
        Config::Show => Answer::text(config.render(), json!(config)),
    })
}
