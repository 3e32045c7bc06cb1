//! What the store promises, driven through its public calls. Every test ends with `check`.

use std::time::Duration;

use store::{
    Acceptance, AccountId, Address, Appending, Draft, Error, Filing, FilingTarget, FlagChange,
    FlagOperation, Flags, MailboxInfo, Missing, ModSeq, NewAccount, Options, Quota, Resolution,
    Sealed, SnapshotMode, SpecialUse, Store, Uid,
};

const MESSAGE: &[u8] = b"From: a@example.test\r\nSubject: hello\r\n\r\nOne line.\r\n";

struct Fixture {
    dir: tempfile::TempDir,
    store: Store,
    alice: AccountId,
}

impl Fixture {
    async fn new() -> Fixture {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::open(
            dir.path(),
            Options {
                create: true,
                linger_seconds: 0,
                ..Options::default()
            },
        )
        .await
        .expect("open");
        store.add_domain("example.test").await.expect("domain");
        let alice = store
            .add_account(&address("alice"), NewAccount::default())
            .await
            .expect("account");
        Fixture { dir, store, alice }
    }

    async fn sealed(&self, octets: &[u8]) -> Sealed {
        let mut draft = Draft::new(&self.store, 100 << 20);
        for part in octets.chunks(65_536) {
            draft.write(part).await.expect("write");
        }
        draft.seal().await.expect("seal")
    }

    async fn append(&self, name: &str, octets: &[u8]) -> Result<Uid, Error> {
        let appending = Appending {
            message: self.sealed(octets).await,
            flags: Flags::NONE,
            keywords: Vec::new(),
            internal_date: None,
        };
        Ok(self
            .store
            .append(self.alice, name, vec![appending])
            .await?
            .uids[0])
    }

    async fn info(&self, name: &str) -> MailboxInfo {
        self.store.mailbox(self.alice, name).await.expect("mailbox")
    }

    async fn end(self) {
        assert_eq!(self.store.check(|_| ()).await, Ok(Vec::new()));
    }
}

fn address(local: &str) -> Address {
    Address::from_parts(local, "example.test").expect("an address")
}

fn delivery(message: Sealed, accounts: &[AccountId]) -> Acceptance {
    let filing = |account: &AccountId| Filing {
        account: *account,
        recipient: format!("{account}@example.test"),
        target: FilingTarget::Inbox,
        prefix: format!("Delivered-To: {account}@example.test\r\n").into_bytes(),
        flags: Flags::NONE,
    };
    Acceptance {
        reverse_path: "sender@example.org".into(),
        filings: accounts.iter().map(filing).collect(),
        ..Acceptance::new(message, "from a test")
    }
}

#[tokio::test]
async fn a_new_account_has_its_mailboxes_subscribed() {
    let fixture = Fixture::new().await;
    let mailboxes = fixture
        .store
        .mailboxes(fixture.alice)
        .await
        .expect("mailboxes");
    let names: Vec<&str> = mailboxes.iter().map(|info| info.name.as_str()).collect();
    assert_eq!(
        names,
        ["Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash"]
    );
    assert!(mailboxes.iter().all(|info| info.subscribed));
    assert_eq!(fixture.info("inbox").await.special_use, None);
    assert_eq!(
        fixture.info("Trash").await.special_use,
        Some(SpecialUse::Trash)
    );
    fixture.end().await;
}

#[tokio::test]
async fn an_accepted_message_is_shared_and_served_with_each_prefix() {
    let fixture = Fixture::new().await;
    let bob = fixture
        .store
        .add_account(&address("bob"), NewAccount::default())
        .await
        .expect("bob");
    let mut draft = Draft::new(&fixture.store, 1 << 20);
    draft.write(MESSAGE).await.expect("write");
    draft.prepend(b"Received: by test\r\n").expect("prepend");
    let sealed = draft.seal().await.expect("seal");
    fixture
        .store
        .accept(delivery(sealed, &[fixture.alice, bob]))
        .await
        .expect("accept");
    for account in [fixture.alice, bob] {
        let inbox = fixture
            .store
            .mailbox(account, "INBOX")
            .await
            .expect("inbox");
        let prefix = format!("Delivered-To: {account}@example.test\r\nReceived: by test\r\n");
        let whole = [prefix.as_bytes(), MESSAGE].concat();
        let entry = fixture
            .store
            .entries(account, inbox.id, &[Uid::FIRST])
            .await
            .expect("entries")
            .remove(0);
        assert_eq!(entry.size, whole.len() as u64);
        let read = fixture
            .store
            .read_octets(account, inbox.id, Uid::FIRST, 0..u64::MAX)
            .await
            .expect("read");
        assert_eq!(read, whole);
        let part = fixture
            .store
            .read_octets(account, inbox.id, Uid::FIRST, 5..40)
            .await
            .expect("read");
        assert_eq!(part, whole[5..40]);
        let indexes = fixture
            .store
            .indexes(account, inbox.id, &[Uid::FIRST])
            .await
            .expect("indexes");
        let index = indexes.found[0].1.decode().expect("index");
        assert_eq!(
            index.root().body,
            (whole.len() as u64 - 11)..whole.len() as u64
        );
    }
    // Another account's mailbox does not exist for bob.
    let inbox = fixture.info("INBOX").await;
    assert_eq!(
        fixture.store.entries(bob, inbox.id, &[Uid::FIRST]).await,
        Err(Error::NotFound("mailbox"))
    );
    fixture.end().await;
}

#[tokio::test]
async fn a_large_message_is_read_back_in_any_range() {
    let fixture = Fixture::new().await;
    let body: Vec<u8> = (0..1_500_000u32)
        .flat_map(|n| {
            [
                b"0123456789abcdef"[(n % 16) as usize],
                b"xyz\n"[(n % 4) as usize],
            ]
        })
        .collect();
    let whole = [MESSAGE, &body].concat();
    let uid = fixture.append("INBOX", &whole).await.expect("append");
    let inbox = fixture.info("INBOX").await.id;
    for (start, len) in [
        (0, 10),
        (262_100, 100),
        (262_144, 262_144),
        (500_000, 600_000),
        (2_999_990, 1000),
    ] {
        let read = fixture
            .store
            .read_octets(fixture.alice, inbox, uid, start..start + len)
            .await
            .expect("read");
        let end = ((start + len) as usize).min(whole.len());
        assert!(read == whole[start as usize..end], "{start}+{len}");
    }
    fixture.end().await;
}

#[tokio::test]
async fn ranges_of_several_messages_come_in_the_order_asked_without_those_that_are_gone() {
    let fixture = Fixture::new().await;
    for number in 1..=6 {
        let octets = format!("Subject: {number}\r\n\r\n");
        fixture
            .append("INBOX", octets.as_bytes())
            .await
            .expect("append");
    }
    let (store, alice, inbox) = (
        &fixture.store,
        fixture.alice,
        fixture.info("INBOX").await.id,
    );
    let uid = |number| Uid::new(number).expect("a UID");
    let gone = store.expunge(alice, inbox, &[uid(2), uid(5)]).await;
    assert_eq!(gone, Ok(vec![uid(2), uid(5)]));
    let asked = [6, 1, 1, 2, 3, 9, 4, 5, 4];
    let ranges = asked.map(|number| (uid(number), 9..10)).to_vec();
    let read = store.read_many(alice, inbox, ranges).await.expect("read");
    let found: Vec<(u32, &[u8])> = read
        .iter()
        .map(|(uid, octets)| (uid.value(), &octets[..]))
        .collect();
    let expected: [(u32, &[u8]); 6] = [
        (6, b"6"),
        (1, b"1"),
        (1, b"1"),
        (3, b"3"),
        (4, b"4"),
        (4, b"4"),
    ];
    assert_eq!(found, expected);
    fixture.end().await;
}

#[tokio::test]
async fn flags_count_and_come_in_changes() {
    let fixture = Fixture::new().await;
    for _ in 0..3 {
        fixture.append("INBOX", MESSAGE).await.expect("append");
    }
    let inbox = fixture.info("INBOX").await;
    assert_eq!((inbox.messages, inbox.unseen, inbox.deleted), (3, 3, 0));
    let uids: Vec<Uid> = [1, 3, 9].into_iter().filter_map(Uid::new).collect();
    let change = FlagChange {
        operation: FlagOperation::Add,
        flags: Flags::SEEN | Flags::DELETED,
        keywords: vec!["$Work".into()],
    };
    let stored = fixture
        .store
        .store_flags(fixture.alice, inbox.id, &uids, &change, None)
        .await
        .expect("store");
    assert_eq!(stored.entries.len(), 2);
    assert_eq!(stored.keywords, ["$Work"]);
    let changes = fixture
        .store
        .changes_since(fixture.alice, inbox.id, inbox.highest_modseq)
        .await
        .expect("changes");
    assert_eq!(changes.changed, stored.entries);
    assert_eq!((changes.info.unseen, changes.info.deleted), (1, 2));
    // Nothing changes a second time, so no mod-sequence is used up.
    fixture
        .store
        .store_flags(fixture.alice, inbox.id, &uids, &change, None)
        .await
        .expect("store");
    assert_eq!(
        fixture.info("INBOX").await.highest_modseq,
        changes.info.highest_modseq
    );
    // Changed since: left alone.
    let late = fixture
        .store
        .store_flags(
            fixture.alice,
            inbox.id,
            &uids,
            &change,
            Some(inbox.highest_modseq),
        )
        .await
        .expect("store");
    assert_eq!(late.modified, [uids[0], uids[1]]);
    let gone = fixture
        .store
        .expunge_deleted(fixture.alice, inbox.id, None)
        .await
        .expect("expunge");
    assert_eq!(gone, [uids[0], uids[1]]);
    let changes = fixture
        .store
        .changes_since(fixture.alice, inbox.id, changes.info.highest_modseq)
        .await
        .expect("changes");
    assert_eq!(changes.vanished, gone);
    fixture.end().await;
}

#[tokio::test]
async fn copies_share_the_message_and_survive_their_source() {
    let fixture = Fixture::new().await;
    let uid = fixture.append("INBOX", MESSAGE).await.expect("append");
    let inbox = fixture.info("INBOX").await.id;
    let copied = fixture
        .store
        .copy(fixture.alice, inbox, &[uid], "Archive", Missing::LeftOut)
        .await
        .expect("copy");
    assert_eq!(copied.pairs, [(uid, Uid::FIRST)]);
    let moved = fixture
        .store
        .move_messages(fixture.alice, inbox, &[uid], "Trash", Missing::LeftOut)
        .await
        .expect("move");
    assert_eq!(moved.pairs, [(uid, Uid::FIRST)]);
    assert_eq!(fixture.info("INBOX").await.messages, 0);
    fixture
        .store
        .expunge(fixture.alice, moved.mailbox, &[Uid::FIRST])
        .await
        .expect("expunge");
    fixture.store.sweep().await.expect("sweep");
    let read = fixture
        .store
        .read_octets(fixture.alice, copied.mailbox, Uid::FIRST, 0..1000)
        .await
        .expect("read");
    assert_eq!(read, MESSAGE);
    fixture
        .store
        .expunge(fixture.alice, copied.mailbox, &[Uid::FIRST])
        .await
        .expect("expunge");
    fixture.store.sweep().await.expect("sweep");
    let mut done = None;
    fixture
        .store
        .check(|progress| done = Some(progress))
        .await
        .expect("check");
    assert_eq!(done, None, "no message is left");
    assert_eq!(
        fixture
            .store
            .copy(fixture.alice, inbox, &[uid], "Nowhere", Missing::LeftOut)
            .await,
        Err(Error::NotFound("mailbox"))
    );
    fixture.end().await;
}

#[tokio::test]
async fn mailboxes_are_created_renamed_and_removed_with_their_levels() {
    let fixture = Fixture::new().await;
    let (store, alice) = (&fixture.store, fixture.alice);
    let first = store
        .create_mailbox(alice, "a/b/c", None)
        .await
        .expect("create");
    assert_eq!(
        store.create_mailbox(alice, "a/b", None).await,
        Err(Error::Exists("mailbox"))
    );
    store
        .rename_mailbox(alice, "a", "x/y")
        .await
        .expect("rename");
    assert_eq!(fixture.info("x/y/b/c").await.id, first.id);
    assert_eq!(
        store.rename_mailbox(alice, "x/y", "x/y/z").await,
        Err(Error::NotPermitted(
            "a mailbox cannot become its own inferior"
        ))
    );
    let middle = fixture.info("x/y/b").await;
    store.delete_mailbox(alice, "x/y/b").await.expect("delete");
    let level = fixture.info("x/y/b").await;
    assert!(level.no_select);
    assert_ne!(level.id, middle.id);
    assert_eq!(
        store
            .create_mailbox(alice, "x/y/b", Some(SpecialUse::Trash))
            .await,
        Err(Error::Exists("mailbox of this special use"))
    );
    assert_eq!(
        store.delete_mailbox(alice, "x/y/b").await,
        Err(Error::HasChildren)
    );
    store
        .delete_mailbox(alice, "x/y/b/c")
        .await
        .expect("delete");
    let again = store
        .create_mailbox(alice, "x/y/b/c", None)
        .await
        .expect("create");
    assert!(again.uid_validity > first.uid_validity);
    assert_eq!(
        store.delete_mailbox(alice, "inbox").await,
        Err(Error::NotPermitted("INBOX cannot be removed"))
    );
    assert_eq!(
        store.mailbox(alice, "no//name").await,
        Err(Error::NotFound("mailbox"))
    );
    fixture.end().await;
}

#[tokio::test]
async fn renaming_inbox_moves_its_messages() {
    let fixture = Fixture::new().await;
    fixture.append("INBOX", MESSAGE).await.expect("append");
    fixture
        .store
        .rename_mailbox(fixture.alice, "INBOX", "old")
        .await
        .expect("rename");
    assert_eq!(
        (
            fixture.info("INBOX").await.messages,
            fixture.info("old").await.messages
        ),
        (0, 1)
    );
    fixture.end().await;
}

#[tokio::test]
async fn a_quota_refuses_what_does_not_fit() {
    let fixture = Fixture::new().await;
    let quota = Quota {
        octets: Some(MESSAGE.len() as u64 + 1),
        messages: None,
    };
    fixture
        .store
        .set_quota(fixture.alice, quota)
        .await
        .expect("quota");
    fixture
        .append("INBOX", MESSAGE)
        .await
        .expect("the first fits");
    assert_eq!(
        fixture.append("INBOX", MESSAGE).await,
        Err(Error::OverQuota)
    );
    fixture
        .store
        .set_quota(
            fixture.alice,
            Quota {
                octets: None,
                messages: Some(1),
            },
        )
        .await
        .expect("quota");
    assert_eq!(
        fixture.append("INBOX", MESSAGE).await,
        Err(Error::OverQuota)
    );
    let Ok(Resolution::Resolved { accounts, .. }) = fixture.store.resolve(&address("alice")).await
    else {
        panic!("resolved")
    };
    assert!(accounts[0].over_quota);
    fixture.end().await;
}

#[tokio::test]
async fn addresses_lead_where_they_should() {
    let fixture = Fixture::new().await;
    let (store, alice) = (&fixture.store, fixture.alice);
    let bob = store
        .add_account(&address("bob"), NewAccount::default())
        .await
        .expect("bob");
    let elsewhere = Address::parse("x@example.org").expect("address");
    store
        .add_alias(
            &address("team"),
            &[
                address("alice"),
                address("bob"),
                elsewhere.clone(),
                address("team2"),
            ],
        )
        .await
        .expect("alias");
    store
        .add_alias(&address("team2"), &[address("team"), address("bob+x")])
        .await
        .expect("alias");
    store
        .add_alias(&address("bob"), &[address("bob"), elsewhere.clone()])
        .await
        .expect("keep a copy and forward");
    store
        .add_alias(&address("round"), &[address("round2")])
        .await
        .expect("alias");
    store
        .add_alias(&address("round2"), &[address("round")])
        .await
        .expect("alias");
    let found = async |local: &str| match store.resolve(&address(local)).await.expect("resolve") {
        Resolution::Resolved { accounts, remotes } => {
            let mut accounts: Vec<AccountId> = accounts
                .into_iter()
                .map(|resolved| resolved.account)
                .collect();
            accounts.sort();
            (accounts, remotes)
        }
        _ => (Vec::new(), Vec::new()),
    };
    assert_eq!(found("alice+tag").await, (vec![alice], vec![]));
    assert_eq!(
        found("team").await,
        (vec![alice, bob], vec![elsewhere.clone()])
    );
    assert_eq!(found("bob").await, (vec![bob], vec![elsewhere.clone()]));
    assert_eq!(found("postmaster").await, (vec![alice], vec![]));
    assert_eq!(
        store.resolve(&address("nobody")).await,
        Ok(Resolution::Unknown)
    );
    assert_eq!(store.resolve(&address("round")).await, Ok(Resolution::Loop));
    assert_eq!(store.resolve(&elsewhere).await, Ok(Resolution::NotLocal));
    store
        .set_catch_all("example.test", Some(&address("bob")))
        .await
        .expect("catch-all");
    assert_eq!(found("nobody").await, (vec![bob], vec![elsewhere]));
    assert_eq!(found("alice").await, (vec![alice], vec![]));
    assert_eq!(
        store.may_send_as(alice, &address("alice+x")).await,
        Ok(true)
    );
    assert_eq!(store.may_send_as(alice, &address("bob")).await, Ok(false));
    // An alias that sends an account's mail elsewhere takes the mail, not the name.
    let away = [Address::parse("away@elsewhere.test").expect("address")];
    let diverted = store.add_alias(&address("alice"), &away).await;
    diverted.expect("alias");
    assert_eq!(found("alice").await, (vec![], away.to_vec()));
    for own in ["alice", "alice+x"] {
        assert_eq!(store.may_send_as(alice, &address(own)).await, Ok(true));
    }
    assert_eq!(store.may_send_as(bob, &address("alice")).await, Ok(false));
    fixture.end().await;
}

#[tokio::test]
async fn recent_belongs_to_one_session() {
    let fixture = Fixture::new().await;
    fixture.append("INBOX", MESSAGE).await.expect("append");
    let inbox = fixture.info("INBOX").await.id;
    let take = async |mode| {
        fixture
            .store
            .snapshot(fixture.alice, inbox, mode)
            .await
            .expect("snapshot")
            .recent_from
    };
    assert_eq!(take(SnapshotMode::ReadOnly).await, Uid::FIRST);
    assert_eq!(take(SnapshotMode::ClaimRecent).await, Uid::FIRST);
    assert_eq!(take(SnapshotMode::ClaimRecent).await.value(), 2);
    fixture.end().await;
}

#[tokio::test]
async fn another_opener_is_woken_by_a_change() {
    let fixture = Fixture::new().await;
    let other = Store::open(fixture.dir.path(), Options::default())
        .await
        .expect("open again");
    let inbox = fixture.info("INBOX").await.id;
    let mut watch = other.watch_mailbox(inbox);
    let uid = fixture.append("INBOX", MESSAGE).await.expect("append");
    tokio::time::timeout(Duration::from_secs(3), watch.changed())
        .await
        .expect("woken")
        .expect("watching");
    let changes = other
        .changes_since(fixture.alice, inbox, ModSeq(0))
        .await
        .expect("changes");
    assert_eq!(changes.changed[0].uid, uid);
    fixture.end().await;
}

#[tokio::test]
async fn a_maildrop_is_locked_once() {
    let fixture = Fixture::new().await;
    let lock = fixture
        .store
        .lock_maildrop(fixture.alice)
        .await
        .expect("lock");
    assert!(lock.is_some());
    assert!(
        fixture
            .store
            .lock_maildrop(fixture.alice)
            .await
            .expect("lock")
            .is_none()
    );
    drop(lock);
    assert!(
        fixture
            .store
            .lock_maildrop(fixture.alice)
            .await
            .expect("lock")
            .is_some()
    );
    fixture.end().await;
}

#[tokio::test]
async fn a_removed_account_takes_its_mail_along() {
    let fixture = Fixture::new().await;
    fixture.append("INBOX", MESSAGE).await.expect("append");
    fixture
        .store
        .remove_account(fixture.alice)
        .await
        .expect("remove");
    assert_eq!(
        fixture.store.resolve(&address("alice")).await,
        Ok(Resolution::Unknown)
    );
    assert_eq!(
        fixture.store.remove_account(fixture.alice).await,
        Err(Error::NotFound("account"))
    );
    fixture.end().await;
}

#[tokio::test]
async fn a_draft_that_is_given_up_leaves_nothing_after_the_sweep() {
    let fixture = Fixture::new().await;
    let mut draft = Draft::new(&fixture.store, 1 << 20);
    draft.write(&vec![b'x'; 800_000]).await.expect("write");
    assert_eq!(
        draft.write(&vec![b'x'; 800_000]).await,
        Err(Error::Limit("octets in the message"))
    );
    drop(draft);
    fixture.end().await;
}

#[tokio::test]
async fn a_store_that_is_not_there_is_told_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let refused = Store::open(dir.path(), Options::default()).await;
    assert!(matches!(refused, Err(store::OpenError::Missing(_))));
}

#[tokio::test]
async fn copies_and_moves_with_a_missing_message_are_made_without_it_or_not_at_all() {
    let fixture = Fixture::new().await;
    let uid = fixture.append("INBOX", MESSAGE).await.expect("append");
    let inbox = fixture.info("INBOX").await.id;
    let uids = [uid, Uid::new(77).expect("a UID")];
    let (store, alice) = (&fixture.store, fixture.alice);
    let refused = Err(Error::NotFound("message"));
    let copied = store
        .copy(alice, inbox, &uids, "Archive", Missing::Refused)
        .await;
    assert_eq!(copied, refused);
    let moved = store
        .move_messages(alice, inbox, &uids, "Archive", Missing::Refused)
        .await;
    assert_eq!(moved, refused);
    assert_eq!(fixture.info("Archive").await.messages, 0);
    assert_eq!(fixture.info("INBOX").await.messages, 1);
    let moved = store
        .move_messages(alice, inbox, &uids, "Archive", Missing::LeftOut)
        .await
        .expect("move");
    assert_eq!(moved.pairs, [(uid, Uid::FIRST)]);
}

/// A message is in INBOX two to the power of `doublings` times.
async fn multiplied(fixture: &Fixture, doublings: u32) -> Vec<Uid> {
    fixture.append("INBOX", MESSAGE).await.expect("append");
    let (store, inbox) = (&fixture.store, fixture.info("INBOX").await.id);
    for doubling in 0..doublings {
        let uids: Vec<Uid> = (1..=1 << doubling).filter_map(Uid::new).collect();
        store
            .copy(fixture.alice, inbox, &uids, "INBOX", Missing::Refused)
            .await
            .expect("copy");
    }
    (1..=1 << doublings).filter_map(Uid::new).collect()
}

#[tokio::test]
async fn very_many_messages_are_moved_in_batches_and_all_are_told() {
    let fixture = Fixture::new().await;
    let mut uids = multiplied(&fixture, 12).await;
    let (store, alice) = (&fixture.store, fixture.alice);
    let inbox = fixture.info("INBOX").await;
    uids.push(Uid::new(9999).expect("a UID"));
    let refused = store
        .move_messages(alice, inbox.id, &uids, "Archive", Missing::Refused)
        .await;
    assert_eq!(refused, Err(Error::NotFound("message")));
    assert_eq!(fixture.info("Archive").await.messages, 0);
    uids.pop();
    let moved = store
        .move_messages(alice, inbox.id, &uids, "Archive", Missing::Refused)
        .await
        .expect("move");
    assert_eq!(moved.stopped, None);
    let expected: Vec<(Uid, Uid)> = uids.iter().map(|&uid| (uid, uid)).collect();
    assert_eq!(moved.pairs, expected);
    assert_eq!(fixture.info("INBOX").await.messages, 0);
    assert_eq!(fixture.info("Archive").await.messages, 4096);
    // One mod-sequence for each transaction: others could write in between.
    let before = inbox.highest_modseq.0;
    assert!(fixture.info("INBOX").await.highest_modseq.0 > before + 1);
    fixture.end().await;
}

#[tokio::test]
async fn a_message_that_is_being_served_outlives_its_entry() {
    let fixture = Fixture::new().await;
    let patient = Store::open(fixture.dir.path(), Options::default())
        .await
        .expect("open");
    let uid = fixture.append("INBOX", MESSAGE).await.expect("append");
    let inbox = fixture.info("INBOX").await.id;
    let open = patient
        .open_message(fixture.alice, inbox, uid)
        .await
        .expect("open");
    fixture
        .store
        .expunge(fixture.alice, inbox, &[uid])
        .await
        .expect("expunge");
    patient.sweep().await.expect("sweep");
    assert_eq!(
        patient.read_open(&open, 5..10_000).await.expect("read"),
        MESSAGE[5..]
    );
    assert!(
        patient
            .open_message(fixture.alice, inbox, uid)
            .await
            .is_err(),
        "it is opened by nobody else"
    );
    // A store that lets nothing linger.
    fixture.store.sweep().await.expect("sweep");
    assert_eq!(
        patient.read_open(&open, 5..10_000).await,
        Err(Error::NotFound("message"))
    );
}
