//! `account address`: the further addresses of an account.

use serde_json::json;

use crate::answer::Answer;
use crate::cli::AccountAddress;
use crate::fail::Outcome;
use crate::office::{Office, parse_address};

/// Runs an `account address` command.
pub async fn run(command: AccountAddress, office: &Office) -> Outcome<Answer> {
    match command {
        AccountAddress::Add { account, address } => {
            let (account, address) = (office.account(&account).await?, parse_address(&address)?);
            office.store.add_address(account.id, &address).await?;
            let json = json!({ "account": account.address.as_str(), "added": address.as_str() });
            Ok(Answer::done(
                format!("{address} now belongs to {}.", account.address),
                json,
            ))
        }
        AccountAddress::Remove { account, address } => {
            let (account, address) = (office.account(&account).await?, parse_address(&address)?);
            office.store.remove_address(account.id, &address).await?;
            let json = json!({ "account": account.address.as_str(), "removed": address.as_str() });
            Ok(Answer::done(
                format!("{address} no longer belongs to {}.", account.address),
                json,
            ))
        }
    }
}
