//! What must be true before a command is looked at any further: facts about verbs, enforced once.

use super::SmtpSession;
use crate::grammar::{Command, Verb};
use crate::reject::{Reject, Sequence};
use crate::role::Role;

/// Whether a transaction must be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transaction {
    Either,
    Closed,
    Open,
}

/// What a verb needs.
#[derive(Clone, Copy, Debug)]
struct Needs {
    /// EHLO or HELO (RFC 5321 §4.1.4).
    hello: bool,
    /// A login, on the submission ports (RFC 6409 §4.3).
    login: bool,
    transaction: Transaction,
}

const ANY_TIME: Needs = Needs {
    hello: false,
    login: false,
    transaction: Transaction::Either,
};

/// `NOOP`, `HELP`, `EXPN`, `VRFY` and `RSET` at any time: RFC 5321 §4.1.4. `AUTH` not within a transaction: RFC 4954 §4. `STARTTLS`
/// only once it has been announced, and not while a transaction would be lost by it.
fn needs(verb: Verb) -> Needs {
    match verb {
        Verb::Ehlo
        | Verb::Helo
        | Verb::Rset
        | Verb::Noop
        | Verb::Quit
        | Verb::Vrfy
        | Verb::Expn
        | Verb::Help => ANY_TIME,
        Verb::StartTls | Verb::Auth => Needs {
            hello: true,
            login: false,
            transaction: Transaction::Closed,
        },
        Verb::Mail => Needs {
            hello: true,
            login: true,
            transaction: Transaction::Closed,
        },
        Verb::Rcpt | Verb::Data | Verb::Bdat => Needs {
            hello: true,
            login: true,
            transaction: Transaction::Open,
        },
        Verb::Obsolete => ANY_TIME,
    }
}

impl SmtpSession {
    /// Whether the command may be done now.
    pub(super) fn gate(&self, command: &Command) -> Result<(), Reject> {
        let needs = needs(command.verb());
        if needs.hello && !self.state.is_greeted() {
            return Err(Sequence::HelloFirst.into());
        }
        if needs.login && self.role == Role::Submission && self.login.is_none() {
            return Err(Reject::LoginRequired);
        }
        match (needs.transaction, self.state.in_transaction()) {
            (Transaction::Closed, true) => Err(Sequence::TransactionOpen.into()),
            (Transaction::Open, false) => Err(Sequence::MailFirst.into()),
            _ => Ok(()),
        }
    }
}
