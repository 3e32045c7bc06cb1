//! Aliases that lead elsewhere: under whose address mail goes on, and how bounces come back.

use serde_json::Value;

use super::{RIGHT, WRONG, World, refused};

const MESSAGE: &str = "From: Sender <someone@sender.test>\nSubject: hello\n\nHello World\n";

/// alice@example.test has an alias elsewhere@example.test that leads away.
fn world() -> World {
    let world = World::new();
    let add = ["alias", "add", "elsewhere@example.test", "friend@far.test"];
    world.server.mailctl_ok(&add, "").unwrap();
    world
}

/// Forwards a message, and gives the reverse-path under which it waits.
fn forwarded(world: &World, from: &str) -> String {
    let message = MESSAGE.replace('\n', "\r\n");
    let mut peer = world.peer(RIGHT);
    peer.deliver(from, &["elsewhere@example.test"], message.as_bytes())
        .unwrap();
    let queue = world.server.mailctl_ok(&["queue", "list", "--json"], "");
    let queue: Value = serde_json::from_str(&queue.unwrap()).unwrap();
    let waiting = queue.as_array().unwrap();
    let sender = waiting.last().unwrap()["sender"].as_str().unwrap();
    sender.trim_matches(['<', '>']).to_owned()
}

#[test]
fn forwarded_mail_has_an_address_of_ours_and_bounces_find_back() {
    let world = world();
    let sender = forwarded(&world, "someone@sender.test");
    assert!(sender.starts_with("SRS0="), "{sender}");
    assert!(
        sender.ends_with("=sender.test=someone@example.test"),
        "{sender}"
    );

    let bounce = b"From: MAILER-DAEMON@far.test\r\nSubject: no\r\n\r\ntext\r\n";
    world.peer(WRONG).deliver("", &[&sender], bounce).unwrap();
    let queue = world.server.mailctl_ok(&["queue", "list"], "").unwrap();
    assert!(queue.contains("sender.test"), "{queue}");
    // Whatever a host has made of its letters.
    let shouted = sender.to_uppercase();
    world.peer(WRONG).deliver("", &[&shouted], bounce).unwrap();
}

#[test]
fn rewritten_addresses_are_no_open_relay() {
    let world = world();
    let sender = forwarded(&world, "someone@sender.test");
    let message = b"From: a@b.test\r\n\r\ntext\r\n";
    let send = |from: &str, to: &str| world.peer(WRONG).deliver(from, &[to], message);
    let reply = refused(send("a@b.test", &sender));
    assert!(reply.starts_with("550 5.1.1 "), "{reply}");
    for forged in [
        sender.replace("someone", "victim"),
        sender.replace("sender.test", "victim.test"),
        "SRS0=AAAAAAAA=AA=victim.test=x@example.test".to_owned(),
        "SRS1=AAAAAAAA=victim.test==a=b=c=d@example.test".to_owned(),
    ] {
        let reply = refused(send("", &forged));
        assert!(reply.starts_with("550 5.1.1 "), "{forged}: {reply}");
    }
    let reply = refused(send("", &sender.replace("@example.test", "@far.test")));
    assert!(reply.starts_with("550 5.7.1 "), "{reply}");
}

#[test]
fn the_null_sender_and_our_own_stay_as_they_are() {
    let world = world();
    assert_eq!(forwarded(&world, ""), "");
    assert_eq!(forwarded(&world, "bob@example.test"), "bob@example.test");
}
