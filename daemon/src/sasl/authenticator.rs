//! Where a password or a proof is judged.
//!
//! Order of things, the same for users that exist and for others: leave from the throttle, the user's record (or a fake of one),
//! hashing on a blocking thread under a concurrency limit, one answer. What went wrong is in the log, not in the reply.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, io};

use store::{Address, Login, ScramKeys, ScramParameters, Store};
use tokio::sync::Semaphore;

use super::remember::Remembered;
use super::tenure::Grant;
use super::throttle::{Leave, Throttle};
use super::{Failure, Identity, Mechanism, is_allowed};
use crate::config::Config;
use crate::credential::{derive, hmac_sha256, prepare, scram_keys, verify};
use crate::limits::{SCRAM_ITERATIONS, SCRAM_SALT_OCTETS, USER_OCTETS_MAX};
use crate::secret::{Secret, random};
use crate::wire::{Peer, TlsInfo};

/// Judges passwords. Cheap to clone; shared by all sessions of a daemon.
#[derive(Clone)]
pub struct Authenticator(Arc<Inner>);

struct Inner {
    store: Store,
    throttle: Throttle,
    remembered: Remembered,
    hashing: Semaphore,
    plaintext_on_loopback: AtomicBool,
    scram: AtomicBool,
    scram_plus: AtomicBool,
    /// The hash of a password that nobody knows: verified where there is no user.
    dummy_hash: String,
    /// Makes the salts of users that do not exist: the same for the same name, in all daemons and after each start.
    fake_salt_key: [u8; 32],
}

impl Authenticator {
    /// An authenticator on this store.
    ///
    /// # Errors
    /// The key file in the data directory cannot be read or made.
    pub fn open(store: Store, config: &Config) -> io::Result<Authenticator> {
        let dummy = derive(
            &Secret::new(random::<16>().map(|octet| b'a' + octet % 16)),
            None,
        );
        let authenticator = Authenticator(Arc::new(Inner {
            store,
            throttle: Throttle::default(),
            remembered: Remembered::new(),
            hashing: Semaphore::new(config.auth.verifications),
            plaintext_on_loopback: AtomicBool::default(),
            scram: AtomicBool::default(),
            scram_plus: AtomicBool::default(),
            dummy_hash: dummy.map_err(io::Error::other)?.password_hash,
            fake_salt_key: fake_salt_key(&config.data_dir)?,
        }));
        authenticator.adopt(config);
        Ok(authenticator)
    }

    /// Takes over a new configuration. The number of verifications at a time stays until the next start.
    pub(crate) fn adopt(&self, config: &Config) {
        self.0
            .plaintext_on_loopback
            .store(config.auth.plaintext_on_loopback, Ordering::Relaxed);
        self.0.scram.store(config.auth.scram, Ordering::Relaxed);
        self.0
            .scram_plus
            .store(config.auth.scram_plus, Ordering::Relaxed);
    }

    /// Whether this password belongs to this user. Takes its time after failures.
    ///
    /// # Errors
    /// The [`Failure`] to tell the client; [`Failure::EncryptionRequired`] where [`super::mechanisms`] would offer none.
    pub async fn password(
        &self,
        user: &[u8],
        password: &Secret,
        peer: &Peer,
        tls: Option<&TlsInfo>,
    ) -> Result<Identity, Failure> {
        self.require_encryption(peer, tls)?;
        let result = self.judge(user, password, peer).await;
        report("password", user, peer, &result);
        result
    }

    pub(super) fn require_encryption(
        &self,
        peer: &Peer,
        tls: Option<&TlsInfo>,
    ) -> Result<(), Failure> {
        let plaintext = self.0.plaintext_on_loopback.load(Ordering::Relaxed);
        if is_allowed(plaintext, tls, peer) {
            Ok(())
        } else {
            Err(Failure::EncryptionRequired)
        }
    }

    pub(super) fn scram_is_on(&self) -> bool {
        self.0.scram.load(Ordering::Relaxed)
    }

    pub(super) fn scram_plus_is_on(&self) -> bool {
        self.scram_is_on() && self.0.scram_plus.load(Ordering::Relaxed)
    }

    async fn judge(
        &self,
        user: &[u8],
        password: &Secret,
        peer: &Peer,
    ) -> Result<Identity, Failure> {
        let leave = self
            .0
            .throttle
            .enter(peer.address)
            .ok_or(Failure::Throttled)?;
        let login = self.look_up(user).await?;
        // A password that cannot be prepared is nobody's; it is judged like any other wrong one.
        let prepared = prepare(password).unwrap_or_default();
        let recalled = login
            .as_ref()
            .and_then(|login| self.0.remembered.recall(login, &prepared));
        let found = match recalled {
            Some(index) => Some(index),
            None => {
                leave.wait().await;
                self.verify(login.as_ref(), &prepared).await?
            }
        };
        let (Some(login), Some(index)) = (login, found) else {
            leave.failed();
            return Err(Failure::Credentials);
        };
        if recalled.is_none() {
            self.0.remembered.remember(&login, &prepared, index);
        }
        self.admit(&login, index)
    }

    /// Which of the user's credentials has this password. Takes the same time whoever the user is and however many
    /// credentials there are: one derivation of SCRAM keys, one hash. Only app passwords that were made without SCRAM keys
    /// (`auth.scram = false`) cost one hash each.
    async fn verify(
        &self,
        login: Option<&Login>,
        prepared: &Secret,
    ) -> Result<Option<usize>, Failure> {
        let (login, prepared) = (login.cloned(), prepared.clone());
        let dummy = self.0.dummy_hash.clone();
        self.hash(move || {
            let candidates = candidates(login.as_ref(), &prepared);
            if candidates.is_empty() {
                verify(&prepared, &dummy);
                return None;
            }
            candidates
                .into_iter()
                .find(|(_, hash)| verify(&prepared, hash))
                .map(|(index, _)| index)
        })
        .await
    }

    /// Runs something that takes a core for a while.
    async fn hash<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let permit = self
            .0
            .hashing
            .acquire()
            .await
            .map_err(|_| Failure::Temporary)?;
        let result = tokio::task::spawn_blocking(work).await.map_err(|error| {
            tracing::error!(%error, "a password could not be verified");
            Failure::Temporary
        });
        drop(permit);
        result
    }

    /// The record of a user; the one place that asks the store.
    async fn look_up(&self, user: &[u8]) -> Result<Option<Login>, Failure> {
        let Ok(name) = std::str::from_utf8(user) else {
            return Ok(None);
        };
        if name.len() > USER_OCTETS_MAX {
            return Ok(None);
        }
        self.0.store.login(name).await.map_err(|error| {
            tracing::error!(%error, "the store cannot say who may log in");
            Failure::Temporary
        })
    }

    /// The secret was right: is the account in order?
    fn admit(&self, login: &Login, credential: usize) -> Result<Identity, Failure> {
        let grant = Grant::of(login, credential).ok_or(Failure::Credentials)?;
        let credential = login
            .credentials
            .get(credential)
            .ok_or(Failure::Credentials)?;
        if login.disabled {
            return Err(Failure::Disabled);
        }
        let (store, id) = (self.0.store.clone(), credential.id);
        // Nobody waits for the note of when it was used.
        tokio::spawn(async move {
            if let Err(error) = store.touch_credential(id).await {
                tracing::debug!(%error, "cannot note the use of a credential");
            }
        });
        Ok(Identity {
            account: login.account,
            address: login.address.clone(),
            app_password: credential.name.clone(),
            grant,
        })
    }

    /// Begins SCRAM: what to tell the client, and what to judge it by.
    pub(super) async fn scram_user(&self, user: &str, peer: &Peer) -> Result<ScramUser, Failure> {
        let leave = self
            .0
            .throttle
            .enter(peer.address)
            .ok_or(Failure::Throttled)?;
        leave.wait().await;
        let login = self.look_up(user.as_bytes()).await?;
        let parameters = match &login {
            Some(login) => ScramParameters {
                salt: login.scram_salt.clone(),
                iterations: login.scram_iterations,
            },
            None => self.fake_parameters(user),
        };
        Ok(ScramUser {
            parameters,
            login,
            leave,
            authenticator: self.clone(),
            user: user.to_owned(),
            peer: *peer,
        })
    }

    /// By the name in normal form, as a real salt would be.
    fn fake_parameters(&self, user: &str) -> ScramParameters {
        let name = Address::parse(user)
            .map_or_else(|_| user.to_owned(), |address| address.as_str().to_owned());
        let salt = hmac_sha256(&self.0.fake_salt_key, name.as_bytes());
        ScramParameters {
            salt: salt[..SCRAM_SALT_OCTETS].to_vec(),
            iterations: SCRAM_ITERATIONS,
        }
    }
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authenticator")
    }
}

/// A user, or someone who says so, in the middle of SCRAM.
pub(super) struct ScramUser {
    pub(super) parameters: ScramParameters,
    login: Option<Login>,
    leave: Leave,
    authenticator: Authenticator,
    user: String,
    peer: Peer,
}

impl ScramUser {
    /// Judges a proof: `proves` is asked for each of the user's keys.
    pub(super) fn judge(
        &self,
        mechanism: Mechanism,
        proves: impl Fn(&ScramKeys) -> bool,
    ) -> Result<(Identity, ScramKeys), Failure> {
        let result = self.find(proves);
        if result == Err(Failure::Credentials) {
            self.leave.failed();
        }
        let (identity, keys) = result.clone().map_or_else(
            |failure| (Err(failure), None),
            |(identity, keys)| (Ok(identity), Some(keys)),
        );
        report(
            mechanism.name(),
            self.user.as_bytes(),
            &self.peer,
            &identity,
        );
        Ok((identity?, keys.ok_or(Failure::Credentials)?))
    }

    fn find(&self, proves: impl Fn(&ScramKeys) -> bool) -> Result<(Identity, ScramKeys), Failure> {
        let login = self.login.as_ref().ok_or(Failure::Credentials)?;
        let keys = login
            .credentials
            .iter()
            .map(|credential| credential.scram.as_ref());
        let found = keys
            .enumerate()
            .find_map(|(index, keys)| keys.filter(|keys| proves(keys)).map(|keys| (index, keys)));
        let (index, keys) = found.ok_or(Failure::Credentials)?;
        Ok((self.authenticator.admit(login, index)?, keys.clone()))
    }

    /// True if `name` means the same user.
    pub(super) fn is(&self, name: &str) -> bool {
        is_same_user(&self.user, name)
    }
}

/// True if two names are the same address.
pub(super) fn is_same_user(one: &str, other: &str) -> bool {
    one == other
        || matches!((Address::parse(one), Address::parse(other)), (Ok(one), Ok(other)) if one == other)
}

/// The credentials that may have this password, as index and hash. With many app passwords the SCRAM keys, which share one
/// salt, tell which it is at the price of one derivation, instead of one hash for each.
///
/// The price is paid for every name, or time would tell who has app passwords.
fn candidates(login: Option<&Login>, prepared: &Secret) -> Vec<(usize, String)> {
    let wanted = match login {
        Some(login) => scram_keys(prepared, &login.scram_salt, login.scram_iterations),
        None => scram_keys(prepared, &[0; SCRAM_SALT_OCTETS], SCRAM_ITERATIONS),
    };
    let credentials = login.map_or(&[][..], |login| &login.credentials);
    let may_be = |keys: Option<&ScramKeys>| match keys {
        Some(keys) if credentials.len() > 1 => {
            crate::secret::same(&keys.stored_key, &wanted.stored_key)
        }
        _ => true,
    };
    let all = credentials.iter().enumerate();
    all.filter(|(_, credential)| may_be(credential.scram.as_ref()))
        .map(|(index, credential)| (index, credential.password_hash.clone()))
        .collect()
}

/// One line for each attempt; the reply tells less.
fn report(mechanism: &str, user: &[u8], peer: &Peer, result: &Result<Identity, Failure>) {
    let (outcome, failure) = match result {
        Ok(_) => ("success", None),
        Err(failure) => (failure.as_str(), Some(failure)),
    };
    metrics::counter!("authentications_total", "mechanism" => mechanism.to_owned(), "outcome" => outcome).increment(1);
    let user = String::from_utf8_lossy(&user[..user.len().min(USER_OCTETS_MAX)]);
    match failure {
        None => tracing::info!(mechanism, %user, %peer, "logged in"),
        Some(_) => tracing::warn!(mechanism, %user, %peer, outcome, "not logged in"),
    }
}

/// Read from the data directory, or made there.
fn fake_salt_key(data_dir: &Path) -> io::Result<[u8; 32]> {
    let path = data_dir.join("auth.key");
    let path = path.as_path();
    let explain =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let key = match fs::read(path) {
        Ok(key) => key,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            crate::secret::publish(path, &random::<32>()).map_err(explain)?;
            fs::read(path).map_err(explain)?
        }
        Err(error) => return Err(explain(error)),
    };
    let wrong = |_| {
        explain(io::Error::new(
            io::ErrorKind::InvalidData,
            "must be 32 octets; remove it, and it will be made anew",
        ))
    };
    key.try_into().map_err(wrong)
}
