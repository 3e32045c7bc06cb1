//! A host that serves policy files over HTTPS (RFC 8461 §3.3), or whatever a test makes it say, and takes what is posted to it.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// Octets of a request that are looked at.
const REQUEST_OCTETS_MAX: usize = 1 << 20;

/// A host that runs until it is dropped.
pub struct PolicyHost {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    response: Vec<u8>,
    requests: Vec<String>,
    bodies: Vec<(String, Vec<u8>)>,
}

impl PolicyHost {
    /// A host at `address`, with one certificate, that serves `policy`.
    ///
    /// # Errors
    /// If it cannot listen there.
    pub fn start(
        address: SocketAddr,
        tls: Arc<ServerConfig>,
        policy: &str,
    ) -> io::Result<PolicyHost> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Mutex::new(Shared::default()));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, TlsAcceptor::from(tls), served) => {}
                    _ = stopped => {}
                }
            });
        });
        let host = PolicyHost {
            address,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        };
        host.serve(policy);
        Ok(host)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it serves this file.
    pub fn serve(&self, policy: &str) {
        let length = policy.len();
        self.answer(&format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{policy}"
        ));
    }

    /// From now on it answers with exactly this, headers and all.
    pub fn answer(&self, response: &str) {
        self.lock().response = response.as_bytes().to_vec();
    }

    /// What it was asked, as `GET /path HTTP/1.1` and the Host field on one line.
    pub fn requests(&self) -> Vec<String> {
        self.lock().requests.clone()
    }

    /// What was posted to it: the Content-Type and the body.
    pub fn bodies(&self) -> Vec<(String, Vec<u8>)> {
        self.lock().bodies.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PolicyHost {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn serve(listener: std::net::TcpListener, tls: TlsAcceptor, shared: Arc<Mutex<Shared>>) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    while let Ok((stream, _)) = listener.accept().await {
        // A client that leaves is the client's affair.
        drop(answer(stream, &tls, &shared).await);
    }
}

async fn answer(stream: TcpStream, tls: &TlsAcceptor, shared: &Mutex<Shared>) -> io::Result<()> {
    let mut stream = tls.accept(stream).await?;
    let (head, body) = request(&mut stream).await?;
    let field = |name: &str| {
        let line = head.lines().find_map(|line| {
            line.split_once(": ")
                .filter(|(own, _)| own.eq_ignore_ascii_case(name))
        });
        line.map_or("", |(_, value)| value).to_owned()
    };
    let response = {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let first = head.lines().next().unwrap_or_default();
        shared
            .requests
            .push(format!("{first} {}", field("host").to_ascii_lowercase()));
        if !body.is_empty() {
            shared.bodies.push((field("content-type"), body));
        }
        shared.response.clone()
    };
    stream.write_all(&response).await?;
    stream.shutdown().await
}

/// Header section and body of a request.
async fn request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(String, Vec<u8>)> {
    let mut octets = Vec::new();
    loop {
        let end = octets.windows(4).position(|window| window == b"\r\n\r\n");
        let head = String::from_utf8_lossy(&octets[..end.unwrap_or(0)]).into_owned();
        let length = head.to_ascii_lowercase().lines().find_map(|line| {
            let length = line.strip_prefix("content-length: ")?;
            length.parse::<usize>().ok()
        });
        let whole = end.map(|end| end + 4 + length.unwrap_or(0));
        let is_whole = whole.is_some_and(|whole| octets.len() >= whole);
        if is_whole || octets.len() > REQUEST_OCTETS_MAX || stream.read_buf(&mut octets).await? == 0
        {
            let body = end.map_or(&[][..], |end| &octets[end + 4..]);
            return Ok((head, body.to_vec()));
        }
    }
}
