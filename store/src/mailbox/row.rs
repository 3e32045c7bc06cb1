//! The part of a mailbox's row that a transaction changes.
//!
//! A change of entries opens the row, hands out UIDs and one mod-sequence, counts what it
//! did, and closes the row: that writes the new numbers of mailbox and account. Whoever
//! changes entries goes through here, so the counters cannot be forgotten.

use rusqlite::{Connection, OptionalExtension, params};

use crate::flags::KeywordNames;
use crate::writer::Tx;
use crate::{AccountId, Error, Flags, Keywords, MailboxId, ModSeq, Result, Uid, UidValidity};

/// A mailbox open for change. All its changes bear one new mod-sequence.
#[must_use = "changes of the counters are lost unless the row is closed"]
pub(crate) struct OpenRow {
    pub(crate) id: MailboxId,
    pub(crate) account: AccountId,
    pub(crate) uid_validity: UidValidity,
    /// The mod-sequence of everything that this transaction changes.
    pub(crate) modseq: ModSeq,
    keywords: KeywordNames,
    keywords_grew: bool,
    uid_next: u64,
    messages: i64,
    unseen: i64,
    deleted: i64,
    octets: i64,
    deleted_octets: i64,
    expunged: bool,
}

impl OpenRow {
    /// Opens the row of a mailbox that is the account's.
    pub(crate) fn open(
        connection: &Connection,
        account: AccountId,
        mailbox: MailboxId,
    ) -> Result<OpenRow> {
        let sql = "SELECT uid_validity, uid_next, highest_modseq, keywords FROM mailbox WHERE id = ?1 AND account = ?2";
        let found = connection
            .prepare_cached(sql)?
            .query_row(params![mailbox, account], |row| {
                Ok(OpenRow {
                    id: mailbox,
                    account,
                    uid_validity: UidValidity(row.get(0)?),
                    uid_next: row.get::<_, i64>(1)? as u64,
                    modseq: ModSeq(row.get::<_, ModSeq>(2)?.0 + 1),
                    keywords: KeywordNames::parse(&row.get::<_, String>(3)?),
                    keywords_grew: false,
                    messages: 0,
                    unseen: 0,
                    deleted: 0,
                    octets: 0,
                    deleted_octets: 0,
                    expunged: false,
                })
            });
        found.optional()?.ok_or(Error::NotFound("mailbox"))
    }

    /// The next UID. A mailbox that has given out 2^32 - 1 of them is full.
    pub(crate) fn take_uid(&mut self) -> Result<Uid> {
        // UIDNEXT itself must stay a UID.
        let uid = u32::try_from(self.uid_next)
            .ok()
            .filter(|uid| *uid < u32::MAX)
            .and_then(Uid::new);
        self.uid_next += 1;
        uid.ok_or(Error::Limit("messages in the life of the mailbox"))
    }

    /// Bits for keyword names; unknown names are added to the mailbox.
    pub(crate) fn learn_keywords(&mut self, names: &[String]) -> Result<Keywords> {
        let (bits, grew) = self.keywords.learn(names)?;
        self.keywords_grew |= grew;
        Ok(bits)
    }

    /// Bits for those keyword names that the mailbox knows.
    pub(crate) fn known_keywords(&self, names: &[String]) -> Keywords {
        self.keywords.known(names)
    }

    /// The names behind the bits.
    pub(crate) fn keyword_names(&self, keywords: Keywords) -> Vec<String> {
        self.keywords.names(keywords)
    }

    /// All names, by bit.
    pub(crate) fn all_keywords(&self) -> Vec<String> {
        self.keywords.0.clone()
    }

    /// Counts an entry that comes.
    pub(crate) fn count_added(&mut self, flags: Flags, octets: u64) {
        self.count(1, flags, octets);
    }

    /// Counts an entry that goes.
    pub(crate) fn count_removed(&mut self, flags: Flags, octets: u64) {
        self.expunged = true;
        self.count(-1, flags, octets);
    }

    /// Counts an entry of so many octets whose flags change.
    pub(crate) fn count_flags(&mut self, before: Flags, after: Flags, octets: u64) {
        self.unseen +=
            i64::from(!after.contains(Flags::SEEN)) - i64::from(!before.contains(Flags::SEEN));
        let deleted =
            i64::from(after.contains(Flags::DELETED)) - i64::from(before.contains(Flags::DELETED));
        self.deleted += deleted;
        self.deleted_octets += deleted * octets as i64;
    }

    fn count(&mut self, sign: i64, flags: Flags, octets: u64) {
        self.messages += sign;
        self.octets += sign * octets as i64;
        self.unseen += sign * i64::from(!flags.contains(Flags::SEEN));
        let deleted = sign * i64::from(flags.contains(Flags::DELETED));
        self.deleted += deleted;
        self.deleted_octets += deleted * octets as i64;
    }

    /// Octets by which the account grows.
    pub(crate) fn octets(&self) -> i64 {
        self.octets
    }

    /// Messages by which the account grows.
    pub(crate) fn messages(&self) -> i64 {
        self.messages
    }

    /// Writes the new numbers and wakes the sessions after the commit.
    pub(crate) fn close(self, tx: &mut Tx<'_>) -> Result<()> {
        let sql = "UPDATE mailbox SET uid_next = ?2, highest_modseq = ?3, messages = messages + ?4, unseen = unseen + ?5,
                       deleted = deleted + ?6, size = size + ?7, deleted_size = deleted_size + ?8 WHERE id = ?1";
        let values = params![
            self.id,
            self.uid_next as i64,
            self.modseq,
            self.messages,
            self.unseen,
            self.deleted,
            self.octets,
            self.deleted_octets
        ];
        tx.connection.prepare_cached(sql)?.execute(values)?;
        if self.keywords_grew {
            let sql = "UPDATE mailbox SET keywords = ?2 WHERE id = ?1";
            tx.connection
                .prepare_cached(sql)?
                .execute(params![self.id, self.keywords.joined()])?;
        }
        if self.messages != 0 || self.octets != 0 {
            let sql = "UPDATE account SET used_octets = used_octets + ?2, used_messages = used_messages + ?3 WHERE id = ?1";
            tx.connection.prepare_cached(sql)?.execute(params![
                self.account,
                self.octets,
                self.messages
            ])?;
        }
        tx.touched(self.account, self.id);
        Ok(())
    }
}

/// `OverQuota` if the account has no room for that much more.
pub(crate) fn check_quota(
    connection: &Connection,
    account: AccountId,
    octets: i64,
    messages: i64,
) -> Result<()> {
    let sql = "SELECT coalesce(used_octets + ?2 > quota_octets, 0) OR coalesce(used_messages + ?3 > quota_messages, 0)
               FROM account WHERE id = ?1";
    let over = connection
        .prepare_cached(sql)?
        .query_row(params![account, octets, messages], |row| row.get(0))
        .optional()?;
    match over {
        Some(false) => Ok(()),
        Some(true) => Err(Error::OverQuota),
        None => Err(Error::NotFound("account")),
    }
}
