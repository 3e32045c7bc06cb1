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
    expunge: true,
    condstore: false,
    uid: false,
};

fn told(view: &mut View, manner: Manner) -> String {
    let mut out = Output::detached();
    view.tell(manner, &mut out);
    String::from_utf8(out.take()).unwrap()
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
    let manner = Manner {
        condstore: true,
        ..PLAIN
    };
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
