//! Mail from the world: each verdict, each policy, and what happens when the DNS does not answer.

use std::time::{Duration, Instant};

use tests::internet::{Fault, Zone};
use tests::server::Daemon;

use super::keys::ForeignKey;
use super::{RIGHT, WRONG, World, refused};

const MESSAGE: &str =
    "From: Sender <someone@sender.test>\nTo: alice@example.test\nSubject: hello\n\nHello World\n";

/// sender.test allows one address and has this policy.
fn sender(policy: &str) -> Zone {
    Zone::unsigned("sender.test")
        .txt("sender.test", &format!("v=spf1 ip4:{RIGHT} -all"))
        .txt("mx.sender.test", "v=spf1 a -all")
        .a("mx.sender.test", [198, 51, 100, 5])
        .txt("_dmarc.sender.test", &format!("v=DMARC1; {policy}"))
}

fn names() -> Zone {
    Zone::unsigned("100.51.198.in-addr.arpa").ptr("5.100.51.198.in-addr.arpa", "mx.sender.test")
}

#[test]
fn mail_of_a_right_sender_passes_everything() {
    let world = World::new();
    let key = ForeignKey::new(&world);
    world.publish(sender("p=reject").txt("s1._domainkey.sender.test", &key.record));
    world.publish(names());
    let message = key.sign(&world, MESSAGE, "{}");
    world.send(RIGHT, "someone@sender.test", &message).unwrap();
    let verdict = world.verdict();
    for part in [
        "iprev=pass policy.iprev=198.51.100.5",
        "spf=pass",
        "smtp.helo=mx.sender.test",
        "smtp.mailfrom=someone@sender.test",
        "dkim=pass header.i=@sender.test header.s=s1",
        "arc=none",
        "dmarc=pass header.from=sender.test policy.dmarc=reject",
    ] {
        assert!(verdict.contains(part), "{part} is not in {verdict}");
    }
}

#[test]
fn the_log_tells_the_verdicts() {
    let world = World::new();
    world.publish(sender("p=none"));
    world.send(WRONG, "someone@sender.test", MESSAGE).unwrap();
    let logs = world.server.whole_log(Daemon::Smtpd);
    let expected = "iprev=permerror spf=fail dkim=none arc=none dmarc=fail";
    assert!(logs.contains(expected), "{logs}");
}

#[test]
fn a_policy_of_rejection_is_obeyed() {
    let world = World::new();
    world.publish(sender("p=reject"));
    let reply = refused(world.send(WRONG, "someone@sender.test", MESSAGE));
    assert!(reply.starts_with("550 5.7.1 "), "{reply}");
    assert!(reply.contains("DMARC policy"), "{reply}");
    let logs = world.server.whole_log(Daemon::Smtpd);
    let line = logs.lines().find(|line| line.contains("refused")).unwrap();
    for part in [WRONG, "<someone@sender.test>", "<alice@example.test>"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    // SPF that passes for another domain is of no use.
    let reply = refused(world.send(RIGHT, "someone@other.test", MESSAGE));
    assert!(reply.starts_with("550 5.7.1 "), "{reply}");
}

#[test]
fn a_policy_of_quarantine_leads_to_junk() {
    let world = World::new();
    world.publish(sender("p=quarantine"));
    world.send(WRONG, "someone@sender.test", MESSAGE).unwrap();
    let message = world.received("Junk");
    assert!(message.contains("policy.dmarc=quarantine"), "{message}");
}

#[test]
fn a_subdomain_has_the_policy_for_subdomains() {
    let world = World::new();
    let zone = sender("p=none; sp=reject").a("sub.sender.test", [198, 51, 100, 7]);
    world.publish(zone);
    let message = MESSAGE.replace("@sender", "@sub.sender");
    let reply = refused(world.send(WRONG, "a@sub.sender.test", &message));
    assert!(reply.starts_with("550 5.7.1 "), "{reply}");
    // SPF of the domain above is aligned when alignment is relaxed.
    world.send(RIGHT, "a@sender.test", &message).unwrap();
}

#[test]
fn strict_alignment_and_test_mode_are_known() {
    let world = World::new();
    world.publish(sender("p=reject; aspf=s; sp=reject"));
    let message = MESSAGE.replace("@sender", "@sub.sender");
    refused(world.send(RIGHT, "a@sender.test", &message));
    world.publish(sender("p=reject; t=y"));
    let world = World::new();
    world.publish(sender("p=reject; t=y"));
    world.send(WRONG, "a@sender.test", MESSAGE).unwrap();
    assert!(world.received("Junk").contains("dmarc=fail"));
}

#[test]
fn policies_are_only_reported_where_the_operator_wants_that() {
    let world = World::with("[verify]\ndmarc = \"report\"\n");
    world.publish(sender("p=reject"));
    world.send(WRONG, "someone@sender.test", MESSAGE).unwrap();
    assert!(world.verdict().contains("dmarc=fail"));
}

#[test]
fn a_changed_message_and_a_wrong_length_fail() {
    let world = World::new();
    let key = ForeignKey::new(&world);
    world.publish(sender("p=none").txt("s1._domainkey.sender.test", &key.record));
    let changed = key.sign(&world, MESSAGE, "{}").replace("World", "Moon");
    world.send(WRONG, "a@b.test", &changed).unwrap();
    assert!(
        world
            .verdict()
            .contains("dkim=neutral (body hash did not verify)")
    );
}

#[test]
fn a_signature_of_a_part_of_the_body_does_not_count_and_one_of_all_of_it_does() {
    let world = World::new();
    let key = ForeignKey::new(&world);
    world.publish(sender("p=reject").txt("s1._domainkey.sender.test", &key.record));
    let whole = key.sign(&world, MESSAGE, "{'length': True}");
    assert!(whole.contains("l=13"), "{whole}");
    world.send(WRONG, "a@b.test", &whole).unwrap();
    assert!(world.verdict().contains("dkim=pass"));
    let longer = format!("{whole}Buy now!\n");
    refused(world.send(WRONG, "a@b.test", &longer));
}

#[test]
fn a_signature_made_with_sha1_does_not_count() {
    let world = World::new();
    let key = ForeignKey::new(&world);
    world.publish(sender("p=none").txt("s1._domainkey.sender.test", &key.record));
    let signed = key.sign(&world, MESSAGE, "{'signature_algorithm': b'rsa-sha1'}");
    world.send(WRONG, "a@b.test", &signed).unwrap();
    let verdict = world.verdict();
    assert!(
        verdict.contains("dkim=permerror (unsupported algorithm)"),
        "{verdict}"
    );
    assert!(verdict.contains("dmarc=fail"), "{verdict}");
}

#[test]
fn forged_verdicts_of_our_name_are_taken_out() {
    let world = World::new();
    world.publish(sender("p=none"));
    let forged = "Authentication-Results: mail.example.test; dmarc=pass\n\
                  authentication-RESULTS :\n (c)\n MAIL.example.test.; dkim=pass\n\
                  Authentication-Results: other.test; dkim=pass\n";
    let message = format!("{forged}{MESSAGE}");
    world.send(WRONG, "someone@sender.test", &message).unwrap();
    assert!(world.verdict().contains("dmarc=fail"));
    let received = world.received("INBOX");
    assert!(received.contains("Authentication-Results: other.test; dkim=pass"));
    assert!(!received.contains("dkim=pass\r\nAuth"), "{received}");
    assert!(!received.to_lowercase().contains("mail.example.test.;"));
}

#[test]
fn a_message_has_one_author() {
    let world = World::new();
    for from in [
        "",
        "From: a@sender.test\nFrom: b@sender.test\n",
        "From: a@sender.test\nfrom : b@other.test\n",
        "From: a@sender.test, b@other.test\n",
    ] {
        let message = format!("{from}Subject: x\n\ntext\n");
        let reply = refused(world.send(WRONG, "a@b.test", &message));
        assert!(reply.starts_with("550 5.7.1 "), "{from:?}: {reply}");
    }
    let one = "From: a@sender.test, b@sender.test\nSubject: x\n\ntext\n";
    world.send(WRONG, "a@b.test", one).unwrap();
}

#[test]
fn machines_on_this_host_are_not_looked_at() {
    let world = World::new();
    world.publish(sender("p=reject"));
    for address in ["127.0.0.1", "10.1.2.3"] {
        world.send(address, "someone@sender.test", MESSAGE).unwrap();
    }
    assert!(!world.received("INBOX").contains("Authentication-Results"));
    let asked = |name| {
        world
            .internet
            .asked(name, hickory_proto::rr::RecordType::TXT)
    };
    assert_eq!(asked("_dmarc.sender.test") + asked("sender.test"), 0);
}

#[test]
fn mail_is_taken_when_no_name_server_answers_and_the_next_one_does_not_wait() {
    let world = World::with("[verify]\ndeadline_seconds = 2\n");
    world.publish(sender("p=reject"));
    world.internet.break_down(".", Fault::Silent).unwrap();
    world.send(WRONG, "someone@sender.test", MESSAGE).unwrap();
    let verdict = world.verdict();
    for part in ["iprev=temperror", "spf=temperror", "dmarc=temperror"] {
        assert!(verdict.contains(part), "{part} is not in {verdict}");
    }
    // The name servers would keep each of these waiting for two seconds.
    let begun = Instant::now();
    for _ in 0..10 {
        world.send(WRONG, "someone@sender.test", MESSAGE).unwrap();
    }
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_name_server_that_fails_is_no_reason_to_refuse() {
    let world = World::new();
    world.publish(sender("p=reject"));
    world
        .internet
        .break_down("sender.test", Fault::ServFail)
        .unwrap();
    world.send(WRONG, "someone@sender.test", MESSAGE).unwrap();
    assert!(world.verdict().contains("dmarc=temperror"));
}

#[test]
fn a_policy_holds_however_the_author_is_written() {
    let world = World::new();
    world.publish(sender("p=reject"));
    world
        .publish(Zone::unsigned("free.test").txt("free.test", &format!("v=spf1 ip4:{WRONG} -all")));
    for from in [
        "FROM: someone@SENDER.Test",
        "From : someone@sender.test",
        "From:\n someone@sender.test",
        "From:\n someone\n @\n sender.test",
        "From: someone@sender.test.",
        "From: someone @ sender . test",
        "From: (a@free.test) someone@(b)sender.test(c)",
        "From: \"a@free.test\" <someone@sender.test>",
        "From: a@free.test <someone@sender.test>",
        "From: <a@free.test> <someone@sender.test>",
        "From: <@free.test:someone@sender.test>",
        "From: \"a@free.test\"@sender.test",
        "From: friends: someone@sender.test;",
        "From: a@free.test, someone@sender.test",
        "From: someone@sender.test, a@free.test",
        "From: =?utf-8?q?a=40free.test?= <someone@sender.test>",
        "From: someone@sender.test\nFROM: a@free.test",
        "From: a@free.test\nFrom : someone@sender.test",
        "From: <a@free.test>,\n <someone@sender.test>",
        "From: a@free.test;someone@sender.test",
        "From: a@free.test\nX: y\nFrom: someone@sender.test",
        "From: \u{feff}someone@sender.test",
        "From: \"x <someone@sender.test>",
        "From: someone\"@sender.test",
        "From: \"some\"one@sender.test",
        "From: ) someone@sender.test",
        "From: someone@sender.test (",
        "From: <someone@sender.test",
        "From: someone@sender.test>",
        "From: some one@sender.test",
        "From: <<someone@sender.test>>",
        "From: <someone@sender.test> a@free.test",
        "From: <someone@sender.test>(<a@free.test>)",
        "From: x\\ (y <someone@sender.test>",
        "From: someone@sender.test\\",
        "From: someone@sender.test, ",
        "From: , someone@sender.test",
        "From: =?utf-8?q?x?= =?utf-8?q?y?= <someone@sender.test>",
        "From: a@free.test:someone@sender.test",
        "From: <someone@sender.test;>",
        "From: someone@@sender.test",
        "From: <mailto:someone@sender.test>",
    ] {
        let message = format!("{from}\nTo: alice@example.test\n\nHello\n");
        let reply = refused(world.send(WRONG, "a@free.test", &message));
        assert!(reply.starts_with("550 5.7.1 "), "{from:?}: {reply}");
    }
    for from in [
        "nobody",
        "friends:;",
        "\"a@sender.test (>\" <a@free.test>",
        "a@sender.test <a@free.test>",
    ] {
        let message = format!("From: {from}\nTo: alice@example.test\n\nHello\n");
        world.send(WRONG, "a@free.test", &message).unwrap();
    }
}
