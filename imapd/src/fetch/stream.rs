//! Writes sections that are too large to be read at once: piece by piece, with back-pressure.
//!
//! The message stays open meanwhile, so that it is served whole even if someone expunges it. What cannot be read in spite
//! of that ends the connection: the client has been told a length, and only the end keeps it in step. (A BYE would be taken
//! for octets of the message.)

use std::ops::Range;

use bytes::Bytes;
use daemon::session::Output;
use store::{OpenMessage, Store};

use super::fields::Chooser;
use super::section::apply;
use crate::grammar::fetch::SectionItem;
use crate::grammar::fetch_line::FetchLine;
use crate::limits::BODY_CHUNK_OCTETS;
use crate::session::reject::Reject;

/// A message that is served piece by piece.
pub struct Stream<'a> {
    /// Where it is read from.
    pub store: &'a Store,
    /// The message.
    pub message: OpenMessage,
    /// The response being written.
    pub line: &'a mut FetchLine,
    /// Where that goes.
    pub out: &'a mut Output,
}

/// The field names of a section, and whether those fields are wanted or all others.
pub struct Fields<'a> {
    /// Names in any case.
    pub names: &'a [Vec<u8>],
    /// HEADER.FIELDS, or HEADER.FIELDS.NOT.
    pub wanted: bool,
}

impl Stream<'_> {
    /// Writes these octets as a section.
    pub async fn octets(&mut self, item: &SectionItem, range: Range<u64>) -> Result<(), Reject> {
        self.line.section_head(item, range.end - range.start);
        let mut rest = range;
        while let Some(piece) = self.next(&mut rest).await? {
            self.put(&piece).await?;
        }
        Ok(())
    }

    /// Writes some fields of the header in these octets as a section. Its length comes before it, so the header is read
    /// twice.
    pub async fn fields(
        &mut self,
        item: &SectionItem,
        fields: &Fields<'_>,
        header: Range<u64>,
    ) -> Result<(), Reject> {
        let length = self.choose(fields, header.clone(), None).await?;
        let asked = apply(0..length, item.partial);
        self.line.section_head(item, asked.end - asked.start);
        self.choose(fields, header, Some(asked)).await?;
        Ok(())
    }

    /// Goes through the header, writes `asked` of what is chosen, and gives the length of all that is chosen.
    async fn choose(
        &mut self,
        fields: &Fields<'_>,
        header: Range<u64>,
        asked: Option<Range<u64>>,
    ) -> Result<u64, Reject> {
        let asked = asked.unwrap_or(0..0);
        let mut chooser = Chooser::new(fields.names, fields.wanted);
        let (mut rest, mut chosen, mut at) = (header, Vec::new(), 0);
        while let Some(piece) = self.next(&mut rest).await? {
            chooser.push(&piece, &mut chosen);
            self.put(within(&chosen, at, &asked)).await?;
            at += chosen.len() as u64;
            chosen.clear();
        }
        chooser.finish(&mut chosen);
        self.put(within(&chosen, at, &asked)).await?;
        Ok(at + chosen.len() as u64)
    }

    /// Reads on; `None` at the end.
    pub(super) async fn next(&self, rest: &mut Range<u64>) -> Result<Option<Bytes>, Reject> {
        if rest.is_empty() {
            return Ok(None);
        }
        let end = rest.end.min(rest.start.saturating_add(BODY_CHUNK_OCTETS));
        match self.store.read_open(&self.message, rest.start..end).await {
            Ok(piece) if !piece.is_empty() => {
                rest.start += piece.len() as u64;
                Ok(Some(piece))
            }
            outcome => {
                tracing::error!(error = ?outcome.err(), "a message ended while it was served");
                Err(Reject::Disconnected)
            }
        }
    }

    async fn put(&mut self, octets: &[u8]) -> Result<(), Reject> {
        self.line.section_octets(octets);
        self.send().await
    }

    /// Sends what has been written, at the pace of the client.
    pub(super) async fn send(&mut self) -> Result<(), Reject> {
        self.out.put_bytes(self.line.octets());
        self.line.clear();
        Ok(self.out.drain().await?)
    }
}

/// What of `octets`, which begin at `at`, lies in `asked`.
pub(crate) fn within<'a>(octets: &'a [u8], at: u64, asked: &Range<u64>) -> &'a [u8] {
    let place = |position: u64| usize::try_from(position.saturating_sub(at)).unwrap_or(usize::MAX);
    let end = place(asked.end).min(octets.len());
    octets.get(place(asked.start)..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for_is_written() {
        let all = |asked: Range<u64>| {
            let pieces: [(&[u8], u64); 3] = [(b"abc", 0), (b"", 3), (b"defg", 3)];
            pieces
                .map(|(octets, at)| within(octets, at, &asked))
                .concat()
        };
        assert_eq!(all(0..7), b"abcdefg");
        assert_eq!(all(2..5), b"cde");
        assert_eq!(all(4..4), b"");
        assert_eq!(all(0..0), b"");
    }
}
