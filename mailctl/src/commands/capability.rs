//! `account capability`: what an account's IMAP clients are not offered, though the server has it.

use imapd::grammar::capability::Capability;
use serde_json::json;

use crate::answer::Answer;
use crate::cli::AccountCapability;
use crate::fail::{Failure, Kind, Outcome};
use crate::office::Office;

/// Runs an `account capability` command.
pub async fn run(address: &str, command: AccountCapability, office: &Office) -> Outcome<Answer> {
    let account = office.account(address).await?;
    match command {
        AccountCapability::Hide { name } => {
            let name = known(&name)?;
            office.store.hide_capability(account.id, name).await?;
            let json = json!({ "account": account.address.as_str(), "hidden": name });
            let text = format!(
                "{name} is hidden from {}, from its next login on.",
                account.address
            );
            Ok(Answer::done(text, json))
        }
        AccountCapability::Show { name } => {
            office.store.show_capability(account.id, &name).await?;
            let json = json!({ "account": account.address.as_str(), "shown": name });
            let text = format!(
                "{name} is offered to {} again, from its next login on.",
                account.address
            );
            Ok(Answer::done(text, json))
        }
        AccountCapability::List => {
            let hidden = office.store.hidden_capabilities(account.id).await?;
            Ok(Answer::list(["HIDDEN"], &hidden, |name| [name.clone()]))
        }
    }
}

/// A capability by its name. IMAP4rev1 is what is left when all else is hidden.
fn known(name: &str) -> Outcome<&'static str> {
    let mut names = Capability::ALL.iter().map(|capability| capability.name());
    match names.find(|known| known.eq_ignore_ascii_case(name)) {
        Some("IMAP4rev1") => Err(Failure::new(Kind::Usage, "IMAP4rev1 cannot be hidden")),
        Some(known) => Ok(known),
        None => Err(Failure::new(
            Kind::NotFound,
            format!("there is no IMAP capability {name}"),
        )),
    }
}
