//! A filter's packets: whatever it answers, no field that it adds or changes can end the header section or begin another field.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smtpd::message::header::HeaderReader;
use smtpd::milter::change::apply;
use smtpd::milter::packet::{Answer, parse_answer};

fuzz_target!(|packets: Vec<&[u8]>| {
    let mut reader = HeaderReader::default();
    reader.push(b"Subject: one\r\nTo: two\r\n three\r\n");
    let header = reader.finish().0;
    let answers = packets.iter().filter_map(|packet| parse_answer(packet).ok());
    let mut changes = Vec::new();
    for answer in answers {
        match answer {
            Answer::Change(change) => changes.push(change),
            Answer::Refuse(refusal) => {
                let mut octets = Vec::new();
                refusal.reply().encode(&mut octets);
                let text = String::from_utf8(octets).expect("replies are ASCII");
                let code = refusal.code().to_string();
                assert!(text.split_terminator("\r\n").all(|line| line.starts_with(&code)));
            }
            _ => {}
        }
    }
    let Ok(changed) = apply(&header, &changes, true) else {
        return;
    };
    assert!(!changed.has_forbidden_octets());
    let mut reader = HeaderReader::default();
    reader.push(&[changed.octets(), b"\r\nbody"].concat());
    let (read, body) = reader.finish();
    assert_eq!(read, changed);
    assert_eq!(body, b"\r\nbody");
});
