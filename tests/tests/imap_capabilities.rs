//! Each capability hidden in turn, from one account: it is announced no more, and what belongs to it is refused as words
//! that the server has never heard of.
//!
//! Every capability that is announced after login must have a probe here, so that none can be added whose switch does
//! not work.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use tests::imap::Imap;
use tests::server::Server;

const ALICE: &str = "alice@example.test";

/// How a hidden capability shows.
enum Probe {
    /// This command is answered BAD. Without the switch it is not.
    Refused(&'static str),
    /// The answer to this command does not hold this text. Without the switch it does.
    Untold(&'static str, &'static str),
    /// Nothing but the announcement.
    Unannounced,
}

use Probe::{Refused, Unannounced, Untold};

/// What belongs to each. What is not listed has no switch.
const PROBES: &[(&str, Probe)] = &[
    ("LITERAL+", Refused("SEARCH TEXT {5000+}\r\n{x5000}")),
    ("LITERAL-", Unannounced),
    ("SASL-IR", Unannounced),
    ("ID", Refused("ID NIL")),
    ("ENABLE", Refused("ENABLE CONDSTORE")),
    ("IDLE", Unannounced),
    ("NAMESPACE", Refused("NAMESPACE")),
    ("CHILDREN", Unannounced),
    ("UNSELECT", Refused("UNSELECT")),
    ("UIDPLUS", Refused("UID EXPUNGE 1")),
    ("UIDPLUS", Untold("COPY 1 INBOX", "COPYUID")),
    (
        "MULTIAPPEND",
        Refused("APPEND INBOX {3+}\r\nabc {3+}\r\nabc"),
    ),
    ("MOVE", Refused("MOVE 1 INBOX")),
    ("MOVE", Refused("UID MOVE 1 INBOX")),
    ("CONDSTORE", Refused("FETCH 1 MODSEQ")),
    ("CONDSTORE", Refused("FETCH 1 FLAGS (CHANGEDSINCE 1)")),
    ("CONDSTORE", Refused("STORE 1 (UNCHANGEDSINCE 1) FLAGS ()")),
    ("CONDSTORE", Refused("SEARCH MODSEQ 1")),
    ("CONDSTORE", Refused("STATUS INBOX (HIGHESTMODSEQ)")),
    ("CONDSTORE", Refused("SELECT INBOX (CONDSTORE)")),
    ("CONDSTORE", Untold("SELECT INBOX", "HIGHESTMODSEQ")),
    ("CONDSTORE", Untold("ENABLE CONDSTORE", "CONDSTORE")),
    ("QRESYNC", Untold("ENABLE QRESYNC", "QRESYNC")),
    ("NOTIFY", Refused("NOTIFY NONE")),
    ("NOTIFY", Refused("SEARCH RETURN (UPDATE (UID)) ALL")),
    ("UNAUTHENTICATE", Refused("UNAUTHENTICATE")),
    ("IMAP4rev2", Untold("ENABLE IMAP4rev2", "IMAP4rev2")),
    ("COMPRESS=DEFLATE", Refused("COMPRESS DEFLATE")),
    ("UTF8=ACCEPT", Untold("ENABLE UTF8=ACCEPT", "UTF8=ACCEPT")),
    ("UIDONLY", Untold("ENABLE UIDONLY", "UIDONLY")),
    ("ESEARCH", Refused("SEARCH RETURN (COUNT) ALL")),
    ("SEARCHRES", Refused("SEARCH RETURN (SAVE) ALL")),
    ("SEARCHRES", Refused("FETCH $ UID")),
    ("SEARCHRES", Refused("UID SEARCH $")),
    ("MULTISEARCH", Refused("ESEARCH ALL")),
    ("PARTIAL", Refused("SEARCH RETURN (PARTIAL -1:-2) ALL")),
    ("PARTIAL", Refused("UID FETCH 1 UID (PARTIAL 1:2)")),
    ("CONTEXT=SEARCH", Refused("SEARCH RETURN (UPDATE) ALL")),
    ("CONTEXT=SEARCH", Refused("SEARCH RETURN (CONTEXT) ALL")),
    (
        "CONTEXT=SORT",
        Refused("SORT RETURN (UPDATE) (DATE) UTF-8 ALL"),
    ),
    ("SORT", Refused("SORT (DATE) UTF-8 ALL")),
    ("SORT", Refused("UID SORT (DATE) UTF-8 ALL")),
    ("SORT=DISPLAY", Refused("SORT (DISPLAYFROM) UTF-8 ALL")),
    ("SORT=DISPLAY", Refused("SORT (DISPLAYTO) UTF-8 ALL")),
    ("ESORT", Refused("SORT RETURN (COUNT) (DATE) UTF-8 ALL")),
    ("ESORT", Refused("SORT RETURN () (DATE) UTF-8 ALL")),
    ("THREAD=REFERENCES", Refused("THREAD REFERENCES UTF-8 ALL")),
    (
        "THREAD=ORDEREDSUBJECT",
        Refused("UID THREAD ORDEREDSUBJECT UTF-8 ALL"),
    ),
    ("I18NLEVEL=1", Unannounced),
    ("INPROGRESS", Unannounced),
    ("BINARY", Refused("FETCH 1 BINARY.SIZE[1]")),
    ("BINARY", Refused("FETCH 1 BINARY.PEEK[1]")),
    ("PREVIEW", Refused("FETCH 1 PREVIEW")),
    (
        "CATENATE",
        Refused("APPEND INBOX CATENATE (TEXT {3+}\r\nabc)"),
    ),
    ("REPLACE", Refused("UID REPLACE 9 INBOX {3+}\r\nabc")),
    ("OBJECTID", Refused("SEARCH EMAILID M1")),
    ("OBJECTID", Refused("SEARCH THREADID T1")),
    ("OBJECTID", Refused("FETCH 1 EMAILID")),
    ("OBJECTID", Refused("FETCH 1 THREADID")),
    ("OBJECTID", Refused("STATUS INBOX (MAILBOXID)")),
    ("OBJECTID", Untold("SELECT INBOX", "MAILBOXID")),
    ("SAVEDATE", Refused("FETCH 1 SAVEDATE")),
    ("SAVEDATE", Refused("SEARCH SAVEDBEFORE 1-Jan-2001")),
    ("SAVEDATE", Refused("SEARCH SAVEDON 1-Jan-2001")),
    ("SAVEDATE", Refused("SEARCH SAVEDSINCE 1-Jan-2001")),
    ("SAVEDATE", Refused("SEARCH SAVEDATESUPPORTED")),
    ("WITHIN", Refused("SEARCH OLDER 5")),
    ("WITHIN", Refused("SEARCH YOUNGER 5")),
    ("SEARCH=FUZZY", Refused("SEARCH FUZZY SUBJECT x")),
    (
        "SEARCH=FUZZY",
        Refused("SEARCH RETURN (RELEVANCY) FUZZY SUBJECT x"),
    ),
    (
        "SEARCH=FUZZY",
        Refused("SORT (RELEVANCY) UTF-8 FUZZY SUBJECT x"),
    ),
    ("LIST-EXTENDED", Refused("LIST (SUBSCRIBED) \"\" *")),
    ("LIST-EXTENDED", Refused("LIST \"\" (A B)")),
    ("LIST-EXTENDED", Refused("LIST \"\" * RETURN (CHILDREN)")),
    (
        "LIST-STATUS",
        Refused("LIST \"\" * RETURN (STATUS (MESSAGES))"),
    ),
    ("STATUS=SIZE", Refused("STATUS INBOX (SIZE)")),
    ("SPECIAL-USE", Refused("LIST (SPECIAL-USE) \"\" *")),
    ("SPECIAL-USE", Untold("LIST \"\" *", "\\Sent")),
    ("CREATE-SPECIAL-USE", Refused("CREATE x (USE (\\All))")),
    ("APPENDLIMIT", Refused("STATUS INBOX (APPENDLIMIT)")),
    ("ACL", Refused("GETACL INBOX")),
    ("ACL", Refused("MYRIGHTS INBOX")),
    ("ACL", Refused("SETACL INBOX bob@example.test lr")),
    ("RIGHTS", Unannounced),
    ("LIST-MYRIGHTS", Refused("LIST \"\" * RETURN (MYRIGHTS)")),
    ("METADATA", Refused("GETMETADATA INBOX /private/comment")),
    (
        "METADATA",
        Refused("SETMETADATA INBOX (/private/comment NIL)"),
    ),
    (
        "LIST-METADATA",
        Refused("LIST \"\" * RETURN (METADATA (/private/comment))"),
    ),
    ("QUOTA", Refused("GETQUOTAROOT INBOX")),
    ("QUOTA=RES-STORAGE", Unannounced),
    ("QUOTA=RES-MESSAGE", Unannounced),
];

impl Probe {
    /// Whether the capability shows in the answer of a session.
    fn shows(&self, imap: &mut Imap) -> bool {
        match self {
            Refused(command) => {
                let command = command.replace("{x5000}", &"x".repeat(5000));
                !imap.command(&command).unwrap().tagged.starts_with("BAD")
            }
            Untold(command, text) => {
                let reply = imap.command(command).unwrap();
                reply.text().contains(text) || reply.tagged.contains(text)
            }
            Unannounced => true,
        }
    }
}

fn announced(imap: &mut Imap) -> Vec<String> {
    let text = imap.ok("CAPABILITY").unwrap().text();
    let names = text.split_whitespace().skip(2);
    names
        .map(|name| match name.split_once('=') {
            // Their values are not part of the name.
            Some((bare @ ("APPENDLIMIT" | "RIGHTS"), _)) => bare.to_owned(),
            _ => name.to_owned(),
        })
        .collect()
}

fn session(server: &Server) -> Imap {
    let mut imap = Imap::login(server, ALICE).unwrap();
    imap.ok("SELECT INBOX").unwrap();
    imap
}

#[test]
fn a_hidden_capability_leaves_no_trace() {
    let server = Server::new().unwrap();
    let mut imap = session(&server);
    imap.append("INBOX", b"Subject: x\r\n\r\nx\r\n").unwrap();
    for name in announced(&mut imap)
        .iter()
        .filter(|name| *name != "IMAP4rev1")
    {
        let probes = PROBES.iter().filter(|(probed, _)| probed == name);
        let probes: Vec<&Probe> = probes.map(|(_, probe)| probe).collect();
        assert!(!probes.is_empty(), "{name} has no probe");
        let shown: Vec<bool> = probes
            .iter()
            .map(|probe| probe.shows(&mut session(&server)))
            .collect();
        assert!(
            shown.iter().all(|shows| *shows),
            "{name} does not show where it is offered: {shown:?}"
        );
        let hide = ["account", "capability", ALICE, "hide", name];
        server.mailctl_ok(&hide, "").unwrap();
        assert!(
            !announced(&mut session(&server)).contains(name),
            "{name} is announced"
        );
        for (position, probe) in probes.iter().enumerate() {
            let hidden = matches!(probe, Unannounced) || !probe.shows(&mut session(&server));
            assert!(hidden, "{name} shows, probe {position}");
        }
        let show = ["account", "capability", ALICE, "show", name];
        server.mailctl_ok(&show, "").unwrap();
    }
}
