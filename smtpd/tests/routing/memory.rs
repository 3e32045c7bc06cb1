//! What hosts were seen to do, and what is counted of it.

use daemon::tls::TlsFailure;
use smtpd::relay::client::{
    ClientSettings, HostSession, OpenFailure, Said, Security, Status, Step,
};
use store::TlsSeen;
use tests::internet::{Authority, Host, Zone};

use crate::ground::{Ground, ONE};

async fn ground() -> Ground {
    let ground = Ground::new().await;
    let zone = Zone::unsigned("to.test")
        .mx(10, "mx.to.test")
        .a("mx.to.test", ONE);
    ground.internet.publish(zone).unwrap();
    ground
}

fn failure(tls: Option<TlsFailure>) -> OpenFailure {
    OpenFailure {
        step: Step::Tls,
        temporary: true,
        said: Said::us(Status::new(4, 7, 0), "no TLS"),
        tls,
    }
}

#[tokio::test]
async fn a_host_that_did_tls_is_given_mail_under_tls_alone() {
    let ground = ground().await;
    assert_eq!(ground.security("to.test").await, Security::Opportunistic);
    let seen = vec![("mx.to.test".to_owned(), TlsSeen::Encrypted)];
    ground.store.note_host_tls(seen).await.unwrap();
    assert_eq!(ground.security("to.test").await, Security::Encrypted);
    // A first failure changes nothing yet, but is remembered.
    let route = ground.route("to.test").await.unwrap();
    let endpoint = route.hosts[0].endpoints().remove(0);
    let failed = failure(Some(TlsFailure::NotSupported));
    ground
        .router
        .outcome(&route.hosts[0], &endpoint, Err(&failed));
    ground.router.write().await;
    let known = ground.store.host_tls("mx.to.test").await.unwrap().unwrap();
    assert!(known.clear_since.is_some());
    assert_eq!(ground.security("to.test").await, Security::Encrypted);
}

const ENCRYPTS: &str = "S: 220 mx.test\nC: EHLO client.test\nS: 250-mx.test\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nTLS\nC: EHLO client.test\nS: 250 mx.test\nREST";
const CLEAR: &str = "S: 220 mx.test\nC: EHLO client.test\nS: 250 mx.test\nREST";

#[tokio::test]
async fn what_sessions_show_is_counted_and_remembered() {
    let ground = ground().await;
    let tls = Authority::new().unwrap().issue(&["mx.to.test"]).unwrap();
    let host = Host::play_with(&[CLEAR, ENCRYPTS], Some(tls.server().unwrap())).await;
    let settings = ClientSettings::new("client.test", ground.router.connector());
    for _ in 0..2 {
        let route = ground.route("to.test").await.unwrap();
        let mut endpoint = route.hosts[0].endpoints().remove(0);
        endpoint.address = host.address;
        let session = HostSession::open(&endpoint, &settings).await.unwrap();
        ground
            .router
            .outcome(&route.hosts[0], &endpoint, Ok(&session));
    }
    let counted = ground.counted("to.test").await;
    assert_eq!(counted.len(), 2);
    assert_eq!((counted[0].count, &counted[0].failure), (1, &None));
    let failure = counted[1].failure.as_ref().unwrap();
    assert_eq!(failure.result, "starttls-not-supported");
    assert_eq!(ground.security("to.test").await, Security::Encrypted);
}

#[tokio::test]
async fn failures_are_counted_for_the_report_on_the_domain() {
    let ground = ground().await;
    let route = ground.route("to.test").await.unwrap();
    let endpoint = route.hosts[0].endpoints().remove(0);
    let expired = failure(Some(TlsFailure::Expired));
    for _ in 0..3 {
        ground
            .router
            .outcome(&route.hosts[0], &endpoint, Err(&expired));
    }
    // The host could not be reached: that says nothing of TLS.
    ground
        .router
        .outcome(&route.hosts[0], &endpoint, Err(&failure(None)));
    let counted = ground.counted("to.test").await;
    assert_eq!(counted.len(), 1);
    assert_eq!(counted[0].count, 3);
    assert_eq!(counted[0].policy.kind, "no-policy-found");
    let failure = counted[0].failure.as_ref().unwrap();
    assert_eq!(failure.result, "certificate-expired");
    assert_eq!(failure.host, "mx.to.test");
    assert_eq!(failure.address, ONE.to_string());
}
