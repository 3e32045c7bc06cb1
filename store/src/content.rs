//! The name of what a message says: equal for all copies that are served with the same octets (RFC 8474 §5.1, EMAILID).
//!
//! Copies of a message share it and may still differ in their prefix, so that a name is the message's id and, where there
//! is a prefix, a digest of it. COPY and MOVE keep both.

use std::fmt;
use std::str::FromStr;

use rusqlite::params;

use crate::{AccountId, Entry, Error, MailboxId, MessageId, Result, Store, Uid, mailbox};

/// Octets of the digest of a prefix: a prefix has no author who could look for two with the same.
const PREFIX_DIGEST_OCTETS: usize = 8;

/// What one or several copies of a message say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentId {
    message: MessageId,
    prefix: Option<[u8; PREFIX_DIGEST_OCTETS]>,
}

impl ContentId {
    fn new(message: MessageId, prefix: &[u8]) -> ContentId {
        let digest = *blake3::hash(prefix).as_bytes();
        let prefix = (!prefix.is_empty()).then(|| std::array::from_fn(|at| digest[at]));
        ContentId { message, prefix }
    }
}

impl Entry {
    /// The name of what this copy says.
    pub fn content(&self) -> ContentId {
        ContentId::new(self.message, &self.prefix)
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message.printed())?;
        let Some(digest) = &self.prefix else {
            return Ok(());
        };
        f.write_str("-")?;
        digest.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl FromStr for ContentId {
    type Err = Error;

    /// Reads what was printed; case matters.
    fn from_str(text: &str) -> Result<ContentId> {
        let invalid = || Error::Invalid(format!("{text:?} is not the name of a message"));
        let (message, prefix) = match text.split_once('-') {
            Some((message, digest)) => (message, Some(parse_digest(digest).ok_or_else(invalid)?)),
            None => (text, None),
        };
        let read = ContentId {
            message: message.parse().map_err(|_| invalid())?,
            prefix,
        };
        match read.to_string() == text {
            true => Ok(read),
            false => Err(invalid()),
        }
    }
}

fn parse_digest(text: &str) -> Option<[u8; PREFIX_DIGEST_OCTETS]> {
    let number = u64::from_str_radix(text, 16).ok()?;
    Some(number.to_be_bytes())
}

impl Store {
    /// The copies in a mailbox that say this, by UID.
    pub async fn entries_of_content(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        content: ContentId,
    ) -> Result<Vec<Uid>> {
        self.read(move |connection| {
            mailbox::require_owned(connection, account, mailbox)?;
            let sql =
                "SELECT uid, prefix FROM entry WHERE message = ?2 AND mailbox = ?1 ORDER BY uid";
            let mut select = connection.prepare_cached(sql)?;
            let mut rows = select.query(params![mailbox, content.message])?;
            let mut uids = Vec::new();
            while let Some(row) = rows.next()? {
                let prefix = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
                if ContentId::new(content.message, prefix) == content {
                    uids.push(row.get(0)?);
                }
            }
            Ok(uids)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_printed() {
        for prefix in [&b""[..], b"Delivered-To: a\r\n"] {
            let content = ContentId::new(MessageId(1_234_567_890_123), prefix);
            let text = content.to_string();
            assert_eq!(text.parse::<ContentId>().unwrap(), content);
            assert!(text.to_ascii_lowercase().parse::<ContentId>().is_err());
        }
        for wrong in [
            "",
            "x",
            "0000000000001-",
            "0000000000001-zz",
            "0000000000001-+1",
        ] {
            assert!(wrong.parse::<ContentId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_prefix_makes_another_name() {
        let name = |prefix: &[u8]| ContentId::new(MessageId(7), prefix).to_string();
        assert_ne!(name(b"a"), name(b"b"));
        assert_ne!(name(b"a"), name(b""));
    }
}
