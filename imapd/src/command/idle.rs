//! IDLE (RFC 2177): news are told as they come, until the client says DONE.
//!
//! No "still here" is sent in between: to several clients any untagged line means that something has happened.

use daemon::session::{Next, Output};

use crate::grammar::Malformed;
use crate::grammar::response::Response;
use crate::grammar::verb::Verb;
use crate::session::dispatch::{Done, Outcome};
use crate::session::reject::Reject;
use crate::session::table::facts;
use crate::session::{ImapSession, Mode};

impl ImapSession {
    pub(crate) fn idle(&mut self, tag: &str, out: &mut Output) -> Outcome {
        out.put(&Response::Continue("idling"));
        Ok(self.enter(Mode::Idle {
            tag: tag.to_owned(),
        }))
    }

    /// The store has news of the selected mailbox.
    pub(crate) async fn idle_news(&mut self, out: &mut Output) -> Next {
        let Mode::Idle { tag } = &self.mode else {
            return Next::Continue;
        };
        let tag = tag.clone();
        let told = self.tell_idle(out).await;
        match told {
            Ok(()) => Next::Continue,
            Err(reject) => {
                self.mode = Mode::Command;
                self.answer(&tag, Err(reject), out)
            }
        }
    }

    /// Exactly what NOTIFY has asked for, if it was used (RFC 5465 §4).
    async fn tell_idle(&mut self, out: &mut Output) -> Result<(), Reject> {
        if self.takes_news(facts(Verb::Idle)) {
            self.catch_up(true).await?;
        }
        self.tell(facts(Verb::Idle), out).await?;
        self.tell_tidings(&[], out).await
    }

    pub(crate) async fn idle_line(&mut self, tag: String, line: &[u8], out: &mut Output) -> Next {
        let outcome = if line.eq_ignore_ascii_case(b"DONE") {
            let told = self.tell_idle(out).await;
            told.map(|()| Done::text("IDLE completed"))
        } else {
            Err(Reject::Malformed(Malformed::Expected("DONE")))
        };
        let told = self.tell(facts(Verb::Idle), out).await;
        let outcome = outcome.and_then(|done| told.map(|()| done));
        self.answer(&tag, outcome, out)
    }
}
