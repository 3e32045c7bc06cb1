//! Postfix as smart host: it relays for those who log in, under TLS, and for nobody else.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use tests::internet::{Logins, Postfix};
use tests::server::Server;

use crate::ground::{Ground, PORT, SENDER};

const USER: &str = "pennyblack";
const PASSWORD: &str = "Correct Horse";

/// Everything goes by way of Postfix at mx.to.test, with this password.
fn ground(password: &str) -> Ground {
    let password = password.to_owned();
    Ground::with(move |mut config, accounts| {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (_, path) = file.keep().unwrap();
        std::fs::write(&path, password).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let smart_host = format!(
            "host = 'mx.to.test'\nport = {PORT}\ntls = 'verified'\nuser = '{USER}'\npassword_file = '{}'",
            path.display()
        );
        let smart_host: toml::Table = smart_host.parse().unwrap();
        let relay = config["relay"].as_table_mut().unwrap();
        relay.insert("smart_host".to_owned(), smart_host.into());
        Server::with(config, accounts)
    })
}

fn postfix(ground: &Ground, logins: &Logins) -> Postfix {
    let certificate = ground.authority.issue(&["mx.to.test"]).unwrap();
    let path = format!("unix:{}", logins.path().display());
    ground.postfix_with(
        &certificate,
        &[
            ("smtpd_sasl_auth_enable", "yes"),
            ("smtpd_sasl_type", "dovecot"),
            ("smtpd_sasl_path", &path),
            ("smtpd_tls_auth_only", "yes"),
            (
                "smtpd_relay_restrictions",
                "permit_sasl_authenticated,reject",
            ),
        ],
    )
}

#[test]
fn postfix_relays_after_our_login() {
    let ground = ground(PASSWORD);
    let logins = Logins::new(USER, PASSWORD).unwrap();
    let postfix = postfix(&ground, &logins);
    let message = b"Subject: by way of another\r\n\r\nHello.\r\n";
    ground
        .submit()
        .deliver(SENDER, &["b@to.test"], message)
        .unwrap();
    let arrived = postfix.messages(1).unwrap().remove(0);
    assert!(arrived.ends_with(b"\n\nHello.\n"));
    ground.wait_for_queue("empty", |queue| queue.as_array().unwrap().is_empty());
    let login = format!("sasl_method=PLAIN, sasl_username={USER}");
    assert!(postfix.log().contains(&login), "{}", postfix.log());
}

#[test]
fn mail_waits_while_postfix_does_not_like_our_password() {
    let ground = ground("a wrong one");
    let logins = Logins::new(USER, PASSWORD).unwrap();
    let postfix = postfix(&ground, &logins);
    let message = b"Subject: by way of another\r\n\r\nHello.\r\n";
    ground
        .submit()
        .deliver(SENDER, &["b@to.test"], message)
        .unwrap();
    ground.wait_for_queue("put off", |queue| {
        let reply = queue[0]["recipients"][0]["last_reply"].as_str();
        reply.is_some_and(|reply| reply.contains("535 5.7.8"))
    });
    assert!(!postfix.log().contains("a wrong one"));
    assert!(!ground.server.logs().contains("a wrong one"));
}
