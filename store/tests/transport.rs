//! What is remembered of how other hosts protect mail in transit.

use store::{Day, Options, Store, StsPolicy, TlsPolicy, TlsSeen, TlsSessionFailure, TlsSessions};

async fn open() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().expect("a directory");
    let options = Options {
        create: true,
        ..Options::default()
    };
    let store = Store::open(dir.path(), options).await.expect("open");
    (dir, store)
}

fn now() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs() as i64
}

fn policy(domain: &str, fetched: i64, expires: i64) -> StsPolicy {
    StsPolicy {
        domain: domain.into(),
        id: "1".into(),
        policy: "version: STSv1\n".into(),
        fetched,
        expires,
    }
}

#[tokio::test]
async fn a_policy_is_known_until_it_expires() {
    let (_dir, store) = open().await;
    let holds = policy("a.test", now(), now() + 600);
    let over = policy("b.test", now() - 600, now() - 1);
    for kept in [&holds, &over] {
        store.keep_sts_policy(kept.clone()).await.expect("keep");
    }
    let found = store.sts_policy("a.test").await.expect("read");
    assert_eq!(found, Some(holds.clone()));
    assert_eq!(store.sts_policy("b.test").await.expect("read"), None);
    let newer = StsPolicy {
        id: "2".into(),
        ..holds
    };
    store.keep_sts_policy(newer.clone()).await.expect("keep");
    let found = store.sts_policy("a.test").await.expect("read");
    assert_eq!(found, Some(newer));
}

#[tokio::test]
async fn policies_that_need_a_fresh_look_are_found() {
    let (_dir, store) = open().await;
    for (domain, fetched) in [
        ("new.test", now()),
        ("old.test", now() - 100),
        ("older.test", now() - 200),
    ] {
        let kept = policy(domain, fetched, now() + 600);
        store.keep_sts_policy(kept).await.expect("keep");
    }
    let stale = store
        .stale_sts_policies(now() - 50, 10)
        .await
        .expect("read");
    let domains: Vec<_> = stale.iter().map(|policy| policy.domain.as_str()).collect();
    assert_eq!(domains, ["older.test", "old.test"]);
    assert_eq!(
        store
            .stale_sts_policies(now() - 50, 1)
            .await
            .expect("read")
            .len(),
        1
    );
}

#[tokio::test]
async fn a_host_is_remembered_for_tls_and_its_failures_since() {
    let (_dir, store) = open().await;
    let note = async |seen| {
        let seen = vec![("mx.test".to_owned(), seen)];
        store.note_host_tls(seen).await.expect("note");
        store.host_tls("mx.test").await.expect("read")
    };
    assert_eq!(note(TlsSeen::Clear).await, None, "it never did TLS");
    let known = note(TlsSeen::Encrypted).await.expect("known");
    assert_eq!(known.clear_since, None);
    let failing = note(TlsSeen::Clear).await.expect("known");
    assert!(failing.clear_since.is_some());
    assert_eq!(
        note(TlsSeen::Clear).await,
        Some(failing),
        "the first failure counts"
    );
    assert_eq!(
        note(TlsSeen::Encrypted).await.expect("known").clear_since,
        None
    );
    store.forget_host_tls("mx.test").await.expect("forget");
    assert_eq!(store.host_tls("mx.test").await.expect("read"), None);
}

fn sessions(domain: &str, failure: Option<TlsSessionFailure>, count: u64) -> TlsSessions {
    let policy = TlsPolicy {
        domain: domain.into(),
        kind: "sts".into(),
        policy: vec!["version: STSv1".into(), "mode: testing".into()],
        hosts: vec!["*.test".into()],
    };
    TlsSessions {
        policy,
        failure,
        count,
    }
}

#[tokio::test]
async fn sessions_are_counted_by_day_and_result_until_reported() {
    let (_dir, store) = open().await;
    let today = Day::of(now());
    let yesterday = Day(today.0 - 1);
    let expired = TlsSessionFailure {
        result: "certificate-expired".into(),
        host: "mx.test".into(),
        ..TlsSessionFailure::default()
    };
    let first = vec![
        sessions("a.test", None, 3),
        sessions("a.test", Some(expired.clone()), 1),
    ];
    store
        .count_tls_sessions(yesterday, first)
        .await
        .expect("count");
    let second = vec![sessions("a.test", None, 4), sessions("b.test", None, 1)];
    store
        .count_tls_sessions(yesterday, second)
        .await
        .expect("count");
    store
        .count_tls_sessions(today, vec![sessions("c.test", None, 1)])
        .await
        .expect("count");
    let finished = store.finished_tls_days(today).await.expect("read");
    assert_eq!(
        finished,
        [
            (yesterday, "a.test".to_owned()),
            (yesterday, "b.test".to_owned())
        ]
    );
    let counted = store.tls_sessions(yesterday, "a.test").await.expect("read");
    assert_eq!(
        counted,
        [
            sessions("a.test", None, 7),
            sessions("a.test", Some(expired), 1)
        ]
    );
    store
        .forget_tls_sessions(yesterday, "a.test")
        .await
        .expect("forget");
    assert_eq!(store.finished_tls_days(today).await.expect("read").len(), 1);
}

#[tokio::test]
async fn reports_that_nobody_sends_are_forgotten_after_a_week() {
    let (_dir, store) = open().await;
    let today = Day::of(now());
    let old = Day(today.0 - 8);
    store
        .count_tls_sessions(old, vec![sessions("a.test", None, 1)])
        .await
        .expect("count");
    assert!(
        store
            .finished_tls_days(today)
            .await
            .expect("read")
            .is_empty()
    );
}

#[tokio::test]
async fn a_host_that_fails_in_ever_new_ways_does_not_fill_the_store() {
    let (_dir, store) = open().await;
    let today = Day::of(now());
    let failures = (0..2000).map(|number| {
        let failure = TlsSessionFailure {
            result: "validation-failure".into(),
            reason: format!("reason {number}"),
            ..TlsSessionFailure::default()
        };
        sessions("a.test", Some(failure), 1)
    });
    store
        .count_tls_sessions(today, failures.collect())
        .await
        .expect("count");
    let counted = store.tls_sessions(today, "a.test").await.expect("read");
    assert_eq!(counted.len(), 1000);
    let again = vec![counted[0].clone()];
    store.count_tls_sessions(today, again).await.expect("count");
    let counted = store.tls_sessions(today, "a.test").await.expect("read");
    assert_eq!(counted[0].count, 2, "what is counted is counted on");
}
