//! `config`: is the file right, and what is in effect?

use daemon::config;
use daemon::tls::Acceptor;
use serde_json::json;

use crate::answer::Answer;
use crate::cli::{Config, Global};
use crate::fail::{Failure, Kind, Outcome};
use crate::office::load_config;

/// Runs a `config` command.
pub fn run(command: &Config, global: &Global) -> Outcome<Answer> {
    let config = load_config(global.config())?;
    Ok(match command {
        Config::Check => {
            check_certificates(&config)?;
            let json = json!({ "config": global.config(), "valid": true });
            Answer::done(format!("{} is right.", global.config().display()), json)
        }
        Config::Show => Answer::text(config.render(), json!(config)),
    })
}

/// Are the certificates there, and do they fit their keys? None configured is right: a daemon then makes one.
fn check_certificates(config: &config::Config) -> Outcome<()> {
    if config.tls.certificates.is_empty() {
        return Ok(());
    }
    Acceptor::open(config)
        .map(drop)
        .map_err(|error| Failure::new(Kind::Configuration, format!("`tls.certificates`: {error}")))
}
