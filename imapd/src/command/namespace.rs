//! NAMESPACE (RFC 2342): one personal namespace, no others.

use daemon::session::Output;

use crate::grammar::response::Response;
use crate::session::ImapSession;
use crate::session::dispatch::{Done, Outcome};

impl ImapSession {
    pub(crate) fn namespace(&self, out: &mut Output) -> Outcome {
        out.put(&Response::Namespace);
        Ok(Done::text("NAMESPACE completed"))
    }
}
