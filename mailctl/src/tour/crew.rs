//! The daemons of a tour: processes of their own, started again when they die, and never left behind.
//!
//! Each is this program with `serve`, its standard input held by us. When we end in any way, killed outright
//! even, that pipe ends, and the daemon stops by itself. Each is in a process group of its own, so that
//! Ctrl-C reaches us alone and we stop them in order.

use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::ground::{Ground, Ports};
use crate::fail::{Failure, Outcome};

/// The daemons, by the names that `serve` knows.
const DAEMONS: [&str; 3] = ["smtpd", "imapd", "pop3d"];
/// How long a daemon may take to open its ports.
const START_MAX: Duration = Duration::from_secs(15);
/// How long to wait between two attempts to connect to a daemon that starts.
const START_POLL: Duration = Duration::from_millis(5);
/// How long a daemon may take to stop before it is killed.
const STOP_MAX: Duration = Duration::from_secs(10);
/// The wait before a dead daemon is started again: doubled from death to death.
const PAUSE_MIN: Duration = Duration::from_millis(200);
/// The longest of these waits.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// A daemon that has lived as long as this did not die from its start.
const HEALTHY: Duration = Duration::from_secs(30);

/// The daemons that run.
pub struct Crew {
    keepers: JoinSet<()>,
    stop: watch::Sender<bool>,
    dir: PathBuf,
}

impl Crew {
    /// Starts all daemons.
    pub fn start(ground: &Ground) -> Outcome<Self> {
        let (stop, stopping) = watch::channel(false);
        let mut keepers = JoinSet::new();
        for name in DAEMONS {
            let post = Post {
                name,
                program: std::env::current_exe()?,
                config_file: ground.config_file.clone(),
                log_file: ground.dir.join(format!("{name}.log")),
            };
            keepers.spawn(post.keep(stopping.clone()));
        }
        Ok(Crew {
            keepers,
            stop,
            dir: ground.dir.clone(),
        })
    }

    /// Waits until every port answers: with a greeting, where one comes before TLS.
    pub async fn ready(&self, ports: &Ports) -> Outcome<()> {
        let all = async {
            for port in ports.all() {
                while !answers(port, ports.greets(port)).await {
                    sleep(START_POLL).await;
                }
            }
        };
        timeout(START_MAX, all).await.map_err(|_| {
            let text = format!(
                "the daemons did not open their ports within {} s",
                START_MAX.as_secs()
            );
            Failure::failed(text).next(format!("Their logs are in {}.", self.dir.display()))
        })
    }

    /// Stops all daemons and waits for their end.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.keepers.join_next().await.is_some() {}
    }
}

/// One daemon's place, whichever process holds it at the moment.
struct Post {
    name: &'static str,
    program: PathBuf,
    config_file: PathBuf,
    log_file: PathBuf,
}

impl Post {
    /// Keeps a process running until told to stop.
    async fn keep(self, mut stopping: watch::Receiver<bool>) {
        let mut pause = PAUSE_MIN;
        loop {
            let started = Instant::now();
            let end = match self.spawn() {
                Ok((mut child, stdin)) => tokio::select! {
                    status = child.wait() => status.map(|status| status.to_string()),
                    () = told(&mut stopping) => return relieve(child, stdin).await,
                },
                Err(error) => Err(error),
            };
            if started.elapsed() > HEALTHY {
                pause = PAUSE_MIN;
            }
            let end = end.unwrap_or_else(|error| error.to_string());
            eprintln!(
                "mailctl: {} ended ({end}); it is started again in {} ms",
                self.name,
                pause.as_millis()
            );
            tokio::select! {
                () = sleep(pause) => pause = PAUSE_MAX.min(pause * 2),
                () = told(&mut stopping) => return,
            }
        }
    }

    /// The process, and our end of its standard input. (Left in the process, it would be closed by `wait`.)
    fn spawn(&self) -> std::io::Result<(Child, Option<ChildStdin>)> {
        let log: File = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log_file)?;
        let mut child = Command::new(&self.program)
            .arg("--config")
            .arg(&self.config_file)
            .args(["serve", self.name, "--until-stdin-ends"])
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let stdin = child.stdin.take();
        Ok((child, stdin))
    }
}

/// A port is bound before its daemon serves, so a connection alone proves little where a greeting must follow.
async fn answers(port: SocketAddr, greets: bool) -> bool {
    let Ok(mut stream) = TcpStream::connect(port).await else {
        return false;
    };
    !greets || stream.read_u8().await.is_ok()
}

/// Returns when the crew is told to stop.
async fn told(stopping: &mut watch::Receiver<bool>) {
    // An error means that whoever could tell is gone: that too is the end.
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Asks a daemon to stop by ending its standard input; kills it if it does not.
async fn relieve(mut child: Child, stdin: Option<ChildStdin>) {
    drop(stdin);
    if timeout(STOP_MAX, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}
