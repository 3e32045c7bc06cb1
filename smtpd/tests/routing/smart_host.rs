//! Routes of the configuration.

use smtpd::relay::client::{Security, TlsStart};
use store::TlsDemand;
use tests::internet::Zone;

use crate::ground::{Ground, ONE, at, places};

#[tokio::test]
async fn a_smart_host_takes_everything_that_has_no_route() {
    let relay = "smart_host = { host = 'smart.test', port = 465 }\n[[relay.route]]\ndomain = 'direct.test'\n\
                 [[relay.route]]\ndomain = '*.inside.test'\nhost = '10.1.2.3'\nport = 2525\ntls = 'never'\n";
    let ground = Ground::with(relay, None).await;
    let publish = |zone| ground.internet.publish(zone).unwrap();
    publish(Zone::unsigned("smart.test").a("smart.test", [127, 0, 0, 5]));
    publish(Zone::unsigned("direct.test").a("direct.test", ONE));
    // Nobody asks whether the domain exists.
    let route = ground.route("anything.test").await.unwrap();
    assert_eq!(places(&route), [at([127, 0, 0, 5], 465)]);
    assert_eq!(route.hosts[0].start, TlsStart::Implicit);
    let names = vec!["smart.test".to_owned()];
    assert_eq!(route.hosts[0].security, Security::Verified { names });
    let direct = ground.route("direct.test").await.unwrap();
    assert_eq!(places(&direct), [at(ONE, 25)]);
    let inside = ground.route("a.inside.test").await.unwrap();
    assert_eq!(places(&inside), [at([10, 1, 2, 3], 2525)]);
    assert_eq!(inside.hosts[0].security, Security::Never);
}

#[tokio::test]
async fn the_password_is_read_from_its_file_and_never_shown() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cret word\n").unwrap();
    let relay = format!(
        "smart_host = {{ host = '192.0.2.1', port = 587, user = 'us', password_file = '{}' }}",
        file.path().display()
    );
    let ground = Ground::with(&relay, None).await;
    let route = ground.route("to.test").await.unwrap();
    let login = route.hosts[0].login.as_ref().unwrap();
    assert_eq!(login.user, "us");
    assert_eq!(login.password.expose(), b"s3cret word");
    assert!(!format!("{route:?}").contains("s3cret"));
    assert!(matches!(route.hosts[0].security, Security::Verified { .. }));
    // A new password needs no restart; a lost one keeps the mail waiting.
    std::fs::write(file.path(), "new").unwrap();
    let route = ground.route("to.test").await.unwrap();
    assert_eq!(
        route.hosts[0].login.as_ref().unwrap().password.expose(),
        b"new"
    );
    std::fs::write(file.path(), "\n").unwrap();
    assert_eq!(ground.status("to.test").await, "4.3.5");
}

#[tokio::test]
async fn required_tls_needs_a_smart_host_that_is_verified() {
    let relay = "[[relay.route]]\ndomain = 'open.test'\nhost = '192.0.2.1'\ntls = 'encrypted'\n\
                 [[relay.route]]\ndomain = 'verified.test'\nhost = '192.0.2.1'\ntls = 'verified'\n";
    let ground = Ground::with(relay, None).await;
    let required = async |domain| ground.router.route(domain, TlsDemand::Required).await;
    let failure = required("open.test").await.unwrap_err();
    assert_eq!(failure.said.status().to_string(), "5.7.10");
    assert!(required("verified.test").await.is_ok());
}
