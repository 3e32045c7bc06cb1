//! Aliases that lead elsewhere: under whose address mail goes on, and how bounces come back.

use std::time::{Duration, Instant};

use serde_json::Value;
use tests::internet::{Host, Zone};

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

/// Waits until the queue is as it shall be, in the words of `mailctl queue list`.
fn wait_for_queue(world: &World, is_so: impl Fn(&str) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let queue = world.server.mailctl_ok(&["queue", "list"], "").unwrap();
        if is_so(&queue) {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{queue}\n{}",
            world.server.logs()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_have_sent_a_message_is_not_told_that_it_came_back() {
    let script = "S: 220 far.test\nC: EHLO\nS: 250 far.test\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 550 5.1.1 nobody\nREST";
    let host = Host::play(&[script; 2]).await;
    let world = World::with(&format!(
        "[relay]\nconnection_idle_seconds = 0\n\
         [[relay.route]]\ndomain = \"far.test\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"never\"\n",
        host.address.port()
    ));
    let add = ["alias", "add", "elsewhere@example.test", "friend@far.test"];
    world.server.mailctl_ok(&add, "").unwrap();
    world.publish(
        Zone::unsigned("sender.test")
            .txt("sender.test", &format!("v=spf1 ip4:{RIGHT} -all"))
            .txt("_dmarc.sender.test", "v=DMARC1; p=none"),
    );
    for (address, is_told) in [(WRONG, false), (RIGHT, true)] {
        let message = MESSAGE.replace('\n', "\r\n");
        world
            .peer(address)
            .deliver(
                "someone@sender.test",
                &["elsewhere@example.test"],
                message.as_bytes(),
            )
            .unwrap();
        // The notice is accepted in the transaction that settles what it tells.
        wait_for_queue(&world, |queue| !queue.contains("friend@far.test"));
        let notice = world
            .server
            .mailctl_ok(&["trace", "failed notice about"], "");
        let told = notice.is_ok_and(|trace| trace.contains("<someone@sender.test>"));
        assert_eq!(told, is_told, "{address}");
    }
    host.messages().await;
}

#[test]
fn the_null_sender_and_our_own_stay_as_they_are() {
    let world = world();
    assert_eq!(forwarded(&world, ""), "");
    assert_eq!(forwarded(&world, "bob@example.test"), "bob@example.test");
}
