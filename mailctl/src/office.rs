//! Where commands work: the configuration, read and checked, and the store, open.

use std::path::Path;

use daemon::config::{Config, Faults};
use store::{Account, Address, OpenError, Options, Store};

use crate::cli::CONFIG_FILE;
use crate::fail::{Failure, Kind, Outcome};
use crate::owner;

/// The configuration and the store.
pub struct Office {
    /// The configuration in effect.
    pub config: Config,
    /// The store, shared with the daemons that run.
    pub store: Store,
}

impl Office {
    /// Reads the configuration, becomes the owner of the data and opens the store.
    pub async fn open(config_file: &Path) -> Outcome<Self> {
        let config = load_config(config_file)?;
        owner::become_owner_of(&config.data_dir)?;
        let store = open_store(&config, false).await?;
        Ok(Office { config, store })
    }

    /// The account that an address, as typed, belongs to.
    pub async fn account(&self, address: &str) -> Outcome<Account> {
        let address = parse_address(address)?;
        self.store.account(&address).await.map_err(|error| {
            let failure = Failure::from(error).during(address.as_str());
            failure.next("`mailctl account list` shows the accounts there are.")
        })
    }
}

/// Reads and checks the configuration.
pub fn load_config(file: &Path) -> Outcome<Config> {
    if !file.exists() {
        let next = match file == Path::new(CONFIG_FILE) {
            true => "`mailctl init` writes one; --config names another file.",
            false => "`mailctl --config FILE init` writes one.",
        };
        return Err(Failure::new(
            Kind::Configuration,
            format!("there is no configuration at {}", file.display()),
        )
        .next(next));
    }
    Config::load(file)
        .map_err(|faults: Faults| Failure::new(Kind::Configuration, faults.to_string()))
}

/// Opens the store that the configuration names, and makes it if that is wanted.
pub async fn open_store(config: &Config, create: bool) -> Outcome<Store> {
    let options = Options {
        create,
        subaddress_separator: config.address.subaddress_separator.clone(),
        journal_days: config.log.journal_days,
        ..Options::default()
    };
    Ok(Store::open(&config.data_dir, options).await?)
}

/// An address as typed.
pub fn parse_address(text: &str) -> Outcome<Address> {
    Ok(Address::parse(text)?)
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Failure::new(Kind::Store, error.to_string())
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        use store::Error;
        let text = error.to_string();
        match error {
            Error::NotFound(what) => match place_of(what) {
                Some(next) => Failure::new(Kind::NotFound, text).next(next),
                None => Failure::new(Kind::NotFound, text),
            },
            Error::Exists(_) | Error::HasChildren | Error::NotPermitted(_) | Error::Denied => {
                Failure::new(Kind::Conflict, text)
            }
            Error::OverQuota | Error::Limit(_) | Error::Invalid(_) => Failure::failed(text),
            Error::Unavailable(_) => Failure::new(Kind::Store, text)
                .next("Is the disk full? The system's log may tell more."),
            Error::Corrupt(_) => {
                Failure::new(Kind::Store, text).next("`mailctl check` tells what is damaged.")
            }
        }
    }
}

/// Where there is a list of what was not found.
fn place_of(what: &str) -> Option<&'static str> {
    Some(match what {
        "domain" => {
            "`mailctl domain list` shows the domains that mail is received for, `mailctl domain add` adds one."
        }
        "account" => "`mailctl account list` shows the accounts there are.",
        "alias" => "`mailctl alias list` shows the aliases there are.",
        "app password" => "`mailctl app-password list ACCOUNT` shows those there are.",
        "mailbox" => "`mailctl mailbox list ACCOUNT` shows those there are.",
        "report" => "`mailctl report list` shows those there are.",
        _ => return None,
    })
}
