//! Debian's Postfix as a host of the tests' Internet: the real thing, with settings of the test's own.
//!
//! Each instance has its own directories and socket, and delivers into one maildir. It must be started by root, as Postfix wants it. What
//! it logs is kept, and [`Postfix::log`] gives it for the reader of a failure. It is stopped when it is dropped.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// From the command to an open socket, and from a delivery to its file.
const SECONDS_MAX: u64 = 60;

/// A Postfix that runs.
pub struct Postfix {
    dir: TempDir,
    address: SocketAddr,
}

impl Postfix {
    /// Starts one that listens on `address` and takes all mail for `domain`, with these lines in main.cf.
    ///
    /// # Errors
    /// If Postfix is not installed, is not started by root, or does not like its settings; with what it said.
    pub fn start(
        address: SocketAddr,
        domain: &str,
        settings: &[(&str, &str)],
    ) -> io::Result<Postfix> {
        let postfix = Postfix {
            dir: tempfile::Builder::new().prefix("postfix").tempdir()?,
            address,
        };
        postfix.prepare(domain, settings)?;
        postfix.command("start")?;
        postfix.wait_until_open()?;
        Ok(postfix)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The messages that were delivered, waiting until there are `count`.
    ///
    /// # Errors
    /// If there are not so many in time; with the log.
    pub fn messages(&self, count: usize) -> io::Result<Vec<Vec<u8>>> {
        let deadline = Instant::now() + Duration::from_secs(SECONDS_MAX);
        loop {
            let messages = self.delivered()?;
            if messages.len() >= count {
                return Ok(messages);
            }
            if Instant::now() > deadline {
                let text = format!("{} of {count} messages:\n{}", messages.len(), self.log());
                return Err(io::Error::other(text));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn delivered(&self) -> io::Result<Vec<Vec<u8>>> {
        match fs::read_dir(self.path("mail/inbox/new")) {
            Ok(files) => files.map(|file| fs::read(file?.path())).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn prepare(&self, domain: &str, settings: &[(&str, &str)]) -> io::Result<()> {
        // Its daemons run as another user and reach into it.
        fs::set_permissions(self.dir.path(), fs::Permissions::from_mode(0o755))?;
        let (user, group) = owner_ids()?;
        for name in ["config", "queue", "data", "mail"] {
            fs::create_dir(self.path(name))?;
        }
        for name in ["data", "mail"] {
            chown(self.path(name), Some(user), Some(group))?;
        }
        fs::write(
            self.path("config/main.cf"),
            self.main_cf(domain, settings, user, group),
        )?;
        fs::write(self.path("config/master.cf"), self.master_cf())
    }

    /// Where it listens is master.cf's business; `inet_interfaces` knows of no other loopback address than the first.
    fn main_cf(&self, domain: &str, settings: &[(&str, &str)], user: u32, group: u32) -> String {
        let dir = self.dir.path().display();
        let mut text = format!(
            "compatibility_level = 3.6\n\
             queue_directory = {dir}/queue\n\
             data_directory = {dir}/data\n\
             maillog_file = {dir}/log\n\
             maillog_file_prefixes = {dir}\n\
             inet_interfaces = loopback-only\n\
             mynetworks = 192.0.2.1\n\
             myhostname = mx.{domain}\n\
             mydestination =\n\
             alias_maps =\n\
             virtual_mailbox_domains = {domain}\n\
             virtual_mailbox_maps = static:inbox/\n\
             virtual_mailbox_base = {dir}/mail\n\
             virtual_uid_maps = static:{user}\n\
             virtual_gid_maps = static:{group}\n\
             virtual_mailbox_limit = 0\n\
             message_size_limit = 104857600\n\
             smtpd_relay_restrictions = reject_unauth_destination\n\
             smtputf8_enable = yes\n"
        );
        for (name, value) in settings {
            text.push_str(&format!("{name} = {value}\n"));
        }
        text
    }

    fn master_cf(&self) -> String {
        let address = self.address;
        format!(
            "{address} inet n - n - - smtpd\n\
             pickup unix n - n 60 1 pickup\n\
             cleanup unix n - n - 0 cleanup\n\
             qmgr unix n - n 300 1 qmgr\n\
             tlsmgr unix - - n 1000? 1 tlsmgr\n\
             rewrite unix - - n - - trivial-rewrite\n\
             bounce unix - - n - 0 bounce\n\
             defer unix - - n - 0 bounce\n\
             trace unix - - n - 0 bounce\n\
             verify unix - - n - 1 verify\n\
             flush unix n - n 1000? 0 flush\n\
             proxymap unix - - n - - proxymap\n\
             smtp unix - - n - - smtp\n\
             relay unix - - n - - smtp\n\
             showq unix n - n - - showq\n\
             error unix - - n - - error\n\
             retry unix - - n - - error\n\
             discard unix - - n - - discard\n\
             local unix - n n - - local\n\
             virtual unix - n n - - virtual\n\
             lmtp unix - - n - - lmtp\n\
             anvil unix - - n - 1 anvil\n\
             scache unix - - n - 1 scache\n\
             postlog unix-dgram n - n - 1 postlogd\n"
        )
    }

    fn command(&self, verb: &str) -> io::Result<()> {
        // Postfix writes its log by a daemon of its own, and once all its processes wait for that one it does not even stop.
        let output = Command::new("timeout")
            .args(["--kill-after=5", "60", "postfix", "-c"])
            .arg(self.path("config"))
            .arg(verb)
            .output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(io::Error::other(format!(
            "postfix {verb}: {said}{}",
            self.log()
        )))
    }

    fn wait_until_open(&self) -> io::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(SECONDS_MAX);
        while TcpStream::connect(self.address).is_err() {
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("no socket: {}", self.log())));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // A test that is over has nobody to tell.
        if self.command("stop").is_err()
            && let Ok(master) = fs::read_to_string(self.path("queue/pid/master.pid"))
        {
            let _ = Command::new("kill").args(["-9", master.trim()]).status();
        }
    }
}

/// User and group `postfix`.
fn owner_ids() -> io::Result<(u32, u32)> {
    let passwd = fs::read_to_string(Path::new("/etc/passwd"))?;
    let line = passwd.lines().find(|line| line.starts_with("postfix:"));
    let missing = || io::Error::other("no user postfix: install Debian's postfix");
    let mut fields = line.ok_or_else(missing)?.split(':').skip(2);
    let mut number = || fields.next()?.parse().ok();
    number().zip(number()).ok_or_else(missing)
}
