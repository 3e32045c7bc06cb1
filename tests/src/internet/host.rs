//! A host that plays a script on a real socket.
//!
//! A script is lines. `S: text` is said, with CRLF; `RAW: text` is said with `\r`, `\n` and `\0` written out and no line end; `C: text` must
//! be heard: a line that begins so. `DATA` hears a message up to its dot, `BDAT` a chunk with its command. `TLS` does the handshake,
//! `REST` hears until the client closes, `HANG` is silent until then, `DRIP: text` says an octet each 50 ms until nobody listens, and
//! `FLOOD: text` says its line until nobody listens. `SLEEP` neither reads nor closes for 20 s, `PAUSE` for 100 ms. At the end of the script
//! the host closes.
//!
//! A client that says something else than the script fails the test at [`Host::messages`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// A host that is playing, in a runtime of tokio.
pub struct Host {
    /// Where it listens.
    pub address: SocketAddr,
    play: JoinHandle<Vec<Vec<u8>>>,
}

/// One connection with a client.
pub struct Scene {
    wire: Box<dyn Wire>,
    unread: Vec<u8>,
    tls: Option<Arc<ServerConfig>>,
    messages: Vec<Vec<u8>>,
}

impl Host {
    /// Plays each script on a connection of its own, one after the other.
    pub async fn play(scripts: &[&str]) -> Host {
        Host::play_with(scripts, None).await
    }

    /// The same with a certificate for `TLS`.
    pub async fn play_with(scripts: &[&str], tls: Option<Arc<ServerConfig>>) -> Host {
        Host::play_at(SocketAddr::from(([127, 0, 0, 1], 0)), scripts, tls).await
    }

    /// The same at an address of the test's own.
    pub async fn play_at(
        address: SocketAddr,
        scripts: &[&str],
        tls: Option<Arc<ServerConfig>>,
    ) -> Host {
        let listener = TcpListener::bind(address).await.expect("a free address");
        let address = listener.local_addr().expect("an address");
        let scripts: Vec<String> = scripts.iter().map(|script| (*script).to_owned()).collect();
        let play = tokio::spawn(async move {
            let mut messages = Vec::new();
            for script in scripts {
                let mut scene = Scene::open(&listener, tls.clone()).await;
                scene.play(&script).await;
                messages.append(&mut scene.messages);
            }
            messages
        });
        Host { address, play }
    }

    /// Does on one connection what `improvisation` says: for what depends on what the client has said.
    pub async fn improvise<I, F>(tls: Option<Arc<ServerConfig>>, improvisation: I) -> Host
    where
        I: FnOnce(Scene) -> F + Send + 'static,
        F: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free address");
        let address = listener.local_addr().expect("an address");
        let play = tokio::spawn(async move {
            improvisation(Scene::open(&listener, tls).await).await;
            Vec::new()
        });
        Host { address, play }
    }

    /// The messages that were heard, once all scripts are over.
    pub async fn messages(self) -> Vec<Vec<u8>> {
        let over = tokio::time::timeout(Duration::from_secs(60), self.play).await;
        over.expect("the script comes to its end")
            .expect("the script is kept to")
    }
}

impl Scene {
    async fn open(listener: &TcpListener, tls: Option<Arc<ServerConfig>>) -> Scene {
        let (stream, _) = listener.accept().await.expect("a connection");
        Scene {
            wire: Box::new(stream),
            unread: Vec::new(),
            tls,
            messages: Vec::new(),
        }
    }

    /// Plays a script.
    pub async fn play(&mut self, script: &str) {
        let lines = script.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty()) {
            self.act(line).await;
        }
    }

    async fn act(&mut self, line: &str) {
        let (act, text) = line.split_once(": ").unwrap_or((line, ""));
        match act.trim_end_matches(':') {
            "S" => self.say(format!("{text}\r\n").as_bytes()).await,
            "RAW" => self.say(&unescaped(text)).await,
            "C" => {
                let heard = self.line().await;
                assert!(
                    heard.starts_with(text),
                    "expected {text:?}, heard {heard:?}"
                );
            }
            "DATA" => {
                let message = self.up_to(b"\r\n.\r\n").await;
                self.messages.push(message);
            }
            "BDAT" => self.chunk().await,
            "TLS" => self.handshake().await,
            "REST" | "HANG" => while self.fill().await {},
            "SLEEP" => tokio::time::sleep(Duration::from_secs(20)).await,
            "PAUSE" => tokio::time::sleep(Duration::from_millis(100)).await,
            "DRIP" => self.drip(text).await,
            "FLOOD" => self.flood(text).await,
            _ => unreachable!("no such act: {line}"),
        }
    }

    /// Says these octets.
    pub async fn say(&mut self, octets: &[u8]) {
        // A client that is gone already has decided.
        let _ = self.wire.write_all(octets).await;
        let _ = self.wire.flush().await;
    }

    async fn drip(&mut self, text: &str) {
        for octet in text.bytes().cycle() {
            if self.wire.write_all(&[octet]).await.is_err() {
                return;
            }
            let _ = self.wire.flush().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn flood(&mut self, text: &str) {
        let lines = format!("{text}\r\n").repeat(100);
        while self.wire.write_all(lines.as_bytes()).await.is_ok() {}
    }

    /// False at the end.
    async fn fill(&mut self) -> bool {
        matches!(self.wire.read_buf(&mut self.unread).await, Ok(octets) if octets > 0)
    }

    /// Hears a line, without its end.
    pub async fn line(&mut self) -> String {
        let line = self.up_to(b"\r\n").await;
        String::from_utf8(line)
            .expect("UTF-8")
            .trim_end()
            .to_owned()
    }

    /// Everything up to and with `end`, which a message that is empty but for its dot begins with.
    async fn up_to(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            let found = self
                .unread
                .windows(end.len())
                .position(|window| window == end);
            let length = match found {
                Some(at) => at + end.len(),
                None if end.ends_with(b".\r\n") && self.unread.starts_with(b".\r\n") => 3,
                None => {
                    let heard = self.unread.escape_ascii().to_string();
                    assert!(self.fill().await, "the client left after {heard}");
                    continue;
                }
            };
            return self.unread.drain(..length).collect();
        }
    }

    async fn chunk(&mut self) {
        let command = self.line().await;
        let octets = command
            .strip_prefix("BDAT ")
            .and_then(|rest| rest.strip_suffix(" LAST"));
        let octets: usize = octets
            .and_then(|octets| octets.parse().ok())
            .expect("a last chunk");
        while self.unread.len() < octets {
            assert!(self.fill().await, "the client left in a chunk");
        }
        self.messages.push(self.unread.drain(..octets).collect());
    }

    async fn handshake(&mut self) {
        assert_eq!(self.unread, b"", "plain text in front of a handshake");
        let acceptor = TlsAcceptor::from(self.tls.clone().expect("a certificate"));
        // A client that does not like the certificate leaves, and the script goes on without anybody.
        let nobody = Box::new(tokio::io::join(tokio::io::empty(), tokio::io::sink()));
        let wire = std::mem::replace(&mut self.wire, nobody);
        if let Ok(encrypted) = acceptor.accept(wire).await {
            self.wire = Box::new(encrypted);
        }
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    let text = text.replace("\\r", "\r").replace("\\n", "\n");
    text.replace("\\0", "\0").into_bytes()
}
