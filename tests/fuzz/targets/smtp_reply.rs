//! What hosts say to our SMTP client: a reply is the same however it arrives, of bounded size, and harmless to print.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smtpd::limits::{HOST_REPLY_LINES_MAX, HOST_REPLY_OCTETS_MAX};
use smtpd::relay::client::{HostReply, ReplyError, ReplyReader};

/// All replies of a dialogue that arrives in these pieces, up to what is none.
fn replies<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<HostReply>, Option<ReplyError>) {
    let (mut reader, mut unread, mut replies) = (ReplyReader::default(), Vec::new(), Vec::new());
    for piece in pieces {
        unread.extend_from_slice(piece);
        loop {
            match reader.read(&unread) {
                Ok((done, reply)) => {
                    unread.drain(..done);
                    match reply {
                        Some(reply) => replies.push(reply),
                        None => break,
                    }
                }
                Err(error) => return (replies, Some(error)),
            }
        }
    }
    (replies, None)
}

fuzz_target!(|data: &[u8]| {
    let Some((cuts, octets)) = fuzz::cuts(data) else {
        return;
    };
    let (whole, error) = replies(std::iter::once(octets));
    assert_eq!((&whole, error), (&replies(cuts.of(octets)).0, error));
    for reply in whole {
        let printed = reply.to_string();
        assert!(
            printed.bytes().all(|octet| matches!(octet, b' '..=b'~')),
            "{printed:?}"
        );
        assert!((200..600).contains(&reply.code()));
        assert!((1..=HOST_REPLY_LINES_MAX).contains(&reply.lines().len()));
        assert!(printed.len() <= HOST_REPLY_OCTETS_MAX + 3 * HOST_REPLY_LINES_MAX + 20);
        assert!(matches!(reply.status().class, 2 | 4 | 5));
    }
});
