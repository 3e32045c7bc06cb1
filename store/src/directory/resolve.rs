//! Where does mail for this address go? The question of every RCPT.
//!
//! In this order: an alias of exactly that name, an account's address, the same two without
//! the tag of a sub-address, `postmaster` (RFC 5321 §4.5.1), the domain's catch-all. An
//! exact name always wins, so a catch-all never swallows a real user.
//!
//! Aliases may point at aliases; a chain that comes back to where it was is cut there, and
//! one that leads nowhere else is told as [`Resolution::Loop`].

use std::collections::{BTreeSet, HashSet};

use rusqlite::{Connection, OptionalExtension};

use super::account_at;
use super::alias::ALIAS_TARGETS_MAX;
use crate::{AccountId, Address, Error, Result, Store};

/// Aliases that lead to aliases.
const ALIAS_DEPTH_MAX: usize = 20;
/// Destinations of one address in all.
const DESTINATIONS_MAX: usize = 10_000;

/// Where an address leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// Its domain is not one of ours.
    NotLocal,
    /// Its domain is ours, and there is no such user.
    Unknown,
    /// Its aliases lead back to themselves and nowhere else.
    Loop,
    /// It leads somewhere: one of the lists is not empty. Each destination appears once.
    Resolved {
        /// Accounts here.
        accounts: Vec<ResolvedAccount>,
        /// Addresses elsewhere, through aliases.
        remotes: Vec<Address>,
    },
}

/// An account that an address leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedAccount {
    /// The account.
    pub account: AccountId,
    /// The address by which it was reached in the end, for Delivered-To.
    pub address: Address,
    /// It may not keep another message.
    pub over_quota: bool,
    /// Octets that it may still take; `None`: no limit.
    pub octets_left: Option<u64>,
    /// It may not log in. Mail is still taken for it.
    pub disabled: bool,
}

impl Store {
    /// Where mail for `address` goes.
    pub async fn resolve(&self, address: &Address) -> Result<Resolution> {
        let separator = &self.inner.options.subaddress_separator;
        self.read_briefly(|connection| Resolver::new(connection, separator).resolve(address))
    }

    /// Where mail for `postmaster` without a domain goes (RFC 5321 §4.5.1): to that of the oldest domain.
    pub async fn resolve_postmaster(&self) -> Result<Resolution> {
        let sql = "SELECT name FROM domain ORDER BY id LIMIT 1";
        let oldest: Option<String> = self.read_briefly(|connection| {
            Ok(connection.query_row(sql, [], |row| row.get(0)).optional()?)
        })?;
        match oldest {
            Some(domain) => {
                self.resolve(&Address::from_parts("postmaster", &domain)?)
                    .await
            }
            None => Ok(Resolution::Unknown),
        }
    }

    /// May this account send as `address`? Yes if it is one of its own, tag or not, even where an alias sends its mail elsewhere; or if
    /// mail for it is delivered to the account.
    pub async fn may_send_as(&self, account: AccountId, address: &Address) -> Result<bool> {
        let separator = &self.inner.options.subaddress_separator;
        self.read_briefly(|connection| {
            let resolver = Resolver::new(connection, separator);
            if resolver.is_name_of(account, address)? {
                return Ok(true);
            }
            Ok(match resolver.resolve(address)? {
                Resolution::Resolved { accounts, .. } => {
                    accounts.iter().any(|resolved| resolved.account == account)
                }
                Resolution::NotLocal | Resolution::Unknown | Resolution::Loop => false,
            })
        })
    }
}

struct Resolver<'a> {
    connection: &'a Connection,
    separator: &'a str,
    /// Aliases on the way.
    visited: HashSet<Address>,
    /// Domains whose catch-all was followed.
    caught: HashSet<String>,
    seen_accounts: HashSet<AccountId>,
    accounts: Vec<ResolvedAccount>,
    remotes: BTreeSet<Address>,
    looped: bool,
}

impl<'a> Resolver<'a> {
    fn new(connection: &'a Connection, separator: &'a str) -> Self {
        Resolver {
            connection,
            separator,
            visited: HashSet::new(),
            caught: HashSet::new(),
            seen_accounts: HashSet::new(),
            accounts: Vec::new(),
            remotes: BTreeSet::new(),
            looped: false,
        }
    }

    /// Whether it is an address of the account, or a sub-address of one that nobody else has.
    fn is_name_of(&self, account: AccountId, address: &Address) -> Result<bool> {
        if let Some(owner) = account_at(self.connection, address.as_str())? {
            return Ok(owner == account);
        }
        match self.without_tag(address) {
            Some(base) if self.targets(address)?.is_empty() => {
                Ok(account_at(self.connection, base.as_str())? == Some(account))
            }
            _ => Ok(false),
        }
    }

    fn resolve(mut self, address: &Address) -> Result<Resolution> {
        if self.catch_all(address.domain())?.is_none() {
            return Ok(Resolution::NotLocal);
        }
        self.follow(address, 0)?;
        Ok(
            match (
                self.accounts.is_empty() && self.remotes.is_empty(),
                self.looped,
            ) {
                (false, _) => Resolution::Resolved {
                    accounts: self.accounts,
                    remotes: self.remotes.into_iter().collect(),
                },
                (true, true) => Resolution::Loop,
                (true, false) => Resolution::Unknown,
            },
        )
    }

    /// Adds all destinations of `address`. The depth is bounded, so recursion is too.
    fn follow(&mut self, address: &Address, depth: usize) -> Result<()> {
        if depth > ALIAS_DEPTH_MAX {
            self.looped = true;
            return Ok(());
        }
        if self.accounts.len() + self.remotes.len() > DESTINATIONS_MAX {
            return Err(Error::Limit("destinations of the address"));
        }
        let Some(catch_all) = self.catch_all(address.domain())? else {
            self.remotes.insert(address.clone());
            return Ok(());
        };
        if self.exact(address, address, depth)? {
            return Ok(());
        }
        if let Some(base) = self.without_tag(address)
            && self.exact(&base, address, depth)?
        {
            return Ok(());
        }
        if self.postmaster(address)? {
            return Ok(());
        }
        match catch_all {
            // A catch-all that names an unknown user of its own domain comes round again.
            Some(target) if self.caught.insert(address.domain().to_owned()) => {
                self.follow(&target, depth + 1)
            }
            Some(_) => {
                self.looped = true;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The alias or the account of exactly this name; `reached` is what stands in Delivered-To.
    fn exact(&mut self, name: &Address, reached: &Address, depth: usize) -> Result<bool> {
        let targets = self.targets(name)?;
        let account = account_at(self.connection, name.as_str())?;
        if targets.is_empty() {
            return match account {
                Some(account) => self.deliver(account, reached).map(|()| true),
                None => Ok(false),
            };
        }
        if !self.visited.insert(name.clone()) {
            // An alias that names itself means the account of that name, if there is one.
            match account {
                Some(account) => self.deliver(account, reached)?,
                None => self.looped = true,
            }
            return Ok(true);
        }
        for target in &targets {
            self.follow(target, depth + 1)?;
        }
        Ok(true)
    }

    fn deliver(&mut self, account: AccountId, reached: &Address) -> Result<()> {
        if self.seen_accounts.insert(account) {
            let resolved = resolved_account(self.connection, account, reached)?;
            self.accounts.push(resolved);
        }
        Ok(())
    }

    fn targets(&self, name: &Address) -> Result<Vec<Address>> {
        // A limit as a parameter would have the statement compiled anew each time: SQLite plans by its value.
        let sql = format!("SELECT target FROM alias WHERE address = ?1 LIMIT {ALIAS_TARGETS_MAX}");
        let mut select = self.connection.prepare_cached(&sql)?;
        let rows = select.query_map([name], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// `None`: the domain is not local. `Some(None)`: it has no catch-all.
    fn catch_all(&self, domain: &str) -> Result<Option<Option<Address>>> {
        let sql = "SELECT catch_all FROM domain WHERE name = ?1";
        Ok(self
            .connection
            .prepare_cached(sql)?
            .query_row([domain], |row| row.get(0))
            .optional()?)
    }

    fn without_tag(&self, address: &Address) -> Option<Address> {
        if self.separator.is_empty() {
            return None;
        }
        let (base, _tag) = address.local().split_once(self.separator)?;
        Address::from_parts(base, address.domain()).ok()
    }

    /// Mail for postmaster always arrives: at the oldest account of the domain, or of the server.
    fn postmaster(&mut self, address: &Address) -> Result<bool> {
        if address.local() != "postmaster" {
            return Ok(false);
        }
        let sql = "SELECT min(address.account), (SELECT min(id) FROM account)
                   FROM domain LEFT JOIN address ON address.domain = domain.id WHERE domain.name = ?1";
        let oldest: (Option<AccountId>, Option<AccountId>) =
            self.connection
                .prepare_cached(sql)?
                .query_row([address.domain()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        match oldest.0.or(oldest.1) {
            Some(account) => self.deliver(account, address).map(|()| true),
            None => Ok(false),
        }
    }
}

fn resolved_account(
    connection: &Connection,
    account: AccountId,
    reached: &Address,
) -> Result<ResolvedAccount> {
    let sql = "SELECT quota_octets - used_octets, quota_messages - used_messages, disabled FROM account WHERE id = ?1";
    let mut select = connection.prepare_cached(sql)?;
    let found = select.query_row([account], |row| {
        let (octets, messages): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
        Ok(ResolvedAccount {
            account,
            address: reached.clone(),
            over_quota: octets.is_some_and(|left| left <= 0)
                || messages.is_some_and(|left| left <= 0),
            octets_left: octets.map(|left| left.max(0) as u64),
            disabled: row.get(2)?,
        })
    })?;
    Ok(found)
}
