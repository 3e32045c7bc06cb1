//! Prints how fast messages are indexed, indexes read, and text searched. Run with `--release`; nothing is asserted.

use std::{hint::black_box, time::Instant};

use store::mime::{Indexer, MessageIndex, Needle, search};

const MEBIBYTE: f64 = 1024.0 * 1024.0;

fn main() {
    let typical = "Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\nFrom: Alice Example <alice@example.test>\r\nTo: Bob Example <bob@example.test>\r\nSubject: The minutes of the meeting\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <0123456789abcdef@mail.example.test>\r\nContent-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n--=_b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello, these are the words of the message.\r\n--=_b\r\nContent-Type: application/pdf; name=x.pdf\r\nContent-Disposition: attachment; filename=x.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    let single = typical.replace(
        "multipart/mixed; boundary=\"=_b\"",
        "text/plain; charset=utf-8",
    );
    let lines = "JVBERi0xLjQKJcOkw7zDtsOfCjIgMCBvYmoKPDwvTGVuZ3RoIDMgMCBSL0ZpbHRlci9GbGF0ZURl\r\n";
    let attachment = format!("{typical}{}--=_b--\r\n", lines.repeat(1_000_000));
    rate("index an attachment", attachment.len(), || {
        black_box(Indexer::index(attachment.as_bytes())).size
    });
    let plain = format!("{single}{}", lines.repeat(1_000_000));
    rate("index a plain body", plain.len(), || {
        black_box(Indexer::index(plain.as_bytes())).size
    });
    each("index a small message", || {
        black_box(Indexer::index(single.as_bytes())).size
    });

    for (what, message) in [("single part", &single), ("with attachment", &attachment)] {
        let stored = Indexer::index(message.as_bytes()).encode();
        println!("{what}: {} octets stored", stored.len());
        each("read an index", || {
            black_box(MessageIndex::decode(&stored, 100)).map_or(0, |index| index.size)
        });
    }

    let english = "It was the best of times, it was the worst of times, it was the age of wisdom. "
        .repeat(2_500_000);
    let russian = "Все счастливые семьи похожи друг на друга. ".repeat(1_300_000);
    for (what, text, needle) in [
        ("ASCII needle in ASCII text", &english, "Pennyblack"),
        ("ASCII needle in Cyrillic text", &russian, "Pennyblack"),
        ("Cyrillic needle in Cyrillic text", &russian, "пенни"),
    ] {
        let needle = Needle::new(needle);
        rate(what, text.len(), || {
            u64::from(black_box(needle.found_in(text)))
        });
    }
    let index = Indexer::index(plain.as_bytes());
    let needle = Needle::new("Pennyblack");
    rate("SEARCH TEXT", plain.len(), || {
        u64::from(search::found_in(
            &index,
            plain.as_bytes(),
            search::Scope::Text,
            &needle,
        ))
    });
}

fn rate(what: &str, octets: usize, work: impl Fn() -> u64) {
    let start = Instant::now();
    black_box(work());
    let seconds = start.elapsed().as_secs_f64();
    println!("{what}: {:.0} MiB/s", octets as f64 / MEBIBYTE / seconds);
}

fn each(what: &str, work: impl Fn() -> u64) {
    const TIMES: u32 = 20_000;
    let start = Instant::now();
    for _ in 0..TIMES {
        black_box(work());
    }
    println!("{what}: {:?} each", start.elapsed() / TIMES);
}
