//! Authentication against a real store.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use aws_lc_rs::{digest, hmac, pbkdf2};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use daemon::config::Config;
use daemon::credential::derive;
use daemon::sasl::{Authenticator, Exchange, Failure, Identity, Mechanism, Step, mechanisms};
use daemon::secret::Secret;
use daemon::wire::{Peer, TlsInfo};
use store::{AccountId, Address, NewAccount, Store};

const USER: &str = "alice@example.test";

struct House {
    store: Store,
    auth: Authenticator,
    config: Config,
    account: AccountId,
    _data: tempfile::TempDir,
}

fn peer(address: &str) -> Peer {
    Peer::new(address.parse().unwrap(), "192.0.2.10:993".parse().unwrap())
}

fn remote() -> Peer {
    peer("198.51.100.1:5000")
}

fn tls() -> TlsInfo {
    TlsInfo {
        version: "TLSv1.3",
        cipher: "TLS_AES_256_GCM_SHA384".into(),
        server_name: None,
        server_end_point: Some(vec![1; 32].into()),
        exporter: Some(Box::new([2; 32])),
    }
}

fn config(data: &Path, more: &str) -> Config {
    let text = format!(
        "hostname = 'mail.example.test'\ndata_dir = '{}'\n{more}",
        data.display()
    );
    Config::parse(Path::new("test.toml"), &text).unwrap()
}

impl House {
    async fn new() -> House {
        House::with("").await
    }

    /// Alice, whose password is `testpass` and whose app password for `phone` is `app-pass`.
    async fn with(more: &str) -> House {
        let data = tempfile::tempdir().unwrap();
        let config = config(data.path(), more);
        let store = Store::open(
            data.path(),
            store::Options {
                create: true,
                ..Default::default()
            },
        )
        .await
        .unwrap();
        store.add_domain("example.test").await.unwrap();
        let address = Address::parse(USER).unwrap();
        let account = store
            .add_account(&address, NewAccount::default())
            .await
            .unwrap();
        let scram = store.scram_parameters(account).await.unwrap();
        let credential = |password: &str| derive(&Secret::new(password), Some(&scram)).unwrap();
        store
            .set_password(account, credential("testpass"))
            .await
            .unwrap();
        store
            .add_app_password(account, "phone", credential("app-pass"))
            .await
            .unwrap();
        let auth = Authenticator::open(store.clone(), &config).unwrap();
        House {
            store,
            auth,
            config,
            account,
            _data: data,
        }
    }

    fn start(&self, mechanism: Mechanism) -> Result<Exchange, Failure> {
        Exchange::start(mechanism, &self.auth, &remote(), Some(&tls()))
    }

    async fn password(&self, user: &str, password: &str) -> Result<Identity, Failure> {
        self.auth
            .password(
                user.as_bytes(),
                &Secret::new(password),
                &remote(),
                Some(&tls()),
            )
            .await
    }

    async fn plain(&self, message: &str) -> Result<Identity, Failure> {
        finish(
            self.start(Mechanism::Plain)?
                .step(Some(message.as_bytes()))
                .await,
        )
    }

    /// A client of SCRAM. `header` is its GS2 header and `binding` the channel's data.
    async fn scram(
        &self,
        mechanism: Mechanism,
        header: &str,
        binding: &[u8],
        user: &str,
        password: &str,
    ) -> Result<Identity, Failure> {
        let mut exchange = self.start(mechanism)?;
        let bare = format!("n={user},r=client");
        let server_first = challenge(
            exchange
                .step(Some(format!("{header}{bare}").as_bytes()))
                .await,
        )?;
        let fields: Vec<&str> = server_first.split(',').map(|field| &field[2..]).collect();
        let channel = STANDARD.encode([header.as_bytes(), binding].concat());
        let without_proof = format!("c={channel},r={}", fields[0]);
        let message = format!("{bare},{server_first},{without_proof}");
        let salted = salted(
            password,
            &STANDARD.decode(fields[1]).unwrap(),
            fields[2].parse().unwrap(),
        );
        let client_key = hmac(&salted, b"Client Key");
        let signature = hmac(
            digest::digest(&digest::SHA256, &client_key).as_ref(),
            message.as_bytes(),
        );
        let proof: Vec<u8> = client_key
            .iter()
            .zip(&signature)
            .map(|(one, other)| one ^ other)
            .collect();
        let last = format!("{without_proof},p={}", STANDARD.encode(proof));
        let server_final = challenge(exchange.step(Some(last.as_bytes())).await)?;
        let verifier = hmac(&hmac(&salted, b"Server Key"), message.as_bytes());
        assert_eq!(server_final, format!("v={}", STANDARD.encode(verifier)));
        finish(exchange.step(Some(b"")).await)
    }
}

fn salted(password: &str, salt: &[u8], iterations: u32) -> [u8; 32] {
    let mut salted = [0; 32];
    let iterations = iterations.try_into().unwrap();
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        iterations,
        salt,
        password.as_bytes(),
        &mut salted,
    );
    salted
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
        .as_ref()
        .to_vec()
}

fn challenge(step: Step) -> Result<String, Failure> {
    match step {
        Step::Challenge(challenge) => Ok(String::from_utf8(challenge).unwrap()),
        Step::Failed(failure) => Err(failure),
        Step::Done(identity) => panic!("done too early: {identity:?}"),
    }
}

fn finish(step: Step) -> Result<Identity, Failure> {
    match step {
        Step::Done(identity) => Ok(identity),
        Step::Failed(failure) => Err(failure),
        Step::Challenge(challenge) => panic!("one more challenge: {}", challenge.escape_ascii()),
    }
}

#[tokio::test]
async fn passwords_and_app_passwords_open_the_account() {
    let house = House::new().await;
    for _ in 0..2 {
        let identity = house
            .password("Alice@Example.Test", "testpass")
            .await
            .unwrap();
        assert_eq!(
            (
                identity.account,
                identity.address.as_str(),
                identity.app_password
            ),
            (house.account, USER, None)
        );
        let identity = house.password(USER, "app-pass").await.unwrap();
        assert_eq!(identity.app_password.as_deref(), Some("phone"));
    }
    assert_eq!(
        house.password(USER, "wrong").await,
        Err(Failure::Credentials)
    );
    assert_eq!(
        house.password("bob@example.test", "testpass").await,
        Err(Failure::Credentials)
    );
    assert_eq!(house.password("", "").await, Err(Failure::Credentials));
}

#[tokio::test]
async fn what_is_remembered_dies_with_the_password_and_with_the_account() {
    let house = House::new().await;
    house.password(USER, "testpass").await.unwrap();
    let new = derive(&Secret::new("other"), None).unwrap();
    house.store.set_password(house.account, new).await.unwrap();
    assert_eq!(
        house.password(USER, "testpass").await,
        Err(Failure::Credentials)
    );
    house.password(USER, "other").await.unwrap();
    house.store.set_disabled(house.account, true).await.unwrap();
    assert_eq!(house.password(USER, "other").await, Err(Failure::Disabled));
    assert_eq!(
        house.password(USER, "wrong").await,
        Err(Failure::Credentials)
    );
}

#[tokio::test]
async fn plain_acts_for_nobody_else() {
    let house = House::new().await;
    house.plain("\0alice@example.test\0testpass").await.unwrap();
    house
        .plain("ALICE@example.test\0alice@example.test\0testpass")
        .await
        .unwrap();
    let other = house
        .plain("bob@example.test\0alice@example.test\0testpass")
        .await;
    assert_eq!(other, Err(Failure::Authorization));
    let other = house
        .plain("bob@example.test\0alice@example.test\0wrong")
        .await;
    assert_eq!(other, Err(Failure::Credentials));
}

#[tokio::test]
async fn login_asks_with_the_prompts_that_outlook_knows() {
    let house = House::new().await;
    let mut exchange = house.start(Mechanism::Login).unwrap();
    assert_eq!(challenge(exchange.step(None).await).unwrap(), "Username:");
    assert_eq!(
        challenge(exchange.step(Some(USER.as_bytes())).await).unwrap(),
        "Password:"
    );
    finish(exchange.step(Some(b"testpass")).await).unwrap();
}

#[tokio::test]
async fn scram_knows_every_password_of_the_account() {
    let house = House::new().await;
    let scram = |user, password| house.scram(Mechanism::ScramSha256, "n,,", b"", user, password);
    assert_eq!(
        scram(USER, "testpass").await.unwrap().account,
        house.account
    );
    assert_eq!(
        scram(USER, "app-pass")
            .await
            .unwrap()
            .app_password
            .as_deref(),
        Some("phone")
    );
    assert_eq!(scram(USER, "wrong").await, Err(Failure::Credentials));
    assert_eq!(
        scram("bob@example.test", "testpass").await,
        Err(Failure::Credentials)
    );
}

#[tokio::test]
async fn scram_plus_is_bound_to_its_channel() {
    let house = House::new().await;
    let plus = |header, binding| {
        house.scram(
            Mechanism::ScramSha256Plus,
            header,
            binding,
            USER,
            "testpass",
        )
    };
    plus("p=tls-server-end-point,,", &[1; 32]).await.unwrap();
    plus("p=tls-exporter,a=alice@example.test,", &[2; 32])
        .await
        .unwrap();
    assert_eq!(
        plus("p=tls-exporter,,", &[1; 32]).await,
        Err(Failure::Credentials)
    );
    assert_eq!(
        plus("p=tls-unique,,", &[1; 32]).await,
        Err(Failure::Malformed)
    );
    assert_eq!(plus("n,,", b"").await, Err(Failure::Malformed));
    assert_eq!(
        plus("p=tls-exporter,a=bob@example.test,", &[2; 32]).await,
        Err(Failure::Authorization)
    );
}

#[tokio::test]
async fn a_hidden_scram_plus_is_noticed() {
    let house = House::new().await;
    let downgraded = house
        .scram(Mechanism::ScramSha256, "y,,", b"", USER, "testpass")
        .await;
    assert_eq!(downgraded, Err(Failure::Credentials));
}

#[tokio::test]
async fn scram_treats_unknown_users_like_others() {
    let house = House::new().await;
    let mut salts = Vec::new();
    for _ in 0..2 {
        let mut exchange = house.start(Mechanism::ScramSha256).unwrap();
        let first = challenge(
            exchange
                .step(Some(b"n,,n=nobody@example.test,r=client"))
                .await,
        )
        .unwrap();
        let fields: Vec<String> = first.split(',').map(str::to_owned).collect();
        assert_eq!(fields[2], "i=10000");
        assert_eq!(fields[1].len(), "s=".len() + 24);
        salts.push(fields[1].clone());
    }
    assert_eq!(salts[0], salts[1]);
}

#[tokio::test]
async fn nothing_is_offered_in_the_clear() {
    let house = House::new().await;
    let local = peer("127.0.0.1:5000");
    assert_eq!(mechanisms(&house.config, None, &remote()), []);
    assert_eq!(mechanisms(&house.config, None, &local), []);
    let refused = Exchange::start(Mechanism::Plain, &house.auth, &local, None).err();
    assert_eq!(refused, Some(Failure::EncryptionRequired));
    let refused = house
        .auth
        .password(USER.as_bytes(), &Secret::new("testpass"), &local, None)
        .await;
    assert_eq!(refused, Err(Failure::EncryptionRequired));
    assert_eq!(mechanisms(&house.config, Some(&tls()), &remote()).len(), 4);

    let house = House::with("auth.plaintext_on_loopback = true").await;
    assert_eq!(mechanisms(&house.config, None, &remote()), []);
    let offered = [Mechanism::ScramSha256, Mechanism::Plain, Mechanism::Login];
    assert_eq!(mechanisms(&house.config, None, &local), offered);
    house
        .auth
        .password(USER.as_bytes(), &Secret::new("testpass"), &local, None)
        .await
        .unwrap();
}

#[tokio::test]
async fn without_plus_a_client_that_could_bind_is_welcome() {
    let house = House::with("auth.scram_plus = false").await;
    assert!(
        !mechanisms(&house.config, Some(&tls()), &remote()).contains(&Mechanism::ScramSha256Plus)
    );
    let answer = house
        .scram(Mechanism::ScramSha256, "y,,", b"", USER, "testpass")
        .await;
    assert_eq!(answer.unwrap().account, house.account);
}

#[tokio::test]
async fn scram_can_be_switched_off() {
    let house = House::with("auth.scram = false").await;
    assert_eq!(
        mechanisms(&house.config, Some(&tls()), &remote()),
        [Mechanism::Plain, Mechanism::Login]
    );
    assert_eq!(
        house.start(Mechanism::ScramSha256).err(),
        Some(Failure::Mechanism)
    );
}
