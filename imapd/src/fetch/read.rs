//! Reads octets of many messages with few calls to the store.

use std::ops::Range;

use bytes::Bytes;
use store::{AccountId, ENTRIES_MAX, MailboxId, OpenMessage, Store, Uid};

/// Octets of a message that are wanted.
pub type Wanted = (Uid, Range<u64>);

/// Whose messages are read.
#[derive(Clone)]
pub struct Reader {
    /// The store.
    pub store: Store,
    /// The account.
    pub account: AccountId,
    /// The mailbox.
    pub mailbox: MailboxId,
}

impl Reader {
    /// The UIDs that were expunged later than `since`, ascending.
    pub async fn expunged_since(&self, since: u64) -> Result<Vec<Uid>, store::Error> {
        let since = store::ModSeq(since);
        self.store
            .expunged_since(self.account, self.mailbox, since)
            .await
    }

    /// Reads all that is wanted, in order; `None` for messages that are no more. The caller bounds the sum.
    pub async fn read_all(&self, wanted: &[Wanted]) -> Result<Vec<Option<Bytes>>, store::Error> {
        let mut found = Vec::with_capacity(wanted.len());
        while found.len() < wanted.len() {
            let rest = wanted.get(found.len()..).unwrap_or_default();
            let rest = rest.get(..ENTRIES_MAX).unwrap_or(rest);
            let answers = self
                .store
                .read_many(self.account, self.mailbox, rest.to_vec())
                .await?;
            let before = found.len();
            match_up(rest, answers, &mut found);
            if found.len() == before {
                // Nothing of what was asked exists any more.
                found.resize(before + rest.len(), None);
            }
        }
        Ok(found)
    }

    /// Reads one range, which may be shorter where the message ends.
    pub async fn read(&self, uid: Uid, range: Range<u64>) -> Result<Option<Bytes>, store::Error> {
        Ok(self.read_all(&[(uid, range)]).await?.pop().flatten())
    }

    /// Opens a message that is served piece by piece; `None` if it is no more.
    pub async fn open(&self, uid: Uid) -> Result<Option<OpenMessage>, store::Error> {
        match self
            .store
            .open_message(self.account, self.mailbox, uid)
            .await
        {
            Ok(message) => Ok(Some(message)),
            Err(store::Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The store leaves out what is gone, and stops when it has read enough: up to the last answer, what is not answered is gone.
fn match_up(wanted: &[Wanted], answers: Vec<(Uid, Bytes)>, found: &mut Vec<Option<Bytes>>) {
    let mut wanted = wanted.iter();
    for (uid, octets) in answers {
        let skipped = wanted
            .by_ref()
            .take_while(|(asked, _)| *asked != uid)
            .count();
        found.resize(found.len() + skipped, None);
        found.push(Some(octets));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_before_an_answer_is_gone() {
        let uid = |number| Uid::new(number).unwrap();
        let wanted = [
            (uid(1), 0..1),
            (uid(1), 1..2),
            (uid(2), 0..1),
            (uid(3), 0..1),
            (uid(4), 0..1),
        ];
        let answers = vec![
            (uid(1), Bytes::from("a")),
            (uid(1), Bytes::from("b")),
            (uid(3), Bytes::from("c")),
        ];
        let mut found = Vec::new();
        match_up(&wanted, answers, &mut found);
        let shown: Vec<Option<&[u8]>> = found.iter().map(|octets| octets.as_deref()).collect();
        assert_eq!(shown, [Some(&b"a"[..]), Some(b"b"), None, Some(b"c")]);
    }
}
