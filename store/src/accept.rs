//! Accepting a message: filed in its recipients' mailboxes and queued for other hosts, in one
//! transaction. When [`Store::accept`] says `Ok`, the sender may forget the message.
//!
//! Quotas are looked at when a recipient is named (`resolve`), and not again here: whoever
//! had room then gets this message, so nothing is accepted and bounced later.

use rusqlite::{OptionalExtension, params};

use crate::entry::{self, NewEntry};
use crate::journal::{self, Event};
use crate::mailbox::INBOX;
use crate::mailbox::row::OpenRow;
use crate::queue::announce;
use crate::timestamp::now_seconds;
use crate::writer::Tx;
use crate::{
    AccountId, Error, Flags, Keywords, MailboxId, MessageId, Result, Sealed, SpecialUse, Store,
    Timestamp,
};

/// Recipients (filings and relays) of one message.
const RECIPIENTS_MAX: usize = 10_000;

/// A message and where it goes.
pub struct Acceptance {
    /// The message.
    pub message: Sealed,
    /// The reverse-path without angle brackets; empty: the null path.
    pub reverse_path: String,
    /// Who submitted it, if somebody logged in.
    pub account: Option<AccountId>,
    /// Copies for accounts here.
    pub filings: Vec<Filing>,
    /// Recipients elsewhere.
    pub relays: Vec<Relay>,
    /// RFC 3461 ENVID.
    pub envelope_id: Option<String>,
    /// RFC 3461 RET.
    pub return_content: Option<String>,
    /// When the sender wanted it released (RFC 4865): `for;3600` or `until;` and a time.
    pub release_request: Option<String>,
    /// The sender asked for SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// BODY= of MAIL.
    pub body: BodyKind,
    /// What the sender demands of the connections that carry it on.
    pub tls: TlsDemand,
    /// Header fields of the copies that leave alone, in front of the message: a forwarder's seal. Complete, with CRLF.
    pub relay_prefix: Vec<u8>,
    /// The sender's address is not shown to be his: he is never told what becomes of the message.
    pub forged: bool,
    /// Recipients elsewhere wait for the administrator ([`crate::QueueAction::Release`]); why. `None`: they are tried at once.
    pub held: Option<String>,
    /// From whom it came and what was found out about it: a line for the journal.
    pub origin: String,
}

impl Acceptance {
    /// A message of the null path that goes nowhere yet, and has nothing about it that is not usual.
    pub fn new(message: Sealed, origin: impl Into<String>) -> Acceptance {
        Acceptance {
            message,
            reverse_path: String::new(),
            account: None,
            filings: Vec::new(),
            relays: Vec::new(),
            envelope_id: None,
            return_content: None,
            release_request: None,
            smtputf8: false,
            body: BodyKind::SevenBit,
            tls: TlsDemand::ByPolicy,
            relay_prefix: Vec::new(),
            forged: false,
            held: None,
            origin: origin.into(),
        }
    }
}

/// What BODY= said (RFC 6152, RFC 3030).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyKind {
    /// `7BIT`
    #[default]
    SevenBit,
    /// `8BITMIME`
    EightBitMime,
    /// `BINARYMIME`
    BinaryMime,
}

/// What a sender demands of the connections that carry a message on (RFC 8689).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TlsDemand {
    /// Whatever policy the destination has.
    #[default]
    ByPolicy,
    /// Verified TLS all the way: REQUIRETLS.
    Required,
    /// Delivery goes before protection: `TLS-Required: No`.
    Waived,
}

impl TlsDemand {
    const NAMES: [(TlsDemand, &'static str); 3] = [
        (TlsDemand::ByPolicy, ""),
        (TlsDemand::Required, "required"),
        (TlsDemand::Waived, "waived"),
    ];

    pub(crate) fn name(self) -> &'static str {
        TlsDemand::NAMES
            .iter()
            .find(|(demand, _)| *demand == self)
            .map_or("", |(_, name)| name)
    }

    /// The demand of that name; an unknown one is taken for the strictest.
    pub(crate) fn from_name(name: &str) -> TlsDemand {
        TlsDemand::NAMES
            .iter()
            .find(|(_, known)| *known == name)
            .map_or(TlsDemand::Required, |(demand, _)| *demand)
    }
}

impl BodyKind {
    /// The keyword.
    pub fn keyword(self) -> &'static str {
        match self {
            BodyKind::SevenBit => "7BIT",
            BodyKind::EightBitMime => "8BITMIME",
            BodyKind::BinaryMime => "BINARYMIME",
        }
    }

    /// The kind of that keyword; an unknown one is taken for the least demanding.
    pub(crate) fn from_keyword(keyword: &str) -> BodyKind {
        [BodyKind::EightBitMime, BodyKind::BinaryMime]
            .into_iter()
            .find(|kind| kind.keyword() == keyword)
            .unwrap_or_default()
    }
}

/// One copy for one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filing {
    /// Whose.
    pub account: AccountId,
    /// The address that led there, for the journal.
    pub recipient: String,
    /// Which of its mailboxes.
    pub target: FilingTarget,
    /// Header fields of this copy alone: Return-Path, Delivered-To. Complete, with CRLF.
    pub prefix: Vec<u8>,
    /// Flags to begin with.
    pub flags: Flags,
}

/// Which mailbox of an account. If it is missing, INBOX is taken instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilingTarget {
    /// INBOX
    Inbox,
    /// The mailbox of that use.
    SpecialUse(SpecialUse),
    /// The mailbox of that name.
    Named(String),
}

/// One recipient elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// The forward-path without angle brackets, as the sender wrote it.
    pub recipient: String,
    /// Its domain, as lower-case A-labels or an address literal.
    pub domain: String,
    /// RFC 3461 ORCPT.
    pub original: Option<String>,
    /// RFC 3461 NOTIFY.
    pub notify: Option<String>,
    /// When to try, and until when.
    pub schedule: Schedule,
}

/// The times of a relay; seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The first attempt.
    pub due: i64,
    /// No attempt begins later.
    pub expires: i64,
    /// When the sender is to be told that it takes long; `None`: never.
    pub notice_due: Option<i64>,
}

/// The message is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Its id, for reply and logs.
    pub id: MessageId,
}

impl Store {
    /// Notes that a message was taken and thrown away, as a filter wanted it. Nothing of it is kept.
    pub async fn discard(&self, message: MessageId, origin: String) -> Result<()> {
        self.write(move |tx| {
            journal::record(tx.connection, message, Event::Accepted, &origin)?;
            journal::record(tx.connection, message, Event::Discarded, "by a filter")
        })
        .await
    }

    /// Takes responsibility for a message (RFC 5321 §6.1).
    pub async fn accept(&self, acceptance: Acceptance) -> Result<Accepted> {
        self.accept_with(acceptance, Vec::new()).await
    }

    /// The same, together with `notices` about it: all of them are accepted, or nothing.
    pub async fn accept_with(
        &self,
        acceptance: Acceptance,
        notices: Vec<Acceptance>,
    ) -> Result<Accepted> {
        let all = || std::iter::once(&acceptance).chain(&notices);
        all().try_for_each(check_recipients)?;
        let octets = all().map(|each| each.message.first_octets()).sum();
        self.write_octets(octets, move |tx| {
            let accepted = accept_in(tx, &acceptance)?;
            for notice in &notices {
                accept_in(tx, notice)?;
            }
            Ok(accepted)
        })
        .await
    }
}

fn check_recipients(acceptance: &Acceptance) -> Result<()> {
    match acceptance.filings.len() + acceptance.relays.len() {
        0 => Err(Error::Invalid("a message without recipients".into())),
        1..=RECIPIENTS_MAX => Ok(()),
        _ => Err(Error::Limit("recipients")),
    }
}

/// The part of `accept` that runs in the transaction.
pub(crate) fn accept_in(tx: &mut Tx<'_>, acceptance: &Acceptance) -> Result<Accepted> {
    let id = acceptance.message.id();
    acceptance.message.insert(tx.connection)?;
    journal::record(tx.connection, id, Event::Accepted, &acceptance.origin)?;
    for filing in &acceptance.filings {
        file(tx, id, acceptance.message.size(), filing)?;
    }
    if !acceptance.relays.is_empty() {
        enqueue(tx, acceptance)?;
    }
    Ok(Accepted { id })
}

/// Puts a copy of a message of `size` octets into a mailbox.
pub(crate) fn file(tx: &mut Tx<'_>, message: MessageId, size: u64, filing: &Filing) -> Result<()> {
    let (mailbox, name) = target_mailbox(tx, filing)?;
    let detail = format!("<{}> in {name}", filing.recipient);
    journal::record(tx.connection, message, Event::Filed, &detail)?;
    let mut row = OpenRow::open(tx.connection, filing.account, mailbox)?;
    let now = Timestamp::now();
    let entry = NewEntry {
        message,
        flags: filing.flags,
        keywords: Keywords::NONE,
        internal_date: now,
        saved: now.seconds,
        size: filing.prefix.len() as u64 + size,
        prefix: &filing.prefix,
    };
    entry::insert(tx.connection, &mut row, &entry)?;
    row.close(tx)
}

fn target_mailbox(tx: &Tx<'_>, filing: &Filing) -> Result<(MailboxId, String)> {
    let find = |column: &str, value: &str| {
        let sql = format!(
            "SELECT id, name FROM mailbox WHERE account = ?1 AND {column} = ?2 AND no_select = 0"
        );
        let mut select = tx.connection.prepare_cached(&sql)?;
        select
            .query_row(params![filing.account, value], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
    };
    let wanted = match &filing.target {
        FilingTarget::Inbox => None,
        FilingTarget::SpecialUse(special_use) => find("special_use", special_use.name())?,
        FilingTarget::Named(name) => find("name", name)?,
    };
    match wanted {
        Some(mailbox) => Ok(mailbox),
        None => find("name", INBOX)?.ok_or(Error::NotFound("mailbox")),
    }
}

fn enqueue(tx: &mut Tx<'_>, acceptance: &Acceptance) -> Result<()> {
    let now = now_seconds();
    let id = acceptance.message.id();
    let sql = "INSERT INTO outbound (message, reverse_path, account, envelope_id, return_content, smtputf8, body_kind, created, prefix, forged, tls, release_request)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    tx.connection.prepare_cached(sql)?.execute(params![
        id,
        acceptance.reverse_path,
        acceptance.account,
        acceptance.envelope_id,
        acceptance.return_content,
        acceptance.smtputf8,
        acceptance.body.keyword(),
        now,
        acceptance.relay_prefix,
        acceptance.forged,
        acceptance.tls.name(),
        acceptance.release_request,
    ])?;
    let sender = acceptance.account.map_or(0, |account| account.0);
    for relay in &acceptance.relays {
        enqueue_recipient(tx, id, sender, relay)?;
    }
    if let Some(reason) = &acceptance.held {
        let sql = "UPDATE relay SET state = 'held' WHERE message = ?1";
        tx.connection.prepare_cached(sql)?.execute([id])?;
        journal::record(tx.connection, id, Event::Held, reason)?;
    }
    Ok(())
}

/// Adds a recipient elsewhere to a message that is in the queue.
pub(crate) fn enqueue_recipient(
    tx: &mut Tx<'_>,
    message: MessageId,
    sender: i64,
    relay: &Relay,
) -> Result<()> {
    let sql = "INSERT INTO relay (message, recipient, domain, sender, original, notify, state, due, expires, notice_due)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting', ?7, ?8, ?9)";
    let Schedule {
        due,
        expires,
        notice_due,
    } = relay.schedule;
    tx.connection.prepare_cached(sql)?.execute(params![
        message,
        relay.recipient,
        relay.domain,
        sender,
        relay.original,
        relay.notify,
        due,
        expires,
        notice_due
    ])?;
    announce(tx.connection, &relay.domain, due)?;
    tx.touched_queue();
    let detail = format!("<{}>", relay.recipient);
    journal::record(tx.connection, message, Event::Queued, &detail)
}
