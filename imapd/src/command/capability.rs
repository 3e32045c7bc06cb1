//! CAPABILITY (RFC 3501 §6.1.1) and LOGOUT (§6.1.3).

use daemon::session::Output;

use crate::grammar::response::Response;
use crate::session::ImapSession;
use crate::session::dispatch::{After, Done, Outcome};

impl ImapSession {
    pub(crate) fn capability(&self, out: &mut Output) -> Outcome {
        out.put(&Response::Capability(self.capabilities()));
        Ok(Done::text("CAPABILITY completed"))
    }

    pub(crate) fn logout(&mut self, out: &mut Output) -> Outcome {
        out.put(&Response::Bye(None, "Good-bye".to_owned()));
        Ok(Done::then(After::Close, "LOGOUT completed"))
    }
}
