//! What every test stands on: a message in a store, and the client's side of a session with a host.

use std::net::SocketAddr;
use std::time::Duration;

use daemon::tls::Connector;
use smtpd::relay::client::{
    Body, ClientSettings, Delivered, Endpoint, HostSession, OpenFailure, Outcome, Recipient,
    Security, Timeouts, TlsStart, Transaction,
};
use store::{Acceptance, BodyKind, Draft, Options, Relay, Schedule, Store};
use tests::internet::Host;

/// A short message.
pub const LETTER: &[u8] = b"Subject: hello\r\n\r\n.a dot\r\nbody\r\n";

/// Replies of a host that takes everything, up to the capabilities.
pub const GREETED: &str = "S: 220 mx.test ESMTP\nC: EHLO client.test\n";

/// A store with one message in it.
pub struct Ground {
    pub body: Body,
    _dir: tempfile::TempDir,
}

impl Ground {
    pub async fn with(message: &[u8]) -> Ground {
        let dir = tempfile::tempdir().expect("a directory");
        let options = Options {
            create: true,
            ..Options::default()
        };
        let store = Store::open(dir.path(), options).await.expect("open");
        let mut draft = Draft::new(&store, 1 << 30);
        for piece in message.chunks(1 << 16) {
            draft.write(piece).await.expect("write");
        }
        let accepted = store
            .accept(Acceptance {
                reverse_path: "a@from.test".into(),
                relays: vec![relay()],
                ..Acceptance::new(draft.seal().await.expect("seal"), "test")
            })
            .await
            .expect("accept");
        Ground {
            body: Body::new(store, accepted.id, message.len() as u64),
            _dir: dir,
        }
    }
}

fn relay() -> Relay {
    let schedule = Schedule {
        due: 0,
        expires: i64::MAX,
        notice_due: None,
    };
    Relay {
        recipient: "r@to.test".into(),
        domain: "to.test".into(),
        original: None,
        notify: None,
        schedule,
    }
}

/// The address of a host, reached in the clear.
pub fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint {
        host: "mx.test".into(),
        address,
        source: None,
        security: Security::Never,
        start: TlsStart::StartTls,
        login: None,
    }
}

/// Settings whose timeouts a test can wait for.
pub fn settings() -> ClientSettings {
    let short = Duration::from_secs(2);
    let mut settings = ClientSettings::new("client.test", Connector::with_roots([]));
    settings.timeouts = Timeouts {
        connect: short,
        greeting: short,
        hello: short,
        handshake: Duration::from_secs(10),
        mail: short,
        rcpt: short,
        data: short,
        piece: short,
        end: short,
        farewell: Duration::from_millis(500),
        transaction: Duration::from_secs(30),
    };
    settings
}

/// A transaction to `recipients`.
pub fn transaction(recipients: &[&str]) -> Transaction {
    let recipient = |address: &&str| Recipient {
        address: (*address).to_owned(),
        original: None,
        notify: None,
    };
    Transaction {
        sender: "a@from.test".into(),
        recipients: recipients.iter().map(recipient).collect(),
        envelope_id: None,
        return_content: None,
        smtputf8: false,
        body: BodyKind::SevenBit,
        require_tls: false,
    }
}

pub async fn open(host: &Host) -> Result<HostSession, OpenFailure> {
    HostSession::open(&endpoint(host.address), &settings()).await
}

/// One transaction with the letter in a session of its own.
pub async fn send(script: &str, recipients: &[&str]) -> (Delivered, Vec<Vec<u8>>) {
    send_message(script, &transaction(recipients), LETTER).await
}

/// One transaction in a session of its own.
pub async fn send_message(
    script: &str,
    transaction: &Transaction,
    message: &[u8],
) -> (Delivered, Vec<Vec<u8>>) {
    let ground = Ground::with(message).await;
    let host = Host::play(&[script]).await;
    let mut session = open(&host).await.expect("a session");
    let delivered = session.transact(transaction, &ground.body).await;
    session.quit().await;
    (delivered, host.messages().await)
}

/// The outcomes, and what was said, in short.
pub fn told(delivered: &Delivered) -> Vec<(Outcome, String)> {
    delivered
        .verdicts
        .iter()
        .map(|verdict| (verdict.outcome, verdict.said.to_string()))
        .collect()
}

/// The outcomes alone.
pub fn outcomes(delivered: &Delivered) -> Vec<Outcome> {
    delivered
        .verdicts
        .iter()
        .map(|verdict| verdict.outcome)
        .collect()
}
