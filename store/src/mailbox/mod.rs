//! Mailboxes: names with a hierarchy, and for each a row with the state that STATUS asks for.
//!
//! The counters live in the row and change in the transaction that changes the entries, so
//! their cost does not depend on the size of the mailbox.
//!
//! Here: what a mailbox is, and looking mailboxes up. `hierarchy` creates, renames and
//! removes; `name` says what a name may be; `row` is the part that a transaction changes.

mod hierarchy;
mod name;
pub(crate) mod row;

use rusqlite::{Connection, OptionalExtension, Row, params};

pub(crate) use hierarchy::{create_initial, remove_all};
pub use name::is_mailbox_name;
pub(crate) use name::{INBOX, normal_name, superiors};

use crate::flags::KeywordNames;
use crate::{AccountId, Error, MailboxId, ModSeq, Result, Store, Uid, UidValidity};

/// What a mailbox is for (RFC 6154 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpecialUse {
    /// `\Archive`
    Archive,
    /// `\Drafts`
    Drafts,
    /// `\Junk`
    Junk,
    /// `\Sent`
    Sent,
    /// `\Trash`
    Trash,
}

impl SpecialUse {
    /// All of them.
    pub const ALL: [SpecialUse; 5] = [
        SpecialUse::Archive,
        SpecialUse::Drafts,
        SpecialUse::Junk,
        SpecialUse::Sent,
        SpecialUse::Trash,
    ];

    /// The word, without a backslash. It is also the name of the mailbox that a new account gets.
    pub fn name(self) -> &'static str {
        match self {
            SpecialUse::Archive => "Archive",
            SpecialUse::Drafts => "Drafts",
            SpecialUse::Junk => "Junk",
            SpecialUse::Sent => "Sent",
            SpecialUse::Trash => "Trash",
        }
    }

    /// The use of that name, in any case.
    pub fn from_name(name: &str) -> Option<SpecialUse> {
        SpecialUse::ALL
            .into_iter()
            .find(|known| known.name().eq_ignore_ascii_case(name))
    }
}

/// All that is known of a mailbox without looking at its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxInfo {
    /// Its number: stable across RENAME.
    pub id: MailboxId,
    /// Full name in UTF-8; levels are separated by `/`; `INBOX` in upper case.
    pub name: String,
    /// UIDVALIDITY, unique among all mailboxes that the account ever had.
    pub uid_validity: UidValidity,
    /// The UID that the next message gets.
    pub uid_next: Uid,
    /// The highest mod-sequence of all changes.
    pub highest_modseq: ModSeq,
    /// Messages.
    pub messages: u32,
    /// Messages without `\Seen`.
    pub unseen: u32,
    /// Messages with `\Deleted`.
    pub deleted: u32,
    /// Octets of all messages.
    pub size: u64,
    /// Octets of the messages with `\Deleted`.
    pub deleted_size: u64,
    /// Messages from this UID on are `\Recent` for the next session that selects the mailbox.
    pub recent_from: Uid,
    /// What it is for.
    pub special_use: Option<SpecialUse>,
    /// Names of keywords; the position is the bit in [`crate::Keywords`].
    pub keywords: Vec<String>,
    /// Only a name above others: cannot be selected.
    pub no_select: bool,
    /// Its name is among the account's subscriptions.
    pub subscribed: bool,
}

const SELECT: &str = "SELECT id, name, uid_validity, uid_next, highest_modseq, messages, unseen, deleted, size,
        recent_from, special_use, keywords, no_select, deleted_size,
        EXISTS (SELECT 1 FROM subscription WHERE subscription.account = mailbox.account AND subscription.name = mailbox.name)
    FROM mailbox";

fn from_row(row: &Row<'_>) -> rusqlite::Result<MailboxInfo> {
    let special_use: Option<String> = row.get(10)?;
    Ok(MailboxInfo {
        id: row.get(0)?,
        name: row.get(1)?,
        uid_validity: UidValidity(row.get(2)?),
        uid_next: row.get(3)?,
        highest_modseq: row.get(4)?,
        messages: row.get(5)?,
        unseen: row.get(6)?,
        deleted: row.get(7)?,
        size: row.get::<_, i64>(8)? as u64,
        recent_from: row.get(9)?,
        special_use: special_use.as_deref().and_then(SpecialUse::from_name),
        keywords: KeywordNames::parse(&row.get::<_, String>(11)?).0,
        no_select: row.get(12)?,
        deleted_size: row.get::<_, i64>(13)? as u64,
        subscribed: row.get(14)?,
    })
}

/// The mailbox of that (normal) name.
pub(crate) fn find(
    connection: &Connection,
    account: AccountId,
    name: &str,
) -> Result<Option<MailboxInfo>> {
    let sql = format!("{SELECT} WHERE account = ?1 AND name = ?2");
    Ok(connection
        .prepare_cached(&sql)?
        .query_row(params![account, name], from_row)
        .optional()?)
}

/// The mailbox of that number, if it is the account's.
pub(crate) fn info(
    connection: &Connection,
    account: AccountId,
    mailbox: MailboxId,
) -> Result<MailboxInfo> {
    let sql = format!("{SELECT} WHERE account = ?1 AND id = ?2");
    let found = connection
        .prepare_cached(&sql)?
        .query_row(params![account, mailbox], from_row)
        .optional()?;
    found.ok_or(Error::NotFound("mailbox"))
}

/// `NotFound` unless the mailbox is the account's.
pub(crate) fn require_owned(
    connection: &Connection,
    account: AccountId,
    mailbox: MailboxId,
) -> Result<()> {
    let sql = "SELECT 1 FROM mailbox WHERE id = ?2 AND account = ?1";
    let found = connection
        .prepare_cached(sql)?
        .query_row(params![account, mailbox], |_| Ok(()))
        .optional()?;
    found.ok_or(Error::NotFound("mailbox"))
}

impl Store {
    /// All mailboxes of the account, by name.
    pub async fn mailboxes(&self, account: AccountId) -> Result<Vec<MailboxInfo>> {
        self.read(move |connection| {
            let mut select =
                connection.prepare_cached(&format!("{SELECT} WHERE account = ?1 ORDER BY name"))?;
            Ok(select
                .query_map([account], from_row)?
                .collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Whether there are mailboxes below that (normal) name.
    pub async fn has_children(&self, account: AccountId, name: &str) -> Result<bool> {
        // '0' is the octet after '/'.
        let (first, end) = (format!("{name}/"), format!("{name}0"));
        self.read_briefly(|connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM mailbox WHERE account = ?1 AND name > ?2 AND name < ?3)";
            let mut select = connection.prepare_cached(sql)?;
            Ok(select.query_row(params![account, first, end], |row| row.get(0))?)
        })
    }

    /// The mailbox of that name; INBOX in any case.
    pub async fn mailbox(&self, account: AccountId, name: &str) -> Result<MailboxInfo> {
        // A name that no mailbox can have is the name of no mailbox.
        let name = normal_name(name).map_err(|_| Error::NotFound("mailbox"))?;
        self.read_briefly(|connection| {
            find(connection, account, &name)?.ok_or(Error::NotFound("mailbox"))
        })
    }

    /// The mailbox of that number.
    pub async fn mailbox_by_id(
        &self,
        account: AccountId,
        mailbox: MailboxId,
    ) -> Result<MailboxInfo> {
        self.read_briefly(|connection| info(connection, account, mailbox))
    }
}
