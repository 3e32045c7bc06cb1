//! Logging in to a smart host (RFC 4954): SCRAM-SHA-256, PLAIN, LOGIN, the first of them that it offers.
//!
//! Called under TLS only. Neither the password nor what is made of it gets into a reason: those are the host's words or ours. A host
//! that accepts a SCRAM login without showing that it knows the password too is not the one that we were looking for.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use daemon::sasl::client::{ScramClient, plain_message};

use super::capability::Capabilities;
use super::dialogue::{Dialogue, Lost};
use super::endpoint::Login;
use super::outcome::{Said, Status};
use super::reply::HostReply;

pub(super) async fn log_in(
    dialogue: &mut Dialogue,
    capabilities: &Capabilities,
    login: &Login,
    time: Duration,
) -> Result<(), Said> {
    let mut exchange = Exchange { dialogue, time };
    if capabilities.has_mechanism("SCRAM-SHA-256") {
        exchange.scram(login).await
    } else if capabilities.has_mechanism("PLAIN") {
        exchange.plain(login).await
    } else if capabilities.has_mechanism("LOGIN") {
        exchange.login(login).await
    } else {
        let offered = capabilities.mechanisms.join(" ");
        let text = format!(
            "the host takes no login by SCRAM-SHA-256, PLAIN or LOGIN (it offers: {offered})"
        );
        Err(Said::us(Status::new(4, 7, 4), text))
    }
}

struct Exchange<'a> {
    dialogue: &'a mut Dialogue,
    time: Duration,
}

impl Exchange<'_> {
    /// RFC 4616.
    async fn plain(&mut self, login: &Login) -> Result<(), Said> {
        let message = plain_message(&login.user, &login.password);
        let command = format!("AUTH PLAIN {}", STANDARD.encode(message.expose()));
        let reply = self.ask(&command).await?;
        accepted(reply)
    }

    /// draft-murchison-sasl-login: two prompts, whatever they say.
    async fn login(&mut self, login: &Login) -> Result<(), Said> {
        challenge(self.ask("AUTH LOGIN").await?)?;
        challenge(self.ask(&STANDARD.encode(&login.user)).await?)?;
        let password = STANDARD.encode(login.password.expose());
        let reply = self.ask(&password).await?;
        accepted(reply)
    }

    /// RFC 7677.
    async fn scram(&mut self, login: &Login) -> Result<(), Said> {
        let scram = ScramClient::new(&login.user, &login.password).map_err(malformed)?;
        let first = STANDARD.encode(scram.first_message());
        let reply = challenge(self.ask(&format!("AUTH SCRAM-SHA-256 {first}")).await?)?;
        // The password is stretched: work for a core.
        let stretched = tokio::task::spawn_blocking(move || scram.answer(&reply)).await;
        let (answer, proof) = stretched.map_err(malformed)?.map_err(malformed)?;
        let reply = self.ask(&STANDARD.encode(answer)).await?;
        // RFC 4954 §4: the last message comes with another challenge, which is answered by an empty line. Some hosts put it into the
        // final reply.
        let last = match reply.code() {
            334 => {
                let last = challenge(reply)?;
                accepted(self.ask("").await?)?;
                last
            }
            _ => {
                let last = decode(&reply);
                accepted(reply)?;
                last.unwrap_or_default()
            }
        };
        match proof.is_shown_by(&last) {
            true => Ok(()),
            false => Err(malformed("it does not know the password itself")),
        }
    }

    async fn ask(&mut self, line: &str) -> Result<HostReply, Said> {
        let reply = self.dialogue.ask(line, self.time).await;
        reply.map_err(|lost: Lost| lost.said("at AUTH"))
    }
}

fn accepted(reply: HostReply) -> Result<(), Said> {
    match reply.is_success() {
        true => Ok(()),
        false => Err(Said::Host(reply)),
    }
}

/// What a 334 asks.
fn challenge(reply: HostReply) -> Result<Vec<u8>, Said> {
    match reply.code() {
        334 => decode(&reply).ok_or_else(|| malformed("a challenge that is not base64")),
        _ => Err(Said::Host(reply)),
    }
}

fn decode(reply: &HostReply) -> Option<Vec<u8>> {
    STANDARD.decode(reply.lines().first()?.trim()).ok()
}

fn malformed(reason: impl std::fmt::Display) -> Said {
    let text = format!("the host cannot be trusted with a login: {reason}");
    Said::us(Status::new(4, 7, 0), text)
}
