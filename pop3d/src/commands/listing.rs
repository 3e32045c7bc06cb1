//! STAT, LIST and UIDL: what is in the maildrop (RFC 1939 §5, §7).

use daemon::session::{Next, Output};

use crate::grammar::command::MessageNumber;
use crate::grammar::reply::{End, Listing, Reply, UniqueId};
use crate::limits::LISTING_BATCH;
use crate::maildrop::Maildrop;
use crate::session::Answer;

/// `STAT`.
pub fn stat(maildrop: &Maildrop, out: &mut Output) -> Answer {
    out.put(&Reply::DropListing(maildrop.totals()));
    Ok(Next::Continue)
}

/// `LIST [msg]`.
pub async fn list(maildrop: &Maildrop, number: Option<MessageNumber>, out: &mut Output) -> Answer {
    let follow = Reply::ScanListingsFollow(maildrop.totals());
    listing(
        maildrop,
        number,
        follow,
        |number, octets, _| Listing::Scan(number, octets),
        out,
    )
    .await
}

/// `UIDL [msg]`.
pub async fn uidl(maildrop: &Maildrop, number: Option<MessageNumber>, out: &mut Output) -> Answer {
    listing(
        maildrop,
        number,
        Reply::UniqueIdsFollow,
        |number, _, id| Listing::UniqueId(number, id),
        out,
    )
    .await
}

/// One line for one message, or a list of all that are not marked.
async fn listing(
    maildrop: &Maildrop,
    number: Option<MessageNumber>,
    follow: Reply<'_>,
    line: fn(MessageNumber, u64, UniqueId) -> Listing<'static>,
    out: &mut Output,
) -> Answer {
    if let Some(number) = number {
        let (octets, id) = maildrop.message(number)?;
        out.put(&Reply::One(line(number, octets, id)));
        return Ok(Next::Continue);
    }
    out.put(&follow);
    for (written, (number, octets, id)) in maildrop.unmarked().enumerate() {
        out.put(&line(number, octets, id));
        if written % LISTING_BATCH == LISTING_BATCH - 1 && out.drain().await.is_err() {
            return Ok(Next::Close);
        }
    }
    out.put(&End);
    Ok(Next::Continue)
}
