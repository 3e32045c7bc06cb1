//! From a password to what the store keeps of it.

use daemon::credential;
use daemon::secret::Secret;
use store::{AccountId, NewCredential};

use crate::fail::{Failure, Outcome};
use crate::office::Office;

/// The hash and keys of a password for this account.
pub async fn derive(
    office: &Office,
    account: AccountId,
    password: &Secret,
) -> Outcome<NewCredential> {
    let parameters = office.store.scram_parameters(account).await?;
    let scram = office.config.auth.scram.then_some(&parameters);
    credential::derive(password, scram).map_err(|error| Failure::failed(error.to_string()))
}

/// Sets the account's password.
pub async fn set_password(office: &Office, account: AccountId, password: &Secret) -> Outcome<()> {
    let credential = derive(office, account, password).await?;
    Ok(office.store.set_password(account, credential).await?)
}
