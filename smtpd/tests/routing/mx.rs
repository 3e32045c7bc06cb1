//! Hosts by MX, implicit MX, aliases and literals (RFC 5321 §5.1, RFC 7505).

use std::net::Ipv6Addr;

use smtpd::relay::client::Security;
use store::TlsDemand;
use tests::internet::{Fault, Zone};

use crate::ground::{Ground, ONE, TWO, at, places};

const SIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

#[tokio::test]
async fn hosts_come_by_preference_with_all_their_addresses() {
    let ground = Ground::new().await;
    let zone = Zone::unsigned("to.test")
        .mx(20, "second.to.test")
        .mx(10, "first.to.test")
        .a("first.to.test", ONE)
        .aaaa("first.to.test", SIX)
        .a("second.to.test", TWO);
    ground.internet.publish(zone).unwrap();
    let route = ground.route("to.test").await.unwrap();
    assert_eq!(places(&route), [at(SIX, 25), at(ONE, 25), at(TWO, 25)]);
    assert_eq!(route.hosts[0].preference, 10);
    assert_eq!(route.hosts[0].security, Security::Opportunistic);
}

#[tokio::test]
async fn one_family_alone_can_be_asked_for() {
    let ground = Ground::with("ip = 'ipv4'\nport = 2525\nsource_ipv4 = '192.0.2.99'", None).await;
    let zone = Zone::unsigned("to.test")
        .a("to.test", ONE)
        .aaaa("to.test", SIX);
    ground.internet.publish(zone).unwrap();
    let route = ground.route("to.test").await.unwrap();
    assert_eq!(places(&route), [at(ONE, 2525)]);
    let endpoint = route.hosts[0].endpoints().remove(0);
    assert_eq!(endpoint.source, Some("192.0.2.99".parse().unwrap()));
}

#[tokio::test]
async fn without_mx_the_domain_itself_is_the_host() {
    let ground = Ground::new().await;
    let zone = Zone::unsigned("to.test")
        .a("to.test", ONE)
        .cname("alias.to.test", "to.test");
    ground.internet.publish(zone).unwrap();
    assert_eq!(ground.hosts("to.test").await, ["to.test"]);
    let route = ground.route("alias.to.test").await.unwrap();
    assert_eq!(places(&route), [at(ONE, 25)]);
}

#[tokio::test]
async fn the_mx_of_an_alias_is_that_of_its_target() {
    let ground = Ground::new().await;
    let zone = Zone::unsigned("to.test")
        .mx(10, "mx.to.test")
        .a("mx.to.test", ONE)
        .cname("alias.to.test", "to.test");
    ground.internet.publish(zone).unwrap();
    assert_eq!(ground.hosts("alias.to.test").await, ["mx.to.test"]);
}

#[tokio::test]
async fn what_a_domain_says_of_itself_is_final() {
    let ground = Ground::new().await;
    let publish = |zone| ground.internet.publish(zone).unwrap();
    publish(Zone::unsigned("null.test").mx(0, "."));
    publish(Zone::unsigned("nothing.test").txt("nothing.test", "here"));
    publish(Zone::unsigned("nowhere.test").mx(10, "mx.nowhere.test"));
    publish(
        Zone::unsigned("inside.test")
            .mx(10, "mx.inside.test")
            .a("mx.inside.test", [10, 0, 0, 1]),
    );
    for (domain, status) in [
        ("null.test", "5.1.10"),
        ("nosuch.test", "5.1.2"),
        ("nothing.test", "5.1.2"),
        ("nowhere.test", "5.4.4"),
        ("inside.test", "5.4.4"),
        ("[127.0.0.1]", "5.4.4"),
        ("[tag:content]", "5.1.3"),
    ] {
        assert_eq!(ground.status(domain).await, status, "{domain}");
    }
}

#[tokio::test]
async fn what_dns_cannot_say_now_is_asked_later() {
    let ground = Ground::new().await;
    let publish = |zone| ground.internet.publish(zone).unwrap();
    publish(
        Zone::signed("down.test")
            .mx(10, "mx.down.test")
            .a("mx.down.test", ONE),
    );
    publish(
        Zone::bogus("bogus.test")
            .mx(10, "mx.bogus.test")
            .a("mx.bogus.test", ONE),
    );
    publish(
        Zone::signed("part.test")
            .mx(10, "mx.part.test")
            .a("mx.part.test", ONE),
    );
    ground
        .internet
        .break_down("down.test", Fault::ServFail)
        .unwrap();
    ground
        .internet
        .break_down("mx.part.test", Fault::ServFail)
        .unwrap();
    for domain in ["down.test", "bogus.test", "part.test"] {
        assert_eq!(ground.status(domain).await, "4.4.3", "{domain}");
    }
    ground.internet.repair();
    assert_eq!(ground.hosts("down.test").await, ["mx.down.test"]);
}

#[tokio::test]
async fn a_host_without_address_is_no_reason_to_leave_out_another() {
    let ground = Ground::new().await;
    let zone = Zone::unsigned("to.test")
        .mx(10, "none.to.test")
        .mx(20, "inside.to.test")
        .mx(30, "good.to.test")
        .a("inside.to.test", [192, 168, 1, 1])
        .a("good.to.test", ONE);
    ground.internet.publish(zone).unwrap();
    assert_eq!(ground.hosts("to.test").await, ["good.to.test"]);
}

#[tokio::test]
async fn mail_does_not_come_back_to_ourselves() {
    let ground = Ground::with("private_addresses = true", None).await;
    let publish = |zone| ground.internet.publish(zone).unwrap();
    publish(
        Zone::unsigned("backup.test")
            .mx(10, "best.backup.test")
            .mx(20, "mail.example.test")
            .mx(20, "equal.backup.test")
            .a("best.backup.test", ONE)
            .a("equal.backup.test", TWO),
    );
    publish(
        Zone::unsigned("ours.test")
            .mx(10, "mail.example.test")
            .mx(20, "other.ours.test")
            .a("other.ours.test", ONE),
    );
    publish(
        Zone::unsigned("address.test")
            .mx(10, "mx.address.test")
            .a("mx.address.test", [127, 7, 7, 7]),
    );
    assert_eq!(ground.hosts("backup.test").await, ["best.backup.test"]);
    assert_eq!(ground.status("ours.test").await, "5.4.6");
    assert_eq!(ground.status("address.test").await, "5.4.6");
    assert_eq!(ground.status("[127.7.7.7]").await, "5.4.6");
}

#[tokio::test]
async fn a_literal_is_its_address() {
    let ground = Ground::new().await;
    let route = ground.route("[192.0.2.1]").await.unwrap();
    assert_eq!(places(&route), [at(ONE, 25)]);
    let route = ground.route("[IPv6:2001:db8::1]").await.unwrap();
    assert_eq!(places(&route), [at(SIX, 25)]);
    let demanding = ground
        .router
        .route("[192.0.2.1]", TlsDemand::Required)
        .await;
    assert_eq!(demanding.unwrap_err().said.status().to_string(), "5.7.10");
}

#[tokio::test]
async fn no_more_hosts_are_tried_than_is_sensible() {
    let ground = Ground::new().await;
    let mut zone = Zone::unsigned("to.test");
    for number in 0..60 {
        let host = format!("mx{number}.to.test");
        zone = zone.mx(number, &host).a(&host, ONE);
    }
    ground.internet.publish(zone).unwrap();
    let hosts = ground.hosts("to.test").await;
    assert_eq!(hosts.len(), smtpd::limits::HOSTS_MAX);
    assert_eq!(hosts[0], "mx0.to.test");
}
