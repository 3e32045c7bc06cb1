//! ENABLE (RFC 5161), and the enabling of CONDSTORE by other commands (RFC 7162 §3.1).

use daemon::session::Output;

use crate::grammar::capability::Capability;
use crate::grammar::code::Code;
use crate::grammar::response::{Condition, Response};
use crate::session::dispatch::{Done, Outcome};
use crate::session::{Enabled, ImapSession};

/// Where it is noted that something is enabled.
type Noted = fn(&mut Enabled) -> &mut bool;

/// What can be enabled, and where it is noted.
const ENABLEABLE: [(Capability, Noted); 5] = [
    (Capability::CondStore, |enabled| &mut enabled.condstore),
    (Capability::QResync, |enabled| &mut enabled.qresync),
    (Capability::Imap4Rev2, |enabled| &mut enabled.rev2),
    (Capability::Utf8Accept, |enabled| &mut enabled.utf8),
    (Capability::UidOnly, |enabled| &mut enabled.uid_only),
];

impl ImapSession {
    pub(crate) fn enable(&mut self, names: &[String], out: &mut Output) -> Outcome {
        // RFC 5161 §3.1: what is unknown, or cannot be enabled, is ignored.
        let named = |capability: Capability| {
            let mut names = names.iter();
            names.any(|name| name.eq_ignore_ascii_case(capability.name()))
        };
        let (condstore, mut after) = (self.enabled.condstore, self.enabled);
        let mut enabled = Vec::new();
        for (capability, noted) in ENABLEABLE {
            if self.offers(capability) && named(capability) && !*noted(&mut after) {
                *noted(&mut after) = true;
                enabled.push(capability.name());
            }
        }
        out.put(&Response::Enabled(enabled));
        // RFC 7162 §3.2.3: with QRESYNC comes CONDSTORE.
        let use_condstore = after.condstore || after.qresync;
        self.enabled = Enabled { condstore, ..after };
        if use_condstore {
            self.enable_condstore(out);
        }
        if let (true, Some(selected)) = (self.enabled.rev2, self.state.selected()) {
            selected.view.ignore_recent();
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
