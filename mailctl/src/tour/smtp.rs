//! Submits a message, as a mail client does: RFC 6409 over TLS.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::line::{Line, unexpected};
use crate::fail::Outcome;

/// Logs in and submits `message`. Returns the server's last word, which has the queue id.
pub async fn submit(
    mut line: Line,
    sender: &str,
    password: &str,
    recipient: &str,
    message: &[u8],
) -> Outcome<String> {
    expect(&mut line, "greeting", '2').await?;
    command(&mut line, "EHLO client.example.test", '2').await?;
    let credentials = BASE64.encode(format!("\0{sender}\0{password}"));
    line.send(format!("AUTH PLAIN {credentials}\r\n").as_bytes())
        .await?;
    expect(&mut line, "AUTH", '2').await?;
    command(&mut line, &format!("MAIL FROM:<{sender}>"), '2').await?;
    command(&mut line, &format!("RCPT TO:<{recipient}>"), '2').await?;
    command(&mut line, "DATA", '3').await?;
    line.send(&dot_stuffed(message)).await?;
    let accepted = expect(&mut line, "message", '2').await?;
    command(&mut line, "QUIT", '2').await?;
    Ok(accepted)
}

async fn command(line: &mut Line, command: &str, class: char) -> Outcome<String> {
    line.send(format!("{command}\r\n").as_bytes()).await?;
    expect(line, command, class).await
}

/// The last line of a reply of that class (RFC 5321 §4.2.1).
async fn expect(line: &mut Line, what: &str, class: char) -> Outcome<String> {
    loop {
        let reply = line.read().await?;
        match (reply.starts_with(class), reply.as_bytes().get(3)) {
            (true, Some(b'-')) => {}
            (true, _) => return Ok(reply),
            (false, _) => return Err(unexpected(what, &reply)),
        }
    }
}

/// RFC 5321 §4.5.2. The message ends with CRLF, as all that mail-builder makes do; if not, it does here.
fn dot_stuffed(message: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(message.len() + 16);
    for line in message.split_inclusive(|&octet| octet == b'\n') {
        if line.starts_with(b".") {
            stuffed.push(b'.');
        }
        stuffed.extend_from_slice(line);
    }
    if !stuffed.ends_with(b"\r\n") {
        stuffed.extend_from_slice(b"\r\n");
    }
    stuffed.extend_from_slice(b".\r\n");
    stuffed
}
