//! The view as a table of changes and of what is told for them.

#![allow(
    clippy::single_range_in_vec_init,
    reason = "positions come as ranges, also when there is one"
)]

use daemon::session::Output;
use store::{
    Changes, EntryState, Flags, Keywords, MailboxInfo, ModSeq, Snapshot, Uid, UidValidity,
};

use super::*;
use crate::grammar::Cursor;
use crate::session::Enabled;

fn info(modseq: u64, uid_next: u32, keywords: &[&str]) -> MailboxInfo {
    MailboxInfo {
        id: MailboxId(1),
        name: "INBOX".into(),
        uid_validity: UidValidity(7),
        uid_next: Uid::new(uid_next).unwrap(),
        highest_modseq: ModSeq(modseq),
        messages: 0,
        unseen: 0,
        deleted: 0,
        size: 0,
        deleted_size: 0,
        recent_from: Uid::new(uid_next).unwrap(),
        special_use: None,
        keywords: keywords.iter().map(|&name| name.to_owned()).collect(),
        no_select: false,
        subscribed: true,
    }
}

fn state(uid: u32, modseq: u64, flags: Flags) -> EntryState {
    EntryState {
        uid: Uid::new(uid).unwrap(),
        modseq: ModSeq(modseq),
        flags,
        keywords: Keywords::NONE,
    }
}

fn view(uids: &[u32]) -> View {
    let entries: Vec<EntryState> = uids.iter().map(|&uid| state(uid, 1, Flags::NONE)).collect();
    let next = uids.last().unwrap_or(&0) + 1;
    let snapshot = Snapshot {
        info: info(1, next, &[]),
        recent_from: Uid::new(next).unwrap(),
        entries: entries.into_iter().collect(),
        rights: Rights::ALL,
    };
    View::new(AccountId(1), &snapshot, false)
}

fn changes(modseq: u64, changed: &[EntryState], vanished: &[u32]) -> Changes {
    let vanished = vanished.iter().filter_map(|&uid| Uid::new(uid)).collect();
    Changes {
        info: info(modseq, 100, &[]),
        changed: changed.to_vec(),
        vanished,
        entries: None,
        rights: Rights::ALL,
    }
}

fn stored(entries: &[EntryState]) -> Stored {
    Stored {
        entries: entries.to_vec(),
        given: entries.iter().map(|state| state.modseq).collect(),
        ..Stored::default()
    }
}

fn uids(view: &View) -> Vec<u32> {
    view.rows().uids(0..usize::MAX).collect()
}

/// Changes as they come from a store that has the mailbox in memory.
fn followed(changes: Changes, entries: &[EntryState]) -> Changes {
    Changes {
        entries: Some(entries.iter().copied().collect()),
        ..changes
    }
}

const PLAIN: Manner = Manner {
    flags: true,
    expunge: true,
    modseq: true,
    uid: false,
    enabled: Enabled {
        condstore: false,
        qresync: false,
        rev2: false,
        utf8: false,
        uid_only: false,
    },
};

/// A client that has enabled something.
fn enabling(enable: impl Fn(&mut Enabled)) -> Manner {
    let mut manner = PLAIN;
    enable(&mut manner.enabled);
    manner
}

fn told(view: &mut View, manner: Manner) -> String {
    let mut out = Output::detached();
    {
        // A detached output is never waited for.
        let telling = std::pin::pin!(view.tell(manner, &mut out));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let told = telling.poll(&mut context);
        assert!(matches!(told, std::task::Poll::Ready(Ok(()))));
    }
    String::from_utf8(out.take()).unwrap()
}

/// The output of a client that has gone.
async fn output_to_nobody() -> Output {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ours = tokio::net::TcpStream::connect(address).await.unwrap();
    drop(listener.accept().await.unwrap());
    let timeout = std::time::Duration::from_secs(60);
    Output::new(daemon::wire::Stream::Plain(ours), timeout)
}

/// What is sent on the way is sent to nobody here, so that the telling ends; kept in memory to the end, it would not.
#[tokio::test]
async fn what_is_told_of_very_many_messages_is_sent_on_the_way() {
    let uids: Vec<u32> = (1..=100_000).collect();
    for expunged in [false, true] {
        let mut view = view(&uids);
        match expunged {
            true => view.apply(&changes(2, &[], &uids)),
            false => uids.iter().for_each(|&uid| view.must_tell(uid)),
        }
        let mut out = output_to_nobody().await;
        let told = view.tell(PLAIN, &mut out).await;
        assert!(told.is_err(), "{expunged}");
    }
}

fn set(text: &str) -> SequenceSet {
    SequenceSet::parse(&mut Cursor::new(text.as_bytes())).unwrap()
}

#[test]
fn an_expunged_message_keeps_its_number_until_it_is_told() {
    let mut view = view(&[1, 2, 3, 4]);
    view.apply(&changes(2, &[], &[2, 3]));
    assert_eq!(
        told(
            &mut view,
            Manner {
                flags: true,
                expunge: false,
                ..PLAIN
            }
        ),
        ""
    );
    assert_eq!(view.resolve(Numbering::Sequence, &set("4")), Ok(vec![3..4]));
    assert!(view.is_gone(2));
    assert_eq!(told(&mut view, PLAIN), "* 3 EXPUNGE\r\n* 2 EXPUNGE\r\n");
    assert_eq!(
        view.resolve(Numbering::Sequence, &set("4")),
        Err(NoSuchNumber)
    );
    assert_eq!(view.resolve(Numbering::Uid, &set("4")), Ok(vec![1..2]));
}

#[test]
fn arrivals_are_told_once_and_after_expunges() {
    let mut view = view(&[1, 2]);
    view.apply(&changes(3, &[state(5, 3, Flags::NONE)], &[1]));
    view.claim_recent(3);
    assert_eq!(
        told(&mut view, PLAIN),
        "* 1 EXPUNGE\r\n* 2 EXISTS\r\n* 1 RECENT\r\n"
    );
    assert_eq!(told(&mut view, PLAIN), "");
    assert!(view.is_recent(5) && !view.is_recent(2));
}

#[test]
fn what_came_and_went_unheard_is_never_told() {
    let mut view = view(&[1]);
    view.apply(&changes(
        2,
        &[state(2, 2, Flags::NONE), state(3, 2, Flags::NONE)],
        &[],
    ));
    view.apply(&changes(3, &[], &[2]));
    assert_eq!(
        told(
            &mut view,
            Manner {
                flags: true,
                expunge: false,
                ..PLAIN
            }
        ),
        "* 2 EXISTS\r\n* 0 RECENT\r\n"
    );
    assert_eq!(uids(&view), [1, 3]);
}

#[test]
fn flags_are_told_when_they_differ_from_what_the_client_knows() {
    let mut view = view(&[1, 2]);
    view.apply(&changes(2, &[state(2, 2, Flags::SEEN)], &[]));
    let manner = enabling(|enabled| enabled.condstore = true);
    assert_eq!(
        told(&mut view, manner),
        "* 2 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (2))\r\n"
    );
    view.apply(&changes(2, &[state(2, 2, Flags::SEEN)], &[]));
    assert_eq!(told(&mut view, manner), "");
}

#[test]
fn a_silent_store_is_told_only_where_others_interfered() {
    let mut view = view(&[1, 2]);
    let add_seen = |row: Row| (row.flags | Flags::SEEN, row.keywords);
    view.apply_silent(
        &stored(&[
            state(1, 5, Flags::SEEN),
            state(2, 5, Flags::SEEN | Flags::FLAGGED),
        ]),
        add_seen,
    );
    assert_eq!(
        told(&mut view, PLAIN),
        "* 2 FETCH (FLAGS (\\Flagged \\Seen))\r\n"
    );
    view.apply(&changes(
        5,
        &[
            state(1, 5, Flags::SEEN),
            state(2, 5, Flags::SEEN | Flags::FLAGGED),
        ],
        &[],
    ));
    assert_eq!(told(&mut view, PLAIN), "");
}

#[test]
fn own_expunges_are_not_echoed() {
    let mut view = view(&[1, 2, 3]);
    view.expunged([2]);
    assert_eq!(told(&mut view, PLAIN), "* 2 EXPUNGE\r\n");
    view.apply(&changes(9, &[], &[2]));
    assert_eq!(told(&mut view, PLAIN), "");
}

#[test]
fn new_keywords_are_told_before_they_are_used() {
    let mut view = view(&[1]);
    let mut changes = changes(
        2,
        &[EntryState {
            keywords: Keywords(1),
            ..state(1, 2, Flags::NONE)
        }],
        &[],
    );
    changes.info.keywords = vec!["$Junk".into()];
    view.apply(&changes);
    let text = told(&mut view, PLAIN);
    assert!(
        text.starts_with("* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Junk)\r\n"),
        "{text}"
    );
    assert!(text.ends_with("* 1 FETCH (FLAGS ($Junk))\r\n"), "{text}");
}

#[test]
fn star_is_the_last_message() {
    let view = view(&[3, 8]);
    assert_eq!(view.resolve(Numbering::Uid, &set("*")), Ok(vec![1..2]));
    assert_eq!(view.resolve(Numbering::Uid, &set("20:*")), Ok(vec![1..2]));
    assert_eq!(
        view.resolve(Numbering::Sequence, &set("1:*")),
        Ok(vec![0..2])
    );
}

#[test]
fn an_empty_mailbox_has_no_numbers() {
    let view = view(&[]);
    assert_eq!(view.resolve(Numbering::Uid, &set("1:*")), Ok(vec![]));
    assert_eq!(
        view.resolve(Numbering::Sequence, &set("1:*")),
        Err(NoSuchNumber)
    );
}

#[test]
fn own_changes_are_not_asked_for_unless_others_lie_between() {
    let mut view = view(&[1, 2]);
    view.apply_own(&stored(&[state(1, 2, Flags::SEEN)]));
    assert_eq!(view.modseq(), ModSeq(2));
    view.apply_own(&stored(&[state(2, 4, Flags::SEEN)]));
    assert_eq!(view.modseq(), ModSeq(2));
}

#[test]
fn rows_shared_with_the_store_are_told_like_ones_own() {
    let mut view = view(&[1, 2, 3]);
    let flagged = state(2, 2, Flags::FLAGGED);
    let now = [state(1, 1, Flags::NONE), flagged, state(3, 1, Flags::NONE)];
    view.apply(&followed(changes(2, &[flagged], &[]), &now));
    assert_eq!(told(&mut view, PLAIN), "* 2 FETCH (FLAGS (\\Flagged))\r\n");
    let arrived = state(9, 4, Flags::NONE);
    view.apply(&followed(
        changes(4, &[arrived], &[1]),
        &[flagged, now[2], arrived],
    ));
    let no_expunge = Manner {
        flags: true,
        expunge: false,
        ..PLAIN
    };
    assert_eq!(told(&mut view, no_expunge), "* 4 EXISTS\r\n* 0 RECENT\r\n");
    assert_eq!(uids(&view), [1, 2, 3, 9]);
    assert_eq!(told(&mut view, PLAIN), "* 1 EXPUNGE\r\n");
    assert_eq!(uids(&view), [2, 3, 9]);
    assert_eq!(view.rows().at(0).unwrap().flags, Flags::FLAGGED);
}

#[test]
fn what_a_session_changed_itself_is_not_forgotten_when_its_expunges_are_told() {
    let mut view = view(&[1, 2]);
    view.apply(&followed(
        changes(2, &[], &[1]),
        &[state(2, 1, Flags::NONE)],
    ));
    view.apply_own(&stored(&[state(2, 3, Flags::SEEN)]));
    told(&mut view, PLAIN);
    assert_eq!(uids(&view), [2]);
    assert_eq!(view.rows().at(0).unwrap().flags, Flags::SEEN);
}

#[test]
fn qresync_tells_expunges_by_uid_and_only_of_what_the_client_has_heard() {
    let manner = enabling(|enabled| enabled.qresync = true);
    let mut view = view(&[405, 406, 407, 410]);
    view.apply(&changes(2, &[state(500, 2, Flags::NONE)], &[405, 407, 410]));
    view.apply(&changes(3, &[], &[300, 500]));
    assert_eq!(
        told(&mut view, manner),
        "* VANISHED 405,407,410\r\n* OK [HIGHESTMODSEQ 3] All is told\r\n"
    );
    assert_eq!(told(&mut view, manner), "");
    assert_eq!(uids(&view), [406]);
}

#[test]
fn while_expunges_are_held_back_the_client_must_not_believe_that_it_knows_all() {
    let mut manner = enabling(|enabled| (enabled.qresync, enabled.condstore) = (true, true));
    manner.expunge = false;
    let mut view = view(&[1, 2]);
    view.apply(&changes(5, &[state(2, 5, Flags::SEEN)], &[1]));
    assert_eq!(
        told(&mut view, manner),
        "* 2 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (5))\r\n* OK [HIGHESTMODSEQ 1] Expunges are to be told\r\n"
    );
    manner.expunge = true;
    assert_eq!(
        told(&mut view, manner),
        "* VANISHED 1\r\n* OK [HIGHESTMODSEQ 5] All is told\r\n"
    );
    manner.expunge = false;
    view.apply(&changes(6, &[state(2, 6, Flags::NONE)], &[]));
    assert_eq!(
        told(&mut view, manner),
        "* 1 FETCH (UID 2 FLAGS () MODSEQ (6))\r\n"
    );
}

#[test]
fn uid_only_has_no_numbers() {
    let manner = enabling(|enabled| enabled.uid_only = true);
    let mut view = view(&[3, 8]);
    view.apply(&changes(2, &[state(8, 2, Flags::SEEN)], &[3]));
    assert_eq!(
        told(&mut view, manner),
        "* VANISHED 3\r\n* 8 UIDFETCH (FLAGS (\\Seen))\r\n"
    );
}

#[test]
fn rev2_has_no_recent() {
    let manner = enabling(|enabled| enabled.rev2 = true);
    let mut view = view(&[1]);
    view.ignore_recent();
    view.apply(&changes(
        2,
        &[state(1, 2, Flags::SEEN), state(2, 2, Flags::NONE)],
        &[],
    ));
    view.claim_recent(2);
    assert_eq!(
        told(&mut view, manner),
        "* 2 EXISTS\r\n* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n"
    );
    assert_eq!(view.recent(), 0);
}

#[test]
fn samples_show_what_a_client_knows_of() {
    // RFC 7162 §3.2.5.2: the fourth message has UID 8, the twelfth is not 24.
    let view = view(&[1, 2, 5, 8, 9, 10, 11, 12, 13, 20, 21, 25]);
    assert_eq!(view.known_to(&set("4,12"), &set("8,24")), 8);
    assert_eq!(view.known_to(&set("4,12"), &set("8,25")), 25);
    assert_eq!(view.known_to(&set("1:4000000000"), &set("2:4000000000")), 0);
    let some = |numbers: &[u32]| {
        numbers
            .iter()
            .filter_map(|&uid| Uid::new(uid))
            .collect::<Vec<_>>()
    };
    let expunged = some(&[3, 7, 15, 16, 22, 30]);
    assert_eq!(
        view.vanished_before(&expunged, None, 8),
        [15, 16, 22].into_iter().collect()
    );
    assert_eq!(
        view.vanished_before(&expunged, Some(&set("1:16")), 0),
        [3, 7, 15, 16].into_iter().collect()
    );
    assert_eq!(view.changed_since(0, Some(&set("20:*"))), [20, 21, 25]);
}
