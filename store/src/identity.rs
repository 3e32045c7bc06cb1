//! The names of things: identifiers that must not be mixed up, each its own type.
//!
//! All of them are plain numbers in the database. [`MessageId`] is made here, without asking
//! the database, so that a large message can be staged before it is accepted.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl rusqlite::ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
                Ok(self.0.into())
            }
        }

        impl rusqlite::types::FromSql for $name {
            fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
                value.as_i64().map($name)
            }
        }
    };
}

row_id!(
    /// An account. Never used again after its removal.
    AccountId
);
row_id!(
    /// A mailbox. Stable across RENAME, never used again (fit for RFC 8474 MAILBOXID).
    MailboxId
);
row_id!(
    /// One password of an account.
    CredentialId
);
row_id!(
    /// An immutable message. Copies in several mailboxes share it (fit for RFC 8474 EMAILID).
    ///
    /// Printed, it is the queue id of the SMTP reply and of the logs: 13 characters of base 32
    /// that sort by time.
    MessageId
);
row_id!(
    /// One recipient of a message in the outbound queue.
    RelayId
);

/// The digits of a printed [`MessageId`]: base 32 without I, L, O and U, which are misread.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters in a printed [`MessageId`].
const MESSAGE_ID_CHARS: usize = 13;

impl MessageId {
    /// The id as it stands in SMTP replies and logs.
    pub fn printed(self) -> String {
        let mut text = [0u8; MESSAGE_ID_CHARS];
        let mut rest = self.0 as u64;
        for slot in text.iter_mut().rev() {
            *slot = DIGITS[(rest & 31) as usize];
            rest >>= 5;
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl FromStr for MessageId {
    type Err = crate::Error;

    /// Reads a printed id; case does not matter.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || crate::Error::Invalid(format!("{text:?} is not a queue id"));
        if text.len() != MESSAGE_ID_CHARS {
            return Err(invalid());
        }
        let mut value: u64 = 0;
        for byte in text.bytes() {
            let digit = DIGITS
                .iter()
                .position(|d| *d == byte.to_ascii_uppercase())
                .ok_or_else(invalid)?;
            value = value
                .checked_mul(32)
                .and_then(|v| v.checked_add(digit as u64))
                .ok_or_else(invalid)?;
        }
        i64::try_from(value).map(MessageId).map_err(|_| invalid())
    }
}

/// Makes message ids: microseconds since 1970, then bits that differ between processes.
///
/// Ids of one process strictly grow. Two processes could collide only within one microsecond
/// and with equal [`PROCESS_BITS`]; the primary key would then refuse the second message
/// with a temporary error, and nothing would be mixed up.
pub(crate) struct MessageIds {
    last: AtomicI64,
    process: i64,
}

/// Low bits of an id that tell processes apart. The 52 bits above hold microseconds until the year 2112.
const PROCESS_BITS: u32 = 11;

impl MessageIds {
    pub(crate) fn new(process_seed: i64) -> Self {
        MessageIds {
            last: AtomicI64::new(0),
            process: process_seed & ((1 << PROCESS_BITS) - 1),
        }
    }

    pub(crate) fn next(&self) -> MessageId {
        let micros = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_micros() as i64);
        let wanted = (micros << PROCESS_BITS) | self.process;
        let step = 1i64 << PROCESS_BITS;
        let mut last = self.last.load(Ordering::Relaxed);
        loop {
            let next = wanted.max(last + step);
            match self
                .last
                .compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return MessageId(next),
                Err(seen) => last = seen,
            }
        }
    }
}

/// A unique identifier of a message in its mailbox (RFC 3501 §2.3.1.1): 1 to 2^32 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(pub NonZeroU32);

impl Uid {
    /// The lowest UID.
    pub const FIRST: Uid = Uid(NonZeroU32::MIN);

    /// `None` for zero, which is not a UID.
    pub fn new(value: u32) -> Option<Uid> {
        NonZeroU32::new(value).map(Uid)
    }

    /// The number itself.
    pub fn value(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl rusqlite::ToSql for Uid {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(self.value().into())
    }
}

impl rusqlite::types::FromSql for Uid {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        let number = value.as_i64()?;
        u32::try_from(number)
            .ok()
            .and_then(Uid::new)
            .ok_or(rusqlite::types::FromSqlError::OutOfRange(number))
    }
}

/// The UIDVALIDITY of a mailbox (RFC 3501 §2.3.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UidValidity(pub u32);

impl fmt::Display for UidValidity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A modification sequence of a mailbox (RFC 7162 §3): 1 to 2^63 - 1; it only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ModSeq(pub u64);

impl fmt::Display for ModSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl rusqlite::ToSql for ModSeq {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok((self.0 as i64).into())
    }
}

impl rusqlite::types::FromSql for ModSeq {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        value.as_i64().map(|number| ModSeq(number as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_message_id_reads_back() {
        let id = MessageIds::new(77).next();
        assert_eq!(id.printed().parse(), Ok(id));
        assert_eq!(id.printed().to_lowercase().parse(), Ok(id));
        assert!("not-an-id-at-".parse::<MessageId>().is_err());
    }

    #[test]
    fn message_ids_grow() {
        let ids = MessageIds::new(1);
        let made: Vec<_> = (0..10_000).map(|_| ids.next()).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
