//! Every positive answer, and the one place that puts answers into words.
//!
//! No text repeats what the client sent. Texts name the command that they answer (RFC 2920 §3.2 (10)).

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

impl Answer {
    /// The reply, if there is one to be made now.
    pub fn reply(&self, hostname: &str) -> Option<Reply> {
        Some(match self {
            Answer::ChunkComes => return None,
            Answer::Greeting => Reply::plain(220, format!("{hostname} ESMTP Pennyblack")),
            Answer::Hello => Reply::plain(250, hostname.to_owned()),
            Answer::Extensions(keywords) => keywords
                .iter()
                .fold(Reply::plain(250, hostname.to_owned()), |reply, keyword| {
                    reply.line(keyword.clone())
                }),
            Answer::SenderOk => Reply::new(250, (1, 0), "Sender ok"),
            Answer::RecipientOk => Reply::new(250, (1, 5), "Recipient ok"),
            Answer::StartInput => Reply::plain(354, "Start mail input, end with <CRLF>.<CRLF>"),
            Answer::ChunkTaken { octets } => {
                Reply::new(250, (0, 0), format!("{octets} octets taken"))
            }
            Answer::Accepted { id } => Reply::new(250, (0, 0), format!("Accepted as {id}")),
            Answer::Reset => Reply::new(250, (0, 0), "Reset"),
            Answer::Nothing => Reply::new(250, (0, 0), "Ok"),
            Answer::Help { commands } => {
                Reply::new(214, (0, 0), format!("Commands: {}", commands.join(" ")))
                    .line("See RFC 5321; questions go to postmaster")
            }
            Answer::CannotVerify => Reply::new(252, (1, 5), "Cannot verify, try RCPT"),
            Answer::Goodbye => Reply::new(221, (0, 0), format!("{hostname} closing connection")),
            Answer::ReadyForTls => Reply::new(220, (0, 0), "Ready to start TLS"),
            Answer::Challenge(octets) => Reply::plain(334, BASE64.encode(octets)),
            Answer::LoggedIn => Reply::new(235, (7, 0), "Authentication successful"),
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
