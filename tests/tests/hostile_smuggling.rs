//! SMTP smuggling: whatever looks like the end of a message and is not `CRLF . CRLF` never makes a second message, by DATA or by
//! BDAT, and however the octets are cut into packets.
//!
//! What a single line end does is told by the dialogues `smtp/smuggling-*.chat`; here all of them meet all cuts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;
use tests::imap::Imap;
use tests::server::Server;
use tests::smtp::Smtp;

/// What somewhere was once taken for the end of a message.
const ENDS: [&[u8]; 16] = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\n.\r",
    b"\r.\n",
    b"\n\n.\r\n",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\0\r\n.\0\r\n",
    b"\r\n. \r\n",
    b"\r\n.\x1a\r\n",
];

/// What would be a transaction of its own if the message ended before it.
const SMUGGLED: &[u8] =
    b"MAIL FROM:<admin@example.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n\
    Subject: smuggled\r\n\r\nsmuggled\r\n";

/// Long enough that the server reads what was sent before, short enough for hundreds of them.
const PACKET_GAP: Duration = Duration::from_millis(3);

fn server() -> Server {
    let server = Server::new().unwrap();
    server.start_all().unwrap();
    server
}

/// A session in which a message to alice may come next.
fn envelope(server: &Server) -> Smtp {
    let mut smtp = Smtp::connect(server).unwrap();
    smtp.command("MAIL FROM:<x@elsewhere.test>", "250").unwrap();
    smtp.command("RCPT TO:<alice@example.test>", "250").unwrap();
    smtp
}

fn send(smtp: &mut Smtp, octets: &[u8], cuts: &[usize]) {
    let mut start = 0;
    for &cut in cuts {
        smtp.link.send(&octets[start..cut]).unwrap();
        std::thread::sleep(PACKET_GAP);
        start = cut;
    }
    smtp.link.send(&octets[start..]).unwrap();
}

/// Ways to cut a message with `end` at `at`: not at all, and before each octet of the end.
fn cuts(at: usize, end: &[u8]) -> Vec<Vec<usize>> {
    let mut ways = vec![vec![], (at..=at + end.len()).collect()];
    ways.extend((1..end.len()).map(|offset| vec![at + offset]));
    ways
}

/// After the reply to the message the session is in step: nothing else was answered, and the next command is.
fn is_in_step(smtp: &mut Smtp) {
    smtp.command("NOOP", "250").unwrap();
    smtp.command("MAIL FROM:<y@elsewhere.test>", "250").unwrap();
    smtp.command("RSET", "250").unwrap();
    smtp.command("QUIT", "221").unwrap();
    assert_eq!(smtp.link.waiting(), b"");
}

fn inbox(server: &Server) -> Vec<Vec<u8>> {
    let mut alice = Imap::login(server, "alice@example.test").unwrap();
    alice.messages("INBOX").unwrap()
}

fn holds(message: &[u8], text: &[u8]) -> bool {
    message.windows(text.len()).any(|window| window == text)
}

/// Nothing, or what was sent as one message.
fn nothing_was_smuggled(server: &Server, accepted: usize) {
    let messages = inbox(server);
    assert_eq!(messages.len(), accepted);
    for message in &messages {
        assert!(
            holds(message, b"Subject: outer") && holds(message, b"MAIL FROM:<admin"),
            "{}",
            message.escape_ascii()
        );
    }
}

#[test]
fn the_true_end_makes_two_messages() {
    // Or else the other tests could not fail.
    let server = server();
    let mut smtp = envelope(&server);
    smtp.command("DATA", "354").unwrap();
    let sent = [b"Subject: outer\r\n\r\nhello\r\n.\r\n", SMUGGLED, b".\r\n"].concat();
    smtp.link.send(&sent).unwrap();
    for code in ["250", "250", "250", "354", "250"] {
        let reply = smtp.reply().unwrap();
        assert!(reply.starts_with(code), "{reply}");
    }
    assert_eq!(inbox(&server).len(), 2);
}

#[test]
fn no_other_end_of_data_makes_a_second_message() {
    let server = server();
    let mut accepted = 0;
    for end in ENDS {
        let outer = b"Subject: outer\r\n\r\nhello";
        let sent = [&outer[..], end, SMUGGLED, b".\r\n"].concat();
        for cuts in cuts(outer.len(), end) {
            let mut smtp = envelope(&server);
            smtp.command("DATA", "354").unwrap();
            send(&mut smtp, &sent, &cuts);
            let reply = smtp.reply().unwrap();
            let bare = end
                .windows(2)
                .any(|pair| (pair[0] == b'\r') != (pair[1] == b'\n'))
                || end.starts_with(b"\n");
            assert!(
                reply.starts_with("5") || !bare && reply.starts_with("250"),
                "{}: {reply}",
                end.escape_ascii()
            );
            accepted += usize::from(reply.starts_with("250"));
            is_in_step(&mut smtp);
        }
    }
    nothing_was_smuggled(&server, accepted);
}

#[test]
fn chunks_end_by_their_count_alone() {
    let server = server();
    let mut accepted = 0;
    for end in ENDS.iter().chain(&[&b"\r\n.\r\n"[..]]) {
        let head = b"Subject: outer\r\n\r\nhello";
        let body = [&head[..], end, SMUGGLED].concat();
        for last in [true, false] {
            let command = format!("BDAT {}{}\r\n", body.len(), if last { " LAST" } else { "" });
            let sent = [command.as_bytes(), &body].concat();
            for cuts in [
                vec![],
                vec![command.len()],
                cuts(command.len() + head.len(), end).remove(1),
            ] {
                let mut smtp = envelope(&server);
                send(&mut smtp, &sent, &cuts);
                let mut reply = smtp.reply().unwrap();
                if !last && reply.starts_with("250") {
                    reply = smtp.command("BDAT 0 LAST", "").unwrap();
                }
                assert!(
                    reply.starts_with("5") || reply.starts_with("250"),
                    "{}: {reply}",
                    end.escape_ascii()
                );
                accepted += usize::from(reply.starts_with("250"));
                is_in_step(&mut smtp);
            }
        }
    }
    // At least the whole newlines were taken, each time.
    assert!(accepted >= 6, "{accepted}");
    nothing_was_smuggled(&server, accepted);
}

#[test]
fn a_refused_message_is_read_to_its_end_by_data_and_by_bdat() {
    let server = server();
    // Refused at once, because nobody is to receive it; its octets come all the same.
    let mut smtp = Smtp::connect(&server).unwrap();
    let chunk = [&b"Subject: outer\r\n\r\nhello\r\n.\r\n"[..], SMUGGLED].concat();
    let sent = [format!("BDAT {} LAST\r\n", chunk.len()).as_bytes(), &chunk].concat();
    smtp.link.send(&sent).unwrap();
    let reply = smtp.reply().unwrap();
    assert!(reply.starts_with("5"), "{reply}");
    is_in_step(&mut smtp);

    // Refused in the middle, because of what its header holds.
    let mut smtp = envelope(&server);
    smtp.command("DATA", "354").unwrap();
    let received = "Received: by x\r\n".repeat(200);
    let sent = [
        received.as_bytes(),
        b"\r\nhello\r\n..\r\n",
        SMUGGLED,
        b".\r\n",
    ]
    .concat();
    smtp.link.send(&sent).unwrap();
    let reply = smtp.reply().unwrap();
    assert!(reply.starts_with("554"), "{reply}");
    is_in_step(&mut smtp);
    assert_eq!(inbox(&server).len(), 0);
}
