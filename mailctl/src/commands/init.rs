//! `init`: from nothing to a server that can be started.
//!
//! Everything is asked and checked before anything is made. A configuration that is there already is never
//! touched: if it names a store that is not there, that store is made.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use daemon::config::Config;
use serde_json::json;
use store::{Address, NewAccount, normal_domain};

use super::{credential, runtime, toml_string};
use crate::answer::Answer;
use crate::cli::{Global, Init};
use crate::fail::{Failure, Kind, Outcome};
use crate::office::{Office, load_config, open_store, parse_address};
use crate::owner;
use crate::password::{self, NewPassword};

/// Where the mail lies, unless something else is said.
const DATA_DIR: &str = "/var/lib/pennyblack";

/// The configuration as it is written; `@…@` is filled in.
const TEMPLATE: &str = include_str!("init.toml");

/// What is to be made.
struct Plan {
    config: Config,
    /// The configuration's text, if the file has to be written.
    text: Option<String>,
    domain: Option<String>,
    account: Option<(Address, NewPassword)>,
}

/// Runs `init`.
pub fn run(options: &Init, global: &Global) -> Outcome<Answer> {
    let (config, text) = match global.config().exists() {
        true => (existing_config(options, global)?, None),
        false => new_config(options, global).map(|(config, text)| (config, Some(text)))?,
    };
    let domain = first_domain(options)?;
    let account = first_account(options)?;
    // An account alone says which domain it needs.
    let domain = domain.or_else(|| Some(account.as_ref()?.0.domain().to_owned()));
    let plan = Plan {
        config,
        text,
        domain,
        account,
    };
    make_data_dir(&plan.config.data_dir, &options.owner)?;
    if let Some(text) = &plan.text {
        write_config(global.config(), text)?;
    }
    owner::become_owner_of(&plan.config.data_dir)?;
    runtime()?.block_on(fill(&plan))?;
    Ok(answer(&plan, global))
}

/// A configuration that somebody wrote by hand is used as it is, if its store is still to be made.
fn existing_config(options: &Init, global: &Global) -> Outcome<Config> {
    let config = load_config(global.config())?;
    let conflict = |text: String| Failure::new(Kind::Conflict, text);
    if config.store_path().exists() {
        let text = format!(
            "{} and the store that it names are there already; nothing was changed",
            global.config().display()
        );
        return Err(
            conflict(text).next("`mailctl domain add` and `mailctl account add` go on from here.")
        );
    }
    if options.hostname.is_some() || options.data_dir.is_some() {
        let text = format!(
            "{} is there already, and says what --hostname and --data-dir would say",
            global.config().display()
        );
        return Err(
            conflict(text).next("Leave these options out, or name another file with --config.")
        );
    }
    Ok(config)
}

fn new_config(options: &Init, global: &Global) -> Outcome<(Config, String)> {
    let hostname = given_or_asked(
        options.hostname.clone(),
        "--hostname",
        "Name of this server (mail.example.org)",
        None,
    )?;
    // In the file a relative path would mean another directory than on the command line.
    let data_dir = options.data_dir.as_ref().map(absolute).transpose()?;
    let data_dir = given_or_asked(
        data_dir,
        "--data-dir",
        "Where the mail will lie",
        Some(DATA_DIR),
    )?;
    let text = TEMPLATE
        .replace("@hostname@", &hostname)
        .replace("@data_dir@", &toml_string(&data_dir));
    let config = Config::parse(global.config(), &text);
    let config = config.map_err(|faults| Failure::new(Kind::Configuration, faults.to_string()))?;
    Ok((config, text))
}

fn absolute(dir: &PathBuf) -> Outcome<String> {
    Ok(std::path::absolute(dir)?.display().to_string())
}

fn first_domain(options: &Init) -> Outcome<Option<String>> {
    let domain = options
        .domain
        .clone()
        .or_else(|| asked("First domain (empty: none yet)"));
    Ok(domain.map(|domain| normal_domain(&domain)).transpose()?)
}

fn first_account(options: &Init) -> Outcome<Option<(Address, NewPassword)>> {
    let account = options
        .account
        .clone()
        .or_else(|| asked("First account, an address (empty: none yet)"));
    let Some(account) = account else {
        return Ok(None);
    };
    Ok(Some((
        parse_address(&account)?,
        password::obtain(&options.password)?,
    )))
}

fn given_or_asked(
    given: Option<String>,
    option: &str,
    question: &str,
    default: Option<&str>,
) -> Outcome<String> {
    let question = default.map_or_else(
        || question.to_owned(),
        |default| format!("{question} [{default}]"),
    );
    let answer = given
        .or_else(|| asked(&question))
        .or_else(|| default.map(str::to_owned));
    answer.ok_or_else(|| {
        Failure::failed(format!("{option} is missing"))
            .next("Give it, or run mailctl init in a terminal.")
    })
}

/// An answer from the terminal; None if it is empty or there is no terminal.
fn asked(question: &str) -> Option<String> {
    if !io::stdin().is_terminal() {
        return None;
    }
    eprint!("{question}: ");
    let _ = io::stderr().flush();
    let mut line = String::new();
    io::stdin().read_line(&mut line).ok()?;
    let answer = line.trim();
    (!answer.is_empty()).then(|| answer.to_owned())
}

fn make_data_dir(dir: &Path, owner: &str) -> Outcome<()> {
    let failed =
        |error: io::Error| Failure::failed(format!("cannot make {}: {error}", dir.display()));
    if dir.exists() {
        return Ok(());
    }
    // Those above it are not ours to close: its owner has to get through them.
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    DirBuilder::new().mode(0o700).create(dir).map_err(failed)?;
    if !owner::give_to(dir, owner)? {
        eprintln!(
            "mailctl: there is no user {owner}: the data will be root's, and the daemons will run as root."
        );
        eprintln!(
            "  Better: `useradd --system {owner}`, then `chown -R {owner}: {}`.",
            dir.display()
        );
    }
    Ok(())
}

fn write_config(path: &Path, text: &str) -> Outcome<()> {
    let write = || {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)?
            .write_all(text.as_bytes())
    };
    write().map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))
}

async fn fill(plan: &Plan) -> Outcome<()> {
    let config = plan.config.clone();
    let store = open_store(&config, true).await?;
    let office = Office { config, store };
    if let Some(domain) = &plan.domain {
        office.store.add_domain(domain).await?;
    }
    if let Some((address, password)) = &plan.account {
        let account = office
            .store
            .add_account(address, NewAccount::default())
            .await?;
        credential::set_password(&office, account, &password.secret).await?;
    }
    Ok(())
}

fn answer(plan: &Plan, global: &Global) -> Answer {
    let config = global.config().display();
    let mut lines = vec![format!(
        "The configuration is {config}, the mail will lie in {}.",
        plan.config.data_dir.display()
    )];
    let generated = plan
        .account
        .as_ref()
        .and_then(|(_, password)| password.generated.as_ref());
    if let Some((address, _)) = &plan.account {
        lines.push(format!("The first account is {address}."));
    }
    if let Some(password) = generated {
        lines.push(format!("Its password, shown only now: {password}"));
    }
    lines.push(format!("Next: read {config}, then start smtpd, imapd and pop3d (`mailctl --config {config} serve smtpd`)."));
    let json = json!({
        "config": global.config(),
        "data_dir": plan.config.data_dir,
        "domain": plan.domain,
        "account": plan.account.as_ref().map(|(address, _)| address.as_str()),
        "password": generated,
    });
    Answer::done(lines.join("\n"), json)
}
