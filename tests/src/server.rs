//! The server under test: the real daemons with a scratch store, on a loopback address of their own.
//!
//! Every [`Server`] has its own directory, configuration, accounts and address (127.x.y.z with fixed ports), so that any
//! number of them run side by side and in several test processes. A daemon starts when it is first needed, and is killed
//! when the server is dropped. What they log is kept, and [`Server::logs`] gives it for the reader of a failure.
//!
//! The harness knows the programs by their command lines, signals and sockets alone. If the programs are not built it
//! says so; it builds nothing.

use crate::chat::{Listener, World};
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The password of every account that the harness makes.
pub const PASSWORD: &str = "testpass";

/// The accounts that every server has.
pub const ACCOUNTS: [&str; 2] = ["alice@example.test", "bob@example.test"];

/// A program that a server consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Daemon {
    /// Receives and submits.
    Smtpd,
    /// Serves IMAP.
    Imapd,
    /// Serves POP3.
    Pop3d,
}

impl Daemon {
    /// All of them.
    pub const ALL: [Daemon; 3] = [Daemon::Smtpd, Daemon::Imapd, Daemon::Pop3d];

    /// The program's name.
    pub fn name(self) -> &'static str {
        match self {
            Daemon::Smtpd => "smtpd",
            Daemon::Imapd => "imapd",
            Daemon::Pop3d => "pop3d",
        }
    }

    fn of(listener: Listener) -> Daemon {
        match listener {
            Listener::Smtp | Listener::Submission | Listener::Submissions => Daemon::Smtpd,
            Listener::Imap | Listener::Imaps => Daemon::Imapd,
            Listener::Pop3 | Listener::Pop3s => Daemon::Pop3d,
        }
    }
}

/// Why a server could not be made or a daemon does not answer.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Files or processes.
    #[error("{0}: {1}")]
    Io(String, io::Error),
    /// mailctl failed; what it printed.
    #[error("mailctl {0}: {1}")]
    Mailctl(String, String),
    /// A daemon ended, or did not open its ports.
    #[error("{0} is not ready: {1}")]
    NotReady(&'static str, String),
}

/// How long a daemon may take to open its ports, or to stop.
const DAEMON_TIME_MAX: Duration = Duration::from_secs(30);

/// A server with a store of its own.
pub struct Server {
    directory: TempDir,
    data: PathBuf,
    address: Ipv4Addr,
    running: Mutex<BTreeMap<Daemon, Child>>,
}

impl Server {
    /// A server with the harness's own configuration, and alice and bob.
    ///
    /// # Errors
    /// If the files cannot be made, or mailctl fails.
    pub fn new() -> Result<Server, ServerError> {
        Server::with(toml::Table::new(), &[])
    }

    /// The same with `config` merged over the configuration, and more accounts.
    ///
    /// # Errors
    /// If the files cannot be made, or mailctl fails.
    pub fn with(config: toml::Table, accounts: &[String]) -> Result<Server, ServerError> {
        let template = TEMPLATE.as_ref().map_err(|error| {
            ServerError::Mailctl("for the first server".to_owned(), error.clone())
        })?;
        let server = Server::empty(None, config)?;
        copy(template.path(), &server.data())
            .map_err(|error| ServerError::Io("copying the store".to_owned(), error))?;
        let mut domains = vec!["example.test"];
        for account in accounts {
            let domain = account.rsplit('@').next().unwrap_or_default();
            if !domains.contains(&domain) {
                server.mailctl_ok(&["domain", "add", domain], "")?;
                domains.push(domain);
            }
            server.add_account(account)?;
        }
        Ok(server)
    }

    /// More daemons for the store of this server, with an address and a configuration of their own. This one must outlive them.
    ///
    /// # Errors
    /// If the files cannot be made.
    pub fn beside(&self) -> Result<Server, ServerError> {
        Server::empty(Some(self.data()), toml::Table::new())
    }

    /// A server with the data of another, or one whose store does not exist yet.
    fn empty(data: Option<PathBuf>, config: toml::Table) -> Result<Server, ServerError> {
        let failed = |error| ServerError::Io("making the scratch directory".to_owned(), error);
        let directory = tempfile::Builder::new()
            .prefix("pennyblack-")
            .tempdir()
            .map_err(failed)?;
        let server = Server {
            address: own_address(),
            data: data.unwrap_or_else(|| directory.path().join("data")),
            directory,
            running: Mutex::new(BTreeMap::new()),
        };
        std::fs::create_dir_all(server.data()).map_err(failed)?;
        server.configure(config)?;
        Ok(server)
    }

    /// Writes the configuration anew: the harness's own with `config` merged over it. Running daemons read it at SIGHUP.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn configure(&self, config: toml::Table) -> Result<(), ServerError> {
        let mut merged = self.own_config();
        merge(&mut merged, config);
        let text = merged.to_string();
        std::fs::write(self.config_path(), text)
            .map_err(|error| ServerError::Io("writing the configuration".to_owned(), error))
    }

    /// The configuration file.
    pub fn config_path(&self) -> PathBuf {
        self.directory.path().join("pennyblack.toml")
    }

    /// The directory of store and certificates.
    pub fn data(&self) -> PathBuf {
        self.data.clone()
    }

    /// A directory for the test's own files. It goes away with the server.
    pub fn scratch(&self) -> &Path {
        self.directory.path()
    }

    /// The address where all listeners are.
    pub fn host(&self) -> Ipv4Addr {
        self.address
    }

    /// The port of a listener.
    pub fn port(listener: Listener) -> u16 {
        match listener {
            Listener::Smtp => 10_025,
            Listener::Submission => 10_587,
            Listener::Submissions => 10_465,
            Listener::Imap => 10_143,
            Listener::Imaps => 10_993,
            Listener::Pop3 => 10_110,
            Listener::Pop3s => 10_995,
        }
    }

    /// Makes an account with the password [`PASSWORD`].
    ///
    /// # Errors
    /// If mailctl fails.
    pub fn add_account(&self, address: &str) -> Result<(), ServerError> {
        self.mailctl_ok(&["account", "add", address, "--password-stdin"], PASSWORD)
            .map(drop)
    }

    /// Runs mailctl with `input` on its standard input; gives what it printed.
    ///
    /// # Errors
    /// What it printed, if it does not exit with success.
    pub fn mailctl_ok(&self, arguments: &[&str], input: &str) -> Result<String, ServerError> {
        let failed = |text: String| ServerError::Mailctl(arguments.join(" "), text);
        let mut child = Command::new(program("mailctl"))
            .arg("--config")
            .arg(self.config_path())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(not_started("mailctl", &error)))?;
        if let Some(mut stdin) = child.stdin.take() {
            // It may exit without reading.
            drop(stdin.write_all(format!("{input}\n").as_bytes()));
        }
        let output = child
            .wait_with_output()
            .map_err(|error| failed(error.to_string()))?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(printed);
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(failed(format!("{}\n{printed}{errors}", output.status)))
    }

    /// Starts a daemon, if it does not run, and waits until it answers.
    ///
    /// # Errors
    /// If it ends at once or does not open its ports.
    pub fn start(&self, daemon: Daemon) -> Result<(), ServerError> {
        self.start_by(daemon, self.command(daemon))
    }

    /// The command that runs a daemon.
    pub fn command(&self, daemon: Daemon) -> Command {
        let mut command = Command::new(program(daemon.name()));
        command.arg("--config").arg(self.config_path());
        command
    }

    /// Starts a daemon by a command of the test's own, which must become the daemon; otherwise as [`Server::start`].
    ///
    /// # Errors
    /// If it ends at once or does not get ready.
    pub fn start_by(&self, daemon: Daemon, mut command: Command) -> Result<(), ServerError> {
        let mut running = self.running();
        if running.contains_key(&daemon) {
            return Ok(());
        }
        let failed = |error: &io::Error| {
            ServerError::NotReady(daemon.name(), not_started(daemon.name(), error))
        };
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path(daemon))
            .map_err(|error| failed(&error))?;
        let notice_path = self
            .directory
            .path()
            .join(format!("{}.ready", daemon.name()));
        drop(std::fs::remove_file(&notice_path));
        let notices = UnixDatagram::bind(&notice_path).map_err(|error| failed(&error))?;
        // As systemd's: the daemon may have become another user by then.
        std::fs::set_permissions(&notice_path, Permissions::from_mode(0o777))
            .map_err(|error| failed(&error))?;
        let child = command
            .env("NOTIFY_SOCKET", &notice_path)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(|error| failed(&error))?)
            .stderr(log)
            .spawn()
            .map_err(|error| failed(&error))?;
        let child = running.entry(daemon).or_insert(child);
        let ready = wait_until_ready(child, &notices);
        if ready.is_err() {
            running.remove(&daemon).into_iter().for_each(end);
        }
        ready.map_err(|reason| {
            ServerError::NotReady(daemon.name(), format!("{reason}\n{}", self.log(daemon)))
        })
    }

    /// Starts all daemons.
    ///
    /// # Errors
    /// If one of them does not get ready.
    pub fn start_all(&self) -> Result<(), ServerError> {
        Daemon::ALL
            .into_iter()
            .try_for_each(|daemon| self.start(daemon))
    }

    /// Asks a daemon to stop (SIGTERM), and waits until it has.
    ///
    /// # Errors
    /// If it does not run, or does not stop in time.
    pub fn stop(&self, daemon: Daemon) -> Result<ExitStatus, ServerError> {
        self.signal(daemon, "TERM")?;
        let failed = |error| ServerError::Io(format!("stopping {}", daemon.name()), error);
        let Some(mut child) = self.running().remove(&daemon) else {
            return Err(failed(io::Error::other("it does not run")));
        };
        let deadline = Instant::now() + DAEMON_TIME_MAX;
        while Instant::now() < deadline {
            if let Some(status) = child.try_wait().map_err(failed)? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        end(child);
        Err(failed(io::Error::other("it did not stop in time")))
    }

    /// Kills a daemon (SIGKILL), as a crash would.
    pub fn kill(&self, daemon: Daemon) {
        let child = self.running().remove(&daemon);
        child.into_iter().for_each(end);
    }

    /// Sends a signal, `HUP` for instance.
    ///
    /// # Errors
    /// If the daemon does not run.
    pub fn signal(&self, daemon: Daemon, signal: &str) -> Result<(), ServerError> {
        let failed = |error| ServerError::Io(format!("signal to {}", daemon.name()), error);
        let process = self
            .process(daemon)
            .ok_or(io::Error::other("it does not run"));
        let process = process.map_err(failed)?;
        let sent = Command::new("kill")
            .args(["-s", signal, &process.to_string()])
            .status();
        match sent.map_err(failed)? {
            status if status.success() => Ok(()),
            status => Err(failed(io::Error::other(format!("kill: {status}")))),
        }
    }

    /// The process id of a running daemon.
    pub fn process(&self, daemon: Daemon) -> Option<u32> {
        self.running().get(&daemon).map(Child::id)
    }

    /// What all daemons logged, the last part of each.
    pub fn logs(&self) -> String {
        Daemon::ALL
            .into_iter()
            .map(|daemon| (daemon, self.log(daemon)))
            .filter(|(_, log)| !log.is_empty())
            .map(|(daemon, log)| format!("--- log of {}\n{log}", daemon.name()))
            .collect()
    }

    /// What a daemon logged, the last part of it.
    pub fn log(&self, daemon: Daemon) -> String {
        const SHOWN_OCTETS_MAX: usize = 8_000;
        let log = std::fs::read(self.log_path(daemon)).unwrap_or_default();
        let from = log.len().saturating_sub(SHOWN_OCTETS_MAX);
        String::from_utf8_lossy(&log[from..]).into_owned()
    }

    /// All that a daemon logged.
    pub fn whole_log(&self, daemon: Daemon) -> String {
        let log = std::fs::read(self.log_path(daemon)).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Waits until a daemon has logged a line that holds all of `words`; gives the line.
    ///
    /// # Errors
    /// The whole log, if there is no such line in time.
    pub fn logged(&self, daemon: Daemon, words: &[&str]) -> Result<String, ServerError> {
        let deadline = Instant::now() + DAEMON_TIME_MAX;
        loop {
            let log = self.whole_log(daemon);
            let holds_all = |line: &&str| words.iter().all(|word| line.contains(word));
            match log.lines().find(holds_all) {
                Some(line) => return Ok(line.to_owned()),
                None if Instant::now() > deadline => {
                    let text = format!("no line of its log holds {words:?}\n{log}");
                    return Err(ServerError::NotReady(daemon.name(), text));
                }
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    fn log_path(&self, daemon: Daemon) -> PathBuf {
        self.directory.path().join(format!("{}.log", daemon.name()))
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<Daemon, Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn own_config(&self) -> toml::Table {
        let at = |listener| format!("\"{}:{}\"", self.address, Server::port(listener));
        let text = format!(
            r#"
            hostname = "mail.example.test"
            data_dir = "{data}"
            [log]
            level = "debug"
            # Nobody answers there, unless a test does: no test asks the world.
            [dns]
            servers = ["{host}:10053"]
            timeout_seconds = 1
            [auth]
            plaintext_on_loopback = true
            [smtpd]
            listen = [{smtp}]
            submission = [{submission}]
            submissions = [{submissions}]
            metrics = "{host}:11025"
            # Tests send a lot as one account.
            [verify.rates]
            account_messages_per_hour = 0
            account_recipients_per_hour = 0
            [imapd]
            listen = [{imap}]
            listen_tls = [{imaps}]
            metrics = "{host}:11143"
            [pop3d]
            listen = [{pop3}]
            listen_tls = [{pop3s}]
            metrics = "{host}:11110"
            "#,
            data = self.data().display(),
            host = self.address,
            smtp = at(Listener::Smtp),
            submission = at(Listener::Submission),
            submissions = at(Listener::Submissions),
            imap = at(Listener::Imap),
            imaps = at(Listener::Imaps),
            pop3 = at(Listener::Pop3),
            pop3s = at(Listener::Pop3s),
        );
        // The text is ours; were it wrong, no daemon would start and say so.
        text.parse().unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let running = std::mem::take(&mut *self.running());
        running.into_values().for_each(end);
    }
}

impl World for Server {
    fn address(&self, listener: Listener) -> Result<SocketAddr, String> {
        self.start(Daemon::of(listener))
            .map_err(|error| error.to_string())?;
        Ok((self.address, Server::port(listener)).into())
    }

    fn mailctl(&self, arguments: &[String]) -> Result<String, String> {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.mailctl_ok(&arguments, PASSWORD)
            .map_err(|error| error.to_string())
    }
}

/// A data directory with alice and bob and a certificate, made once in each test process: making it takes longer than
/// copying it.
static TEMPLATE: LazyLock<Result<TempDir, String>> = LazyLock::new(|| {
    let server = Server::empty(None, toml::Table::new()).map_err(|error| error.to_string())?;
    server.make_template().map_err(|error| error.to_string())?;
    let template = tempfile::tempdir().map_err(|error| error.to_string())?;
    copy(&server.data(), template.path()).map_err(|error| error.to_string())?;
    Ok(template)
});

impl Server {
    fn make_template(&self) -> Result<(), ServerError> {
        self.mailctl_ok(&["init", "--domain", "example.test"], "")?;
        for account in ACCOUNTS {
            self.add_account(account)?;
        }
        // The first daemon to start makes the certificate; once it has stopped, its files are complete.
        self.start(Daemon::Pop3d)?;
        self.stop(Daemon::Pop3d).map(drop)
    }
}

/// An address that no other server has: from the process's id, and a count within the process. Addresses come again after 250
/// servers, of which the first have ended by then.
fn own_address() -> Ipv4Addr {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    Ipv4Addr::new(127, high, low, 1 + (count % 250) as u8)
}

/// Where cargo puts the programs: beside the directory of the test that runs.
///
/// `PENNYBLACK_BIN` names another directory, for instance that of a release build.
pub fn program(name: &str) -> PathBuf {
    if let Some(directory) = std::env::var_os("PENNYBLACK_BIN") {
        return PathBuf::from(directory).join(name);
    }
    let test = std::env::current_exe().unwrap_or_default();
    let directory = test.parent().unwrap_or(Path::new("."));
    let directory = match directory.file_name() {
        Some(last) if last == "deps" => directory.parent().unwrap_or(directory),
        _ => directory,
    };
    directory.join(name)
}

fn not_started(name: &str, error: &io::Error) -> String {
    let program = program(name);
    format!(
        "cannot run {} ({error}); `cargo build --bins` makes it",
        program.display()
    )
}

/// Waits for the word that daemons give to systemd: only it says that everything is in place, certificates too.
fn wait_until_ready(child: &mut Child, notices: &UnixDatagram) -> Result<(), String> {
    let deadline = Instant::now() + DAEMON_TIME_MAX;
    let mut notice = [0; 1024];
    notices
        .set_read_timeout(Some(Duration::from_millis(20)))
        .map_err(|error| error.to_string())?;
    while Instant::now() < deadline {
        match notices.recv(&mut notice) {
            Ok(octets) if notice[..octets].starts_with(b"READY=1") => return Ok(()),
            // Another notice, or none yet.
            _ => {}
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("it ended: {status}"));
        }
    }
    Err("it did not get ready in time".to_owned())
}

fn end(mut child: Child) {
    // It may have ended by itself.
    drop(child.kill());
    drop(child.wait());
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    std::fs::set_permissions(to, std::fs::metadata(from)?.permissions())?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn merge(base: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(base)), toml::Value::Table(over)) => merge(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}
