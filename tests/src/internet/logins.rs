//! Who may log in at a [`super::Postfix`]: a server of Dovecot's authentication protocol (version 1.2, PLAIN alone) for one user.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

/// Answers until the test's process ends.
pub struct Logins {
    dir: TempDir,
}

impl Logins {
    /// Lets one user in.
    ///
    /// # Errors
    /// If there is no socket.
    pub fn new(user: &str, password: &str) -> io::Result<Logins> {
        let dir = tempfile::Builder::new().prefix("logins").tempdir()?;
        let logins = Logins { dir };
        let listener = UnixListener::bind(logins.path())?;
        // Postfix's daemons run as another user.
        std::fs::set_permissions(logins.dir.path(), std::fs::Permissions::from_mode(0o755))?;
        std::fs::set_permissions(logins.path(), std::fs::Permissions::from_mode(0o666))?;
        let right = STANDARD.encode(format!("\0{user}\0{password}"));
        let user = user.to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (right, user) = (right.clone(), user.clone());
                std::thread::spawn(move || {
                    // A client that leaves has no more questions.
                    drop(answer(&stream, &right, &user));
                });
            }
        });
        Ok(logins)
    }

    /// The socket.
    pub fn path(&self) -> PathBuf {
        Path::new(self.dir.path()).join("auth")
    }
}

fn answer(mut stream: &UnixStream, right: &str, user: &str) -> io::Result<()> {
    stream.write_all(
        b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t0123456789abcdef0123456789abcdef\nDONE\n",
    )?;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        let mut fields = line.split('\t');
        if fields.next() != Some("AUTH") {
            continue;
        }
        let id = fields.next().unwrap_or_default();
        let response = fields.find_map(|field| field.strip_prefix("resp="));
        let verdict = match response == Some(right) {
            true => format!("OK\t{id}\tuser={user}\n"),
            false => format!("FAIL\t{id}\tuser={user}\n"),
        };
        stream.write_all(verdict.as_bytes())?;
    }
    Ok(())
}
