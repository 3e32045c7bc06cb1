//! DELE, RSET and the QUIT that deletes (RFC 1939 §5, §6).

use daemon::session::{Next, Output};

use crate::grammar::command::MessageNumber;
use crate::grammar::reply::Reply;
use crate::maildrop::Maildrop;
use crate::reject::Reject;
use crate::session::Answer;

/// `DELE msg`: marks it; nothing is removed before QUIT.
pub fn dele(maildrop: &mut Maildrop, number: MessageNumber, out: &mut Output) -> Answer {
    maildrop.mark(number)?;
    out.put(&Reply::Marked(number));
    Ok(Next::Continue)
}

/// `RSET`: takes all marks away.
pub fn rset(maildrop: &mut Maildrop, out: &mut Output) -> Answer {
    maildrop.unmark_all();
    out.put(&Reply::Unmarked(maildrop.totals()));
    Ok(Next::Continue)
}

/// `QUIT` after login, the UPDATE state: removes what is marked, and tells how many that were.
pub async fn update(maildrop: Maildrop, out: &mut Output) -> Result<u64, Reject> {
    let left = maildrop.totals().messages;
    let removed = maildrop.commit().await?;
    out.put(&Reply::GoodbyeLeaving(left));
    Ok(removed)
}
