//! Signing keys, secrets and the memory of greylisting, through the store's public calls.

use store::{
    Error, KeyState, NewSigningKey, Options, Patience, PrivateKey, SigningAlgorithm, Store,
};

async fn open() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().expect("a directory");
    let options = Options {
        create: true,
        ..Options::default()
    };
    let store = Store::open(dir.path(), options).await.expect("open");
    store.add_domain("example.test").await.expect("domain");
    (dir, store)
}

fn key(selector: &str) -> Vec<NewSigningKey> {
    vec![NewSigningKey {
        selector: selector.into(),
        algorithm: SigningAlgorithm::Ed25519Sha256,
        private_key: PrivateKey::new(b"secret".to_vec()),
    }]
}

async fn states(store: &Store) -> Vec<(String, KeyState)> {
    let keys = store.signing_keys(Some("Example.Test")).await;
    let keys = keys.expect("keys").into_iter();
    keys.map(|key| (key.selector, key.state)).collect()
}

#[tokio::test]
async fn keys_take_their_turns() {
    let (_dir, store) = open().await;
    let add = async |selector| store.add_signing_keys("example.test", key(selector)).await;
    assert_eq!(add("one").await, Ok(KeyState::Signing));
    assert_eq!(add("two").await, Ok(KeyState::Next));
    assert!(matches!(add("three").await, Err(Error::Exists(_))));
    store
        .rotate_signing_keys("example.test")
        .await
        .expect("rotate");
    let expected = [("one", KeyState::Retired), ("two", KeyState::Signing)];
    assert_eq!(
        states(&store).await,
        expected.map(|(name, state)| (name.into(), state))
    );
    let again = store.rotate_signing_keys("example.test").await;
    assert!(matches!(again, Err(Error::NotFound(_))), "{again:?}");
    assert_eq!(store.check(|_| ()).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_key_in_use_is_not_removed_and_goes_with_its_domain() {
    let (_dir, store) = open().await;
    let keys = [key("one"), key("two")].concat();
    store
        .add_signing_keys("example.test", keys)
        .await
        .expect("add");
    let refused = store.remove_signing_key("example.test", "one").await;
    assert!(matches!(refused, Err(Error::NotPermitted(_))));
    let unknown = store.remove_signing_key("example.test", "three").await;
    assert!(matches!(unknown, Err(Error::NotFound(_))));
    store.remove_domain("example.test").await.expect("remove");
    assert_eq!(store.signing_keys(None).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_private_key_is_never_shown() {
    assert_eq!(format!("{:?}", key("one")[0].private_key), "PrivateKey(…)");
}

#[tokio::test]
async fn a_secret_is_made_once_and_kept() {
    let (dir, store) = open().await;
    let secret = store.secret("one").await.expect("secret");
    assert_ne!(store.secret("two").await.expect("secret"), secret);
    drop(store);
    let store = Store::open(dir.path(), Options::default())
        .await
        .expect("open again");
    assert_eq!(store.secret("one").await, Ok(secret));
}

#[tokio::test]
async fn who_knocks_again_is_let_in() {
    let (_dir, store) = open().await;
    let patience = |delay| Patience {
        delay,
        retry_within: 3600,
        known_for: 86_400,
    };
    let digest = [7; 16];
    assert_eq!(store.knock(digest, patience(1)).await, Ok(false));
    assert_eq!(store.knock(digest, patience(0)).await, Ok(true));
    assert_eq!(store.knock([8; 16], patience(3600)).await, Ok(false));
}
