//! The full-text index: whatever it rules out does not hold the text. A scan of the messages says what is right.

use std::process::Command;

use proptest::prelude::*;
use store::mime::search::{Scope, pieces};
use store::mime::{FuzzyNeedle, Needle};
use store::{
    AccountId, Address, Appending, Candidates, Draft, Flags, Indexing, MailboxId, Missing,
    NewAccount, Options, Store, TextTest, Uid,
};
use tokio::runtime::Runtime;

struct Fixture {
    dir: tempfile::TempDir,
    store: Store,
    alice: AccountId,
}

async fn open(dir: &std::path::Path) -> Store {
    let options = Options {
        create: true,
        linger_seconds: 0,
        ..Options::default()
    };
    Store::open(dir, options).await.expect("open")
}

impl Fixture {
    async fn new() -> Fixture {
        let dir = tempfile::tempdir().expect("a directory");
        let store = open(dir.path()).await;
        store.add_domain("example.test").await.expect("domain");
        let address = Address::from_parts("alice", "example.test").expect("an address");
        let alice = store.add_account(&address, NewAccount::default()).await;
        let alice = alice.expect("account");
        Fixture { dir, store, alice }
    }

    async fn append(&self, name: &str, message: &[u8]) -> Uid {
        let mut draft = Draft::new(&self.store, 100 << 20);
        draft.write(message).await.expect("write");
        let appending = Appending {
            message: draft.seal().await.expect("seal"),
            flags: Flags::NONE,
            keywords: Vec::new(),
            internal_date: None,
        };
        let appended = self.store.append(self.alice, name, vec![appending]).await;
        appended.expect("append").uids[0]
    }

    /// INBOX with so many indexed letters, whose texts are `text-00-text` and so on.
    async fn with_letters(count: u32) -> Fixture {
        let fixture = Fixture::new().await;
        for number in 0..count {
            let body = format!("text-{number:02}-text");
            fixture.append("INBOX", &letter("hello", &body)).await;
        }
        fixture.index().await;
        fixture
    }

    async fn inbox(&self) -> MailboxId {
        let inbox = self.store.mailbox(self.alice, "INBOX").await;
        inbox.expect("INBOX").id
    }

    async fn index_octets(&self) -> u64 {
        self.store.index_status().await.expect("status").octets
    }

    async fn index(&self) {
        let done = self.store.index(|_| ()).await.expect("index");
        assert_eq!(done, Indexing::Done);
    }

    async fn waiting(&self) -> u64 {
        self.store.index_status().await.expect("status").waiting
    }

    async fn ask(&self, name: &str, test: Option<TextTest>) -> Candidates {
        let mailbox = self.store.mailbox(self.alice, name).await.expect("mailbox");
        let groups = vec![vec![test.expect("long enough for the index")]];
        let among = (1..mailbox.uid_next.value()).filter_map(Uid::new).collect();
        let asked = self
            .store
            .candidates(self.alice, mailbox.id, groups, among)
            .await;
        asked.expect("candidates")
    }

    /// The UIDs that may hold the text, which the index must know.
    async fn candidates(&self, name: &str, test: Option<TextTest>) -> Vec<u32> {
        let mut found = self.ask(name, test).await;
        assert!(found.below > 1, "nothing is indexed");
        found.groups.remove(0).expect("few candidates")
    }

    /// The UIDs that may pass all tests; all if there are none.
    async fn passing(&self, name: &str, tests: Vec<TextTest>) -> Vec<u32> {
        let mut passing: Vec<u32> = (1..=200).collect();
        for test in tests {
            let candidates = self.candidates(name, Some(test)).await;
            passing.retain(|uid| candidates.contains(uid));
        }
        passing
    }

    async fn bodies(&self, name: &str, text: &str) -> Vec<u32> {
        self.candidates(name, TextTest::body(&Needle::new(text)))
            .await
    }

    async fn end(self) {
        assert_eq!(self.store.check(|_| ()).await, Ok(Vec::new()));
    }
}

fn letter(subject: &str, body: &str) -> Vec<u8> {
    format!(
        "From: Bob <bob@example.org>\r\nSubject: {subject}\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
    )
    .into_bytes()
}

#[tokio::test]
async fn only_candidates_are_left_to_read() {
    let fixture = Fixture::new().await;
    for number in 0..100 {
        let body = format!("a letter about matter-{number:03} and nothing else");
        fixture.append("INBOX", &letter("hello", &body)).await;
    }
    fixture.index().await;
    assert_eq!(fixture.waiting().await, 0);
    assert_eq!(fixture.bodies("INBOX", "MATTER-041").await, [42]);
    assert!(fixture.bodies("INBOX", "wombats").await.is_empty());
    let needle = Needle::new("matter-041");
    let header = TextTest::header(None, &needle);
    assert!(fixture.candidates("INBOX", header).await.is_empty());
    let text = TextTest::text(&needle);
    assert_eq!(fixture.candidates("INBOX", text).await, [42]);
    let field = TextTest::header(Some("X-Nobody-Has-It"), &Needle::new(""));
    assert!(fixture.candidates("INBOX", field).await.is_empty());
    fixture.end().await;
}

#[tokio::test]
async fn what_is_nearly_there_is_a_candidate_and_little_else() {
    let fixture = Fixture::new().await;
    for number in 0..100 {
        let body = format!("the {}th letter about nothing", number);
        fixture.append("INBOX", &letter("hello", &body)).await;
    }
    let misspelled = letter("payment", "your invioce of May");
    let uid = fixture.append("INBOX", &misspelled).await.value();
    fixture.index().await;
    let tests = TextTest::fuzzy_body(&FuzzyNeedle::new("may invoice"));
    assert_eq!(tests.len(), 2);
    assert_eq!(fixture.passing("INBOX", tests).await, [uid]);
    let tests = TextTest::fuzzy_text(&FuzzyNeedle::new("payments invoices"));
    assert_eq!(fixture.passing("INBOX", tests).await, [uid]);
    assert!(TextTest::fuzzy_body(&FuzzyNeedle::new("a of")).is_empty());
    fixture.end().await;
}

#[tokio::test]
async fn a_new_message_lies_beyond_what_the_index_speaks_of() {
    let fixture = Fixture::new().await;
    fixture.append("INBOX", &letter("one", "first")).await;
    fixture.index().await;
    let uid = fixture.append("INBOX", &letter("two", "second")).await;
    assert_eq!(fixture.waiting().await, 1);
    let found = fixture
        .ask("INBOX", TextTest::body(&Needle::new("second")))
        .await;
    assert_eq!(found.below, uid.value());
    fixture.end().await;
}

#[tokio::test]
async fn copies_are_known_as_soon_as_they_are_looked_at_and_moved_messages_are_found() {
    let fixture = Fixture::with_letters(10).await;
    let (octets, inbox) = (fixture.index_octets().await, fixture.inbox().await);
    let some: Vec<Uid> = [3, 5, 8].into_iter().filter_map(Uid::new).collect();
    let store = &fixture.store;
    let moved = store.move_messages(fixture.alice, inbox, &some, "Archive", Missing::Refused);
    moved.await.expect("move");
    fixture.index().await;
    // Nothing was written anew.
    let now = fixture.store.index_status().await.expect("status");
    assert_eq!((now.octets, now.waiting), (octets, 0));
    assert_eq!(fixture.bodies("Archive", "text-04-").await, [2]);
    assert!(fixture.bodies("INBOX", "text-04-").await.is_empty());
    fixture.end().await;
}

#[tokio::test]
async fn removed_messages_leave_the_index() {
    let fixture = Fixture::with_letters(40).await;
    let (octets, inbox) = (fixture.index_octets().await, fixture.inbox().await);
    let gone: Vec<Uid> = (1..=30).filter_map(Uid::new).collect();
    let store = &fixture.store;
    store
        .expunge(fixture.alice, inbox, &gone)
        .await
        .expect("expunge");
    store.sweep().await.expect("sweep");
    assert!(fixture.bodies("INBOX", "text-04-").await.is_empty());
    assert_eq!(fixture.bodies("INBOX", "text-34-").await, [35]);
    // More than half are gone: what is left is written anew.
    fixture.index().await;
    assert!(fixture.index_octets().await < octets);
    assert_eq!(fixture.bodies("INBOX", "text-34-").await, [35]);
    fixture.end().await;
}

#[tokio::test]
async fn small_segments_are_merged_and_nothing_is_lost() {
    let fixture = Fixture::new().await;
    for number in 0..40 {
        let body = format!("text-{number:02}-text");
        fixture.append("INBOX", &letter("hello", &body)).await;
        fixture.index().await;
    }
    for number in 0..40 {
        let found = fixture.bodies("INBOX", &format!("text-{number:02}-")).await;
        assert!(found.contains(&(number + 1)), "{number} in {found:?}");
    }
    fixture.end().await;
}

#[tokio::test]
async fn what_was_dropped_is_made_anew() {
    let fixture = Fixture::new().await;
    fixture.append("INBOX", &letter("one", "first")).await;
    fixture.index().await;
    let dropped = fixture.store.drop_index().await.expect("drop");
    assert_eq!(dropped, Indexing::Done);
    let status = fixture.store.index_status().await.expect("status");
    assert_eq!((status.indexed, status.waiting, status.octets), (0, 1, 0));
    let found = fixture
        .ask("INBOX", TextTest::body(&Needle::new("first")))
        .await;
    assert_eq!((found.below, found.groups), (0, vec![None]));
    fixture.index().await;
    assert_eq!(fixture.bodies("INBOX", "first").await, [1]);
    fixture.end().await;
}

#[tokio::test]
async fn attachments_are_found_by_their_names_and_html_by_its_text() {
    let fixture = Fixture::new().await;
    let message = "Subject: report\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
        <p>Gr=FC<b>&szlig;e</b> an alle</p>\r\n\
        --b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename*=utf-8''%C3%9Cbersicht.pdf\r\n\
        Content-Transfer-Encoding: base64\r\n\r\naW5zaWRl\r\n--b--\r\n";
    fixture.append("INBOX", message.as_bytes()).await;
    fixture.index().await;
    assert_eq!(fixture.bodies("INBOX", "GRÜSSE AN").await, [1]);
    assert_eq!(fixture.bodies("INBOX", "übersicht").await, [1]);
    assert!(fixture.bodies("INBOX", "inside").await.is_empty());
    assert!(fixture.bodies("INBOX", "szlig").await.is_empty());
    fixture.end().await;
}

#[tokio::test]
async fn a_message_with_more_text_than_is_indexed_is_always_a_candidate() {
    let fixture = Fixture::new().await;
    let part = format!(
        "--b\r\nContent-Type: text/plain\r\n\r\n{}\r\n",
        "0123456789abcde\r\n".repeat(80_000)
    );
    let message = format!(
        "Subject: huge\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{part}{part}--b--\r\n"
    );
    fixture.append("INBOX", message.as_bytes()).await;
    fixture.append("INBOX", &letter("small", "text")).await;
    fixture.index().await;
    assert_eq!(fixture.bodies("INBOX", "nobody wrote this").await, [1]);
    let header = TextTest::header(None, &Needle::new("nobody wrote this"));
    assert!(fixture.candidates("INBOX", header).await.is_empty());
    fixture.end().await;
}

#[tokio::test]
async fn another_store_works_on_the_index_or_finds_it_done() {
    let fixture = Fixture::new().await;
    let other = open(fixture.dir.path()).await;
    for number in 0..300 {
        let body = format!("text-{number:03}-text");
        fixture.append("INBOX", &letter("hello", &body)).await;
    }
    let (one, two) = tokio::join!(fixture.store.index(|_| ()), other.index(|_| ()));
    assert!([one.expect("index"), two.expect("index")].contains(&Indexing::Done));
    fixture.index().await;
    for number in [0, 150, 299] {
        let found = fixture.bodies("INBOX", &format!("text-{number:03}-")).await;
        assert!(found.contains(&(number + 1)));
    }
    fixture.end().await;
}

#[tokio::test]
async fn check_tells_of_text_and_of_messages_that_the_index_lacks() {
    let fixture = Fixture::new().await;
    for number in 0..4 {
        let body = format!("text-{number}-text");
        fixture.append("INBOX", &letter("hello", &body)).await;
    }
    fixture.index().await;
    assert_eq!(fixture.store.check(|_| ()).await, Ok(Vec::new()));
    let database = rusqlite::Connection::open(fixture.dir.path().join("store.db")).expect("open");
    database
        .execute(
            "DELETE FROM text_document WHERE message = (SELECT min(message) FROM text_document)",
            [],
        )
        .expect("damage");
    database
        .execute(
            "DELETE FROM text_block WHERE id = (SELECT max(id) FROM text_block)",
            [],
        )
        .expect("damage");
    let faults = fixture.store.check(|_| ()).await.expect("check");
    let faults: Vec<String> = faults.into_iter().map(|fault| fault.0).collect();
    assert!(faults.iter().any(|fault| fault.contains("counts as indexed and is not: 1/") || fault.contains("/1")), "{faults:?}");
    assert!(
        faults
            .iter()
            .any(|fault| fault.contains("does not know all text")),
        "{faults:?}"
    );
}

const CHILD_DIR: &str = "STORE_INDEX_DIR";

/// Not a test by itself: the process that the next test kills.
#[tokio::test]
async fn child_that_indexes() {
    let Ok(dir) = std::env::var(CHILD_DIR) else {
        return;
    };
    let store = open(std::path::Path::new(&dir)).await;
    loop {
        store.drop_index().await.expect("drop");
        store.index(|_| ()).await.expect("index");
    }
}

#[tokio::test]
async fn a_process_that_dies_while_it_indexes_leaves_nothing_wrong() {
    let fixture = Fixture::new().await;
    for number in 0..200 {
        let body = format!(
            "text-{number:03}-text {}",
            "filler of the letter ".repeat(50)
        );
        fixture.append("INBOX", &letter("hello", &body)).await;
    }
    for round in 0..4 {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args(["--exact", "child_that_indexes"])
            .env(CHILD_DIR, fixture.dir.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("spawn");
        // Wherever it is by then.
        std::thread::sleep(std::time::Duration::from_millis(300 + 170 * round));
        child.kill().expect("kill");
        child.wait().expect("wait");
        assert_eq!(fixture.store.check(|_| ()).await, Ok(Vec::new()));
        let mailbox = fixture
            .ask("INBOX", TextTest::body(&Needle::new("text-117-")))
            .await;
        if let Some(Some(uids)) = mailbox.groups.first() {
            assert!(mailbox.below <= 118 || uids.contains(&118));
        }
    }
    fixture.index().await;
    assert!(fixture.bodies("INBOX", "text-117-").await.contains(&118));
    fixture.end().await;
}

/// What a search by reading finds.
async fn scanned(fixture: &Fixture, messages: u32, needle: &Needle, scope: Scope) -> Vec<u32> {
    let holds = |texts: &[String]| texts.iter().any(|text| needle.found_in(text));
    read_all(fixture, messages, scope, holds).await
}

/// The messages whose texts are as they should be.
async fn read_all(
    fixture: &Fixture,
    messages: u32,
    scope: Scope,
    holds: impl Fn(&[String]) -> bool,
) -> Vec<u32> {
    let inbox = fixture.inbox().await;
    let uids: Vec<Uid> = (1..=messages).filter_map(Uid::new).collect();
    let indexes = fixture
        .store
        .indexes(fixture.alice, inbox, &uids)
        .await
        .expect("indexes");
    let mut found = Vec::new();
    for (uid, index) in indexes.found {
        let index = index.decode().expect("an index");
        let octets = fixture
            .store
            .read_octets(fixture.alice, inbox, uid, 0..1 << 20)
            .await;
        let octets = octets.expect("octets");
        let texts = pieces(&index, scope).map(|piece| {
            let range = piece.range();
            let octets = &octets[range.start as usize..range.end as usize];
            piece.text(octets).into_owned()
        });
        if holds(&texts.collect::<Vec<_>>()) {
            found.push(uid.value());
        }
    }
    found
}

/// The text with two neighbours swapped and a letter put in.
fn misspelled(text: &str, typo: prop::sample::Index) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let place = typo.index(letters.len().max(2) - 1);
    if place + 1 < letters.len() {
        letters.swap(place, place + 1);
    }
    letters.insert(place, 'x');
    letters.into_iter().collect()
}

/// A text in which scripts are mixed.
fn text() -> impl Strategy<Value = String> {
    "([a-e ]{1,6}|[äöüßÄÖÜ]|[жДяЖ]{1,3}|[日本語書館]{1,3}|[かなカナ]|한글|e\u{301}|ﬁ|\\r\\n|=\\?utf-8\\?Q\\?=C3=A4b\\?= ){0,30}"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_index_rules_out_nothing_that_a_scan_finds(
        mails in prop::collection::vec((text(), text(), any::<bool>()), 1..12),
        choice in any::<prop::sample::Index>(),
        from in 0usize..40,
        length in 1usize..14,
        typo in any::<prop::sample::Index>(),
    ) {
        let chosen = &mails[choice.index(mails.len())];
        let needle: String = chosen.1.chars().skip(from).take(length).collect();
        let fuzzy = FuzzyNeedle::new(&misspelled(&needle, typo));
        let needle = Needle::new(&needle);
        Runtime::new().unwrap().block_on(async {
            let fixture = Fixture::new().await;
            for (subject, body, html) in &mails {
                let subject = subject.replace("\r\n", "\r\n ");
                let mut message = letter(&subject, body);
                if *html {
                    message = String::from_utf8(message).unwrap().replace("text/plain", "text/html").into_bytes();
                }
                fixture.append("INBOX", &message).await;
            }
            fixture.index().await;
            let tests = [
                (Scope::Header, TextTest::header(None, &needle)),
                (Scope::Body, TextTest::body(&needle)),
                (Scope::Text, TextTest::text(&needle)),
            ];
            for (scope, test) in tests {
                let Some(test) = test else { continue };
                let candidates = fixture.candidates("INBOX", Some(test)).await;
                for uid in scanned(&fixture, mails.len() as u32, &needle, scope).await {
                    assert!(candidates.contains(&uid), "{scope:?} {needle:?}: {uid} not in {candidates:?}");
                }
            }
            let tests = [
                (Scope::Header, TextTest::fuzzy_header(None, &fuzzy)),
                (Scope::Body, TextTest::fuzzy_body(&fuzzy)),
                (Scope::Text, TextTest::fuzzy_text(&fuzzy)),
            ];
            for (scope, tests) in tests {
                let candidates = fixture.passing("INBOX", tests).await;
                let near = |texts: &[String]| fuzzy.score(texts.iter().map(String::as_str)) > 0;
                for uid in read_all(&fixture, mails.len() as u32, scope, near).await {
                    assert!(candidates.contains(&uid), "{scope:?} {fuzzy:?}: {uid} not in {candidates:?}");
                }
            }
            fixture.end().await;
        });
    }
}
