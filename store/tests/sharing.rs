//! What the store promises of shared mailboxes, annotations and their counters. Every test ends with `check`.

use store::{
    Access, AccountId, Address, Annotation, Appending, Destination, Draft, Error, FlagChange,
    FlagOperation, Flags, Grantee, MailboxId, Missing, ModSeq, NewAccount, Options, Quota, Rights,
    Scope, SnapshotMode, Store, Uid,
};

struct Fixture {
    _dir: tempfile::TempDir,
    store: Store,
    alice: AccountId,
    bob: AccountId,
    team: MailboxId,
}

fn address(name: &str) -> Address {
    Address::parse(&format!("{name}@example.test")).expect("address")
}

fn rights(letters: &str) -> Rights {
    Rights::parse(letters).expect("rights")
}

impl Fixture {
    /// Alice has a mailbox Team with five messages, in which Bob has the rights given.
    async fn new(letters: &str) -> Fixture {
        let dir = tempfile::tempdir().expect("a directory");
        let options = Options {
            create: true,
            ..Options::default()
        };
        let store = Store::open(dir.path(), options).await.expect("open");
        store.add_domain("example.test").await.expect("domain");
        let alice = store
            .add_account(&address("alice"), NewAccount::default())
            .await
            .expect("alice");
        let bob = store
            .add_account(&address("bob"), NewAccount::default())
            .await
            .expect("bob");
        let team = store
            .create_mailbox(alice, "Team", None)
            .await
            .expect("mailbox")
            .id;
        let fixture = Fixture {
            _dir: dir,
            store,
            alice,
            bob,
            team,
        };
        for _ in 0..5 {
            fixture
                .append(alice.into(), "Team", Flags::NONE)
                .await
                .expect("append");
        }
        fixture
            .grant(Grantee::Account(address("bob")), false, letters)
            .await;
        fixture
    }

    async fn grant(&self, grantee: Grantee, negative: bool, letters: &str) {
        let wanted = rights(letters);
        self.store
            .set_grant(self.alice, self.team, &grantee, negative, move |_| wanted)
            .await
            .expect("grant");
    }

    fn as_bob(&self) -> Access {
        Access::new(self.alice, self.bob)
    }

    async fn append(&self, access: Access, name: &str, flags: Flags) -> Result<Uid, Error> {
        let mut draft = Draft::new(&self.store, 1 << 20);
        draft
            .write(b"Subject: hello\r\n\r\nOne line.\r\n")
            .await
            .expect("write");
        let appending = Appending {
            message: draft.seal().await.expect("seal"),
            flags,
            keywords: vec!["$Forwarded".into()],
            internal_date: None,
        };
        let appended = self.store.append(access, name, vec![appending]).await?;
        Ok(appended.uids[0])
    }

    async fn set(
        &self,
        access: Access,
        uids: &[u32],
        operation: FlagOperation,
        flags: Flags,
        since: Option<u64>,
    ) -> store::Stored {
        let uids: Vec<Uid> = uids.iter().filter_map(|uid| Uid::new(*uid)).collect();
        let change = FlagChange {
            operation,
            flags,
            keywords: Vec::new(),
        };
        self.store
            .store_flags(access, self.team, &uids, &change, since.map(ModSeq))
            .await
            .expect("flags")
    }

    /// UIDs with `\Seen`, as somebody sees them, and how many are told to be unseen.
    async fn seen(&self, access: Access) -> (Vec<u32>, u32) {
        let snapshot = self
            .store
            .snapshot(access, self.team, SnapshotMode::ReadOnly)
            .await
            .expect("snapshot");
        let seen = snapshot
            .entries
            .iter()
            .filter(|entry| entry.flags.contains(Flags::SEEN));
        let seen: Vec<u32> = seen.map(|entry| entry.uid.value()).collect();
        assert_eq!(
            snapshot.info.unseen as usize,
            snapshot.entries.len() - seen.len()
        );
        (seen, snapshot.info.unseen)
    }

    async fn check(&self) {
        let faults = self.store.check(|_| {}).await.expect("check");
        assert_eq!(faults, []);
    }
}

#[tokio::test]
async fn without_a_grant_nothing_is_found() {
    let fixture = Fixture::new("").await;
    let (store, bob) = (&fixture.store, fixture.bob);
    let not_found = Error::NotFound("mailbox");
    let alice = "alice@example.test";
    assert_eq!(
        store.shared_mailbox(bob, alice, "Team").await,
        Err(not_found.clone())
    );
    assert_eq!(store.shared_mailboxes(bob).await, Ok(Vec::new()));
    let access = fixture.as_bob();
    let team = fixture.team;
    let uids = [Uid::FIRST];
    assert_eq!(
        store
            .snapshot(access, team, SnapshotMode::ReadOnly)
            .await
            .err(),
        Some(not_found.clone())
    );
    assert_eq!(
        store.changes_since(access, team, ModSeq(0)).await.err(),
        Some(not_found.clone())
    );
    assert_eq!(
        store
            .copy(
                access,
                team,
                &uids,
                Destination::new(bob.into(), "INBOX"),
                Missing::LeftOut
            )
            .await
            .err(),
        Some(not_found.clone())
    );
    assert_eq!(
        fixture.append(access, "Team", Flags::NONE).await,
        Err(not_found.clone())
    );
    // One's own mailboxes are not among those of others.
    assert_eq!(
        store.shared_mailbox(bob, "bob@example.test", "INBOX").await,
        Err(not_found)
    );
    fixture.check().await;
}

#[tokio::test]
async fn what_is_taken_away_outweighs_what_is_given() {
    let fixture = Fixture::new("lrs").await;
    fixture.grant(Grantee::Anyone, false, "lrswi").await;
    fixture
        .grant(Grantee::Account(address("bob")), true, "w")
        .await;
    let found = fixture
        .store
        .shared_mailboxes(fixture.bob)
        .await
        .expect("list");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].rights, rights("lrsi"));
    assert_eq!(found[0].owner, address("alice"));
    let refused = fixture
        .store
        .set_grant(
            fixture.alice,
            fixture.team,
            &Grantee::Account(address("alice")),
            true,
            |_| Rights::ALL,
        )
        .await;
    assert!(matches!(refused, Err(Error::NotPermitted(_))));
    fixture.check().await;
}

#[tokio::test]
async fn each_user_has_his_own_seen() {
    let fixture = Fixture::new("lrsw").await;
    let (alice, bob) = (fixture.alice.into(), fixture.as_bob());
    fixture
        .set(alice, &[1, 2], FlagOperation::Add, Flags::SEEN, None)
        .await;
    let stored = fixture
        .set(
            bob,
            &[2, 3, 4],
            FlagOperation::Add,
            Flags::SEEN | Flags::FLAGGED,
            None,
        )
        .await;
    assert!(
        stored
            .entries
            .iter()
            .all(|entry| entry.flags == Flags::SEEN | Flags::FLAGGED)
    );
    assert_eq!(fixture.seen(alice).await, (vec![1, 2], 3));
    assert_eq!(fixture.seen(bob).await, (vec![2, 3, 4], 2));
    // A run in the middle is taken away and given back.
    fixture
        .set(bob, &[3], FlagOperation::Remove, Flags::SEEN, None)
        .await;
    assert_eq!(fixture.seen(bob).await, (vec![2, 4], 3));
    fixture
        .set(bob, &[1, 2, 3, 4, 5], FlagOperation::Add, Flags::SEEN, None)
        .await;
    assert_eq!(fixture.seen(bob).await, (vec![1, 2, 3, 4, 5], 0));
    fixture
        .store
        .expunge(fixture.alice, fixture.team, &[Uid::new(3).expect("uid")])
        .await
        .expect("expunge");
    assert_eq!(fixture.seen(bob).await, (vec![1, 2, 4, 5], 0));
    fixture
        .set(bob, &[4, 5], FlagOperation::Replace, Flags::NONE, None)
        .await;
    assert_eq!(fixture.seen(bob).await, (vec![1, 2], 2));
    assert_eq!(fixture.seen(alice).await, (vec![1, 2], 2));
    fixture.check().await;
}

#[tokio::test]
async fn ones_own_seen_changes_a_message_for_oneself_alone() {
    let fixture = Fixture::new("lrs").await;
    let (alice, bob): (Access, _) = (fixture.alice.into(), fixture.as_bob());
    let before = fixture
        .store
        .mailbox(fixture.alice, "Team")
        .await
        .expect("mailbox")
        .highest_modseq;
    let stored = fixture
        .set(bob, &[2, 4], FlagOperation::Add, Flags::SEEN, None)
        .await;
    let given = stored.given[0];
    assert!(given > before);
    let for_alice = fixture
        .store
        .changes_since(alice, fixture.team, before)
        .await
        .expect("changes");
    assert_eq!(for_alice.changed, []);
    assert_eq!(for_alice.info.highest_modseq, given);
    let for_bob = fixture
        .store
        .changes_since(bob, fixture.team, before)
        .await
        .expect("changes");
    let changed: Vec<_> = for_bob
        .changed
        .iter()
        .map(|entry| (entry.uid.value(), entry.modseq, entry.flags))
        .collect();
    assert_eq!(changed, [(2, given, Flags::SEEN), (4, given, Flags::SEEN)]);
    // A conditional change goes by what he knows (RFC 7162 §3.1.3).
    let refused = fixture
        .set(
            bob,
            &[2, 3],
            FlagOperation::Remove,
            Flags::SEEN,
            Some(before.0),
        )
        .await;
    assert_eq!(refused.modified, [Uid::new(2).expect("uid")]);
    fixture.check().await;
}

#[tokio::test]
async fn flags_without_a_right_stay_as_they_are() {
    let fixture = Fixture::new("lrst").await;
    let (alice, bob) = (fixture.alice.into(), fixture.as_bob());
    fixture
        .set(
            alice,
            &[1],
            FlagOperation::Add,
            Flags::FLAGGED | Flags::DELETED,
            None,
        )
        .await;
    let stored = fixture
        .set(
            bob,
            &[1],
            FlagOperation::Replace,
            Flags::SEEN | Flags::DRAFT,
            None,
        )
        .await;
    assert_eq!(stored.entries[0].flags, Flags::SEEN | Flags::FLAGGED);
    let info = fixture
        .store
        .mailbox(fixture.alice, "Team")
        .await
        .expect("mailbox");
    assert_eq!((info.deleted, info.deleted_size), (0, 0));
    fixture.check().await;
}

#[tokio::test]
async fn copies_keep_the_flags_that_one_may_set() {
    let fixture = Fixture::new("lri").await;
    let bob = fixture.as_bob();
    let uid = fixture
        .append(bob, "Team", Flags::SEEN | Flags::FLAGGED | Flags::DELETED)
        .await
        .expect("append");
    assert_eq!(fixture.seen(bob).await.1, 6);
    fixture
        .grant(Grantee::Account(address("bob")), false, "lriwst")
        .await;
    let uid2 = fixture
        .append(bob, "Team", Flags::SEEN | Flags::FLAGGED | Flags::DELETED)
        .await
        .expect("append");
    assert_eq!(fixture.seen(bob).await, (vec![uid2.value()], 6));
    assert_eq!(fixture.seen(fixture.alice.into()).await, (Vec::new(), 7));
    let snapshot = fixture
        .store
        .snapshot(fixture.alice, fixture.team, SnapshotMode::ReadOnly)
        .await
        .expect("snapshot");
    let flags = |uid: Uid| {
        let entry = snapshot.entries.iter().find(|entry| entry.uid == uid);
        let entry = entry.expect("entry");
        (entry.flags, entry.keywords.is_empty())
    };
    assert_eq!(flags(uid), (Flags::NONE, true));
    assert_eq!(flags(uid2), (Flags::FLAGGED | Flags::DELETED, false));
    fixture.check().await;
}

#[tokio::test]
async fn a_move_that_ends_in_between_says_what_it_has_moved() {
    let fixture = Fixture::new("lrite").await;
    let (store, alice, team) = (&fixture.store, fixture.alice, fixture.team);
    let uids = |last: u32| -> Vec<Uid> { (1..=last).filter_map(Uid::new).collect() };
    for last in [5, 10, 20, 40, 80, 160, 320, 640, 1280] {
        store
            .copy(alice, team, &uids(last), "Team", Missing::Refused)
            .await
            .expect("copy");
    }
    let quota = Quota {
        octets: None,
        messages: Some(2200),
    };
    store.set_quota(fixture.bob, quota).await.expect("quota");
    let to = Destination::new(fixture.bob.into(), "INBOX");
    let moved = store
        .move_messages(fixture.as_bob(), team, &uids(2560), to, Missing::Refused)
        .await
        .expect("move");
    assert_eq!(moved.stopped, Some(Error::OverQuota));
    let here = store.mailbox(fixture.bob, "INBOX").await.expect("inbox");
    let there = store.mailbox_by_id(alice, team).await.expect("team");
    assert_eq!(moved.pairs.len(), here.messages as usize);
    assert!(here.messages > 0);
    assert_eq!(here.messages + there.messages, 2560);
    fixture.check().await;
}

#[tokio::test]
async fn messages_go_from_account_to_account() {
    let fixture = Fixture::new("lrsi").await;
    let (store, bob) = (&fixture.store, fixture.as_bob());
    let to_inbox = || Destination::new(fixture.bob.into(), "INBOX");
    let uid = [Uid::FIRST];
    fixture
        .set(bob, &[1], FlagOperation::Add, Flags::SEEN, None)
        .await;
    let copied = store
        .copy(bob, fixture.team, &uid, to_inbox(), Missing::LeftOut)
        .await
        .expect("copy");
    assert_eq!(copied.pairs.len(), 1);
    let inbox = store.mailbox(fixture.bob, "INBOX").await.expect("inbox");
    assert_eq!((inbox.messages, inbox.unseen), (1, 0));
    let refused = store
        .move_messages(bob, fixture.team, &uid, to_inbox(), Missing::LeftOut)
        .await;
    assert_eq!(refused.err(), Some(Error::Denied));
    fixture
        .grant(Grantee::Account(address("bob")), false, "lrsite")
        .await;
    let full = Quota {
        octets: None,
        messages: Some(1),
    };
    store.set_quota(fixture.bob, full).await.expect("quota");
    let refused = store
        .move_messages(bob, fixture.team, &uid, to_inbox(), Missing::LeftOut)
        .await;
    assert_eq!(refused.err(), Some(Error::OverQuota));
    store
        .set_quota(fixture.bob, Quota::default())
        .await
        .expect("quota");
    store
        .move_messages(bob, fixture.team, &uid, to_inbox(), Missing::LeftOut)
        .await
        .expect("move");
    // What goes into another's mailbox fills his quota.
    let full = Quota {
        octets: None,
        messages: Some(4),
    };
    store.set_quota(fixture.alice, full).await.expect("quota");
    let to_team = Destination::new(bob, "Team");
    let refused = store
        .copy(fixture.bob, inbox.id, &uid, to_team, Missing::LeftOut)
        .await;
    assert_eq!(refused.err(), Some(Error::OverQuota));
    fixture.check().await;
}

#[tokio::test]
async fn new_mailboxes_inherit_and_removed_ones_leave_nothing() {
    let fixture = Fixture::new("lrk").await;
    let (store, bob) = (&fixture.store, fixture.bob);
    store
        .create_mailbox(fixture.alice, "Team/Sub", None)
        .await
        .expect("create");
    let shared = store
        .shared_mailbox(bob, "alice@example.test", "Team/Sub")
        .await
        .expect("shared");
    assert_eq!(shared.rights, rights("lrk"));
    let above = store
        .rights_above(bob, "alice@example.test", "Team/Sub/New")
        .await
        .expect("rights");
    assert_eq!(above, Some((fixture.as_bob(), rights("lrk"))));
    let above = store
        .rights_above(bob, "alice@example.test", "Elsewhere")
        .await
        .expect("rights");
    assert_eq!(above, Some((fixture.as_bob(), Rights::NONE)));
    let access = fixture.as_bob();
    let note = |scope| Annotation {
        scope,
        name: "/comment".into(),
        value: Some(b"x".to_vec()),
    };
    store
        .annotate(
            access,
            Some(fixture.team),
            vec![note(Scope::Private), note(Scope::Shared)],
        )
        .await
        .expect("annotate");
    store
        .delete_mailbox(fixture.alice, "Team/Sub")
        .await
        .expect("delete");
    store
        .delete_mailbox(fixture.alice, "Team")
        .await
        .expect("delete");
    assert_eq!(store.shared_mailboxes(bob).await, Ok(Vec::new()));
    store.remove_account(bob).await.expect("remove");
    fixture.check().await;
}

#[tokio::test]
async fn annotations_are_private_or_shared_and_bounded() {
    let fixture = Fixture::new("lrw").await;
    let store = &fixture.store;
    let team = Some(fixture.team);
    let note = |scope, name: &str, value: &str| Annotation {
        scope,
        name: name.into(),
        value: Some(value.into()),
    };
    let bob = fixture.as_bob();
    store
        .annotate(
            bob,
            team,
            vec![
                note(Scope::Private, "/Comment", "bob's"),
                note(Scope::Shared, "/comment", "ours"),
            ],
        )
        .await
        .expect("annotate");
    assert_eq!(
        store.annotations(fixture.alice, team).await,
        Ok(vec![note(Scope::Shared, "/comment", "ours")])
    );
    assert_eq!(
        store.annotations(bob, team).await,
        Ok(vec![
            note(Scope::Private, "/comment", "bob's"),
            note(Scope::Shared, "/comment", "ours")
        ])
    );
    // All or nothing, and not without end.
    let many = (0..200)
        .map(|number| note(Scope::Private, &format!("/{number}"), "x"))
        .collect();
    assert_eq!(
        store.annotate(fixture.alice, team, many).await,
        Err(Error::Limit("annotations"))
    );
    assert_eq!(
        store
            .annotations(fixture.alice, team)
            .await
            .expect("annotations")
            .len(),
        1
    );
    fixture.check().await;
}
