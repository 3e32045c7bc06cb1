//! ENABLE (RFC 5161), and the enabling of CONDSTORE by other commands (RFC 7162 §3.1).

use daemon::session::Output;

use crate::grammar::capability::Capability;
use crate::grammar::code::Code;
use crate::grammar::response::{Condition, Response};
use crate::session::ImapSession;
use crate::session::dispatch::{Done, Outcome};

impl ImapSession {
    pub(crate) fn enable(&mut self, names: &[String], out: &mut Output) -> Outcome {
        // RFC 5161 §3.1: what is unknown, or cannot be enabled, is ignored.
        let condstore =
            self.offers(Capability::CondStore) && names.iter().any(|name| name == "CONDSTORE");
        let mut enabled = Vec::new();
        if condstore && !self.enabled.condstore {
            enabled.push("CONDSTORE");
        }
        out.put(&Response::Enabled(enabled));
        if condstore {
            self.enable_condstore(out);
        }
        Ok(Done::text("ENABLE completed"))
    }

    /// The client has used CONDSTORE. The first time in a selected mailbox, it is told the highest mod-sequence
    /// (RFC 7162 §3.1, "MUST send an untagged OK").
    pub(crate) fn enable_condstore(&mut self, out: &mut Output) {
        if std::mem::replace(&mut self.enabled.condstore, true) {
            return;
        }
        if let Some(selected) = self.state.selected() {
            let code = Code::HighestModSeq(selected.view.modseq().0);
            out.put(&Response::Untagged(
                Condition::Ok,
                Some(code),
                "CONDSTORE enabled".to_owned(),
            ));
        }
    }
}
