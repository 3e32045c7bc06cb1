//! SORT and THREAD of so many messages that imapd remembers them: the first time, again, and after messages have come and gone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use tests::imap::Imap;
use tests::server::Server;

/// More than the thousand from which on ranks are kept.
const MESSAGES: u32 = 1300;
/// Messages in one APPEND.
const BATCH: usize = 100;

/// What a message is sorted by. Many have the same subject, and some the same date.
#[derive(Clone, Copy)]
struct Message {
    uid: u32,
    subject: u32,
    minute: u32,
}

impl Message {
    fn of(uid: u32) -> Message {
        Message {
            uid,
            subject: uid * 7919 % 50,
            minute: uid * 104_729 % 997,
        }
    }

    fn octets(self) -> String {
        let Message {
            subject, minute, ..
        } = self;
        let answer = if self.uid.is_multiple_of(3) {
            "Re: "
        } else {
            ""
        };
        let (hour, minute) = (minute / 60, minute % 60);
        format!(
            "Date: Mon, 2 Jun 2025 {hour:02}:{minute:02}:00 +0000\r\nSubject: {answer}matter {subject:02}\r\n\r\n"
        )
    }
}

fn append(imap: &mut Imap, messages: &[Message]) {
    for batch in messages.chunks(BATCH) {
        let mut command = String::from("APPEND INBOX");
        for message in batch {
            let octets = message.octets();
            command += &format!(" {{{}+}}\r\n{octets}", octets.len());
        }
        assert!(imap.command_bytes(command.as_bytes()).unwrap().is_ok());
    }
}

fn sorted(imap: &mut Imap, criteria: &str, key: &str) -> Vec<u32> {
    let reply = imap
        .ok(&format!("UID SORT ({criteria}) UTF-8 {key}"))
        .unwrap();
    let text = reply.text();
    let line = text.lines().find_map(|line| line.strip_prefix("* SORT"));
    let numbers = line.unwrap().split_whitespace();
    numbers.map(|number| number.parse().unwrap()).collect()
}

fn expected<K: Ord>(messages: &[Message], key: impl Fn(&Message) -> K) -> Vec<u32> {
    let mut messages = messages.to_vec();
    messages.sort_by_key(key);
    messages.iter().map(|message| message.uid).collect()
}

fn check(imap: &mut Imap, messages: &[Message]) {
    let reversed = |number: u32| u32::MAX - number;
    let by_subject = expected(messages, |message| message.subject);
    assert_eq!(sorted(imap, "SUBJECT", "ALL"), by_subject);
    let by_date = expected(messages, |message| reversed(message.minute));
    assert_eq!(sorted(imap, "REVERSE DATE", "ALL"), by_date);
    let by_both = expected(messages, |message| {
        (reversed(message.subject), message.minute)
    });
    assert_eq!(sorted(imap, "REVERSE SUBJECT DATE", "ALL"), by_both);
    // Few are sorted by themselves.
    let few = |uid: &u32| (300..=700).contains(uid);
    let few: Vec<u32> = by_both.into_iter().filter(few).collect();
    assert_eq!(sorted(imap, "REVERSE SUBJECT DATE", "UID 300:700"), few);
    let reply = imap.ok("UID THREAD ORDEREDSUBJECT UTF-8 ALL").unwrap();
    let expected = format!("* THREAD {}", threads(messages));
    assert!(reply.text().lines().any(|line| line == expected));
}

/// RFC 5256 §3, ORDEREDSUBJECT: of each subject the earliest message, with the others below it; by the dates of the earliest.
fn threads(messages: &[Message]) -> String {
    let by_date = |message: &Message| (message.minute, message.uid);
    let mut threads: Vec<Vec<Message>> = vec![Vec::new(); 50];
    for message in messages {
        threads[message.subject as usize].push(*message);
    }
    for thread in &mut threads {
        thread.sort_by_key(by_date);
    }
    threads.sort_by_key(|thread| by_date(&thread[0]));
    let threads = threads.iter().map(|thread| {
        let others = thread[1..].iter();
        let others: String = others.map(|other| format!("({})", other.uid)).collect();
        format!("({} {others})", thread[0].uid)
    });
    threads.collect()
}

#[test]
fn the_order_of_many_messages_is_kept_up() {
    let server = Server::new().unwrap();
    server.start_all().unwrap();
    let mut imap = Imap::login(&server, "alice@example.test").unwrap();
    let mut messages: Vec<Message> = (1..=MESSAGES).map(Message::of).collect();
    append(&mut imap, &messages);
    imap.ok("SELECT INBOX").unwrap();
    check(&mut imap, &messages);
    check(&mut imap, &messages);

    let more: Vec<Message> = (MESSAGES + 1..MESSAGES + 80).map(Message::of).collect();
    append(&mut imap, &more);
    messages.extend(more);
    let mut other = Imap::login(&server, "alice@example.test").unwrap();
    other.ok("SELECT INBOX").unwrap();
    other
        .ok(r"UID STORE 5:90,600:650 +FLAGS.SILENT (\Deleted)")
        .unwrap();
    other.ok("EXPUNGE").unwrap();
    let gone = |uid: u32| (5..=90).contains(&uid) || (600..=650).contains(&uid);
    messages.retain(|message| !gone(message.uid));
    imap.ok("NOOP").unwrap();
    check(&mut imap, &messages);
    check(&mut other, &messages);
}
