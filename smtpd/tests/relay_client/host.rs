//! A host that plays a script on a real socket.
//!
//! A script is lines. `S: text` is said, with CRLF; `RAW: text` is said with `\r`, `\n` and `\0` written out and no line end; `C: text` must
//! be heard: a line that begins so. `DATA` hears a message up to its dot, `BDAT` a chunk with its command. `TLS` does the handshake,
//! `REST` hears until the client closes, `HANG` is silent until then, `DRIP: text` says an octet each 50 ms until nobody listens, and
//! `FLOOD: text` says its line until nobody listens. `SLEEP` neither reads nor closes for 20 s, `PAUSE` for 100 ms. `SCRAM: password` is
//! the server's side of a login with that password. At the end of the script the host closes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use daemon::credential::derive;
use daemon::sasl::scram;
use daemon::secret::Secret;
use rustls::ServerConfig;
use store::ScramParameters;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// A host that is playing.
pub struct Host {
    pub address: SocketAddr,
    play: JoinHandle<Vec<Vec<u8>>>,
}

impl Host {
    /// Plays each script on a connection of its own, one after the other.
    pub async fn play(scripts: &[&str]) -> Host {
        Host::play_with(scripts, None).await
    }

    /// The same with a certificate for `TLS`.
    pub async fn play_with(scripts: &[&str], tls: Option<Arc<ServerConfig>>) -> Host {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("address");
        let scripts: Vec<String> = scripts.iter().map(|script| (*script).to_owned()).collect();
        let play = tokio::spawn(async move {
            let mut messages = Vec::new();
            for script in scripts {
                let (stream, _) = listener.accept().await.expect("accept");
                let mut scene = Scene {
                    wire: Box::new(stream),
                    unread: Vec::new(),
                    tls: tls.clone(),
                    messages: Vec::new(),
                };
                for line in script
                    .lines()
                    .map(str::trim)
                    .filter(|line| !line.is_empty())
                {
                    scene = scene.act(line).await;
                }
                messages.append(&mut scene.messages);
            }
            messages
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

struct Scene {
    wire: Box<dyn Wire>,
    unread: Vec<u8>,
    tls: Option<Arc<ServerConfig>>,
    messages: Vec<Vec<u8>>,
}

impl Scene {
    async fn act(mut self, line: &str) -> Scene {
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
            "TLS" => return self.handshake().await,
            "REST" | "HANG" => while self.fill().await {},
            "SLEEP" => tokio::time::sleep(Duration::from_secs(20)).await,
            "PAUSE" => tokio::time::sleep(Duration::from_millis(100)).await,
            "SCRAM" => self.scram(text).await,
            "DRIP" => self.drip(text).await,
            "FLOOD" => self.flood(text).await,
            _ => unreachable!("no such act: {line}"),
        }
        self
    }

    async fn say(&mut self, octets: &[u8]) {
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

    async fn line(&mut self) -> String {
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

    /// Believes whatever the client proves, and shows what it knows itself.
    async fn scram(&mut self, password: &str) {
        let parameters = ScramParameters {
            salt: b"0123456789abcdef".to_vec(),
            iterations: 4096,
        };
        let keys = derive(&Secret::new(password), Some(&parameters)).expect("a password");
        let keys = keys.scram.expect("keys");
        let first = self.line().await;
        let first = first.strip_prefix("AUTH SCRAM-SHA-256 ").expect("SCRAM");
        let first = scram::parse_client_first(&decoded(first)).expect("a first message");
        let nonce = format!("{}server", first.nonce);
        let server_first = scram::server_first(&nonce, &parameters.salt, parameters.iterations);
        self.say(format!("334 {}\r\n", STANDARD.encode(&server_first)).as_bytes())
            .await;
        let last = decoded(&self.line().await);
        let last = scram::parse_client_final(&last).expect("a last message");
        let message = scram::auth_message(&first, &server_first, &last);
        let server_final = scram::server_final(&keys, &message);
        self.say(format!("334 {}\r\n", STANDARD.encode(server_final)).as_bytes())
            .await;
        assert_eq!(self.line().await, "");
        self.say(b"235 2.7.0 welcome\r\n").await;
    }

    async fn handshake(mut self) -> Scene {
        assert_eq!(self.unread, b"", "plain text in front of a handshake");
        let acceptor = TlsAcceptor::from(self.tls.clone().expect("a certificate"));
        let wire = std::mem::replace(
            &mut self.wire,
            Box::new(tokio::io::join(tokio::io::empty(), tokio::io::sink())),
        );
        if let Ok(encrypted) = acceptor.accept(wire).await {
            self.wire = Box::new(encrypted);
        }
        self
    }
}

fn decoded(text: &str) -> Vec<u8> {
    STANDARD.decode(text).expect("base64")
}

fn unescaped(text: &str) -> Vec<u8> {
    let text = text.replace("\\r", "\r").replace("\\n", "\n");
    text.replace("\\0", "\0").into_bytes()
}
