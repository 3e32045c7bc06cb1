//! DANE (RFC 7672): where it applies, where it does not, and what must not be overlooked.

use smtpd::relay::client::Security;
use store::TlsDemand;
use tests::internet::{Fault, Zone};

use crate::ground::{Ground, ONE, TWO};

/// A zone whose host has a usable TLSA record.
fn with_tlsa(zone: Zone, domain: &str) -> Zone {
    let mx = format!("mx.{domain}");
    zone.mx(10, &mx)
        .a(&mx, ONE)
        .tlsa(&format!("_25._tcp.{mx}"), 3, 1, 1, &[7; 32])
}

#[tokio::test]
async fn records_of_a_secure_host_decide() {
    let ground = Ground::new().await;
    let zone = with_tlsa(Zone::signed("to.test"), "to.test");
    ground.internet.publish(zone).unwrap();
    let Security::Dane { records, names } = ground.security("to.test").await else {
        panic!("no DANE");
    };
    assert_eq!(records.len(), 1);
    assert_eq!(
        (records[0].usage, records[0].selector, records[0].matching),
        (3, 1, 1)
    );
    assert_eq!(names, ["mx.to.test", "mx.to.test", "to.test"]);
}

#[tokio::test]
async fn without_a_secure_chain_there_is_no_dane() {
    let ground = Ground::new().await;
    let publish = |zone| ground.internet.publish(zone).unwrap();
    publish(with_tlsa(Zone::unsigned("unsigned.test"), "unsigned.test"));
    // The list of hosts is not signed, the host is.
    publish(with_tlsa(Zone::signed("host.test"), "host.test"));
    publish(Zone::unsigned("list.test").mx(10, "mx.host.test"));
    // The list is signed, the host is not.
    publish(Zone::signed("other.test").mx(10, "mx.unsigned.test"));
    for domain in ["unsigned.test", "list.test", "other.test"] {
        assert_eq!(
            ground.security(domain).await,
            Security::Opportunistic,
            "{domain}"
        );
    }
}

#[tokio::test]
async fn an_implicit_mx_has_dane_too() {
    let ground = Ground::new().await;
    let zone =
        Zone::signed("to.test")
            .a("to.test", ONE)
            .tlsa("_25._tcp.to.test", 2, 0, 1, &[7; 32]);
    ground.internet.publish(zone).unwrap();
    assert!(matches!(
        ground.security("to.test").await,
        Security::Dane { .. }
    ));
}

#[tokio::test]
async fn records_that_nobody_can_use_demand_encryption() {
    let ground = Ground::new().await;
    let zone = Zone::signed("to.test")
        .mx(10, "mx.to.test")
        .a("mx.to.test", ONE)
        .tlsa("_25._tcp.mx.to.test", 0, 0, 1, &[7; 32]);
    ground.internet.publish(zone).unwrap();
    assert_eq!(ground.security("to.test").await, Security::Encrypted);
}

#[tokio::test]
async fn a_host_whose_records_cannot_be_had_is_passed_over() {
    let ground = Ground::new().await;
    let publish = |zone| ground.internet.publish(zone).unwrap();
    let two = with_tlsa(Zone::signed("two.test"), "two.test")
        .mx(20, "second.two.test")
        .a("second.two.test", TWO);
    publish(two);
    publish(with_tlsa(Zone::signed("one.test"), "one.test"));
    for name in ["_25._tcp.mx.two.test", "_25._tcp.mx.one.test"] {
        ground.internet.break_down(name, Fault::ServFail).unwrap();
    }
    assert_eq!(ground.hosts("two.test").await, ["second.two.test"]);
    assert_eq!(ground.status("one.test").await, "4.7.0");
    let counted = ground.counted("one.test").await;
    assert_eq!(counted[0].policy.kind, "tlsa");
    assert_eq!(counted[0].failure.as_ref().unwrap().result, "tlsa-invalid");
}

#[tokio::test]
async fn records_with_wrong_signatures_make_the_host_unusable() {
    let ground = Ground::new().await;
    let publish = |zone| ground.internet.publish(zone).unwrap();
    publish(
        Zone::signed("to.test")
            .mx(10, "mx.to.test")
            .a("mx.to.test", ONE),
    );
    publish(Zone::bogus("_tcp.mx.to.test").tlsa("_25._tcp.mx.to.test", 3, 1, 1, &[7; 32]));
    assert_eq!(ground.status("to.test").await, "4.7.0");
    let counted = ground.counted("to.test").await;
    assert_eq!(
        counted[0].failure.as_ref().unwrap().result,
        "dnssec-invalid"
    );
}

#[tokio::test]
async fn records_in_an_unsigned_zone_mean_nothing() {
    let ground = Ground::new().await;
    let publish = |zone| ground.internet.publish(zone).unwrap();
    publish(
        Zone::signed("to.test")
            .mx(10, "mx.to.test")
            .a("mx.to.test", ONE),
    );
    publish(Zone::unsigned("_tcp.mx.to.test").tlsa("_25._tcp.mx.to.test", 3, 1, 1, &[7; 32]));
    assert_eq!(ground.security("to.test").await, Security::Opportunistic);
}

#[tokio::test]
async fn aliases_of_hosts_are_followed_to_their_records() {
    let ground = Ground::new().await;
    let publish = |zone| ground.internet.publish(zone).unwrap();
    publish(with_tlsa(Zone::signed("real.test"), "real.test"));
    publish(Zone::unsigned("clear.test").a("mx.clear.test", ONE));
    // Records where the alias leads.
    publish(
        Zone::signed("a.test")
            .mx(10, "mx.a.test")
            .cname("mx.a.test", "mx.real.test"),
    );
    // Records at the alias itself, which leads to an unsigned zone.
    publish(
        Zone::signed("b.test")
            .mx(10, "mx.b.test")
            .cname("mx.b.test", "mx.clear.test")
            .tlsa("_25._tcp.mx.b.test", 3, 1, 1, &[8; 32]),
    );
    let names = async |domain| match ground.security(domain).await {
        Security::Dane { names, .. } => names,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        names("a.test").await,
        ["mx.real.test", "mx.a.test", "a.test"]
    );
    assert_eq!(names("b.test").await, ["mx.b.test", "mx.b.test", "b.test"]);
}

#[tokio::test]
async fn required_tls_is_satisfied_by_dane_or_a_certificate_for_a_secure_name() {
    let ground = Ground::new().await;
    let publish = |zone| ground.internet.publish(zone).unwrap();
    publish(with_tlsa(Zone::signed("dane.test"), "dane.test"));
    publish(
        Zone::signed("secure.test")
            .mx(10, "mx.secure.test")
            .a("mx.secure.test", ONE),
    );
    publish(with_tlsa(Zone::unsigned("unsigned.test"), "unsigned.test"));
    let required = async |domain| ground.router.route(domain, TlsDemand::Required).await;
    let dane = required("dane.test").await.unwrap();
    assert!(matches!(dane.hosts[0].security, Security::Dane { .. }));
    let secure = required("secure.test").await.unwrap();
    let names = vec!["mx.secure.test".to_owned()];
    assert_eq!(secure.hosts[0].security, Security::Verified { names });
    let failure = required("unsigned.test").await.unwrap_err();
    assert_eq!(failure.said.status().to_string(), "5.7.10");
    assert!(!failure.is_temporary());
}

#[tokio::test]
async fn who_declines_tls_is_not_kept_waiting_by_policy() {
    let ground = Ground::new().await;
    let zone = with_tlsa(Zone::signed("to.test"), "to.test");
    ground.internet.publish(zone).unwrap();
    ground
        .internet
        .break_down("_25._tcp.mx.to.test", Fault::ServFail)
        .unwrap();
    let route = ground
        .router
        .route("to.test", TlsDemand::Waived)
        .await
        .unwrap();
    assert_eq!(route.hosts[0].security, Security::Opportunistic);
}
