//! A long queue makes nothing dearer that is done for each message, and fills no memory.
//!
//! 100,000 messages, or as many as `PENNYBLACK_QUEUED` says; for a million, which take some minutes:
//! `tests/run --long-queue`. They are written by SQL, because it is not
//! their acceptance that is looked at. What is compared is time of the processor, not of the clock: a look through the whole queue, even
//! one for each message, would cost hundreds of times as much as what is allowed here.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, params};
use store::{
    Acceptance, BodyKind, Draft, Options, Outcome, QueueAction, QueueFilter, Relay, Schedule,
    Settlement, Store,
};

const DAY: i64 = 86_400;
/// Messages sent in each measurement.
const SENT: usize = 300;
/// How much dearer a message may be with the queue full, in per cent: the noise of a busy machine, and some more pages to read.
const DEARER_PERCENT_MAX: u64 = 400;
/// Growth of the process: the caches of the store's connections, and no more.
const GROWTH_KIB_MAX: u64 = 64 << 10;

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("after 1970").as_secs() as i64
}

async fn accept(store: &Store, recipient: &str, held: bool) {
    let mut draft = Draft::new(store, 1 << 20);
    let text = b"Subject: out\r\n\r\nbody\r\n";
    draft.write(text).await.expect("write");
    let (_, domain) = recipient.split_once('@').expect("an address");
    let acceptance = Acceptance {
        reverse_path: "me@example.test".into(),
        relays: vec![Relay {
            recipient: recipient.into(),
            domain: domain.to_owned(),
            original: None,
            notify: None,
            schedule: Schedule {
                due: now(),
                expires: now() + 5 * DAY,
                notice_due: None,
            },
        }],
        body: BodyKind::EightBitMime,
        held: held.then(|| "by a test".to_owned()),
        ..Acceptance::new(draft.seal().await.expect("seal"), "from a test")
    };
    store.accept(acceptance).await.expect("accept");
}

/// Accepts, finds, leases and settles messages one by one; gives the processor's time for them, in milliseconds.
async fn send(store: &Store) -> u64 {
    let lessee = store.lessee().await.expect("lessee");
    let before = processor_millis();
    for _ in 0..SENT {
        accept(store, "a@healthy.test", false).await;
        store.due_destinations(100).await.expect("due");
        let leased = lessee.lease("healthy.test", 10).await.expect("lease");
        assert_eq!(leased.len(), 1);
        let leased = &leased[0];
        let settled = Settlement {
            relay: leased.recipients[0].id,
            recipient: leased.recipients[0].recipient.clone(),
            outcome: Outcome::Delivered,
            reply: "250 ok".into(),
        };
        let settled = lessee.settle(leased.message, "healthy.test", vec![settled], Vec::new());
        settled.await.expect("settle");
        store.next_due().await.expect("next due");
    }
    processor_millis() - before
}

/// A quarter for a destination that is due, a quarter for ten thousand others, half for one that waits. Everything is a copy of the one
/// message that is in the queue.
fn fill(connection: &mut Connection, messages: i64) {
    let tx = connection.transaction().expect("begin");
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)";
    let copies = [
        "INSERT INTO message SELECT i, size, digest, created, body FROM n, (SELECT * FROM message LIMIT 1)",
        "INSERT INTO mime SELECT i, data FROM n, (SELECT * FROM mime LIMIT 1)",
        "INSERT INTO outbound (message, reverse_path, account, smtputf8, body_kind, created)
             SELECT i, 'other@example.test', NULL, 0, '7BIT', created FROM n, (SELECT created FROM message LIMIT 1)",
    ];
    for copy in copies {
        tx.execute(&format!("{numbers} {copy}"), [messages])
            .expect(copy);
    }
    let relays = format!(
        "{numbers} INSERT INTO relay (message, recipient, domain, sender, state, due, expires)
         SELECT i, 'r@' || domain, domain, 0, 'waiting', CASE domain WHEN 'later.test' THEN ?2 + 3600 + i % 3600 ELSE ?2 END, ?2 + 400000
         FROM (SELECT i, CASE i % 4 WHEN 0 THEN 'due.test' WHEN 1 THEN 'd' || i % 10000 || '.test' ELSE 'later.test' END AS domain FROM n)"
    );
    tx.execute(&relays, params![messages, now()])
        .expect("relays");
    let destinations = "INSERT INTO destination (domain, due) SELECT domain, min(due) FROM relay
        WHERE state = 'waiting' GROUP BY domain ON CONFLICT DO NOTHING";
    tx.execute(destinations, []).expect("destinations");
    tx.commit().expect("commit");
}

#[tokio::test]
async fn a_long_queue_makes_no_message_dearer_and_fills_no_memory() {
    let messages = std::env::var("PENNYBLACK_QUEUED").map_or(100_000, |number| {
        number.parse().expect("PENNYBLACK_QUEUED: a number")
    });
    let dir = tempfile::tempdir().expect("a directory");
    let options = Options {
        create: true,
        ..Options::default()
    };
    let store = Store::open(dir.path(), options).await.expect("open");
    accept(&store, "seed@later.test", true).await;
    send(&store).await;
    let empty = send(&store).await;

    let mut connection = Connection::open(dir.path().join("store.db")).expect("open");
    fill(&mut connection, messages);
    drop(connection);
    let queued = store.queue_size().await.expect("size");
    assert_eq!(queued, messages as u64 + 1);
    let before = resident_kib();
    let full = send(&store).await;
    let listed = QueueFilter {
        limit: Some(100),
        ..QueueFilter::default()
    };
    assert_eq!(store.queue(listed).await.expect("list").len(), 100);
    let lessee = store.lessee().await.expect("lessee");
    let leased = lessee.lease("due.test", 10).await.expect("lease");
    assert_eq!(leased.len(), 10);
    let filter = QueueFilter {
        domain: Some("due.test".into()),
        ..QueueFilter::default()
    };
    let handled = store.queue_action(QueueAction::Hold, filter).await;
    let handled = handled.expect("hold");
    assert_eq!(handled.changed + handled.busy, messages as u64 / 4);
    let grown = resident_kib().saturating_sub(before);

    println!(
        "{SENT} messages take {empty} ms of the processor with an empty queue, {full} ms beside {messages}; {grown} KiB more"
    );
    assert!(
        full * 100 <= empty.max(100) * DEARER_PERCENT_MAX,
        "{full} ms"
    );
    assert!(grown <= GROWTH_KIB_MAX, "{grown} KiB");
}

/// What this process has used, in user and kernel mode.
fn processor_millis() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("stat");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let mut ticks = fields.split_whitespace().skip(11).take(2);
    let mut tick = || ticks.next().and_then(|ticks| ticks.parse::<u64>().ok());
    // A hundred ticks are a second on Linux.
    10 * (tick().expect("user time") + tick().expect("system time"))
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    number.expect("a size")
}
