//! CATENATE (RFC 4469): copies the octets that a URL names into the message that is being appended.
//!
//! They go from the store into the draft piece by piece, as they stand: nothing is decoded, no \Seen is set. A URL that
//! names nothing that the user may read fails the command, with BADURL and the URL.

use std::ops::Range;

use store::{Draft, OpenMessage, Store, Uid};

use super::append::too_big;
use crate::fetch::fields::Chooser;
use crate::fetch::section::{Located, locate};
use crate::fetch::stream::within;
use crate::grammar::fetch::SectionText;
use crate::grammar::url::{Mailbox, MessageUrl};
use crate::limits::BODY_CHUNK_OCTETS;
use crate::session::ImapSession;
use crate::session::place;
use crate::session::reject::Reject;
use crate::session::rights::Deed;

/// A message of which octets are copied.
struct Source {
    store: Store,
    message: OpenMessage,
}

impl ImapSession {
    /// Copies what `url` names to the end of `draft`.
    pub(super) async fn follow(&mut self, url: &[u8], draft: &mut Draft) -> Result<(), Reject> {
        let bad = || Reject::BadUrl(String::from_utf8_lossy(url).into_owned());
        let parsed = MessageUrl::parse(url).ok_or_else(bad)?;
        match self.copy_section(parsed, draft).await {
            // A mailbox that is not there, a message that has gone, a section that it does not have.
            Err(Reject::Store(store::Error::NotFound(_))) => Err(bad()),
            outcome => outcome,
        }
    }

    async fn copy_section(&mut self, url: MessageUrl, draft: &mut Draft) -> Result<(), Reject> {
        let store = self.store();
        let nothing = || Reject::from(store::Error::NotFound("message"));
        let uid = Uid::new(url.uid).ok_or_else(nothing)?;
        let place = self.mailbox_of(url.mailbox).await?;
        let (account, mailbox) = (place.access.owner(), place.info);
        if url
            .uid_validity
            .is_some_and(|validity| validity != mailbox.uid_validity.0)
        {
            return Err(nothing());
        }
        let indexes = store.indexes(account, mailbox.id, &[uid]).await?;
        let (_, index) = indexes.found.first().ok_or_else(nothing)?;
        let located = locate(&index.decode()?, &url.section, None);
        let source = Source {
            message: store.open_message(account, mailbox.id, uid).await?,
            store,
        };
        match (located, &url.section.text) {
            (Located::Octets(range), _) => source.copy(cut(range, url.partial), draft).await,
            (Located::Fields(header), SectionText::HeaderFields(names)) => {
                let chooser = Chooser::new(names, true);
                source.choose(chooser, header, url.partial, draft).await
            }
            (Located::Fields(header), SectionText::HeaderFieldsNot(names)) => {
                let chooser = Chooser::new(names, false);
                source.choose(chooser, header, url.partial, draft).await
            }
            _ => Err(nothing()),
        }
    }

    /// The mailbox that a URL names, if the user may read it.
    async fn mailbox_of(&mut self, mailbox: Mailbox) -> Result<place::Place, Reject> {
        let selected = self.selected_name().await?;
        let name = mailbox.resolve(selected.as_deref());
        let name = name.ok_or(store::Error::NotFound("mailbox"))?;
        match self.place(&name, Deed::Read).await {
            // To the reader of a URL it is no good, whatever the reason.
            Err(Reject::NoPermission) => Err(store::Error::NotFound("mailbox").into()),
            other => other,
        }
    }
}

impl Source {
    async fn copy(&self, range: Range<u64>, draft: &mut Draft) -> Result<(), Reject> {
        let mut rest = range;
        while !rest.is_empty() {
            let piece = self.next(&mut rest).await?;
            draft.write(&piece).await.map_err(too_big)?;
        }
        Ok(())
    }

    /// Copies some fields of the header in these octets; the partial counts octets of what is chosen.
    async fn choose(
        &self,
        mut chooser: Chooser<'_>,
        header: Range<u64>,
        partial: Option<(u64, Option<u64>)>,
        draft: &mut Draft,
    ) -> Result<(), Reject> {
        let wanted = cut(0..u64::MAX, partial);
        let (mut rest, mut chosen, mut at) = (header, Vec::new(), 0);
        while !rest.is_empty() {
            chooser.push(&self.next(&mut rest).await?, &mut chosen);
            let piece = within(&chosen, at, &wanted);
            draft.write(piece).await.map_err(too_big)?;
            at += chosen.len() as u64;
            chosen.clear();
        }
        chooser.finish(&mut chosen);
        let piece = within(&chosen, at, &wanted);
        draft.write(piece).await.map_err(too_big)
    }

    async fn next(&self, rest: &mut Range<u64>) -> Result<bytes::Bytes, Reject> {
        let end = rest.end.min(rest.start.saturating_add(BODY_CHUNK_OCTETS));
        let piece = self.store.read_open(&self.message, rest.start..end).await?;
        if piece.is_empty() {
            return Err(store::Error::NotFound("octets of a message").into());
        }
        rest.start += piece.len() as u64;
        Ok(piece)
    }
}

/// The octets of a range that a partial names; those beyond its end are none.
fn cut(range: Range<u64>, partial: Option<(u64, Option<u64>)>) -> Range<u64> {
    let Some((offset, count)) = partial else {
        return range;
    };
    let start = range.start.saturating_add(offset).min(range.end);
    let end = count.map_or(range.end, |count| start.saturating_add(count));
    start..end.min(range.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_stays_within_its_section() {
        assert_eq!(cut(10..20, None), 10..20);
        assert_eq!(cut(10..20, Some((3, None))), 13..20);
        assert_eq!(cut(10..20, Some((3, Some(4)))), 13..17);
        assert_eq!(cut(10..20, Some((30, Some(4)))), 20..20);
    }
}
