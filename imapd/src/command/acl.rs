//! SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS (RFC 4314 §3), and MYRIGHTS for LIST (RFC 8440).
//!
//! Identifiers are `anyone` and the addresses of accounts, in any of their spellings; a dash in front takes rights away. The
//! owner has all rights, always: that stands first in the list, and cannot be changed. There are
//! no groups.

use daemon::session::Output;
use store::{Address, Grant, Grantee, Rights};

use crate::grammar::Malformed;
use crate::grammar::acl::{Acl, AclData, Change};
use crate::grammar::response::Response;
use crate::session::ImapSession;
use crate::session::dispatch::{Done, Outcome};
use crate::session::place::Place;
use crate::session::reject::Reject;
use crate::session::rights::Deed;

/// The identifier of all users (RFC 4314 §2).
const ANYONE: &str = "anyone";

impl ImapSession {
    pub(crate) async fn acl(&mut self, acl: Acl, out: &mut Output) -> Outcome {
        match acl {
            Acl::Get { mailbox } => self.get_acl(&mailbox, out).await,
            Acl::Set {
                mailbox,
                identifier,
                change,
                rights,
            } => {
                self.set_acl(&mailbox, &identifier, change, &rights).await?;
                Ok(Done::text("SETACL completed"))
            }
            Acl::Delete {
                mailbox,
                identifier,
            } => {
                self.set_acl(&mailbox, &identifier, Change::Replace, "")
                    .await?;
                Ok(Done::text("DELETEACL completed"))
            }
            Acl::ListRights {
                mailbox,
                identifier,
            } => self.list_rights(&mailbox, identifier, out).await,
            Acl::MyRights { mailbox } => {
                let place = self.place(&mailbox, Deed::LearnRights).await?;
                self.say(&my_rights(&place), out);
                Ok(Done::text("MYRIGHTS completed"))
            }
        }
    }

    async fn get_acl(&self, mailbox: &str, out: &mut Output) -> Outcome {
        let place = self.place(mailbox, Deed::Administer).await?;
        let owner = self.owner(&place).await?;
        let grants = self
            .store()
            .grants(place.access.owner(), place.info.id)
            .await?;
        let mut entries = vec![(owner.to_string(), Rights::ALL.letters())];
        entries.extend(grants.iter().map(entry));
        let acl = Response::Acl {
            mailbox: place.info.name,
            data: AclData::Acl(entries),
        };
        self.say(&acl, out);
        Ok(Done::text("GETACL completed"))
    }

    async fn set_acl(
        &self,
        mailbox: &str,
        identifier: &str,
        change: Change,
        letters: &str,
    ) -> Result<(), Reject> {
        let (grantee, negative) = parse_identifier(identifier)?;
        // RFC 4314 §3.1: "an unrecognized right MUST cause the command to return the BAD response".
        let rights = Rights::parse(letters).map_err(|_| Malformed::Expected("known rights"))?;
        let place = self.place(mailbox, Deed::Administer).await?;
        if self.owner(&place).await?.as_str().contains(['/', '%', '*']) {
            let reason = "Mailboxes of an address with such characters cannot be shared";
            return Err(store::Error::NotPermitted(reason).into());
        }
        let change = move |before: Rights| match change {
            Change::Replace => rights,
            Change::Add => before | rights,
            Change::Remove => before & !rights,
        };
        self.store()
            .set_grant(
                place.access.owner(),
                place.info.id,
                &grantee,
                negative,
                change,
            )
            .await?;
        Ok(())
    }

    async fn list_rights(&self, mailbox: &str, identifier: String, out: &mut Output) -> Outcome {
        let (grantee, _) = parse_identifier(&identifier)?;
        let place = self.place(mailbox, Deed::Administer).await?;
        let is_owner = match &grantee {
            Grantee::Anyone => false,
            Grantee::Account(address) => {
                self.store().account(address).await?.id == place.access.owner()
            }
        };
        let letters = Rights::ALL.letters();
        let (always, grantable) = match is_owner {
            true => (letters, Vec::new()),
            // No right is tied to another.
            false => (String::new(), letters.chars().map(String::from).collect()),
        };
        let rights = Response::Acl {
            mailbox: place.info.name,
            data: AclData::ListRights {
                identifier,
                always,
                grantable,
            },
        };
        self.say(&rights, out);
        Ok(Done::text("LISTRIGHTS completed"))
    }

    async fn owner(&self, place: &Place) -> Result<Address, Reject> {
        let owner = self.store().account_by_id(place.access.owner()).await?;
        Ok(owner.address)
    }
}

/// What the user may do with a mailbox.
pub(super) fn my_rights(place: &Place) -> Response {
    Response::Acl {
        mailbox: place.info.name.clone(),
        data: AclData::MyRights(place.rights.letters()),
    }
}

fn entry(grant: &Grant) -> (String, String) {
    let sign = if grant.negative { "-" } else { "" };
    let identifier = match &grant.grantee {
        Grantee::Anyone => format!("{sign}{ANYONE}"),
        Grantee::Account(address) => format!("{sign}{address}"),
    };
    (identifier, grant.rights.letters())
}

/// RFC 4314 §3: an identifier goes through SASLprep; what does not pass, or is empty then, is answered with BAD.
fn parse_identifier(identifier: &str) -> Result<(Grantee, bool), Reject> {
    let prepared =
        stringprep::saslprep(identifier).map_err(|_| Malformed::Expected("an identifier"))?;
    let (name, negative) = match prepared.strip_prefix('-') {
        Some(name) => (name, true),
        None => (prepared.as_ref(), false),
    };
    if name.is_empty() {
        return Err(Malformed::Expected("an identifier").into());
    }
    if name == ANYONE {
        return Ok((Grantee::Anyone, negative));
    }
    let address = Address::parse(name).map_err(|_| store::Error::NotFound("account"))?;
    Ok((Grantee::Account(address), negative))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_prepared() {
        let alice = || Grantee::Account(Address::parse("alice@example.test").unwrap());
        let parsed = |text: &str| parse_identifier(text).unwrap();
        assert_eq!(parsed("anyone"), (Grantee::Anyone, false));
        assert_eq!(parsed("-anyone"), (Grantee::Anyone, true));
        assert_eq!(parsed("Alice@Example.TEST"), (alice(), false));
        assert_eq!(parsed("-alice@example.test"), (alice(), true));
        for bad in ["", "-", "a\u{7}b@example.test", "\u{ad}"] {
            assert!(
                matches!(parse_identifier(bad), Err(Reject::Malformed(_))),
                "{bad:?}"
            );
        }
        assert!(matches!(
            parse_identifier("fred"),
            Err(Reject::Store(store::Error::NotFound("account")))
        ));
    }
}
