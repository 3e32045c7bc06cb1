//! The outbound queue: who gets what when, and what the journal tells of it.

use std::time::{SystemTime, UNIX_EPOCH};

use store::{
    Acceptance, AccountId, Address, BodyKind, Draft, Filing, FilingTarget, Flags, MessageId,
    NewAccount, Options, Outcome, QueueAction, QueueFilter, Relay, RelayState, Schedule,
    Settlement, Store,
};

const DAY: i64 = 86_400;

fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs() as i64
}

async fn open() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(
        dir.path(),
        Options {
            create: true,
            ..Options::default()
        },
    )
    .await
    .expect("open");
    (dir, store)
}

fn relay(recipient: &str, due: i64) -> Relay {
    let schedule = Schedule {
        due,
        expires: now() + 5 * DAY,
        notice_due: Some(now() + 3600),
    };
    let domain = recipient.split_once('@').expect("an address").1.to_owned();
    Relay {
        recipient: recipient.into(),
        domain,
        original: None,
        notify: None,
        schedule,
    }
}

async fn acceptance(store: &Store, account: Option<AccountId>, relays: Vec<Relay>) -> Acceptance {
    let mut draft = Draft::new(store, 1 << 20);
    draft
        .write(b"Subject: out\r\n\r\nbody\r\n")
        .await
        .expect("write");
    Acceptance {
        reverse_path: "me@example.test".into(),
        account,
        relays,
        body: BodyKind::EightBitMime,
        ..Acceptance::new(
            draft.seal().await.expect("seal"),
            "from a test, Message-ID <1@test>",
        )
    }
}

async fn enqueue(store: &Store, account: Option<AccountId>, relays: Vec<Relay>) -> MessageId {
    let acceptance = acceptance(store, account, relays).await;
    store.accept(acceptance).await.expect("accept").id
}

fn settlement(leased: &store::Leased, outcome: Outcome, reply: &str) -> Settlement {
    let recipient = &leased.recipients[0];
    Settlement {
        relay: recipient.id,
        recipient: recipient.recipient.clone(),
        outcome,
        reply: reply.into(),
    }
}

async fn end(store: &Store) {
    assert_eq!(store.check(|_| ()).await, Ok(Vec::new()));
}

#[tokio::test]
async fn what_is_due_is_leased_once_and_gone_when_delivered() {
    let (_dir, store) = open().await;
    let id = enqueue(
        &store,
        None,
        vec![relay("a@one.test", now()), relay("b@two.test", now())],
    )
    .await;
    let lessee = store.lessee().await.expect("lessee");
    let due: Vec<String> = store
        .due_destinations(10)
        .await
        .expect("due")
        .into_iter()
        .map(|due| due.domain)
        .collect();
    assert_eq!(due.len(), 2);
    let leased = lessee.lease("one.test", 10).await.expect("lease");
    assert_eq!(
        (leased.len(), leased[0].message, leased[0].body),
        (1, id, BodyKind::EightBitMime)
    );
    assert_eq!(lessee.lease("one.test", 10).await, Ok(Vec::new()));
    assert_eq!(
        store.queued(id).await.expect("queued").recipients[0].state,
        RelayState::Leased
    );
    let settled = settlement(&leased[0], Outcome::Delivered, "mx.one.test 250 ok");
    lessee
        .settle(id, "one.test", vec![settled], Vec::new())
        .await
        .expect("settle");
    let left = store.queued(id).await.expect("queued").recipients;
    assert_eq!(
        left.iter()
            .map(|left| left.recipient.as_str())
            .collect::<Vec<_>>(),
        ["b@two.test"]
    );
    let leased = lessee.lease("two.test", 10).await.expect("lease");
    let settled = settlement(&leased[0], Outcome::Failed, "mx.two.test 550 no");
    lessee
        .settle(id, "two.test", vec![settled], Vec::new())
        .await
        .expect("settle");
    assert_eq!(store.queue(QueueFilter::default()).await, Ok(Vec::new()));
    assert_eq!(store.next_due().await, Ok(None));
    let events: Vec<String> = store
        .trace(id)
        .await
        .expect("trace")
        .lines
        .into_iter()
        .map(|line| line.event)
        .collect();
    assert_eq!(
        events,
        ["accepted", "queued", "queued", "delivered", "failed"]
    );
    for text in ["<1@test>", "A@One.test"] {
        let traces = store.traces_with(text).await.expect("traces");
        assert_eq!(traces.len(), 1, "{text}");
        assert_eq!(traces[0].message, id);
    }
    end(&store).await;
}

#[tokio::test]
async fn a_deferred_recipient_waits_and_keeps_what_was_said() {
    let (_dir, store) = open().await;
    let id = enqueue(&store, None, vec![relay("a@one.test", now())]).await;
    let lessee = store.lessee().await.expect("lessee");
    let leased = lessee.lease("one.test", 10).await.expect("lease");
    let later = Outcome::Deferred {
        due: now() + 600,
        notice_due: None,
    };
    lessee
        .settle(
            id,
            "one.test",
            vec![settlement(&leased[0], later, "451 later")],
            Vec::new(),
        )
        .await
        .expect("settle");
    let queued = store.queued(id).await.expect("queued").recipients.remove(0);
    assert_eq!(
        (queued.attempts, queued.last_reply.as_deref()),
        (1, Some("451 later"))
    );
    assert_eq!(store.due_destinations(10).await, Ok(Vec::new()));
    let filter = QueueFilter {
        domain: Some("one.test".into()),
        ..QueueFilter::default()
    };
    let handled = store
        .queue_action(QueueAction::Retry, filter)
        .await
        .expect("retry");
    assert_eq!(handled.changed, 1);
    assert_eq!(store.due_destinations(10).await.expect("due").len(), 1);
    end(&store).await;
}

#[tokio::test]
async fn a_message_whose_recipients_became_due_apart_is_leased_once() {
    let (_dir, store) = open().await;
    let both = vec![relay("a@one.test", now()), relay("b@one.test", now())];
    let first = enqueue(&store, None, both).await;
    let lessee = store.lessee().await.expect("lessee");
    let leased = lessee.lease("one.test", 10).await.expect("lease").remove(0);
    let deferred = |at: usize, due: i64| Settlement {
        relay: leased.recipients[at].id,
        recipient: leased.recipients[at].recipient.clone(),
        outcome: Outcome::Deferred {
            due,
            notice_due: None,
        },
        reply: "451 later".into(),
    };
    let apart = vec![deferred(0, now() - 30), deferred(1, now() - 10)];
    lessee
        .settle(first, "one.test", apart, Vec::new())
        .await
        .expect("settle");
    let second = enqueue(&store, None, vec![relay("c@one.test", now() - 20)]).await;
    let leased = lessee.lease("one.test", 10).await.expect("lease");
    let leased: Vec<_> = leased
        .iter()
        .map(|leased| (leased.message, leased.recipients.len()))
        .collect();
    assert_eq!(leased, [(first, 2), (second, 1)]);
    end(&store).await;
}

#[tokio::test]
async fn senders_take_turns() {
    let (_dir, store) = open().await;
    store.add_domain("example.test").await.expect("domain");
    let mut accounts = Vec::new();
    for name in ["busy", "rare"] {
        let address = Address::from_parts(name, "example.test").expect("address");
        accounts.push(
            store
                .add_account(&address, NewAccount::default())
                .await
                .expect("account"),
        );
    }
    for _ in 0..20 {
        enqueue(
            &store,
            Some(accounts[0]),
            vec![relay("a@one.test", now() - 60)],
        )
        .await;
    }
    let rare = enqueue(&store, Some(accounts[1]), vec![relay("a@one.test", now())]).await;
    let lessee = store.lessee().await.expect("lessee");
    let leased = lessee.lease("one.test", 4).await.expect("lease");
    assert!(
        leased.iter().any(|leased| leased.message == rare),
        "the rare sender is among the first"
    );
    end(&store).await;
}

#[tokio::test]
async fn a_dead_process_holds_nothing() {
    let (dir, store) = open().await;
    enqueue(&store, None, vec![relay("a@one.test", now())]).await;
    let lessee = store.lessee().await.expect("lessee");
    assert_eq!(lessee.lease("one.test", 10).await.expect("lease").len(), 1);
    let other = Store::open(dir.path(), Options::default())
        .await
        .expect("open again");
    let second = other.lessee().await.expect("lessee");
    assert_eq!(
        second.lease("one.test", 10).await,
        Ok(Vec::new()),
        "the first one lives"
    );
    drop(lessee);
    second.take_back().await.expect("take back");
    assert_eq!(second.lease("one.test", 10).await.expect("lease").len(), 1);
    end(&store).await;
}

#[tokio::test]
async fn hold_release_and_drop_reach_what_the_filter_names() {
    let (_dir, store) = open().await;
    let first = enqueue(
        &store,
        None,
        vec![relay("a@one.test", now()), relay("b@one.test", now())],
    )
    .await;
    let second = enqueue(&store, None, vec![relay("c@two.test", now())]).await;
    let of = |message| QueueFilter {
        message: Some(message),
        ..QueueFilter::default()
    };
    assert_eq!(
        store
            .queue_action(QueueAction::Hold, of(first))
            .await
            .expect("hold")
            .changed,
        2
    );
    let due = store.due_destinations(10).await.expect("due");
    assert_eq!(
        due.iter()
            .map(|due| due.domain.as_str())
            .collect::<Vec<_>>(),
        ["two.test"]
    );
    assert_eq!(
        store
            .queue_action(QueueAction::Drop, of(second))
            .await
            .expect("drop")
            .changed,
        1
    );
    assert!(store.queued(second).await.is_err());
    let handled = store.queue_action(QueueAction::Retry, of(first)).await;
    let handled = handled.expect("retry");
    assert_eq!(
        (handled.changed, handled.unsuitable),
        (0, 2),
        "what is held stays so"
    );
    store
        .queue_action(
            QueueAction::Release,
            QueueFilter {
                recipient: Some("A@One.test".into()),
                ..QueueFilter::default()
            },
        )
        .await
        .expect("release");
    let lessee = store.lessee().await.expect("lessee");
    let leased = lessee.lease("one.test", 10).await.expect("lease");
    assert_eq!(leased[0].recipients.len(), 1);
    assert_eq!(
        store
            .queue_action(QueueAction::Drop, of(first))
            .await
            .expect("drop")
            .busy,
        1
    );
    end(&store).await;
}

#[tokio::test]
async fn a_destination_that_failed_is_left_alone_for_a_while() {
    let (_dir, store) = open().await;
    enqueue(&store, None, vec![relay("a@one.test", now())]).await;
    let lessee = store.lessee().await.expect("lessee");
    lessee
        .back_off("one.test", now() + 300)
        .await
        .expect("back off");
    assert_eq!(store.due_destinations(10).await, Ok(Vec::new()));
    enqueue(&store, None, vec![relay("b@one.test", now())]).await;
    assert_eq!(
        store.due_destinations(10).await,
        Ok(Vec::new()),
        "new mail does not end the back-off"
    );
    assert!(store.next_due().await.expect("next") >= Some(now() + 290));
    end(&store).await;
}

#[tokio::test]
async fn the_fields_of_the_leaving_copies_and_the_doubt_about_the_sender_are_leased_too() {
    let (_dir, store) = open().await;
    let mut acceptance = acceptance(&store, None, vec![relay("a@one.test", now())]).await;
    acceptance.relay_prefix = b"ARC-Seal: i=1\r\n".to_vec();
    acceptance.forged = true;
    store.accept(acceptance).await.expect("accept");
    let lessee = store.lessee().await.expect("lessee");
    let leased = lessee.lease("one.test", 10).await.expect("lease");
    assert_eq!(leased[0].prefix, b"ARC-Seal: i=1\r\n");
    assert!(leased[0].forged);
    end(&store).await;
}

#[tokio::test]
async fn a_domain_that_became_ours_gets_its_mail_here() {
    let (_dir, store) = open().await;
    let id = enqueue(&store, None, vec![relay("a@one.test", now())]).await;
    store.add_domain("one.test").await.expect("domain");
    let address = Address::from_parts("a", "one.test").expect("address");
    let account = store
        .add_account(&address, NewAccount::default())
        .await
        .expect("account");
    let lessee = store.lessee().await.expect("lessee");
    let leased = lessee.lease("one.test", 10).await.expect("lease");
    let octets = store.message_octets(id, 0..1 << 20).await.expect("read");
    assert_eq!(octets.len() as u64, leased[0].size);
    let outcome = Outcome::Local {
        filings: vec![Filing {
            account,
            recipient: "a@one.test".into(),
            target: FilingTarget::Inbox,
            prefix: b"Delivered-To: a@one.test\r\n".to_vec(),
            flags: Flags::NONE,
        }],
        relays: vec![relay("b@two.test", now())],
    };
    let settled = settlement(&leased[0], outcome, "it is one of ours");
    lessee
        .settle(id, "one.test", vec![settled], Vec::new())
        .await
        .expect("settle");
    let inbox = store.mailbox(account, "INBOX").await.expect("INBOX");
    assert_eq!(inbox.messages, 1);
    let left = store.queued(id).await.expect("queued").recipients;
    assert_eq!(left[0].recipient, "b@two.test");
    end(&store).await;
}

#[tokio::test]
async fn what_is_settled_cannot_be_settled_again() {
    let (_dir, store) = open().await;
    let id = enqueue(&store, None, vec![relay("a@one.test", now())]).await;
    let lessee = store.lessee().await.expect("lessee");
    let leased = lessee.lease("one.test", 10).await.expect("lease");
    let notice = || acceptance(&store, None, vec![relay("me@two.test", now())]);
    let mut done = Vec::new();
    for _ in 0..2 {
        let settled = settlement(&leased[0], Outcome::Failed, "550 no");
        let notices = vec![notice().await];
        done.push(
            lessee
                .settle(id, "one.test", vec![settled], notices)
                .await
                .is_ok(),
        );
    }
    assert_eq!(done, [true, false]);
    let queued = store.queue(QueueFilter::default()).await.expect("queue");
    assert_eq!(queued.len(), 1, "one notice and nothing else");
    end(&store).await;
}

#[tokio::test]
async fn leases_that_are_given_back_are_due_at_once() {
    let (_dir, store) = open().await;
    let id = enqueue(&store, None, vec![relay("a@one.test", now())]).await;
    let lessee = store.lessee().await.expect("lessee");
    let leased = lessee.lease("one.test", 10).await.expect("lease");
    let untried = settlement(&leased[0], Outcome::Untried, "");
    lessee
        .settle(id, "one.test", vec![untried], Vec::new())
        .await
        .expect("settle");
    let leased = lessee.lease("one.test", 10).await.expect("lease");
    assert_eq!(leased[0].recipients[0].attempts, 0);
    let mut news = store.watch_queue();
    news.mark_unchanged();
    lessee.give_back().await.expect("give back");
    assert!(news.has_changed().expect("the store is open"));
    let other = store.lessee().await.expect("lessee");
    assert_eq!(other.lease("one.test", 10).await.expect("lease").len(), 1);
    end(&store).await;
}
