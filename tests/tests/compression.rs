//! COMPRESS=DEFLATE (RFC 4978) against clients that mean no good.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use tests::chat::{Listener, Protocol};
use tests::link::{Link, ReadError};
use tests::server::{Daemon, Server};

const PATIENCE: Duration = Duration::from_secs(60);

/// A session that has logged in and compresses.
fn compressed(server: &Server) -> Link {
    let address = (server.host(), Server::port(Listener::Imap)).into();
    let mut link = Link::connect(address, None, Protocol::Imap).unwrap();
    link.response(PATIENCE).unwrap();
    for command in [
        "a LOGIN alice@example.test testpass\r\n",
        "a COMPRESS DEFLATE\r\n",
    ] {
        link.send(command.as_bytes()).unwrap();
        let reply = link.response(PATIENCE).unwrap();
        assert!(reply.starts_with(b"a OK"), "{}", reply.escape_ascii());
    }
    link
}

/// 64 MiB of one letter, compressed.
fn bomb() -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    let letters = vec![b'x'; 1 << 20];
    for _ in 0..64 {
        encoder.write_all(&letters).unwrap();
    }
    encoder.flush().unwrap();
    encoder.get_ref().clone()
}

/// The largest that imapd has ever been, in KiB.
fn peak(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!(
        "/proc/{}/status",
        server.process(Daemon::Imapd).unwrap()
    ));
    let status = status.unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1))
        .and_then(|number| number.parse().ok())
        .unwrap()
}

#[test]
fn a_decompression_bomb_is_refused_without_being_unpacked() {
    let server = Server::new().unwrap();
    server.start_all().unwrap();
    let mut link = compressed(&server);
    let before = peak(&server);
    link.send(&bomb()).unwrap();
    link.set_compressed(true).unwrap();
    let farewell = link.response(PATIENCE).unwrap();
    assert!(
        farewell.starts_with(b"* BYE"),
        "{}",
        farewell.escape_ascii()
    );
    let grown = peak(&server) - before;
    assert!(grown < 16 * 1024, "imapd grew by {grown} KiB");
}

#[test]
fn what_is_not_compressed_ends_the_session() {
    let server = Server::new().unwrap();
    server.start_all().unwrap();
    let mut link = compressed(&server);
    // No block of DEFLATE begins so.
    link.send(&[0xff; 100]).unwrap();
    link.set_compressed(true).unwrap();
    assert!(matches!(link.response(PATIENCE), Err(ReadError::Eof)));
}
