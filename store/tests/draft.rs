//! A draft whose header section is set apart: what is replaced before the seal is as if it had never been written.

use store::mime::EncodedIndex;
use store::{
    AccountId, Address, Appending, Draft, Error, Flags, NewAccount, Options, Sealed, Store, Uid,
};

const MULTIPART: &str = "Subject: two parts\r\nContent-Type: multipart/mixed; boundary=b\r\n";
const PLAIN: &str = "Subject: one part, and a longer header section than before\r\n";

async fn store(dir: &tempfile::TempDir) -> (Store, AccountId) {
    let options = Options {
        create: true,
        ..Options::default()
    };
    let store = Store::open(dir.path(), options).await.expect("open");
    store.add_domain("example.test").await.expect("domain");
    let address = Address::parse("alice@example.test").expect("address");
    let account = store.add_account(&address, NewAccount::default()).await;
    (store, account.expect("account"))
}

/// A multipart body of about `octets` octets, with the empty line in front of it.
fn body(octets: usize) -> Vec<u8> {
    let text = "text\r\n".repeat(octets / 6);
    format!("\r\n--b\r\n\r\n{text}\r\n--b\r\n\r\nmore\r\n--b--\r\n").into_bytes()
}

async fn filed(store: &Store, account: AccountId, message: Sealed) -> (Vec<u8>, EncodedIndex) {
    let appending = Appending {
        message,
        flags: Flags::NONE,
        keywords: Vec::new(),
        internal_date: None,
    };
    let appended = store.append(account, "INBOX", vec![appending]).await;
    let uid: Uid = appended.expect("append").uids[0];
    let inbox = store.mailbox(account, "INBOX").await.expect("inbox").id;
    let index = store.indexes(account, inbox, &[uid]).await.expect("index");
    let octets = store.read_octets(account, inbox, uid, 0..u64::MAX).await;
    let index = index.found.into_iter().next().expect("one index").1;
    (octets.expect("octets").to_vec(), index)
}

#[tokio::test]
async fn a_replaced_header_section_is_indexed_as_if_it_had_been_the_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, account) = store(&dir).await;
    for (before, after) in [(MULTIPART, PLAIN), (PLAIN, MULTIPART), (PLAIN, "")] {
        for octets in [100, 300_000, 700_000] {
            let body = body(octets);
            let mut draft = Draft::new(&store, 2 << 20);
            draft.set_header(before.as_bytes()).expect("header");
            draft.write(&body).await.expect("body");
            draft.prepend(b"Received: x\r\n").expect("prepend");
            draft.set_header(after.as_bytes()).expect("another header");
            let changed = filed(&store, account, draft.seal().await.expect("seal")).await;

            let mut draft = Draft::new(&store, 2 << 20);
            draft.write(after.as_bytes()).await.expect("header");
            draft.write(&body).await.expect("body");
            draft.prepend(b"Received: x\r\n").expect("prepend");
            let plain = filed(&store, account, draft.seal().await.expect("seal")).await;
            assert_eq!(changed.1, plain.1, "{after:?} and {octets} octets");
            assert!(changed.0 == plain.0, "{after:?} and {octets} octets");
        }
    }
    assert_eq!(store.check(|_| ()).await, Ok(Vec::new()));
}

#[tokio::test]
async fn what_was_written_is_read_back_in_pieces() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = store(&dir).await;
    for octets in [0, 10, 262_144, 262_145, 900_000] {
        let body: Vec<u8> = (0..octets).map(|at| (at % 251) as u8).collect();
        let mut draft = Draft::new(&store, 2 << 20);
        draft.set_header(PLAIN.as_bytes()).expect("header");
        draft.write(&body).await.expect("body");
        let mut read = Vec::new();
        let mut number = 0;
        while let Some(piece) = draft.written(number).await.expect("piece") {
            read.extend_from_slice(&piece);
            number += 1;
        }
        assert!(read == body, "{octets} octets");
    }
}

#[tokio::test]
async fn a_header_section_counts_once_towards_the_limit() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = store(&dir).await;
    let mut draft = Draft::new(&store, 100);
    draft.set_header(&[b'x'; 60]).expect("it fits");
    draft.set_header(&[b'x'; 100]).expect("it fits instead");
    let too_long = draft.set_header(&[b'x'; 101]);
    assert_eq!(too_long, Err(Error::Limit("octets in the message")));
    assert_eq!(draft.len(), 100);
}
