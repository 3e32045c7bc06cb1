//! Fetches the newest message by POP3, as a mail client does (RFC 1939).

use super::line::{Line, unexpected};
use crate::fail::Outcome;

/// Logs in, fetches the last message and leaves everything where it is.
pub async fn fetch_newest(mut line: Line, user: &str, password: &str) -> Outcome<Vec<u8>> {
    expect_ok(&mut line, "greeting").await?;
    command(&mut line, "USER", user).await?;
    command(&mut line, "PASS", password).await?;
    let listing = command(&mut line, "STAT", "").await?;
    let number = listing
        .split(' ')
        .nth(1)
        .ok_or_else(|| unexpected("STAT", &listing))?;
    command(&mut line, "RETR", number).await?;
    let message = read_message(&mut line).await?;
    command(&mut line, "QUIT", "").await?;
    Ok(message)
}

async fn command(line: &mut Line, keyword: &str, argument: &str) -> Outcome<String> {
    line.send(format!("{keyword} {argument}").trim_end().as_bytes())
        .await?;
    line.send(b"\r\n").await?;
    expect_ok(line, keyword).await
}

async fn expect_ok(line: &mut Line, what: &str) -> Outcome<String> {
    let reply = line.read().await?;
    match reply.starts_with("+OK") {
        true => Ok(reply),
        false => Err(unexpected(what, &reply)),
    }
}

/// Lines up to the dot alone, the stuffing taken off (RFC 1939 §3).
async fn read_message(line: &mut Line) -> Outcome<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        match line.read_octets_line().await?.as_slice() {
            b".\r\n" => return Ok(message),
            [b'.', rest @ ..] => message.extend_from_slice(rest),
            whole => message.extend_from_slice(whole),
        }
    }
}
