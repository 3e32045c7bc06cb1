//! RETR and TOP: a message on its way to the client, chunk by chunk (RFC 1939 §5, §7).
//!
//! What fails before the first octet is sent is a plain `-ERR`. A message that IMAP expunges in the middle of its transfer is
//! sent to its end. What fails later for another reason cannot be told any more: the connection is closed without the final
//! dot, so that no client takes a part for the whole.

use bytes::Bytes;
use daemon::session::{Next, Output};

use crate::grammar::command::MessageNumber;
use crate::grammar::message::{Stuffing, TopCut};
use crate::grammar::reply::Reply;
use crate::grammar::surrogate;
use crate::maildrop::{Maildrop, Rest};
use crate::session::Answer;

/// `RETR msg`.
pub async fn retr(
    maildrop: &mut Maildrop,
    number: MessageNumber,
    utf8: bool,
    out: &mut Output,
) -> Answer {
    let beginning = maildrop.beginning(number).await?;
    let (octets, _) = maildrop.message(number)?;
    let rest = maildrop.rest(number, beginning.len()).await?;
    out.put(&Reply::MessageFollows(octets));
    send(beginning, rest, Transfer::whole(utf8), out).await
}

/// `TOP msg n`.
pub async fn top(
    maildrop: &mut Maildrop,
    number: MessageNumber,
    lines: u64,
    utf8: bool,
    out: &mut Output,
) -> Answer {
    let beginning = maildrop.beginning(number).await?;
    let rest = maildrop.rest(number, beginning.len()).await?;
    out.put(&Reply::TopFollows);
    send(beginning, rest, Transfer::top(utf8, lines), out).await
}

async fn send(
    beginning: Bytes,
    mut rest: Option<Rest>,
    mut transfer: Transfer,
    out: &mut Output,
) -> Answer {
    transfer.first(&beginning, out);
    while let Some(rest) = &mut rest
        && !transfer.is_done()
    {
        if out.drain().await.is_err() {
            return Ok(Next::Close);
        }
        let Ok(chunk) = rest.chunk().await else {
            return Ok(Next::Close);
        };
        if chunk.is_empty() {
            break;
        }
        transfer.push(&chunk, out);
    }
    transfer.finish(out);
    Ok(Next::Continue)
}

/// A message being sent: perhaps with a surrogate header, perhaps cut, always byte-stuffed.
struct Transfer {
    utf8: bool,
    cut: Option<TopCut>,
    stuffing: Stuffing,
}

impl Transfer {
    fn whole(utf8: bool) -> Self {
        Transfer {
            utf8,
            cut: None,
            stuffing: Stuffing::default(),
        }
    }

    fn top(utf8: bool, lines: u64) -> Self {
        Transfer {
            utf8,
            cut: Some(TopCut::after_lines(lines)),
            stuffing: Stuffing::default(),
        }
    }

    fn is_done(&self) -> bool {
        self.cut.as_ref().is_some_and(TopCut::is_done)
    }

    /// The first chunk, which has the header. (Of a header longer than a chunk, the rest goes out as it is:
    /// mail has no such header.)
    fn first(&mut self, chunk: &[u8], out: &mut Output) {
        let (header, body) = chunk.split_at(TopCut::after_lines(0).push(chunk));
        if self.utf8 || header.is_ascii() {
            return self.push(chunk, out);
        }
        self.push(&surrogate::downgrade(header), out);
        self.push(body, out);
    }

    fn push(&mut self, chunk: &[u8], out: &mut Output) {
        let taken = self.cut.as_mut().map_or(chunk.len(), |cut| cut.push(chunk));
        out.put(&self.stuffing.push(&chunk[..taken]));
    }

    fn finish(self, out: &mut Output) {
        out.put(&self.stuffing.finish());
    }
}
