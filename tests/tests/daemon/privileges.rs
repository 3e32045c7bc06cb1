//! Started as root, the daemons become the owner of the data directory, and no file changes hands.

use super::{ask, greeted};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use tests::chat::Listener;
use tests::imap::Imap;
use tests::server::{Daemon, PASSWORD, Server};
use tests::smtp::Smtp;

/// Debian's `nobody` and `nogroup`.
const NOBODY: u32 = 65_534;
const ALICE: &str = "alice@example.test";

fn own_user() -> u32 {
    fs::metadata("/proc/self").unwrap().uid()
}

/// Everything in a directory, and itself.
fn tree(directory: &Path) -> Vec<PathBuf> {
    let mut found = vec![directory.to_owned()];
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => found.extend(tree(&path)),
            // It may be gone again: a body that has found its place.
            _ => found.push(path),
        }
    }
    found
}

/// Real, effective, saved and file system user or group of a running daemon.
fn ids(server: &Server, daemon: Daemon, kind: &str) -> Vec<u32> {
    let process = server.process(daemon).unwrap();
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(kind)).unwrap();
    let ids = line.split_whitespace().skip(1);
    ids.map(|id| id.parse().unwrap()).collect()
}

/// Mail comes, is read and removed; mailctl works beside it.
fn work(server: &Server) {
    let mut smtp = Smtp::connect(server).unwrap();
    let large = format!("Subject: large\r\n\r\n{}", "text\r\n".repeat(400_000));
    for message in ["Subject: small\r\n\r\nhello\r\n", &large] {
        smtp.deliver("x@elsewhere.test", &[ALICE], message.as_bytes())
            .unwrap();
    }
    let mut imap = Imap::login(server, ALICE).unwrap();
    assert_eq!(imap.messages("INBOX").unwrap().len(), 2);
    imap.ok("CREATE Work").unwrap();
    let mut pop3 = greeted(server, Listener::Pop3s);
    for command in [
        &format!("USER {ALICE}"),
        &format!("PASS {PASSWORD}"),
        "DELE 1",
        "QUIT",
    ] {
        assert!(ask(&mut pop3, command).starts_with("+OK"), "{command}");
    }
    server.add_account("carol@example.test").unwrap();
    server.mailctl_ok(&["check"], "").unwrap();
}

#[test]
fn root_becomes_the_owner_of_the_data_and_files_keep_theirs() {
    if own_user() != 0 {
        eprintln!("not root: only the other path is tested, that the daemons stay who they are");
        let server = Server::new().unwrap();
        server.start_all().unwrap();
        work(&server);
        for daemon in Daemon::ALL {
            assert_eq!(ids(&server, daemon, "Uid:"), [own_user(); 4]);
        }
        return;
    }
    let server = Server::new().unwrap();
    fs::set_permissions(server.scratch(), Permissions::from_mode(0o755)).unwrap();
    for path in tree(&server.data()) {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    // A key that root alone can read is read before root is given up.
    let made = rcgen::generate_simple_self_signed(vec!["mail.example.test".to_owned()]).unwrap();
    let secret = server.scratch().join("secret");
    fs::create_dir(&secret).unwrap();
    fs::write(secret.join("chain.pem"), made.cert.pem()).unwrap();
    fs::write(secret.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o700)).unwrap();
    let config = "tls = { reload_seconds = 1, certificates = [{ chain = \"secret/chain.pem\", key = \"secret/key.pem\" }] }";
    server.configure(config.parse().unwrap()).unwrap();
    server.start_all().unwrap();
    work(&server);
    for daemon in Daemon::ALL {
        assert_eq!(ids(&server, daemon, "Uid:"), [NOBODY; 4], "{daemon:?}");
        assert_eq!(ids(&server, daemon, "Gid:"), [NOBODY; 4], "{daemon:?}");
        assert!(
            ids(&server, daemon, "Groups:")
                .iter()
                .all(|group| *group == NOBODY)
        );
        assert!(!server.whole_log(daemon).contains("stay in use"));
    }
    let others: Vec<_> = tree(&server.data())
        .into_iter()
        .filter(|path| fs::symlink_metadata(path).is_ok_and(|file| file.uid() != NOBODY))
        .collect();
    assert_eq!(others, Vec::<PathBuf>::new());
}

#[test]
fn root_that_owns_the_data_stays_root_and_says_so() {
    if own_user() != 0 {
        eprintln!("not root: not tested");
        return;
    }
    let server = Server::new().unwrap();
    server.start(Daemon::Imapd).unwrap();
    server
        .logged(Daemon::Imapd, &["WARN", "running as root"])
        .unwrap();
}
