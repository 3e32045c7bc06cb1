//! Random operations, compared with a model in memory: by one process alone, and by several at
//! once on one store.
//!
//! Each process has an account of its own, of which it knows everything; after each round it
//! compares every mailbox, flag and octet with the model. All processes also work in one
//! account that they share: there each knows only what it put in, and a replica that lives
//! from `changes_since` alone must agree with the mailbox in the end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use store::{
    AccountId, Address, Appending, Draft, EntryState, FlagChange, FlagOperation, Flags, Missing,
    ModSeq, NewAccount, Options, SnapshotMode, Store, Uid,
};

const DIR: &str = "STORE_MODEL_DIR";
const SEED: &str = "STORE_MODEL_SEED";
const PROCESSES: u64 = 3;
const ROUNDS: usize = 25;
const OPERATIONS: usize = 20;

/// xorshift64*: the same numbers for the same seed, everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct ModelEntry {
    flags: Flags,
    octets: Vec<u8>,
}

type ModelMailbox = BTreeMap<Uid, ModelEntry>;

struct Model {
    store: Store,
    account: AccountId,
    mailboxes: BTreeMap<String, ModelMailbox>,
    random: Random,
    made: u64,
}

impl Model {
    async fn new(store: &Store, account: AccountId, seed: u64) -> Model {
        let mut mailboxes = BTreeMap::new();
        for info in store.mailboxes(account).await.expect("mailboxes") {
            mailboxes.insert(info.name, ModelMailbox::new());
        }
        Model {
            store: store.clone(),
            account,
            mailboxes,
            random: Random(seed),
            made: 0,
        }
    }

    async fn step(&mut self) {
        match self.random.below(20) {
            0 => self.create().await,
            1 => self.rename().await,
            2 => self.delete().await,
            3..=8 => self.append().await,
            9..=12 => self.flag().await,
            13..=14 => self.copy().await,
            15..=16 => self.move_some().await,
            _ => self.expunge().await,
        }
    }

    fn any_mailbox(&mut self) -> String {
        let at = self.random.below(self.mailboxes.len());
        self.mailboxes
            .keys()
            .nth(at)
            .expect("INBOX is always there")
            .clone()
    }

    fn any_uids(&mut self, name: &str) -> Vec<Uid> {
        let uids: Vec<Uid> = self.mailboxes[name].keys().copied().collect();
        uids.into_iter()
            .filter(|_| self.random.below(3) == 0)
            .collect()
    }

    async fn id(&self, name: &str) -> store::MailboxId {
        self.store
            .mailbox(self.account, name)
            .await
            .expect("the model knows it")
            .id
    }

    async fn create(&mut self) {
        let name = format!("box{}", self.random.below(6));
        let made = self.store.create_mailbox(self.account, &name, None).await;
        assert_eq!(
            made.is_err(),
            self.mailboxes.contains_key(&name),
            "{name}: {made:?}"
        );
        self.mailboxes.entry(name).or_default();
    }

    async fn rename(&mut self) {
        let (from, to) = (self.any_mailbox(), format!("box{}", self.random.below(6)));
        let renamed = self.store.rename_mailbox(self.account, &from, &to).await;
        assert_eq!(
            renamed.is_err(),
            self.mailboxes.contains_key(&to),
            "{from} to {to}: {renamed:?}"
        );
        if renamed.is_err() {
            return;
        }
        let mut moved = self.mailboxes.remove(&from).expect("known");
        if from == "INBOX" {
            // A fresh mailbox numbers from 1.
            self.mailboxes.insert(from, ModelMailbox::new());
            moved = moved
                .into_values()
                .enumerate()
                .map(|(n, entry)| (uid(n as u32 + 1), entry))
                .collect();
        }
        self.mailboxes.insert(to, moved);
    }

    async fn delete(&mut self) {
        let name = format!("box{}", self.random.below(6));
        let deleted = self.store.delete_mailbox(self.account, &name).await;
        assert_eq!(
            deleted.is_ok(),
            self.mailboxes.remove(&name).is_some(),
            "{name}: {deleted:?}"
        );
    }

    async fn append(&mut self) {
        let name = self.any_mailbox();
        let mut appending = Vec::new();
        let mut entries = Vec::new();
        for _ in 0..=self.random.below(3) {
            self.made += 1;
            let size = if self.random.below(15) == 0 {
                600_000
            } else {
                self.random.below(20_000)
            };
            let octets = message(self.made, size);
            let flags = Flags(self.random.below(32) as u8);
            let message = seal(&self.store, &octets).await;
            appending.push(Appending {
                message,
                flags,
                keywords: vec![format!("k{}", self.made % 5)],
                internal_date: None,
            });
            entries.push(ModelEntry { flags, octets });
        }
        let appended = self
            .store
            .append(self.account, &name, appending)
            .await
            .expect("append");
        let mailbox = self.mailboxes.get_mut(&name).expect("known");
        assert!(
            mailbox.keys().next_back() < appended.uids.first(),
            "UIDs grow"
        );
        mailbox.extend(appended.uids.into_iter().zip(entries));
    }

    async fn flag(&mut self) {
        let name = self.any_mailbox();
        let uids = self.any_uids(&name);
        let operation = [
            FlagOperation::Replace,
            FlagOperation::Add,
            FlagOperation::Remove,
        ][self.random.below(3)];
        let flags = Flags(self.random.below(32) as u8);
        let change = FlagChange {
            operation,
            flags,
            keywords: Vec::new(),
        };
        let id = self.id(&name).await;
        let stored = self
            .store
            .store_flags(self.account, id, &uids, &change, None)
            .await
            .expect("store");
        assert_eq!(
            stored
                .entries
                .iter()
                .map(|state| state.uid)
                .collect::<Vec<_>>(),
            uids
        );
        for uid in uids {
            let entry = self
                .mailboxes
                .get_mut(&name)
                .and_then(|mailbox| mailbox.get_mut(&uid))
                .expect("known");
            entry.flags = match operation {
                FlagOperation::Replace => flags,
                FlagOperation::Add => entry.flags | flags,
                FlagOperation::Remove => entry.flags & !flags,
            };
        }
    }

    async fn copy(&mut self) {
        let (from, to) = (self.any_mailbox(), self.any_mailbox());
        let uids = self.any_uids(&from);
        let copied = self
            .store
            .copy(
                self.account,
                self.id(&from).await,
                &uids,
                &to,
                Missing::LeftOut,
            )
            .await
            .expect("copy");
        self.follow(&from, &to, copied.pairs, false);
    }

    async fn move_some(&mut self) {
        let (from, to) = (self.any_mailbox(), self.any_mailbox());
        let uids = self.any_uids(&from);
        let moved = self
            .store
            .move_messages(
                self.account,
                self.id(&from).await,
                &uids,
                &to,
                Missing::LeftOut,
            )
            .await
            .expect("move");
        assert_eq!(moved.pairs.len(), uids.len());
        self.follow(&from, &to, moved.pairs, true);
    }

    fn follow(&mut self, from: &str, to: &str, pairs: Vec<(Uid, Uid)>, gone: bool) {
        for (source, target) in pairs {
            let entry = self.mailboxes[from][&source].clone();
            if gone {
                self.mailboxes.get_mut(from).expect("known").remove(&source);
            }
            let before = self
                .mailboxes
                .get_mut(to)
                .expect("known")
                .insert(target, entry);
            assert_eq!(before, None, "a UID is used once");
        }
    }

    async fn expunge(&mut self) {
        let name = self.any_mailbox();
        let gone = self
            .store
            .expunge_deleted(self.account, self.id(&name).await, None)
            .await
            .expect("expunge");
        let mailbox = self.mailboxes.get_mut(&name).expect("known");
        let expected: Vec<Uid> = mailbox
            .iter()
            .filter(|(_, entry)| entry.flags.contains(Flags::DELETED))
            .map(|(uid, _)| *uid)
            .collect();
        assert_eq!(gone, expected);
        mailbox.retain(|uid, _| !gone.contains(uid));
    }

    async fn compare(&self) {
        let infos = self.store.mailboxes(self.account).await.expect("mailboxes");
        let names: Vec<&String> = infos.iter().map(|info| &info.name).collect();
        assert_eq!(names, self.mailboxes.keys().collect::<Vec<_>>());
        for info in &infos {
            let snapshot = self
                .store
                .snapshot(self.account, info.id, SnapshotMode::ReadOnly)
                .await
                .expect("snapshot");
            let model = &self.mailboxes[&info.name];
            let found: Vec<(Uid, Flags)> = snapshot
                .entries
                .iter()
                .map(|state| (state.uid, state.flags))
                .collect();
            let known: Vec<(Uid, Flags)> = model
                .iter()
                .map(|(uid, entry)| (*uid, entry.flags))
                .collect();
            assert_eq!(found, known, "{}", info.name);
            assert_eq!(
                info.unseen as usize,
                model
                    .values()
                    .filter(|entry| !entry.flags.contains(Flags::SEEN))
                    .count()
            );
            for (uid, entry) in model {
                let octets = self
                    .store
                    .read_octets(self.account, info.id, *uid, 0..u64::MAX)
                    .await
                    .expect("read");
                assert!(octets == entry.octets, "{} {uid}: octets differ", info.name);
            }
        }
    }
}

/// What one process knows of the mailbox that all share.
struct Shared {
    store: Store,
    account: AccountId,
    inbox: store::MailboxId,
    mine: Vec<Uid>,
    replica: BTreeMap<Uid, EntryState>,
    seen: ModSeq,
}

impl Shared {
    async fn step(&mut self, random: &mut Random, number: u64) {
        let message = seal(&self.store, &message(number, 500)).await;
        let appending = Appending {
            message,
            flags: Flags::NONE,
            keywords: Vec::new(),
            internal_date: None,
        };
        let appended = self
            .store
            .append(self.account, "INBOX", vec![appending])
            .await
            .expect("append");
        self.mine.extend(appended.uids);
        let at = random.below(self.mine.len());
        let change = FlagChange {
            operation: FlagOperation::Add,
            flags: Flags::SEEN,
            keywords: vec!["$Shared".into()],
        };
        self.store
            .store_flags(self.account, self.inbox, &[self.mine[at]], &change, None)
            .await
            .expect("store");
        if random.below(3) == 0 {
            let uid = self.mine.swap_remove(at);
            assert_eq!(
                self.store.expunge(self.account, self.inbox, &[uid]).await,
                Ok(vec![uid])
            );
        }
        self.catch_up().await;
        assert!(
            self.mine.iter().all(|uid| self.replica.contains_key(uid)),
            "what was put in is there"
        );
    }

    async fn catch_up(&mut self) {
        let changes = self
            .store
            .changes_since(self.account, self.inbox, self.seen)
            .await
            .expect("changes");
        for state in changes.changed {
            self.replica.insert(state.uid, state);
        }
        for uid in changes.vanished {
            self.replica.remove(&uid);
        }
        self.seen = changes.info.highest_modseq;
        assert_eq!(
            self.replica.len(),
            changes.info.messages as usize,
            "the replica agrees with the counter"
        );
    }
}

fn uid(number: u32) -> Uid {
    Uid::new(number).expect("not zero")
}

fn message(number: u64, size: usize) -> Vec<u8> {
    let mut octets =
        format!("Subject: {number}\r\nMessage-ID: <{number}@model.test>\r\n\r\n").into_bytes();
    let end = octets.len() + size;
    while octets.len() < end {
        octets.extend_from_slice(format!("{number} at {}\r\n", octets.len()).as_bytes());
    }
    octets
}

async fn seal(store: &Store, octets: &[u8]) -> store::Sealed {
    let mut draft = Draft::new(store, 10 << 20);
    for part in octets.chunks(50_000) {
        draft.write(part).await.expect("write");
    }
    draft.seal().await.expect("seal")
}

fn address(local: &str) -> Address {
    Address::from_parts(local, "model.test").expect("an address")
}

async fn prepare(dir: &Path) -> Store {
    let store = Store::open(
        dir,
        Options {
            create: true,
            ..Options::default()
        },
    )
    .await
    .expect("open");
    store.add_domain("model.test").await.expect("domain");
    store
        .add_account(&address("shared"), NewAccount::default())
        .await
        .expect("account");
    store
}

async fn run(dir: &Path, seed: u64) {
    let store = Store::open(dir, Options::default()).await.expect("open");
    let own = store
        .add_account(&address(&format!("own{seed}")), NewAccount::default())
        .await
        .expect("account");
    let account = store.account(&address("shared")).await.expect("account").id;
    let inbox = store.mailbox(account, "INBOX").await.expect("inbox").id;
    let mut shared = Shared {
        store: store.clone(),
        account,
        inbox,
        mine: Vec::new(),
        replica: BTreeMap::new(),
        seen: ModSeq(0),
    };
    let mut model = Model::new(&store, own, seed * 7919 + 1).await;
    for round in 0..ROUNDS {
        for step in 0..OPERATIONS {
            model.step().await;
            shared
                .step(
                    &mut model.random,
                    seed << 32 | (round * OPERATIONS + step) as u64,
                )
                .await;
        }
        model.compare().await;
    }
}

/// Alone, or as one of several when the environment says so.
#[tokio::test]
async fn a_process_agrees_with_the_model() {
    if let (Ok(dir), Ok(seed)) = (std::env::var(DIR), std::env::var(SEED)) {
        return run(Path::new(&dir), seed.parse().expect("a number")).await;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let store = prepare(dir.path()).await;
    run(dir.path(), 1).await;
    store.sweep().await.expect("sweep");
    assert_eq!(store.check(|_| ()).await, Ok(Vec::new()));
}

#[tokio::test]
async fn several_processes_on_one_store_agree_with_their_models() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = prepare(dir.path()).await;
    let mut children: Vec<Child> = (1..=PROCESSES)
        .map(|seed| child(dir.path().to_owned(), seed))
        .collect();
    for child in &mut children {
        assert!(
            child.wait().expect("wait").success(),
            "a process disagrees with its model"
        );
    }
    store.sweep().await.expect("sweep");
    assert_eq!(store.check(|_| ()).await, Ok(Vec::new()));
}

fn child(dir: PathBuf, seed: u64) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "a_process_agrees_with_the_model", "--nocapture"])
        .env(DIR, dir)
        .env(SEED, seed.to_string())
        .spawn()
        .expect("start a process")
}
