//! STLS (RFC 2595 §4).

use daemon::session::{Next, Output};

use crate::grammar::reply::Reply;
use crate::reject::Reject;
use crate::session::{Answer, Pop3};

/// `STLS`: the loop throws away what the client has sent behind it, and nothing said so far counts afterwards.
pub fn stls(session: &Pop3, out: &mut Output) -> Answer {
    // RFC 6856 §2.1: not after UTF8, which the client would believe to be still on.
    if !session.may_start_tls() || session.utf8 {
        return Err(Reject::TlsNotNow);
    }
    out.put(&Reply::BeginTls);
    Ok(Next::StartTls)
}
