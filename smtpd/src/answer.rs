//! Every positive answer, and the one place that puts answers into words.
//!
//! No text repeats what the client sent. Texts name the command that they answer (RFC 2920 §3.2 (10)).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use daemon::session::Next;

use crate::grammar::Reply;

/// What a command achieved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The greeting.
    Greeting,
    /// HELO.
    Hello,
    /// EHLO, with the extensions.
    Extensions(Vec<String>),
    /// MAIL.
    SenderOk,
    /// RCPT.
    RecipientOk,
    /// DATA: the message may come.
    StartInput,
    /// BDAT: the octets of the chunk that follows are to be read first; nothing is said now.
    ChunkComes,
    /// BDAT: a chunk has been taken, and others follow.
    ChunkTaken {
        /// Its octets.
        octets: u64,
    },
    /// The message is accepted.
    Accepted {
        /// The queue id.
        id: String,
    },
    /// RSET.
    Reset,
    /// NOOP.
    Nothing,
    /// HELP.
    Help {
        /// What can be said here.
        commands: Vec<&'static str>,
    },
    /// VRFY.
    CannotVerify,
    /// QUIT.
    Goodbye,
    /// STARTTLS.
    ReadyForTls,
    /// AUTH goes on.
    Challenge(Vec<u8>),
    /// AUTH has succeeded.
    LoggedIn,
}

/// Makes `Answer::code` of a table, and the list of codes.
macro_rules! codes {
    ($($answer:pat => $code:literal, $enhanced:expr;)*) => {
        impl Answer {
            /// The codes of all replies here, with the enhanced code where there is one.
            pub const CODES: &[(u16, Option<(u16, u16)>)] = &[$(($code, $enhanced)),*];

            fn code(&self) -> (u16, Option<(u16, u16)>) {
                match self {
                    $($answer => ($code, $enhanced),)*
                }
            }
        }
    };
}

// No enhanced code with the greeting, with the answers to EHLO and HELO, and with 3yz (RFC 2034 §3).
codes! {
    Answer::Greeting => 220, None;
    Answer::Hello => 250, None;
    Answer::Extensions(_) => 250, None;
    Answer::SenderOk => 250, Some((1, 0));
    Answer::RecipientOk => 250, Some((1, 5));
    Answer::StartInput => 354, None;
    Answer::ChunkComes | Answer::ChunkTaken { .. } => 250, Some((0, 0));
    Answer::Accepted { .. } => 250, Some((0, 0));
    Answer::Reset => 250, Some((0, 0));
    Answer::Nothing => 250, Some((0, 0));
    Answer::Help { .. } => 214, Some((0, 0));
    Answer::CannotVerify => 252, Some((1, 5));
    Answer::Goodbye => 221, Some((0, 0));
    Answer::ReadyForTls => 220, Some((0, 0));
    Answer::Challenge(_) => 334, None;
    Answer::LoggedIn => 235, Some((7, 0));
}

impl Answer {
    /// The reply, if there is one to be made now.
    pub fn reply(&self, hostname: &str) -> Option<Reply> {
        let text = self.text(hostname)?;
        let reply = match self.code() {
            (code, Some(enhanced)) => Reply::new(code, enhanced, text),
            (code, None) => Reply::plain(code, text),
        };
        Some(match self {
            Answer::Extensions(keywords) => keywords
                .iter()
                .fold(reply, |reply, keyword| reply.line(keyword.clone())),
            Answer::Help { .. } => reply.line("See RFC 5321; questions go to postmaster"),
            _ => reply,
        })
    }

    /// The first line.
    fn text(&self, hostname: &str) -> Option<Cow<'static, str>> {
        Some(match self {
            Answer::ChunkComes => return None,
            Answer::Greeting => format!("{hostname} ESMTP Pennyblack").into(),
            Answer::Hello | Answer::Extensions(_) => hostname.to_owned().into(),
            Answer::SenderOk => "Sender ok".into(),
            Answer::RecipientOk => "Recipient ok".into(),
            Answer::StartInput => "Start mail input, end with <CRLF>.<CRLF>".into(),
            Answer::ChunkTaken { octets } => format!("{octets} octets taken").into(),
            Answer::Accepted { id } => format!("Accepted as {id}").into(),
            Answer::Reset => "Reset".into(),
            Answer::Nothing => "Ok".into(),
            Answer::Help { commands } => format!("Commands: {}", commands.join(" ")).into(),
            Answer::CannotVerify => "Cannot verify, try RCPT".into(),
            Answer::Goodbye => format!("{hostname} closing connection").into(),
            Answer::ReadyForTls => "Ready to start TLS".into(),
            Answer::Challenge(octets) => BASE64.encode(octets).into(),
            Answer::LoggedIn => "Authentication successful".into(),
        })
    }

    /// What the session loop does then.
    pub fn next(&self) -> Next {
        match self {
            Answer::Goodbye => Next::Close,
            Answer::ReadyForTls => Next::StartTls,
            _ => Next::Continue,
        }
    }
}
