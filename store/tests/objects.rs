//! Names of contents, threads, and the replacement of a message, through the store's public calls. Every test ends with `check`.

use store::{
    AccountId, Address, Appending, Draft, Error, Flags, MailboxInfo, Missing, NewAccount, Options,
    Quota, Store, ThreadId, Uid,
};

struct Fixture {
    _dir: tempfile::TempDir,
    store: Store,
    alice: AccountId,
}

impl Fixture {
    async fn new() -> Fixture {
        let dir = tempfile::tempdir().expect("done");
        let options = Options {
            create: true,
            linger_seconds: 0,
            ..Options::default()
        };
        let store = Store::open(dir.path(), options).await.expect("done");
        store.add_domain("example.test").await.expect("done");
        let address = Address::from_parts("alice", "example.test").expect("done");
        let alice = store
            .add_account(&address, NewAccount::default())
            .await
            .expect("done");
        Fixture {
            _dir: dir,
            store,
            alice,
        }
    }

    async fn appending(&self, text: &str) -> Appending {
        let mut draft = Draft::new(&self.store, 1 << 20);
        draft.write(text.as_bytes()).await.expect("done");
        Appending {
            message: draft.seal().await.expect("done"),
            flags: Flags::NONE,
            keywords: Vec::new(),
            internal_date: None,
        }
    }

    /// Appends a message with these fields.
    async fn message(&self, mailbox: &str, fields: &[&str]) -> Uid {
        let text = format!("{}\r\n\r\ntext\r\n", fields.join("\r\n"));
        let appending = self.appending(&text).await;
        let appended = self
            .store
            .append(self.alice, mailbox, vec![appending])
            .await
            .expect("done");
        appended.uids[0]
    }

    async fn info(&self, name: &str) -> MailboxInfo {
        self.store.mailbox(self.alice, name).await.expect("done")
    }

    async fn thread(&self, mailbox: &str, uid: Uid) -> ThreadId {
        let id = self.info(mailbox).await.id;
        let threads = self
            .store
            .threads(self.alice, id, &[uid])
            .await
            .expect("done");
        assert_eq!(threads.len(), 1);
        threads[0].1
    }

    async fn end(self) {
        assert_eq!(self.store.check(|_| ()).await, Ok(Vec::new()));
    }
}

#[tokio::test]
async fn replies_are_of_one_thread_in_any_mailbox() {
    let fixture = Fixture::new().await;
    let first = fixture.message("INBOX", &["Message-ID: <a@x>"]).await;
    let reply = ["Message-ID: <b@x>", "In-Reply-To: <a@x>"];
    let reply = fixture.message("Sent", &reply).await;
    let far = ["Message-ID: <d@x>", "References: <a@x> <b@x> <c@x>"];
    let far = fixture.message("Archive", &far).await;
    let missing = fixture.message("INBOX", &["Message-ID: <c@x>"]).await;
    let other = fixture.message("INBOX", &["Message-ID: <z@x>"]).await;
    let nameless = fixture.message("INBOX", &["Subject: x"]).await;

    // Asked in the wrong order: the thread is the same.
    let thread = fixture.thread("Archive", far).await;
    assert_eq!(fixture.thread("Sent", reply).await, thread);
    assert_eq!(fixture.thread("INBOX", missing).await, thread);
    assert_eq!(fixture.thread("INBOX", first).await, thread);
    let others = [
        fixture.thread("INBOX", other).await,
        fixture.thread("INBOX", nameless).await,
    ];
    assert_ne!(others[0], thread);
    assert_ne!(others[0], others[1]);
    fixture.end().await;
}

#[tokio::test]
async fn a_thread_is_found_though_nobody_asked_before() {
    let fixture = Fixture::new().await;
    let first = fixture.message("INBOX", &["Message-ID: <a@x>"]).await;
    fixture.message("INBOX", &["Message-ID: <z@x>"]).await;
    let thread = fixture.thread("INBOX", first).await;
    let reply = ["Message-ID: <b@x>", "References: <a@x>"];
    let reply = fixture.message("INBOX", &reply).await;
    let inbox = fixture.info("INBOX").await.id;
    let found = fixture
        .store
        .entries_of_thread(fixture.alice, inbox, thread);
    assert_eq!(found.await.expect("done"), [first, reply]);
    // What is gone leaves nothing behind.
    fixture
        .store
        .expunge(fixture.alice, inbox, &[first])
        .await
        .expect("done");
    fixture.store.sweep().await.expect("done");
    let found = fixture
        .store
        .entries_of_thread(fixture.alice, inbox, thread);
    assert_eq!(found.await.expect("done"), [reply]);
    fixture.end().await;
}

#[tokio::test]
async fn copies_say_the_same() {
    let fixture = Fixture::new().await;
    let uid = fixture.message("INBOX", &["Subject: a"]).await;
    let inbox = fixture.info("INBOX").await.id;
    let copied = fixture
        .store
        .copy(fixture.alice, inbox, &[uid], "Archive", Missing::Refused)
        .await
        .expect("done");
    let content = |mailbox, uid| {
        let (store, alice) = (fixture.store.clone(), fixture.alice);
        async move { store.entries(alice, mailbox, &[uid]).await.expect("done")[0].content() }
    };
    let there = copied.pairs[0].1;
    let name = content(inbox, uid).await;
    assert_eq!(content(copied.mailbox, there).await, name);
    let found = fixture
        .store
        .entries_of_content(fixture.alice, copied.mailbox, name)
        .await
        .expect("done");
    assert_eq!(found, [there]);
    let other = fixture.message("INBOX", &["Subject: a"]).await;
    assert_ne!(content(inbox, other).await, name);
    fixture.end().await;
}

#[tokio::test]
async fn a_replacement_is_whole_or_nothing() {
    let fixture = Fixture::new().await;
    let old = fixture.message("Drafts", &["Subject: old"]).await;
    let drafts = fixture.info("Drafts").await;
    let (store, alice) = (&fixture.store, fixture.alice);
    // There is room for one message, and only one.
    let quota = Quota {
        octets: Some(drafts.size + 10),
        messages: Some(1),
    };
    store.set_quota(alice, quota).await.expect("done");
    let text = "Subject: new\r\n\r\ntext\r\n";

    let by = fixture.appending(text).await;
    let replaced = store
        .replace(alice, drafts.id, old, "Sent", by)
        .await
        .expect("done");
    assert_eq!(fixture.info("Drafts").await.messages, 0);
    assert_eq!(fixture.info("Sent").await.messages, 1);

    let by = fixture.appending(text).await;
    let refused = store.replace(alice, drafts.id, old, "Sent", by).await;
    assert_eq!(refused, Err(Error::NotFound("message")));

    let sent = fixture.info("Sent").await.id;
    let by = fixture.appending(&text.repeat(5)).await;
    let refused = store
        .replace(alice, sent, replaced.uids[0], "Sent", by)
        .await;
    assert_eq!(refused, Err(Error::OverQuota));
    assert_eq!(fixture.info("Sent").await.messages, 1);

    let by = fixture.appending(text).await;
    let missing = store
        .replace(alice, sent, replaced.uids[0], "nowhere", by)
        .await;
    assert_eq!(missing, Err(Error::NotFound("mailbox")));
    store.sweep().await.expect("done");
    fixture.end().await;
}
