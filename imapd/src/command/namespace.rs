//! NAMESPACE (RFC 2342): one personal namespace, and that of other users.
//!
//! RFC 2342 knows shared mailboxes of nobody, too; here each mailbox has an owner.

use daemon::session::Output;

use crate::grammar::response::Response;
use crate::session::ImapSession;
use crate::session::dispatch::{Done, Outcome};
use crate::session::place::OTHER_USERS;

impl ImapSession {
    pub(crate) fn namespace(&self, out: &mut Output) -> Outcome {
        out.put(&Response::Namespace(self.shares().then_some(OTHER_USERS)));
        Ok(Done::text("NAMESPACE completed"))
    }
}
