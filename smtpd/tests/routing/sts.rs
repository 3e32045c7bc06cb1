//! MTA-STS (RFC 8461): discovery, both modes, and what holds when DNS or HTTPS fail.

use std::net::Ipv4Addr;

use hickory_proto::rr::RecordType;
use smtpd::relay::client::{OpenFailure, Said, Security, Status, Step, TlsFailure};
use store::TlsDemand;
use tests::internet::{Authority, Fault, Flaw, PolicyHost, Zone};

use crate::ground::{Ground, ONE, TWO};

const ENFORCE: &str = "version: STSv1\nmode: enforce\nmx: mx.to.test\nmax_age: 86400\n";

struct Scene {
    ground: Ground,
    host: PolicyHost,
    _authority: Authority,
}

/// A domain with two hosts and a policy.
async fn scene(policy: &str) -> Scene {
    scene_with(
        policy,
        &["mta-sts.to.test"],
        Flaw::None,
        "private_addresses = true",
    )
    .await
}

async fn scene_with(policy: &str, names: &[&str], flaw: Flaw, relay: &str) -> Scene {
    let authority = Authority::new().unwrap();
    let tls = authority.issue_with(names, flaw).unwrap().server().unwrap();
    let address = (Ipv4Addr::LOCALHOST, 0).into();
    let host = PolicyHost::start(address, tls, policy).unwrap();
    let relay = format!("{relay}\nca_file = '{}'", authority.file().display());
    let ground = Ground::with(&relay, Some(host.address().port())).await;
    publish(&ground, "1");
    Scene {
        ground,
        host,
        _authority: authority,
    }
}

fn publish(ground: &Ground, id: &str) {
    let zone = zone().txt("_mta-sts.to.test", &format!("v=STSv1; id={id};"));
    ground.internet.publish(zone).unwrap();
}

/// The domain without a policy's record. Nothing is remembered for longer than a second.
fn zone() -> Zone {
    Zone::unsigned("to.test")
        .ttl(0)
        .mx(10, "mx.to.test")
        .mx(20, "other.to.test")
        .a("mx.to.test", ONE)
        .a("other.to.test", TWO)
        .a("mta-sts.to.test", Ipv4Addr::LOCALHOST)
}

fn verified() -> Security {
    Security::Verified {
        names: vec!["mx.to.test".to_owned()],
    }
}

impl Scene {
    /// The result types counted for the domain.
    async fn results(&self) -> Vec<String> {
        let counted = self.ground.counted("to.test").await;
        let failures = counted.into_iter().filter_map(|sessions| sessions.failure);
        failures.map(|failure| failure.result).collect()
    }
}

#[tokio::test]
async fn an_enforced_policy_names_the_hosts_and_verifies_them() {
    let scene = scene(ENFORCE).await;
    let route = scene.ground.route("to.test").await.unwrap();
    assert_eq!(route.hosts.len(), 1, "the other host is not named");
    assert_eq!(route.hosts[0].security, verified());
    assert_eq!(
        scene.host.requests(),
        ["GET /.well-known/mta-sts.txt HTTP/1.1 mta-sts.to.test"]
    );
    assert_eq!(scene.results().await, ["validation-failure"]);
}

#[tokio::test]
async fn a_policy_is_fetched_once_for_each_id() {
    let scene = scene(ENFORCE).await;
    for _ in 0..3 {
        assert_eq!(scene.ground.security("to.test").await, verified());
    }
    assert_eq!(scene.host.requests().len(), 1);
    scene
        .host
        .serve("version: STSv1\nmode: none\nmax_age: 86400\n");
    publish(&scene.ground, "2");
    assert_eq!(
        scene.ground.security("to.test").await,
        Security::Opportunistic
    );
    assert_eq!(scene.host.requests().len(), 2);
}

#[tokio::test]
async fn a_policy_holds_though_dns_or_https_fail() {
    let scene = scene(ENFORCE).await;
    assert_eq!(scene.ground.security("to.test").await, verified());
    scene
        .ground
        .internet
        .break_down("_mta-sts.to.test", Fault::ServFail)
        .unwrap();
    assert_eq!(scene.ground.security("to.test").await, verified());
    scene.ground.internet.repair();
    scene.ground.internet.publish(zone()).unwrap();
    assert_eq!(
        scene.ground.security("to.test").await,
        verified(),
        "the record is gone"
    );
    publish(&scene.ground, "2");
    scene
        .host
        .answer("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(
        scene.ground.security("to.test").await,
        verified(),
        "there is no new policy"
    );
}

#[tokio::test]
async fn a_policy_in_testing_is_tried_and_reported_and_keeps_nothing_back() {
    let scene = scene(&ENFORCE.replace("enforce", "testing")).await;
    let route = scene.ground.route("to.test").await.unwrap();
    assert_eq!(route.hosts.len(), 2, "the host that is not named, too");
    let [tried, fallback] = route.hosts[0].endpoints().try_into().unwrap();
    assert_eq!(tried.security, verified());
    assert_eq!(fallback.security, Security::Opportunistic);
    assert_eq!(route.hosts[1].endpoints().len(), 1);
    let failure = OpenFailure {
        step: Step::Tls,
        temporary: true,
        said: Said::us(Status::new(4, 7, 0), "another name"),
        tls: Some(TlsFailure::HostMismatch),
    };
    // The fallback is the same session in the eyes of a report.
    for endpoint in [&tried, &fallback] {
        let router = &scene.ground.router;
        router.outcome(&route.hosts[0], endpoint, Err(&failure));
    }
    let counted = scene.ground.counted("to.test").await;
    assert_eq!((counted.len(), counted[0].count), (1, 1));
    assert_eq!(counted[0].policy.kind, "sts");
    let failure = counted[0].failure.as_ref().unwrap();
    assert_eq!(failure.result, "certificate-host-mismatch");
}

#[tokio::test]
async fn a_domain_without_hosts_that_its_policy_names_gets_nothing_for_now() {
    let scene = scene(&ENFORCE.replace("mx.to.test", "*.elsewhere.test")).await;
    assert_eq!(scene.ground.status("to.test").await, "4.7.0");
}

#[tokio::test]
async fn what_is_no_policy_file_is_no_policy_and_is_counted() {
    let length = ENFORCE.len();
    let large = "x".repeat(70_000);
    for (response, result) in [
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "sts-policy-fetch-error",
        ),
        (
            format!(
                "HTTP/1.1 301 Moved\r\nLocation: https://mta-sts.to.test/x\r\nContent-Length: {length}\r\n\r\n{ENFORCE}"
            ),
            "sts-policy-fetch-error",
        ),
        (
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{ENFORCE}"
            ),
            "sts-policy-fetch-error",
        ),
        (
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n{ENFORCE}{large}"
            ),
            "sts-policy-fetch-error",
        ),
        ("nonsense\r\n\r\n".to_owned(), "sts-policy-fetch-error"),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
                .to_owned(),
            "sts-policy-invalid",
        ),
    ] {
        let scene = scene(ENFORCE).await;
        scene.host.answer(&response);
        let head = response.lines().next().unwrap();
        assert_eq!(
            scene.ground.security("to.test").await,
            Security::Opportunistic,
            "{head}"
        );
        assert_eq!(scene.results().await, [result], "{head}");
        // Not again for some minutes.
        assert_eq!(
            scene.ground.security("to.test").await,
            Security::Opportunistic
        );
        assert_eq!(scene.host.requests().len(), 1);
    }
}

#[tokio::test]
async fn the_policy_host_must_have_a_certificate_for_its_name() {
    for (names, flaw) in [
        (["www.to.test"], Flaw::None),
        (["mta-sts.to.test"], Flaw::Expired),
    ] {
        let scene = scene_with(ENFORCE, &names, flaw, "private_addresses = true").await;
        assert_eq!(
            scene.ground.security("to.test").await,
            Security::Opportunistic
        );
        assert_eq!(scene.results().await, ["sts-webpki-invalid"]);
        assert!(scene.host.requests().is_empty());
    }
}

#[tokio::test]
async fn policies_are_not_fetched_from_inner_hosts() {
    let scene = scene_with(ENFORCE, &["mta-sts.to.test"], Flaw::None, "").await;
    assert_eq!(
        scene.ground.security("to.test").await,
        Security::Opportunistic
    );
    assert!(scene.host.requests().is_empty());
    assert_eq!(scene.results().await, ["sts-policy-fetch-error"]);
}

#[tokio::test]
async fn dane_wins_over_the_policy() {
    let scene = scene(&ENFORCE.replace("mx.to.test", "elsewhere.test")).await;
    let zone = Zone::signed("to.test")
        .mx(10, "mx.to.test")
        .a("mx.to.test", ONE)
        .tlsa("_25._tcp.mx.to.test", 3, 1, 1, &[7; 32])
        .a("mta-sts.to.test", Ipv4Addr::LOCALHOST)
        .txt("_mta-sts.to.test", "v=STSv1; id=1;");
    scene.ground.internet.publish(zone).unwrap();
    assert!(matches!(
        scene.ground.security("to.test").await,
        Security::Dane { .. }
    ));
}

#[tokio::test]
async fn required_tls_is_satisfied_by_a_policy_and_declined_tls_does_not_ask_for_one() {
    let scene = scene(&ENFORCE.replace("enforce", "testing")).await;
    let route = scene
        .ground
        .router
        .route("to.test", TlsDemand::Waived)
        .await
        .unwrap();
    assert_eq!(route.hosts.len(), 2);
    assert_eq!(
        scene
            .ground
            .internet
            .asked("_mta-sts.to.test", RecordType::TXT),
        0
    );
    let route = scene
        .ground
        .router
        .route("to.test", TlsDemand::Required)
        .await
        .unwrap();
    assert_eq!(route.hosts.len(), 1);
    assert_eq!(route.hosts[0].security, verified());
}

#[tokio::test]
async fn policies_in_use_are_fetched_anew() {
    let scene = scene(ENFORCE).await;
    assert_eq!(scene.ground.security("to.test").await, verified());
    let mut known = scene
        .ground
        .store
        .sts_policy("to.test")
        .await
        .unwrap()
        .unwrap();
    known.fetched -= 2 * 86_400;
    scene
        .ground
        .store
        .keep_sts_policy(known.clone())
        .await
        .unwrap();
    scene.ground.router.refresh().await;
    assert_eq!(scene.host.requests().len(), 2);
    let fresh = scene
        .ground
        .store
        .sts_policy("to.test")
        .await
        .unwrap()
        .unwrap();
    assert!(fresh.fetched > known.fetched);
}
