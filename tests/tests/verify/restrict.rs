//! DNS lists, rates and greylisting.

use std::time::{Duration, Instant};

use tests::internet::Zone;
use tests::server::Daemon;

use super::{RIGHT, WRONG, World, refused};

const MESSAGE: &str = "From: Sender <someone@sender.test>\nSubject: hello\n\nHello World\n";

/// A list with its test entries, on which WRONG is listed with this answer.
fn list(answer: [u8; 4]) -> Zone {
    Zone::unsigned("list.test")
        .a("2.0.0.127.list.test", [127, 0, 0, 2])
        .a("66.100.51.198.list.test", answer)
}

fn world(action: &str) -> World {
    World::with(&format!(
        "[verify]\ndns_lists = [{{ zone = \"list.test\", codes = [\"127.0.0.2/31\"], action = \"{action}\" }}]\n"
    ))
}

#[test]
fn who_is_listed_is_refused_or_put_into_junk() {
    let world_of_refusal = world("reject");
    world_of_refusal.publish(list([127, 0, 0, 3]));
    let reply = refused(world_of_refusal.send(WRONG, "a@b.test", MESSAGE));
    assert!(reply.starts_with("550 5.7.1 "), "{reply}");
    world_of_refusal.send(RIGHT, "a@b.test", MESSAGE).unwrap();

    let world_of_junk = world("junk");
    world_of_junk.publish(list([127, 0, 0, 3]));
    world_of_junk.send(WRONG, "a@b.test", MESSAGE).unwrap();
    assert!(
        world_of_junk
            .received("Junk")
            .contains("X-DNS-List: list.test")
    );
}

#[test]
fn other_answers_are_no_listing() {
    for answer in [[127, 0, 0, 10], [127, 255, 255, 254], [192, 0, 2, 1]] {
        let world = world("reject");
        world.publish(list(answer));
        world.send(WRONG, "a@b.test", MESSAGE).unwrap();
        assert!(!world.received("INBOX").contains("X-DNS-List"));
        let told = world
            .server
            .whole_log(Daemon::Smtpd)
            .contains("this DNS list is not used");
        assert_eq!(
            told,
            answer[1] == 255,
            "{}",
            world.server.whole_log(Daemon::Smtpd)
        );
    }
}

#[test]
fn a_list_that_is_ill_is_not_used() {
    let everybody = list([127, 0, 0, 2]).a("1.0.0.127.list.test", [127, 0, 0, 2]);
    let empty = Zone::unsigned("list.test").a("66.100.51.198.list.test", [127, 0, 0, 2]);
    for zone in [everybody, empty] {
        let world = world("reject");
        world.publish(zone);
        world.send(WRONG, "a@b.test", MESSAGE).unwrap();
        world.send(WRONG, "a@b.test", MESSAGE).unwrap();
        let logs = world.server.whole_log(Daemon::Smtpd);
        assert_eq!(
            logs.matches("this DNS list is not used").count(),
            1,
            "{logs}"
        );
    }
}

#[test]
fn an_address_may_send_so_much_and_no_more() {
    let world = World::with("[verify.rates]\naddress_messages_per_minute = 3\n");
    for _ in 0..3 {
        world.send(WRONG, "a@b.test", MESSAGE).unwrap();
    }
    let reply = refused(world.send(WRONG, "a@b.test", MESSAGE));
    assert!(reply.starts_with("451 4.7.1 "), "{reply}");
    world.send(RIGHT, "a@b.test", MESSAGE).unwrap();
    for _ in 0..5 {
        world.send("127.0.0.1", "a@b.test", MESSAGE).unwrap();
    }
}

#[test]
fn strangers_come_twice_and_then_are_known() {
    let world = World::with("[verify.greylist]\nenabled = true\ndelay_seconds = 1\n");
    world.publish(
        Zone::unsigned("sender.test").txt("sender.test", &format!("v=spf1 ip4:{RIGHT} -all")),
    );
    let send = |address: &str, sender: &str| world.send(address, sender, MESSAGE);
    let waits = |address: &str, sender: &str| {
        let reply = refused(send(address, sender));
        assert!(reply.starts_with("451 4.7.1 "), "{reply}");
        let deadline = Instant::now() + Duration::from_secs(60);
        while send(address, sender).is_err() {
            assert!(Instant::now() < deadline, "{sender} is never let in");
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    waits(WRONG, "a@b.test");
    send(WRONG, "a@b.test").unwrap();
    send("198.51.100.67", "a@b.test").unwrap();
    waits(WRONG, "other@b.test");
    // Of a domain that SPF confirms, everybody is known when one is.
    waits(RIGHT, "one@sender.test");
    send(RIGHT, "two@sender.test").unwrap();
    send("127.0.0.1", "stranger@nowhere.test").unwrap();
}
