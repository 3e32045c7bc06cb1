//! What a tour stands on: a directory, a configuration in it, and a store with the accounts.
//!
//! A directory that is there already is used as it is: its configuration, its accounts and its mail stay.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use daemon::config::Config;
use daemon::secret::Secret;
use store::{Error, NewAccount};

use crate::commands::{set_password, toml_string};
use crate::fail::{Failure, Kind, Outcome};
use crate::office::{Office, load_config, open_store, parse_address};
use crate::owner;

/// The server's name in a tour.
const HOSTNAME: &str = "mail.example.test";
/// The domain of the accounts.
const DOMAIN: &str = "example.test";
/// Who sends.
pub const ALICE: &str = "alice@example.test";
/// Who receives.
pub const BOB: &str = "bob@example.test";
/// The password of both.
pub const PASSWORD: &str = "testpass";

/// A directory, prepared.
pub struct Ground {
    /// The configuration's file.
    pub config_file: PathBuf,
    /// The configuration.
    pub config: Config,
    /// Where logs and everything else lie.
    pub dir: PathBuf,
}

/// The ports, by what they are for.
pub struct Ports {
    /// Submission with TLS (465).
    pub submissions: SocketAddr,
    /// Submission with STARTTLS (587).
    pub submission: SocketAddr,
    /// Receiving (25).
    pub smtp: SocketAddr,
    /// IMAP with STARTTLS (143).
    pub imap: SocketAddr,
    /// IMAP with TLS (993).
    pub imaps: SocketAddr,
    /// POP3 with STLS (110).
    pub pop3: SocketAddr,
    /// POP3 with TLS (995).
    pub pop3s: SocketAddr,
}

impl Ports {
    fn above(base: u16) -> Self {
        let at = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, base + port));
        Ports {
            submissions: at(465),
            submission: at(587),
            smtp: at(25),
            imap: at(143),
            imaps: at(993),
            pop3: at(110),
            pop3s: at(995),
        }
    }

    /// All of them.
    pub fn all(&self) -> [SocketAddr; 7] {
        [
            self.smtp,
            self.submissions,
            self.submission,
            self.imap,
            self.imaps,
            self.pop3,
            self.pop3s,
        ]
    }

    /// The server speaks first there: TLS does not come before.
    pub fn greets(&self, port: SocketAddr) -> bool {
        [self.smtp, self.submission, self.imap, self.pop3].contains(&port)
    }

    fn are_those_of(&self, config: &Config) -> bool {
        let has = |addresses: &[SocketAddr], port: SocketAddr| addresses.contains(&port);
        has(&config.smtpd.listen, self.smtp)
            && has(&config.smtpd.submission, self.submission)
            && has(&config.smtpd.submissions, self.submissions)
            && has(&config.imapd.listen, self.imap)
            && has(&config.imapd.listen_tls, self.imaps)
            && has(&config.pop3d.listen, self.pop3)
            && has(&config.pop3d.listen_tls, self.pop3s)
    }
}

/// Prepares `dir`: writes what is missing, and checks that the ports are free.
pub async fn prepare(dir: &Path, base_port: u16) -> Outcome<(Ground, Ports)> {
    let failed =
        |error: io::Error| Failure::failed(format!("cannot use {}: {error}", dir.display()));
    fs::create_dir_all(dir).map_err(failed)?;
    let dir = dir.canonicalize().map_err(failed)?;
    owner::become_owner_of(&dir)?;
    let ports = Ports::above(base_port);
    let config_file = dir.join("pennyblack.toml");
    if !config_file.exists() {
        fs::write(&config_file, configuration(&dir, &ports)).map_err(failed)?;
    }
    let config = load_config(&config_file)?;
    if !ports.are_those_of(&config) {
        let text = format!(
            "{} listens on other ports than those of --base-port {base_port}",
            config_file.display()
        );
        let next = "Give the --base-port of its first run, or remove the file to have it written anew; accounts and mail stay.";
        return Err(Failure::new(Kind::Configuration, text).next(next));
    }
    ports.all().into_iter().try_for_each(require_free)?;
    let store = open_store(&config, true).await?;
    add_accounts(&Office {
        config: config.clone(),
        store,
    })
    .await?;
    Ok((
        Ground {
            config_file,
            config,
            dir,
        },
        ports,
    ))
}

/// Somebody else's server on our port would answer in place of ours.
fn require_free(port: SocketAddr) -> Outcome<()> {
    TcpListener::bind(port).map(drop).map_err(|error| {
        let failure = Failure::new(Kind::Conflict, format!("cannot listen on {port}: {error}"));
        failure.next("Is mailctl try running already? --base-port chooses other ports.")
    })
}

async fn add_accounts(office: &Office) -> Outcome<()> {
    match office.store.add_domain(DOMAIN).await {
        Ok(_) | Err(Error::Exists(_)) => {}
        Err(error) => return Err(error.into()),
    }
    for address in [ALICE, BOB] {
        match office
            .store
            .add_account(&parse_address(address)?, NewAccount::default())
            .await
        {
            Ok(account) => set_password(office, account, &Secret::new(PASSWORD)).await?,
            Err(Error::Exists(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn configuration(dir: &Path, ports: &Ports) -> String {
    let Ports {
        submissions,
        submission,
        smtp,
        imap,
        imaps,
        pop3,
        pop3s,
    } = ports;
    let dir = toml_string(&dir.display().to_string());
    format!(
        r#"# Written by `mailctl try` for a server on loopback. It stays as it is from now on: change it as you like.
hostname = "{HOSTNAME}"
data_dir = {dir}

[auth]
plaintext_on_loopback = true

[smtpd]
listen = ["{smtp}"]
submission = ["{submission}"]
submissions = ["{submissions}"]
metrics = "off"

# As much as anybody likes to try.
[verify.rates]
account_messages_per_hour = 0
account_recipients_per_hour = 0

[imapd]
listen = ["{imap}"]
listen_tls = ["{imaps}"]
metrics = "off"

[pop3d]
listen = ["{pop3}"]
listen_tls = ["{pop3s}"]
metrics = "off"
"#
    )
}
