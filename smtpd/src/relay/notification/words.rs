//! The part of a notice for people: what happened, in whose words, and what to do now.

use std::fmt::Write;

use super::notice::{Action, Affected, Notice};
use crate::message::compose::date_of;
use crate::relay::client::Status;

/// Recipients that are told one by one; programs find the others in the part that is for them.
const TOLD_MAX: usize = 50;

/// The subject.
pub(super) fn subject(action: Action) -> &'static str {
    match action {
        Action::Failed => "Your mail could not be delivered",
        Action::Delayed => "Your mail is delayed",
        Action::Delivered => "Your mail was delivered",
        Action::Relayed => "Your mail was handed on",
        Action::Expanded => "Your mail was sent on to a group",
    }
}

/// The text, with CRLF.
pub(super) fn text(notice: &Notice, hostname: &str) -> String {
    let mut text = format!("This is the mail server {hostname}.\n\n");
    let _ = writeln!(text, "Your message");
    if let Some(subject) = &notice.returned.subject {
        let _ = writeln!(text, "    {subject}");
    }
    let _ = writeln!(text, "of {}", date_of(notice.about.arrived));
    let _ = writeln!(text, "{}\n", what_happened(notice.action));
    for affected in notice.affected.iter().take(TOLD_MAX) {
        recipient(&mut text, notice.action, affected);
    }
    if let Some(more) = notice.affected.len().checked_sub(TOLD_MAX + 1) {
        let _ = writeln!(text, "and {} more, listed in the attachment.\n", more + 1);
    }
    let _ = writeln!(
        text,
        "If you need help, write to postmaster@{hostname} and name the number {}.",
        notice.about.id.printed()
    );
    text.replace('\n', "\r\n")
}

fn what_happened(action: Action) -> &'static str {
    match action {
        Action::Failed => "could not be delivered to:",
        Action::Delayed => {
            "has not been delivered yet to the recipients below. You need not do anything: it is tried again."
        }
        Action::Delivered => "was delivered to:",
        Action::Relayed => {
            "was handed on for the recipients below, to servers that do not tell what becomes of it:"
        }
        Action::Expanded => "was sent on to all addresses behind:",
    }
}

fn recipient(text: &mut String, action: Action, affected: &Affected) {
    let _ = writeln!(text, "<{}>", affected.recipient);
    match (&affected.reply, &affected.host, &affected.finding) {
        (Some(reply), Some(host), _) => {
            let _ = writeln!(text, "    The server {host} answered:\n    {reply}");
        }
        (Some(reply), None, _) => {
            let _ = writeln!(text, "    The last answer was:\n    {reply}");
        }
        (None, _, Some(finding)) => {
            let _ = writeln!(text, "    {finding}");
        }
        (None, ..) => {}
    }
    match (action, affected.tried_until) {
        (Action::Failed, _) => {
            let _ = writeln!(text, "    {}", advice(affected.status));
        }
        (Action::Delayed, Some(until)) => {
            let _ = writeln!(text, "    It is tried until {}.", date_of(until));
        }
        _ => {}
    }
    text.push('\n');
}

/// What a sender can do, by what the status says (RFC 3463 §3).
fn advice(status: Status) -> &'static str {
    match (status.code.subject, status.code.detail) {
        (1, 1 | 3 | 6) => {
            "There is no such address. Look for a spelling mistake, or ask the recipient in another way."
        }
        (1, 2 | 10) => {
            "There is no mail for that domain. Look for a spelling mistake behind the @."
        }
        (2, 2) => {
            "The mailbox is full. Tell the recipient in another way, and send it again later."
        }
        (2, 3) | (3, 4) => {
            "The message is too large for that server. Send it in smaller parts, or as a link."
        }
        (6, 7..=9) => {
            "The server does not know addresses of this form. Ask for another address of the recipient."
        }
        (7, 10 | 30) => {
            "It was to go out only where encryption is certain, and there it is not. Send it again without that demand, or another way."
        }
        (7, _) => {
            "The server does not accept it for reasons of its own. What it answered may say more; its postmaster knows."
        }
        (4, _) if status.class == 4 => {
            "The server could not be reached for as long as we try. Send it again later, or tell the recipient in another way."
        }
        _ => "It will not be tried again. What is said above tells why.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_follows_the_status() {
        assert!(advice(Status::new(5, 1, 1)).contains("no such address"));
        assert!(advice(Status::new(5, 2, 2)).contains("full"));
        assert!(advice(Status::new(4, 4, 1)).contains("could not be reached"));
        assert!(advice(Status::new(5, 7, 10)).contains("encryption"));
        assert!(advice(Status::new(5, 7, 1)).contains("reasons of its own"));
        assert!(advice(Status::new(5, 0, 0)).contains("not be tried again"));
    }
}
