//! TLS with hosts: what each level of security demands, and what it does not take. Logins, which need TLS.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use daemon::credential::derive;
use daemon::sasl::scram;
use daemon::secret::Secret;
use daemon::tls::Connector;
use rustls::ServerConfig;
use smtpd::relay::client::{
    ClientSettings, Endpoint, HostSession, Login, OpenFailure, Outcome, Security, Step, TlsFailure,
    TlsStart, TlsaRecord,
};
use store::ScramParameters;
use tests::internet::{Authority, Flaw, Host, Issued, Scene};

use crate::ground::{Ground, LETTER, endpoint, outcomes, settings, transaction};

/// A host that does TLS and then takes whatever is said.
const ENCRYPTS: &str = "S: 220 mx.test\nC: EHLO client.test\nS: 250-mx.test\nS: 250-PIPELINING\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nTLS\nC: EHLO client.test\nS: 250 mx.test\nREST";
/// A host that shakes hands and is left by a client that does not like it.
const IS_LEFT: &str = "S: 220 mx.test\nC: EHLO client.test\nS: 250-mx.test\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nTLS";
/// A host without TLS.
const IN_THE_CLEAR: &str = "S: 220 mx.test\nC: EHLO client.test\nS: 250 mx.test\nREST";

fn trusting(authority: &Authority) -> ClientSettings {
    ClientSettings {
        tls: Connector::with_roots([authority.der()]),
        ..settings()
    }
}

fn named(name: &str) -> Security {
    Security::Verified {
        names: vec![name.to_owned()],
    }
}

fn record(usage: u8, certificate: &[u8]) -> TlsaRecord {
    TlsaRecord {
        usage,
        selector: 0,
        matching: 1,
        data: digest(&SHA256, certificate).as_ref().to_vec(),
    }
}

fn dane(records: Vec<TlsaRecord>) -> Security {
    Security::Dane {
        records,
        names: vec!["mx.test".into(), "to.test".into()],
    }
}

async fn open(
    scripts: &[&str],
    identity: &Issued,
    security: Security,
    settings: &ClientSettings,
) -> Result<HostSession, OpenFailure> {
    let host = Host::play_with(scripts, Some(identity.server().expect("a configuration"))).await;
    let endpoint = Endpoint {
        security,
        ..endpoint(host.address)
    };
    HostSession::open(&endpoint, settings).await
}

async fn tls_failure(
    scripts: &[&str],
    identity: &Issued,
    security: Security,
    settings: &ClientSettings,
) -> TlsFailure {
    let failure = open(scripts, identity, security, settings)
        .await
        .err()
        .expect("a failure");
    assert_eq!(
        (failure.step, failure.temporary),
        (Step::Tls, true),
        "{failure}"
    );
    failure.tls.expect("a result for a report")
}

#[tokio::test]
async fn any_certificate_does_where_none_in_particular_is_demanded() {
    let identity = Authority::new()
        .unwrap()
        .issue_with(&["other.test"], Flaw::Expired)
        .unwrap();
    for security in [Security::Opportunistic, Security::Encrypted, dane(vec![])] {
        let session = open(&[ENCRYPTS], &identity, security, &settings())
            .await
            .unwrap();
        let tls = session.tls().unwrap();
        assert_eq!((tls.version, tls.authenticated), ("TLSv1.3", false));
        assert!(tls.cipher.starts_with("TLS_"), "{}", tls.cipher);
        assert_eq!(session.fallback(), None);
    }
}

#[tokio::test]
async fn mail_goes_in_the_clear_only_where_that_is_allowed() {
    let identity = Authority::new().unwrap().issue(&["mx.test"]).unwrap();
    for security in [Security::Never, Security::Opportunistic] {
        let session = open(&[IN_THE_CLEAR], &identity, security, &settings())
            .await
            .unwrap();
        assert_eq!((session.tls(), session.fallback()), (None, None));
    }
    let record = record(3, identity.der());
    for security in [
        Security::Encrypted,
        named("mx.test"),
        dane(vec![record]),
        dane(vec![]),
    ] {
        let failure = tls_failure(&[IN_THE_CLEAR], &identity, security, &settings()).await;
        assert_eq!(failure.result_type(), "starttls-not-supported");
    }
}

#[tokio::test]
async fn a_handshake_that_fails_is_followed_by_a_fresh_connection_in_the_clear_where_that_is_allowed()
 {
    let identity = Authority::new().unwrap().issue(&["mx.test"]).unwrap();
    let head =
        "S: 220 mx.test\nC: EHLO client.test\nS: 250-mx.test\nS: 250 STARTTLS\nC: STARTTLS\n";
    for (answer, result) in [
        ("S: 220 go", TlsFailure::Validation),
        (
            "S: 220 go\nS: this is no handshake\nREST",
            TlsFailure::Validation,
        ),
        ("S: 454 4.7.0 not now\nREST", TlsFailure::NotSupported),
        ("S: 501 5.5.4 never\nREST", TlsFailure::NotSupported),
    ] {
        let script = format!("{head}{answer}");
        let scripts = [script.as_str(), IN_THE_CLEAR];
        let session = open(&scripts, &identity, Security::Opportunistic, &settings()).await;
        let session = session.unwrap();
        assert_eq!(
            (session.tls(), session.fallback()),
            (None, Some(result)),
            "{answer}"
        );
        let failure = tls_failure(&[&script], &identity, Security::Encrypted, &settings()).await;
        assert_eq!(failure, result, "{answer}");
    }
}

#[tokio::test]
async fn what_is_slipped_in_behind_starttls_is_never_taken_for_the_hosts_word() {
    let identity = Authority::new().unwrap().issue(&["mx.test"]).unwrap();
    let script = "S: 220 mx.test\nC: EHLO client.test\nS: 250-mx.test\nS: 250 STARTTLS\nC: STARTTLS\nRAW: 220 go\\r\\n250-mx.test\\r\\n250 AUTH PLAIN\\r\\n\nREST";
    for security in [Security::Encrypted, named("mx.test")] {
        let failure = tls_failure(&[script], &identity, security, &settings()).await;
        assert_eq!(failure, TlsFailure::Validation);
    }
}

#[tokio::test]
async fn what_a_host_offered_in_the_clear_is_forgotten_under_tls() {
    let ground = Ground::with(LETTER).await;
    let identity = Authority::new().unwrap().issue(&["mx.test"]).unwrap();
    // PIPELINING before, not behind: one command at a time.
    let script = ENCRYPTS.replace(
        "REST",
        "C: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nDATA\nS: 250 ok\nREST",
    );
    let mut session = open(&[&script], &identity, Security::Encrypted, &settings())
        .await
        .unwrap();
    let delivered = session
        .transact(&transaction(&["b@to.test"]), &ground.body)
        .await;
    assert_eq!(outcomes(&delivered), [Outcome::Delivered]);
}

#[tokio::test]
async fn a_verified_host_has_the_name_the_dates_and_the_authority() {
    let (authority, stranger) = (Authority::new().unwrap(), Authority::new().unwrap());
    let settings = trusting(&authority);
    let right = authority.issue(&["mx.test"]).unwrap();
    let session = open(&[ENCRYPTS], &right, named("mx.test"), &settings)
        .await
        .unwrap();
    assert!(session.tls().unwrap().authenticated);
    for (identity, result) in [
        (
            authority.issue(&["other.test"]).unwrap(),
            "certificate-host-mismatch",
        ),
        (
            authority.issue_with(&["mx.test"], Flaw::Expired).unwrap(),
            "certificate-expired",
        ),
        (
            stranger.issue(&["mx.test"]).unwrap(),
            "certificate-not-trusted",
        ),
    ] {
        let failure = tls_failure(&[IS_LEFT], &identity, named("mx.test"), &settings).await;
        assert_eq!(failure.result_type(), result);
    }
}

#[tokio::test]
async fn dane_ee_looks_at_the_certificate_alone() {
    let stranger = Authority::new().unwrap();
    let expired = stranger.issue_with(&["other.test"], Flaw::Expired).unwrap();
    let records = vec![record(3, &stranger.der()), record(3, expired.der())];
    let session = open(&[ENCRYPTS], &expired, dane(records), &settings())
        .await
        .unwrap();
    assert!(session.tls().unwrap().authenticated);
    let records = vec![record(3, stranger.issue(&["mx.test"]).unwrap().der())];
    let failure = tls_failure(&[IS_LEFT], &expired, dane(records), &settings()).await;
    assert_eq!(failure, TlsFailure::NotTrusted);
}

#[tokio::test]
async fn dane_ta_looks_at_chain_names_and_dates() {
    let (authority, stranger) = (Authority::new().unwrap(), Authority::new().unwrap());
    let records = || vec![record(2, &authority.der())];
    for name in ["mx.test", "to.test"] {
        let identity = authority.issue(&[name]).unwrap();
        let session = open(&[ENCRYPTS], &identity, dane(records()), &settings())
            .await
            .unwrap();
        assert!(session.tls().unwrap().authenticated);
    }
    for (identity, result) in [
        (
            authority.issue(&["other.test"]).unwrap(),
            TlsFailure::HostMismatch,
        ),
        (
            authority.issue_with(&["mx.test"], Flaw::Expired).unwrap(),
            TlsFailure::Expired,
        ),
        (
            stranger.issue(&["mx.test"]).unwrap(),
            TlsFailure::NotTrusted,
        ),
    ] {
        let failure = tls_failure(&[IS_LEFT], &identity, dane(records()), &settings()).await;
        assert_eq!(failure, result);
    }
}

#[tokio::test]
async fn records_that_cannot_be_used_demand_encryption_and_no_more() {
    let identity = Authority::new().unwrap().issue(&["other.test"]).unwrap();
    let unusable = || vec![record(1, identity.der()), record(0, identity.der())];
    let session = open(&[ENCRYPTS], &identity, dane(unusable()), &settings())
        .await
        .unwrap();
    assert!(!session.tls().unwrap().authenticated);
}

#[tokio::test]
async fn a_session_made_under_lesser_demands_is_not_resumed_under_greater_ones() {
    let authority = Authority::new().unwrap();
    let identity = authority.issue(&["other.test"]).unwrap();
    let settings = trusting(&authority);
    let scripts = [ENCRYPTS, ENCRYPTS, IS_LEFT];
    let host = Host::play_with(&scripts, Some(identity.server().unwrap())).await;
    let mut to = endpoint(host.address);
    for _ in 0..2 {
        to.security = Security::Encrypted;
        HostSession::open(&to, &settings)
            .await
            .unwrap()
            .quit()
            .await;
    }
    to.security = named("mx.test");
    let failure = HostSession::open(&to, &settings).await.err().unwrap();
    assert_eq!(failure.tls, Some(TlsFailure::HostMismatch));
}

/// Logs in to a smart host with TLS from the first octet.
async fn log_in_to(host: Host, authority: &Authority) -> Result<(), OpenFailure> {
    let to = Endpoint {
        host: "smart.test".into(),
        start: TlsStart::Implicit,
        security: named("smart.test"),
        login: Some(login()),
        ..endpoint(host.address)
    };
    let opened = HostSession::open(&to, &trusting(authority)).await;
    let result = match opened {
        Ok(session) => {
            session.quit().await;
            Ok(())
        }
        Err(failure) => Err(failure),
    };
    host.messages().await;
    result
}

fn smart_host(authority: &Authority) -> Option<Arc<ServerConfig>> {
    let identity = authority.issue(&["smart.test"]).expect("a certificate");
    Some(identity.server().expect("a configuration"))
}

async fn log_in(dialogue: &str) -> Result<(), OpenFailure> {
    let authority = Authority::new().expect("an authority");
    let script = format!("TLS\nS: 220 smart.test\nC: EHLO client.test\n{dialogue}");
    let host = Host::play_with(&[&script], smart_host(&authority)).await;
    log_in_to(host, &authority).await
}

/// The smart host believes whatever we prove, and shows that it knows this password.
async fn log_in_by_scram(known: &'static str) -> Result<(), OpenFailure> {
    let authority = Authority::new().expect("an authority");
    let host = Host::improvise(smart_host(&authority), move |mut scene| async move {
        let script =
            "TLS\nS: 220 smart.test\nC: EHLO\nS: 250-smart.test\nS: 250 AUTH PLAIN SCRAM-SHA-256";
        scene.play(script).await;
        take_scram(&mut scene, known).await;
        scene.play("REST").await;
    });
    log_in_to(host.await, &authority).await
}

async fn take_scram(scene: &mut Scene, password: &str) {
    let parameters = ScramParameters {
        salt: b"0123456789abcdef".to_vec(),
        iterations: 4096,
    };
    let keys = derive(&Secret::new(password), Some(&parameters)).expect("a password");
    let keys = keys.scram.expect("keys");
    let first = scene.line().await;
    let first = first.strip_prefix("AUTH SCRAM-SHA-256 ").expect("SCRAM");
    let first = scram::parse_client_first(&decoded(first)).expect("a first message");
    let nonce = format!("{}server", first.nonce);
    let server_first = scram::server_first(&nonce, &parameters.salt, parameters.iterations);
    challenge(scene, &server_first).await;
    let last = decoded(&scene.line().await);
    let last = scram::parse_client_final(&last).expect("a last message");
    let message = scram::auth_message(&first, &server_first, &last);
    challenge(scene, &scram::server_final(&keys, &message)).await;
    assert_eq!(scene.line().await, "");
    scene.say(b"235 2.7.0 welcome\r\n").await;
}

async fn challenge(scene: &mut Scene, text: &str) {
    let line = format!("334 {}\r\n", STANDARD.encode(text));
    scene.say(line.as_bytes()).await;
}

fn decoded(text: &str) -> Vec<u8> {
    STANDARD.decode(text).expect("base64")
}

fn login() -> Login {
    Login {
        user: "user".into(),
        password: Secret::new("pencil"),
    }
}

#[tokio::test]
async fn we_log_in_by_whatever_the_smart_host_knows() {
    for dialogue in [
        // NUL user NUL pencil.
        "S: 250-smart.test\nS: 250 AUTH LOGIN PLAIN\nC: AUTH PLAIN AHVzZXIAcGVuY2ls\nS: 235 2.7.0 welcome\nREST",
        "S: 250-smart.test\nS: 250 AUTH LOGIN\nC: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: dXNlcg==\nS: 334 UGFzc3dvcmQ6\nC: cGVuY2ls\nS: 235 welcome\nREST",
    ] {
        log_in(dialogue).await.unwrap();
    }
    log_in_by_scram("pencil").await.unwrap();
}

#[tokio::test]
async fn a_login_that_fails_waits_and_does_not_bounce() {
    for (dialogue, said) in [
        (
            "S: 250-smart.test\nS: 250 AUTH PLAIN\nC: AUTH PLAIN\nS: 535 5.7.8 wrong\nREST",
            "535 5.7.8 wrong",
        ),
        (
            "S: 250-smart.test\nS: 250 AUTH LOGIN\nC: AUTH LOGIN\nS: 334 !\nREST",
            "4.7.0 the host cannot be trusted with a login: a challenge that is not base64",
        ),
        (
            "S: 250-smart.test\nS: 250 AUTH GSSAPI\nREST",
            "4.7.4 the host takes no login by SCRAM-SHA-256, PLAIN or LOGIN (it offers: GSSAPI)",
        ),
        (
            "S: 250 smart.test\nREST",
            "4.7.4 the host takes no login by SCRAM-SHA-256, PLAIN or LOGIN (it offers: )",
        ),
    ] {
        let failure = log_in(dialogue).await.err().unwrap();
        assert_eq!((failure.step, failure.temporary), (Step::Auth, true));
        assert_eq!(failure.said.to_string(), said);
    }
}

#[tokio::test]
async fn a_smart_host_that_does_not_know_the_password_itself_is_not_ours() {
    let failure = log_in_by_scram("another").await.err().unwrap();
    assert_eq!(failure.step, Step::Auth);
}

#[tokio::test]
async fn a_password_is_never_sent_in_the_clear() {
    for security in [Security::Never, Security::Opportunistic] {
        let host = Host::play(&[
            "S: 220 mx.test\nC: EHLO client.test\nS: 250-mx.test\nS: 250 AUTH PLAIN LOGIN",
        ])
        .await;
        let to = Endpoint {
            security,
            login: Some(login()),
            ..endpoint(host.address)
        };
        let failure = HostSession::open(&to, &settings()).await.err().unwrap();
        assert_eq!(failure.step, Step::Auth);
        assert!(!format!("{to:?} {failure} {failure:?}").contains("pencil"));
    }
}
