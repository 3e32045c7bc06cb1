//! Our signatures, as others see them.

use serde_json::Value;
use tests::chat::Listener;
use tests::client;
use tests::server::Server;
use tests::smtp::Smtp;

use super::{World, python};

const MESSAGE: &str = "From: Alice <alice@example.test>\r\nTo: bob@example.test\r\nSubject: signed  and\r\n\tsealed\r\n\
                       Date: Thu, 01 Jan 2026 10:00:00 +0000\r\nMessage-ID: <1@example.test>\r\n\
                       \r\nHello \t World  \r\n\r\n.dots\r\n\r\n\r\n";

/// Keys for example.test, as mailctl prints them.
fn create_keys(world: &World) -> Vec<Value> {
    let printed = world
        .server
        .mailctl_ok(&["dkim", "create", "example.test", "--json"], "");
    serde_json::from_str(&printed.unwrap()).unwrap()
}

fn text<'a>(key: &'a Value, name: &str) -> &'a str {
    key[name].as_str().unwrap()
}

/// alice submits a message to bob.
fn submit(world: &World, message: &str) {
    let port = Server::port(Listener::Submissions).to_string();
    let host = world.server.host().to_string();
    let program = "
import smtplib, ssl, sys
context = ssl._create_unverified_context()
smtp = smtplib.SMTP_SSL(sys.argv[1], int(sys.argv[2]), context=context)
smtp.login('alice@example.test', 'testpass')
smtp.sendmail('alice@example.test', ['bob@example.test'], sys.stdin.buffer.read())
smtp.quit()
";
    python(world, program, &[&host, &port], message);
}

fn bobs(world: &World) -> String {
    let show = ["message", "show", "bob@example.test", "1"];
    world.server.mailctl_ok(&show, "").unwrap()
}

/// What dkimpy says of each signature of a message: `selector True` or `False`.
fn judged_by_dkimpy(world: &World, keys: &[Value], message: &str) -> String {
    const VERIFY: &str = "
import sys, json, dkim
records = json.loads(sys.argv[1])
message = sys.stdin.buffer.read()
def dns(name, timeout=5):
    return records[name.decode().rstrip('.')].encode()
count = sum(1 for line in message.split(b'\\r\\n') if line.lower().startswith(b'dkim-signature:'))
for index in range(count):
    verifier = dkim.DKIM(message)
    try:
        result = verifier.verify(idx=index, dnsfunc=dns)
    except dkim.ValidationError:
        result = False
    print(verifier.selector.decode(), result)
";
    let records: serde_json::Map<String, Value> = keys
        .iter()
        .map(|key| (text(key, "name").to_owned(), key["record"].clone()))
        .collect();
    let records = Value::from(records).to_string();
    python(world, VERIFY, &[&records], message)
}

#[test]
fn both_signatures_of_a_submission_are_right_for_dkimpy_and_opendkim() {
    let world = World::for_users();
    let keys = create_keys(&world);
    submit(&world, MESSAGE);
    let message = bobs(&world);
    let selectors: Vec<&str> = keys.iter().map(|key| text(key, "selector")).collect();
    let expected = format!("{} True\n{} True\n", selectors[0], selectors[1]);
    assert_eq!(
        judged_by_dkimpy(&world, &keys, &message),
        expected,
        "{message}"
    );

    let tampered = message.replace("Hello", "Hallo");
    let expected = expected.replace("True", "False");
    assert_eq!(judged_by_dkimpy(&world, &keys, &tampered), expected);
    // A second Subject on top is not covered by fields that are signed as often as they are there alone.
    let added = format!("Subject: another\r\n{message}");
    assert_eq!(judged_by_dkimpy(&world, &keys, &added), expected);

    let judged = judged_by_opendkim(&world, &keys, &message);
    for algorithm in ["rsa-sha256", "ed25519-sha256"] {
        let passed = judged
            .lines()
            .any(|line| line.contains("dkim=pass") && line.contains(algorithm));
        assert!(passed, "{judged}");
    }
}

fn judged_by_opendkim(world: &World, keys: &[Value], message: &str) -> String {
    let scratch = world.server.scratch();
    let records: String = keys
        .iter()
        .map(|key| format!("{} {}\n", text(key, "name"), text(key, "record")))
        .collect();
    let path = |name: &str| scratch.join(name).display().to_string();
    std::fs::write(scratch.join("records"), records).unwrap();
    std::fs::write(scratch.join("message"), message.replace("\r\n", "\n")).unwrap();
    let config = format!("TestPublicKeys {}\nMode v\nSyslog no\n", path("records"));
    std::fs::write(scratch.join("opendkim.conf"), config).unwrap();
    let arguments = ["-x", &path("opendkim.conf"), "-t", &path("message"), "-vv"];
    let printed = client::run(scratch, "opendkim", &arguments, b"").unwrap();
    String::from_utf8(printed).unwrap()
}

#[test]
fn a_message_without_keys_is_not_signed_and_large_ones_are_signed_whole() {
    let world = World::for_users();
    submit(&world, MESSAGE);
    assert!(!bobs(&world).contains("DKIM-Signature"));
    let keys = create_keys(&world);
    // Longer than what is kept in memory of a message.
    let large = format!("{MESSAGE}{}", "0123456789 abcdef  \r\n".repeat(50_000));
    // The keys of before, none, are remembered for a moment.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let message = loop {
        submit(&world, &large);
        let show = ["message", "list", "bob@example.test", "--json"];
        let listed: Value =
            serde_json::from_str(&world.server.mailctl_ok(&show, "").unwrap()).unwrap();
        let uids = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["uid"].as_u64().unwrap());
        let uid = uids.max().unwrap().to_string();
        let show = ["message", "show", "bob@example.test", &uid];
        let message = world.server.mailctl_ok(&show, "").unwrap();
        if message.contains("DKIM-Signature") || std::time::Instant::now() > deadline {
            break message;
        }
        std::thread::sleep(std::time::Duration::from_secs(1));
    };
    let judged = judged_by_dkimpy(&world, &keys, &message);
    assert_eq!(judged.matches("True").count(), 2, "{judged}");
}

#[test]
fn what_the_server_writes_itself_is_signed_too() {
    let world = World::for_users();
    let keys = create_keys(&world);
    let mut smtp = Smtp::login(&world.server, "alice@example.test").unwrap();
    let from = "MAIL FROM:<alice@example.test>";
    smtp.command(from, "250").unwrap();
    let to = "RCPT TO:<bob@example.test> NOTIFY=SUCCESS";
    smtp.command(to, "250").unwrap();
    smtp.command("DATA", "354").unwrap();
    let data = [MESSAGE.replace("\r\n.", "\r\n..").as_bytes(), b".\r\n"].concat();
    smtp.link.send(&data).unwrap();
    assert!(smtp.reply().unwrap().starts_with("250"));
    let show = ["message", "show", "alice@example.test", "1"];
    let notice = world.server.mailctl_ok(&show, "").unwrap();
    assert!(notice.contains("Action: delivered"), "{notice}");
    let judged = judged_by_dkimpy(&world, &keys, &notice);
    assert_eq!(judged.matches("True").count(), 2, "{judged}");
}

#[test]
fn the_records_in_the_dns_are_compared_with_the_keys() {
    let world = World::for_users();
    let keys = create_keys(&world);
    let mut zone = tests::internet::Zone::unsigned("example.test");
    zone = zone.txt(text(&keys[0], "name"), text(&keys[0], "record"));
    zone = zone.txt(text(&keys[1], "name"), "v=DKIM1; k=ed25519; p=AAAA");
    world.publish(zone);
    let shown = world
        .server
        .mailctl_ok(&["dkim", "show", "example.test", "--check", "--json"], "");
    let shown: Vec<Value> = serde_json::from_str(&shown.unwrap()).unwrap();
    assert_eq!(shown[0]["served"], "right");
    assert_eq!(shown[1]["served"], "wrong: v=DKIM1; k=ed25519; p=AAAA");
}
