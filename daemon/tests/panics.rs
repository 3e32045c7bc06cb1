//! A session that panics ends alone: beside it, and after it, the daemon serves on.
//!
//! No protocol of ours has a command for this, so the daemon here has a protocol of its own: it echoes lines, and one of them
//! is its undoing. Everything else is as in a real daemon, from its configuration file on.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use daemon::output::Output;
use daemon::service::{self, Listener, Program, Security};
use daemon::session::{Farewell, Frame, Framing, Next, Session};
use daemon::wire::TlsInfo;
use store::{Options, Store};

static ADDRESSES: OnceLock<[SocketAddr; 1]> = OnceLock::new();

static PROGRAM: Program = Program {
    name: "fragile",
    listeners: &[Listener {
        name: "fragile",
        addresses: |_| ADDRESSES.get().unwrap(),
        security: Security::StartTls,
    }],
    metrics: |_| None,
};

struct Fragile;

impl Session for Fragile {
    async fn greet(&mut self, out: &mut Output) -> Next {
        out.put_bytes(b"hello\r\n");
        Next::Continue
    }

    fn framing(&self) -> Framing {
        Framing::Line { octets_max: 100 }
    }

    async fn handle(&mut self, frame: Frame<'_>, out: &mut Output) -> Next {
        let Frame::Line { text, .. } = frame else {
            return Next::Close;
        };
        assert!(text != b"BREAK", "this session was asked to break");
        out.put_bytes(&[text, b"\r\n"].concat());
        Next::Continue
    }

    fn tls_started(&mut self, _: &TlsInfo) {}

    async fn wait(&mut self) {
        std::future::pending().await
    }

    async fn woken(&mut self, _: &mut Output) -> Next {
        Next::Continue
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn farewell(&mut self, _: Farewell, _: &mut Output) {}
}

/// Starts the daemon in this process; it ends with it.
fn start(data: &std::path::Path) -> SocketAddr {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    ADDRESSES.set([address]).unwrap();
    let config = data.join("fragile.toml");
    let text = format!(
        "hostname = 'mail.example.test'\ndata_dir = '{}'\nlimits.connections = 2\n",
        data.display()
    );
    std::fs::write(&config, text).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let options = Options {
        create: true,
        ..Options::default()
    };
    runtime.block_on(Store::open(data, options)).unwrap();
    std::thread::spawn(move || {
        service::start(&PROGRAM, &config, |service, listeners| {
            service::serve(service, listeners, |_| Fragile)
        })
    });
    address
}

fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let connected = TcpStream::connect(address).ok().and_then(|stream| {
            stream
                .set_read_timeout(Some(Duration::from_secs(60)))
                .unwrap();
            let mut link = BufReader::new(stream);
            (hear(&mut link) == "hello\r\n").then_some(link)
        });
        if let Some(link) = connected {
            return link;
        }
        assert!(Instant::now() < deadline, "nobody answers");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn say(link: &mut BufReader<TcpStream>, line: &str) -> String {
    link.get_mut()
        .write_all(format!("{line}\r\n").as_bytes())
        .unwrap();
    hear(link)
}

fn hear(link: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    // A connection that was reset has ended, too.
    link.read_line(&mut line).unwrap_or_default();
    line
}

#[test]
fn a_session_that_panics_takes_no_other_with_it() {
    let data = tempfile::tempdir().unwrap();
    let address = start(data.path());
    let mut other = connect(address);
    // More of them than there are places: each must give its place back.
    for round in 0..5 {
        let mut broken = connect(address);
        assert_eq!(say(&mut broken, "one"), "one\r\n");
        assert_eq!(say(&mut broken, "BREAK"), "", "the connection is closed");
        let line = format!("still here {round}");
        assert_eq!(say(&mut other, &line), format!("{line}\r\n"));
    }
}
