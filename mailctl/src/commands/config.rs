//! `config`: is the file right, and what is in effect?
//!
//! Right is what the daemons can start and work with: files that it names are looked at, too, and whether the name servers are of use for
//! DNSSEC, which is but a warning.

use std::path::Path;

use daemon::config;
use daemon::tls::{Acceptor, Connector};
use serde_json::json;
use smtpd::dns::Dns;

use super::runtime;
use crate::answer::Answer;
use crate::cli::{Config, Global};
use crate::fail::{Failure, Kind, Outcome};
use crate::office::load_config;
use crate::owner;

/// Runs a `config` command.
pub fn run(command: &Config, global: &Global) -> Outcome<Answer> {
    let config = load_config(global.config())?;
    match command {
        Config::Check => check(&config, global.config()),
        Config::Show => Ok(Answer::text(config.render(), json!(config))),
    }
}

/// Certificates are read as whoever we are, as the daemons do; all else as the owner of the data, as they do, too.
fn check(config: &config::Config, file: &Path) -> Outcome<Answer> {
    check_certificates(config)?;
    if config.data_dir.exists() {
        owner::become_owner_of(&config.data_dir)?;
    }
    check_passwords(config)?;
    if let Some(path) = &config.relay.routing.ca_file {
        Connector::with_roots_of(path).map_err(|error| wrong("relay.ca_file", &error))?;
    }
    let keeps_back = runtime()?.block_on(async {
        let dns = Dns::open(&config.dns)
            .map_err(|error| Failure::new(Kind::Configuration, error.to_string()))?;
        Ok::<bool, Failure>(dns.keeps_signatures_back().await)
    })?;
    let mut warnings = Vec::new();
    if config.dns.dnssec && keeps_back {
        warnings.push(match config.dns.dnssec_required {
            true => "the name servers keep DNSSEC signatures back, and `dns.dnssec_required` is set: no mail goes out.",
            false => "the name servers keep DNSSEC signatures back: mail goes out without DANE. `dns.servers` can name others.",
        });
    }
    let text = std::iter::once(format!("{} is right.", file.display()))
        .chain(warnings.iter().map(|warning| format!("But {warning}")));
    let facts = json!({ "config": file, "valid": true, "warnings": warnings });
    Ok(Answer::done(text.collect::<Vec<_>>().join("\n"), facts))
}

fn wrong(key: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Kind::Configuration, format!("`{key}`: {error}"))
}

/// Can the passwords for smart hosts be read? Mail would wait.
fn check_passwords(config: &config::Config) -> Outcome<()> {
    let routing = &config.relay.routing;
    let routes = routing
        .routes
        .iter()
        .filter_map(|route| route.host.as_ref());
    let files = routing.smart_host.iter().chain(routes);
    for path in files.filter_map(|host| host.password_file.as_ref()) {
        let failed = |reason: String| {
            let text = format!("{}: {reason}", path.display());
            wrong("password_file", &text)
                .next("Its first line is the password; the owner of the data directory must be able to read it.")
        };
        match std::fs::read(path) {
            Err(error) => return Err(failed(error.to_string())),
            Ok(octets)
                if octets
                    .iter()
                    .take_while(|octet| !b"\r\n".contains(octet))
                    .count()
                    == 0 =>
            {
                return Err(failed("its first line is empty".to_owned()));
            }
            Ok(_) => {}
        }
    }
    Ok(())
}

/// Are the certificates there, and do they fit their keys? None configured is right: a daemon then makes one.
fn check_certificates(config: &config::Config) -> Outcome<()> {
    if config.tls.certificates.is_empty() {
        return Ok(());
    }
    Acceptor::open(config)
        .map(drop)
        .map_err(|error| wrong("tls.certificates", &error))
}
