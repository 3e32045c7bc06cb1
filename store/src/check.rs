//! The consistency check: does the store say the same thing everywhere?
//!
//! Counters against entries, references, the order of UIDs and mod-sequences, digests and
//! MIME indexes of all messages. It changes nothing, and works on a store in use: each
//! mailbox and each batch of messages is read in one short transaction.
//!
//! A fault is a sentence for the operator. No fault means that every rule below holds.

use rusqlite::{Connection, params};

use crate::mime::MessageIndex;
use crate::{Result, Store, piece};

/// Messages whose digests are checked in one read.
const BATCH: i64 = 100;
/// Faults after which the check stops: by then the store is beyond listing.
const FAULTS_MAX: usize = 1000;

/// Something that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(pub String);

/// How far the check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Messages looked at.
    pub done: u64,
    /// Messages in all.
    pub total: u64,
}

/// Rules that one query can check: a sentence, and a query that gives a row for each breach.
const RULES: &[(&str, &str)] = &[
    (
        "sts_policy: it expires before it was fetched",
        "SELECT domain FROM sts_policy WHERE expires < fetched",
    ),
    (
        "tls_session: it was counted less than once",
        "SELECT day || '/' || domain FROM tls_session WHERE count < 1",
    ),
    (
        "mailbox: its counters (messages, unseen, deleted, sizes) differ from its entries",
        "SELECT mailbox.account || '/' || name FROM mailbox LEFT JOIN
            (SELECT mailbox AS id, count(*) AS n, sum(flags & 1 = 0) AS u, sum(flags & 8 <> 0) AS d, sum(size) AS s,
                sum(iif(flags & 8 <> 0, size, 0)) AS ds
             FROM entry GROUP BY mailbox) AS found USING (id)
         WHERE messages <> coalesce(n, 0) OR unseen <> coalesce(u, 0) OR deleted <> coalesce(d, 0) OR size <> coalesce(s, 0)
            OR deleted_size <> coalesce(ds, 0)",
    ),
    (
        "reader: the count of what he has seen differs from his marks",
        "SELECT reader.mailbox || '/' || reader.account FROM reader WHERE reader.seen <>
            (SELECT count(*) FROM reading JOIN entry ON entry.mailbox = reading.mailbox AND entry.uid BETWEEN first AND last
             WHERE reading.mailbox = reader.mailbox AND reading.account = reader.account AND reading.seen)",
    ),
    (
        "access control list, reader or annotation: its mailbox or its account is missing",
        "SELECT mailbox || '/' || account FROM
            (SELECT mailbox, account FROM acl UNION SELECT mailbox, account FROM reader
             UNION SELECT mailbox, account FROM reading UNION SELECT mailbox, account FROM annotation)
         WHERE (mailbox <> 0 AND NOT EXISTS (SELECT 1 FROM mailbox AS m WHERE m.id = mailbox))
            OR (account <> 0 AND NOT EXISTS (SELECT 1 FROM account AS a WHERE a.id = account))",
    ),
    (
        "account: its use of quota differs from its mailboxes",
        "SELECT address FROM account LEFT JOIN
            (SELECT account AS id, sum(messages) AS n, sum(size) AS s FROM mailbox GROUP BY account) AS found USING (id)
         WHERE used_messages <> coalesce(n, 0) OR used_octets <> coalesce(s, 0)",
    ),
    (
        "entry: its message is missing",
        "SELECT mailbox || '/' || uid FROM entry WHERE NOT EXISTS (SELECT 1 FROM message WHERE id = entry.message)",
    ),
    (
        "thread: its message is missing",
        "SELECT account || '/' || message FROM thread WHERE NOT EXISTS (SELECT 1 FROM message WHERE id = thread.message)",
    ),
    (
        "entry: its size is not that of prefix and message",
        "SELECT mailbox || '/' || uid FROM entry JOIN message ON message.id = entry.message
         WHERE entry.size <> length(prefix) + message.size",
    ),
    (
        "entry: its mailbox is missing",
        "SELECT mailbox || '/' || uid FROM entry WHERE NOT EXISTS (SELECT 1 FROM mailbox WHERE id = entry.mailbox)",
    ),
    (
        "entry: its UID or its mod-sequence lies beyond those of the mailbox",
        "SELECT mailbox || '/' || uid FROM entry JOIN mailbox ON mailbox.id = entry.mailbox
         WHERE uid >= uid_next OR modseq > highest_modseq",
    ),
    (
        "expunged: a UID is both expunged and there, or was never given",
        "SELECT mailbox || '/' || uid FROM expunged JOIN mailbox ON mailbox.id = expunged.mailbox
         WHERE uid >= uid_next OR modseq > highest_modseq
            OR EXISTS (SELECT 1 FROM entry WHERE entry.mailbox = expunged.mailbox AND entry.uid = expunged.uid)",
    ),
    (
        "message: nothing points at it, and it is not going to be swept",
        "SELECT id FROM message WHERE NOT EXISTS (SELECT 1 FROM entry WHERE message = id)
            AND NOT EXISTS (SELECT 1 FROM outbound WHERE message = id) AND NOT EXISTS (SELECT 1 FROM sweep WHERE message = id)",
    ),
    (
        "piece: its message is missing, and it is not going to be swept",
        "SELECT DISTINCT message FROM chunk WHERE NOT EXISTS (SELECT 1 FROM message WHERE id = chunk.message)
            AND NOT EXISTS (SELECT 1 FROM sweep WHERE sweep.message = chunk.message)",
    ),
    (
        "MIME index: its message is missing",
        "SELECT message FROM mime WHERE NOT EXISTS (SELECT 1 FROM message WHERE id = mime.message)",
    ),
    (
        "text index: a message counts as indexed and is not",
        "SELECT mailbox || '/' || uid FROM entry JOIN mailbox ON mailbox.id = entry.mailbox WHERE uid < indexed_next
            AND NOT EXISTS (SELECT 1 FROM text_document WHERE message = entry.message AND account = mailbox.account)",
    ),
    (
        "text index: it has a document whose message is missing",
        "SELECT DISTINCT message FROM text_document WHERE NOT EXISTS (SELECT 1 FROM message WHERE id = text_document.message)",
    ),
    (
        "queue: the message is missing, or has no recipient",
        "SELECT message FROM outbound WHERE NOT EXISTS (SELECT 1 FROM message WHERE id = outbound.message)
            OR NOT EXISTS (SELECT 1 FROM relay WHERE relay.message = outbound.message)",
    ),
    (
        "key: its domain is missing, or it has a state that there is not",
        "SELECT selector FROM signing_key WHERE NOT EXISTS (SELECT 1 FROM domain WHERE id = signing_key.domain)
            OR state NOT IN ('next', 'signing', 'retired')",
    ),
    (
        "account: it has no INBOX",
        "SELECT address FROM account WHERE NOT EXISTS (SELECT 1 FROM mailbox WHERE account = account.id AND name = 'INBOX')",
    ),
];

impl Store {
    /// Checks everything. `progress` is called now and then.
    pub async fn check(&self, mut progress: impl FnMut(Progress) + Send) -> Result<Vec<Fault>> {
        let mut faults = self
            .read(|connection| Ok(engine_faults(connection)?))
            .await?;
        for (sentence, query) in RULES {
            if faults.len() >= FAULTS_MAX {
                return Ok(faults);
            }
            faults.extend(
                self.read(move |connection| broken_rule(connection, sentence, query))
                    .await?,
            );
        }
        faults.extend(self.verify_index().await?);
        faults.extend(self.check_saved_rolls().await?);
        let total = self
            .read(|connection| {
                Ok(
                    connection.query_row("SELECT count(*) FROM message", [], |row| {
                        row.get::<_, i64>(0)
                    })?,
                )
            })
            .await?;
        let (mut after, mut done) = (0, 0);
        while faults.len() < FAULTS_MAX {
            let batch = self
                .read(move |connection| check_messages(connection, after))
                .await?;
            let Some(last) = batch.last else { break };
            faults.extend(batch.faults);
            after = last;
            done += batch.checked;
            progress(Progress {
                done,
                total: total as u64,
            });
        }
        Ok(faults)
    }
}

/// SQLite's own check of its pages and indexes.
fn engine_faults(connection: &Connection) -> rusqlite::Result<Vec<Fault>> {
    let mut select = connection.prepare("PRAGMA integrity_check(100)")?;
    let lines = select.query_map([], |row| row.get::<_, String>(0))?;
    lines
        .filter(|line| line.as_deref() != Ok("ok"))
        .map(|line| line.map(|text| Fault(format!("database: {text}"))))
        .collect()
}

fn broken_rule(connection: &Connection, sentence: &str, query: &str) -> Result<Vec<Fault>> {
    let mut select = connection.prepare(&format!(
        "SELECT CAST(breach AS TEXT) FROM (SELECT 1 AS breach WHERE 0 UNION ALL {query}) LIMIT ?1"
    ))?;
    let breaches = select.query_map([FAULTS_MAX as i64], |row| row.get::<_, String>(0))?;
    breaches
        .map(|breach| Ok(Fault(format!("{sentence}: {}", breach?))))
        .collect()
}

struct Batch {
    faults: Vec<Fault>,
    checked: u64,
    last: Option<i64>,
}

fn check_messages(connection: &Connection, after: i64) -> Result<Batch> {
    let mut select = connection.prepare_cached(
        "SELECT id, size, digest, mime.data FROM message LEFT JOIN mime ON mime.message = id
         WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let mut rows = select.query(params![after, BATCH])?;
    let mut batch = Batch {
        faults: Vec::new(),
        checked: 0,
        last: None,
    };
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let mut say = |what: &str| batch.faults.push(Fault(format!("message {id}: {what}")));
        let mime = row
            .get_ref(3)?
            .as_blob_or_null()
            .map_err(rusqlite::Error::from)?;
        if mime.is_none_or(|mime| MessageIndex::decode(mime, 0).is_err()) {
            say("its MIME index is missing or unreadable");
        }
        let found = digest_of(connection, id)?;
        if found.size != row.get::<_, i64>(1)? as u64 {
            say("its pieces do not add up to its size");
        }
        if found.digest[..] != *row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)? {
            say("its digest does not fit its octets");
        }
        batch.checked += 1;
        batch.last = Some(id);
    }
    Ok(batch)
}

struct Digested {
    size: u64,
    digest: [u8; 32],
}

/// See `draft` for how the digest is made.
fn digest_of(connection: &Connection, message: i64) -> Result<Digested> {
    let mut size = 0;
    let mut digests: Vec<[u8; 32]> = Vec::new();
    piece::for_each_piece(connection, message, |octets| {
        size += octets.len() as u64;
        digests.push(*blake3::hash(octets).as_bytes());
    })?;
    let digest = match digests.as_slice() {
        [one] => *one,
        several => *blake3::hash(&several.concat()).as_bytes(),
    };
    Ok(Digested { size, digest })
}
