//! STATUS data items (RFC 8474 §4.3, RFC 9208 §4.1.4, RFC 3501 §6.3.10, RFC 7162 §3.1.7, RFC 8438, RFC 7889 §3.1).

use super::capability::Capability;
use super::cursor::{Cursor, Malformed, Parsed};

/// Most items in one list; there are fewer kinds, but a client may repeat one.
const ITEMS_MAX: usize = 64;

/// What is asked of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusItem {
    /// MESSAGES
    Messages,
    /// RECENT
    Recent,
    /// UIDNEXT
    UidNext,
    /// UIDVALIDITY
    UidValidity,
    /// UNSEEN
    Unseen,
    /// DELETED (RFC 9051 §6.3.11)
    Deleted,
    /// SIZE (RFC 8438)
    Size,
    /// HIGHESTMODSEQ (RFC 7162)
    HighestModSeq,
    /// APPENDLIMIT (RFC 7889)
    AppendLimit,
    /// MAILBOXID (RFC 8474); its value is the number of the mailbox.
    MailboxId,
    /// DELETED-STORAGE (RFC 9208)
    DeletedStorage,
}

impl StatusItem {
    const ALL: [Self; 11] = [
        Self::Messages,
        Self::Recent,
        Self::UidNext,
        Self::UidValidity,
        Self::Unseen,
        Self::Deleted,
        Self::Size,
        Self::HighestModSeq,
        Self::AppendLimit,
        Self::MailboxId,
        Self::DeletedStorage,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Messages => "MESSAGES",
            Self::Recent => "RECENT",
            Self::UidNext => "UIDNEXT",
            Self::UidValidity => "UIDVALIDITY",
            Self::Unseen => "UNSEEN",
            Self::Deleted => "DELETED",
            Self::Size => "SIZE",
            Self::HighestModSeq => "HIGHESTMODSEQ",
            Self::AppendLimit => "APPENDLIMIT",
            Self::MailboxId => "MAILBOXID",
            Self::DeletedStorage => "DELETED-STORAGE",
        }
    }

    /// Whether the item, or the extension that it belongs to, is there for the client.
    fn is_offered(self, cursor: &Cursor<'_>) -> bool {
        let any = |capabilities: &[Capability]| {
            capabilities
                .iter()
                .any(|&capability| cursor.offers(capability))
        };
        match self {
            Self::Size => any(&[Capability::StatusSize]),
            Self::HighestModSeq => any(&[Capability::CondStore]),
            Self::AppendLimit => any(&[Capability::AppendLimit]),
            Self::MailboxId => any(&[Capability::ObjectId]),
            Self::DeletedStorage => any(&[Capability::QuotaStorage]),
            // DELETED belongs to IMAP4rev2 and to QUOTA=RES-MESSAGE, and is understood without either.
            Self::Messages
            | Self::Deleted
            | Self::Recent
            | Self::UidNext
            | Self::UidValidity
            | Self::Unseen => true,
        }
    }

    /// Reads `(MESSAGES UNSEEN)`.
    pub fn parse_list(cursor: &mut Cursor<'_>) -> Parsed<Vec<Self>> {
        let mut count = 0;
        cursor.list(|cursor| {
            count += 1;
            if count > ITEMS_MAX {
                return Err(Malformed::TooMany("status items"));
            }
            let name = cursor.keyword("a status item")?;
            Self::ALL
                .into_iter()
                .find(|item| item.name() == name && item.is_offered(cursor))
                .ok_or(Malformed::Expected("a status item"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read_in_any_case() {
        let items =
            StatusItem::parse_list(&mut Cursor::new(b"(messages UIDNEXT highestmodseq)")).unwrap();
        assert_eq!(
            items,
            [
                StatusItem::Messages,
                StatusItem::UidNext,
                StatusItem::HighestModSeq
            ]
        );
        assert!(StatusItem::parse_list(&mut Cursor::new(b"()")).is_err());
        assert!(StatusItem::parse_list(&mut Cursor::new(b"(FOO)")).is_err());
    }
}
