//! COMPRESS (RFC 4978 §3). The session loop compresses; here is said when it begins.

use crate::session::ImapSession;
use crate::session::dispatch::{After, Done, Outcome};
use crate::session::reject::Reject;

impl ImapSession {
    pub(crate) fn compress(&mut self) -> Outcome {
        if std::mem::replace(&mut self.compressed, true) {
            return Err(Reject::CompressionActive);
        }
        Ok(Done::then(After::Compress, "DEFLATE active"))
    }
}
