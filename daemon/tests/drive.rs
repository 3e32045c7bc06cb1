//! The session loop on loopback sockets, with a protocol that echoes lines.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daemon::config::Config;
use daemon::drive::{End, Report, Terms, drive, refuse};
use daemon::limits::FAREWELL_SECONDS_MAX;
use daemon::output::Output;
use daemon::session::{Farewell, Frame, Framing, LineEnding, Next, Session};
use daemon::stop::StopSource;
use daemon::tls::Acceptor;
use daemon::wire::{Stream, TlsInfo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

const LINE_OCTETS_MAX: usize = 20;

/// Answers `> LINE`. Commands: BODY (a dot body, answered with its length), TLS, QUIT.
struct Echo {
    body: Option<u64>,
    timeout: Duration,
    news: Arc<Notify>,
}

impl Session for Echo {
    async fn greet(&mut self, out: &mut Output) -> Next {
        out.put_bytes(b"hello\r\n");
        Next::Continue
    }

    fn framing(&self) -> Framing {
        match self.body {
            Some(_) => Framing::Dot,
            None => Framing::Line {
                octets_max: LINE_OCTETS_MAX,
            },
        }
    }

    async fn handle(&mut self, frame: Frame<'_>, out: &mut Output) -> Next {
        match frame {
            Frame::Line {
                ending: LineEnding::BareLf,
                ..
            } => out.put_bytes(b"bare\r\n"),
            Frame::Line { text: b"QUIT", .. } => {
                out.put_bytes(b"bye\r\n");
                return Next::Close;
            }
            Frame::Line { text: b"TLS", .. } => {
                out.put_bytes(b"go\r\n");
                return Next::StartTls;
            }
            Frame::Line { text: b"BODY", .. } => self.body = Some(0),
            Frame::Line { text, .. } => out.put_bytes(&[b"> ", text, b"\r\n"].concat()),
            Frame::LineTooLong => out.put_bytes(b"long\r\n"),
            Frame::Chunk(chunk) => self.body = self.body.map(|octets| octets + chunk.len() as u64),
            Frame::BodyEnd { bare_newline } => {
                let octets = self.body.take().unwrap_or_default();
                out.put_bytes(format!("body {octets} {bare_newline}\r\n").as_bytes());
            }
        }
        Next::Continue
    }

    fn tls_started(&mut self, tls: &TlsInfo) {
        assert!(tls.server_end_point.is_some());
        self.body = None;
    }

    async fn wait(&mut self) {
        self.news.notified().await;
    }

    async fn woken(&mut self, out: &mut Output) -> Next {
        out.put_bytes(b"news\r\n");
        Next::Continue
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn farewell(&mut self, why: Farewell, out: &mut Output) {
        out.put_bytes(format!("farewell {}\r\n", why.as_str()).as_bytes());
    }
}

/// A server of one session and the client's end of it.
struct Link {
    client: TcpStream,
    server: JoinHandle<Report>,
    stop: StopSource,
    news: Arc<Notify>,
    _data: tempfile::TempDir,
}

async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    (client, listener.accept().await.unwrap().0)
}

fn acceptor(data: &Path) -> Acceptor {
    let text = format!(
        "hostname = 'mail.example.test'\ndata_dir = '{}'",
        data.display()
    );
    Acceptor::open(&Config::parse(Path::new("test.toml"), &text).unwrap()).unwrap()
}

impl Link {
    async fn with_timeout(timeout: Duration) -> Link {
        let (client, socket) = sockets().await;
        let (stop, news, data) = (
            StopSource::new(),
            Arc::new(Notify::new()),
            tempfile::tempdir().unwrap(),
        );
        let terms = Terms {
            write: Duration::from_secs(5),
            handshake: Duration::from_secs(5),
            tls: Some(acceptor(data.path())),
            store: None,
            stop: stop.subscribe(),
        };
        let mut session = Echo {
            body: None,
            timeout,
            news: news.clone(),
        };
        let server =
            tokio::spawn(async move { drive(&mut session, Stream::Plain(socket), terms).await });
        let mut link = Link {
            client,
            server,
            stop,
            news,
            _data: data,
        };
        link.expect("hello\r\n").await;
        link
    }

    async fn new() -> Link {
        Link::with_timeout(Duration::from_secs(10)).await
    }

    async fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.client.write_all(octets.as_ref()).await.unwrap();
    }

    async fn expect(&mut self, text: &str) {
        expect(&mut self.client, text).await;
    }

    /// All that comes until the server closes.
    async fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.client.read_to_string(&mut rest).await.unwrap();
        rest
    }
}

async fn expect(client: &mut (impl AsyncReadExt + Unpin), text: &str) {
    let mut octets = vec![0; text.len()];
    let read = tokio::time::timeout(Duration::from_secs(10), client.read_exact(&mut octets)).await;
    read.expect("no answer in time").unwrap();
    assert_eq!(String::from_utf8_lossy(&octets), text);
}

#[tokio::test]
async fn pipelined_lines_are_answered_in_order() {
    let mut link = Link::new().await;
    link.send("a\r\nb\r\nBODY\r\nx\r\n..y\r\n.\r\nc\nQUIT\r\nnever\r\n")
        .await;
    link.client.shutdown().await.unwrap();
    assert_eq!(
        link.rest().await,
        "> a\r\n> b\r\nbody 7 false\r\nbare\r\nbye\r\n"
    );
    let report = link.server.await.unwrap();
    assert!(matches!(report.end, End::Closed), "{report:?}");
}

#[tokio::test]
async fn a_line_too_long_leaves_the_session_in_step() {
    let mut link = Link::new().await;
    link.send("x".repeat(100_000)).await;
    link.send("\r\na\r\n").await;
    link.expect("long\r\n> a\r\n").await;
}

#[tokio::test]
async fn a_large_body_arrives_whole() {
    let mut link = Link::new().await;
    let body = "0123456789\r\n".repeat(100_000);
    link.send(format!("BODY\r\n{body}.\r\n")).await;
    link.expect(&format!("body {} false\r\n", body.len())).await;
    link.send("BODY\r\nsmuggled\n.\r\nreal\r\n.\r\n").await;
    link.expect("body 18 true\r\n").await;
}

#[tokio::test]
async fn the_end_of_input_ends_the_session_after_its_answers() {
    let mut link = Link::new().await;
    link.send("a\r\nhalf").await;
    link.client.shutdown().await.unwrap();
    assert_eq!(link.rest().await, "> a\r\n");
    assert!(matches!(link.server.await.unwrap().end, End::ClientClosed));
}

#[tokio::test]
async fn silence_ends_with_a_farewell() {
    let mut link = Link::with_timeout(Duration::from_millis(50)).await;
    assert_eq!(link.rest().await, "farewell timeout\r\n");
    drop(link.client);
    assert!(matches!(
        link.server.await.unwrap().end,
        End::Farewell(Farewell::Timeout)
    ));
}

#[tokio::test]
async fn a_line_that_drips_is_too_slow() {
    let mut link = Link::with_timeout(Duration::from_millis(300)).await;
    for _ in 0..8 {
        link.send("x").await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert_eq!(link.rest().await, "farewell too-slow\r\n");
}

#[tokio::test]
async fn a_body_that_drips_is_too_slow() {
    let mut link = Link::with_timeout(Duration::from_millis(300)).await;
    link.send("BODY\r\n").await;
    for _ in 0..8 {
        link.send("x\r\n").await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert_eq!(link.rest().await, "farewell too-slow\r\n");
}

#[tokio::test]
async fn news_are_told_while_the_client_is_silent() {
    let mut link = Link::new().await;
    link.news.notify_one();
    link.expect("news\r\n").await;
    link.send("a\r\n").await;
    link.expect("> a\r\n").await;
}

#[tokio::test]
async fn a_stop_ends_idle_sessions_and_lets_a_body_finish() {
    let mut idle = Link::new().await;
    idle.stop.stop();
    assert_eq!(idle.rest().await, "farewell shutdown\r\n");

    let mut busy = Link::new().await;
    busy.send("BODY\r\nx\r\n").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    busy.stop.stop();
    tokio::time::sleep(Duration::from_millis(50)).await;
    busy.send("y\r\n.\r\n").await;
    assert_eq!(busy.rest().await, "body 6 false\r\nfarewell shutdown\r\n");
}

#[tokio::test]
async fn a_client_that_stays_does_not_hold_up_a_stop() {
    let mut link = Link::new().await;
    let began = Instant::now();
    link.stop.stop();
    link.expect("farewell shutdown\r\n").await;
    // The client's end is open all the time.
    let report = link.server.await.unwrap();
    assert!(matches!(report.end, End::Farewell(Farewell::Shutdown)));
    let farewell = Duration::from_secs(FAREWELL_SECONDS_MAX);
    assert!(began.elapsed() < farewell, "it waited as for any client");
}

#[tokio::test]
async fn one_without_a_place_is_told_so() {
    let (mut client, socket) = sockets().await;
    let terms = Terms {
        write: Duration::from_secs(5),
        handshake: Duration::from_secs(5),
        tls: None,
        store: None,
        stop: StopSource::new().subscribe(),
    };
    let mut session = Echo {
        body: None,
        timeout: Duration::from_secs(5),
        news: Arc::default(),
    };
    let server =
        tokio::spawn(async move { refuse(&mut session, Stream::Plain(socket), terms).await });
    expect(&mut client, "farewell busy\r\n").await;
    drop(client);
    assert!(matches!(
        server.await.unwrap().end,
        End::Farewell(Farewell::Busy)
    ));
}

#[tokio::test]
async fn what_is_sent_before_the_handshake_is_never_a_command() {
    let mut link = Link::new().await;
    link.send("TLS\r\ninjected\r\n").await;
    link.expect("go\r\n").await;
    let mut client = start_tls(link.client).await;
    client.write_all(b"a\r\nQUIT\r\n").await.unwrap();
    expect(&mut client, "> a\r\nbye\r\n").await;
    let report = link.server.await.unwrap();
    assert_eq!(report.tls.map(|tls| tls.version), Some("TLSv1.3"));
}

async fn start_tls(socket: TcpStream) -> tokio_rustls::client::TlsStream<TcpStream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting(provider)))
        .with_no_client_auth();
    let name = "mail.example.test".try_into().unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(client))
        .connect(name, socket)
        .await
        .unwrap()
}

/// Believes any certificate: the test is not about them.
#[derive(Debug)]
struct Trusting(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
