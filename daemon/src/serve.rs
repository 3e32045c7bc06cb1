//! From a waiting socket to a running session, and the end of them all.
//!
//! ```text
//! accept ─► seat (all) ─► PROXY header ─► seat (address) ─► TLS if implicit ─► session ─► one line in the log
//!             └───────── no seat: Farewell::Busy ──┘
//! ```
//!
//! Nothing that a connection does ends the loop: errors and panics end that connection.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tracing::Instrument;

use crate::admission::{Admission, Seat};
use crate::config::Config;
use crate::drive::{End, Report, Terms, drive, refuse};
use crate::limits::{PROXY_SECONDS_MAX, REFUSALS_MAX};
use crate::proxy::{self, Proxied};
use crate::service::{Connection, Failed, Listener, Listeners, Security, Service};
use crate::session::Session;
use crate::stop::Stop;
use crate::wire::{Peer, SessionId, Stream};

/// How long to leave the kernel alone after it could not accept (no more open files, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections and runs a session on each until the daemon is told to stop; then stops in two stages.
///
/// # Errors
/// The sockets cannot be used.
pub async fn serve<S, N>(
    service: Service,
    listeners: Listeners,
    new_session: N,
) -> Result<(), Failed>
where
    S: Session + 'static,
    N: Fn(Connection) -> S + Send + Sync + 'static,
{
    // Each task holds a sender; when the last is gone, all have ended.
    let (running, mut ended) = mpsc::channel::<()>(1);
    let house = Arc::new(House {
        service: service.clone(),
        new_session,
        admission: Admission::default(),
        refusals: AtomicUsize::new(0),
    });
    for bound in listeners.0 {
        let socket = TcpListener::from_std(bound.socket).map_err(Failed::Listen)?;
        tokio::spawn(
            house
                .clone()
                .accept(socket, bound.kind, service.stop(), running.clone()),
        );
    }
    drop((house, running));
    service.stop().requested().await;
    let limit = service.config().limits.shutdown();
    if timeout(limit, ended.recv()).await.is_err() {
        tracing::warn!(
            seconds = limit.as_secs(),
            "some sessions did not end in time"
        );
    }
    Ok(())
}

/// What all connections of a daemon share.
struct House<N> {
    service: Service,
    new_session: N,
    admission: Admission,
    /// Refusals that are being told.
    refusals: AtomicUsize,
}

impl<S, N> House<N>
where
    S: Session + 'static,
    N: Fn(Connection) -> S + Send + Sync + 'static,
{
    async fn accept(
        self: Arc<Self>,
        socket: TcpListener,
        kind: &'static Listener,
        mut stop: Stop,
        running: mpsc::Sender<()>,
    ) {
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                () = stop.requested() => return,
            };
            match accepted {
                Ok((stream, remote)) => {
                    let house = self.clone();
                    let running = running.clone();
                    tokio::spawn(async move {
                        house.receive(stream, remote, kind).await;
                        drop(running);
                    });
                }
                Err(error) => {
                    tracing::error!(%error, listener = kind.name, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn receive(
        self: Arc<Self>,
        stream: TcpStream,
        remote: SocketAddr,
        kind: &'static Listener,
    ) {
        metrics::counter!("connections_total", "listener" => kind.name).increment(1);
        let id = SessionId::random();
        let config = self.service.config();
        let span = tracing::info_span!("session", %id, listener = kind.name);
        let visit = Visit {
            id,
            kind,
            config,
            house: &self,
        };
        let result = catch(visit.run(stream, remote))
            .instrument(span.clone())
            .await;
        if let Err(panic) = result {
            metrics::counter!("session_panics_total", "listener" => kind.name).increment(1);
            span.in_scope(|| tracing::error!(peer = %remote, panic = panic_text(&*panic), "the session has panicked"));
        }
    }
}

/// One connection on its way to a session.
struct Visit<'h, N> {
    id: SessionId,
    kind: &'static Listener,
    config: Arc<Config>,
    house: &'h House<N>,
}

impl<S, N> Visit<'_, N>
where
    S: Session + 'static,
    N: Fn(Connection) -> S + Send + Sync + 'static,
{
    async fn run(&self, mut stream: TcpStream, remote: SocketAddr) {
        let began = Instant::now();
        let seat = self.house.admission.enter(&self.config.limits);
        let peer = match self.identify(&mut stream, remote).await {
            Ok(peer) => peer,
            Err(error) => return tracing::info!(peer = %remote, %error, "connection dropped"),
        };
        match seat.and_then(|seat| seat.sit(peer.address, &self.config.limits)) {
            Some(seat) => self.host(seat, stream, peer, began).await,
            None => self.turn_away(stream, peer).await,
        }
    }

    /// Who it is: by the socket, or by what a trusted proxy says.
    async fn identify(&self, stream: &mut TcpStream, remote: SocketAddr) -> io::Result<Peer> {
        // Replies are gathered before they are written; the kernel need not wait for more.
        stream.set_nodelay(true)?;
        let peer = Peer::new(remote, stream.local_addr()?);
        if !self
            .config
            .proxy
            .trusted
            .iter()
            .any(|network| network.contains(peer.address))
        {
            return Ok(peer);
        }
        let limit = Duration::from_secs(PROXY_SECONDS_MAX);
        let late = || {
            io::Error::new(
                io::ErrorKind::TimedOut,
                "no PROXY header came from a trusted proxy",
            )
        };
        match timeout(limit, proxy::read(stream))
            .await
            .map_err(|_| late())??
        {
            Proxied::Client { remote, local } => Ok(Peer {
                proxied: true,
                ..Peer::new(remote, local)
            }),
            Proxied::Itself => Ok(peer),
        }
    }

    async fn host(&self, seat: Seat, stream: TcpStream, peer: Peer, began: Instant) {
        let mut connection = self.connection(peer);
        let stream = match self.kind.security {
            Security::StartTls => Stream::Plain(stream),
            Security::Implicit => match self.shake_hands(stream, &mut connection).await {
                Ok(stream) => stream,
                Err(error) => {
                    metrics::counter!("tls_handshake_failures_total", "listener" => self.kind.name)
                        .increment(1);
                    return tracing::info!(%peer, %error, "TLS handshake failed");
                }
            },
        };
        let gauge = metrics::gauge!("sessions", "listener" => self.kind.name);
        gauge.increment(1.0);
        let _leave = OnDrop(|| gauge.decrement(1.0));
        let implicit_tls = connection.tls.clone();
        let mut session = (self.house.new_session)(connection);
        let mut report = drive(&mut session, stream, self.terms()).await;
        report.tls = report.tls.or(implicit_tls);
        drop(seat);
        self.tell(&session, &report, peer, began);
    }

    async fn shake_hands(
        &self,
        stream: TcpStream,
        connection: &mut Connection,
    ) -> io::Result<Stream> {
        let accept = self.house.service.tls().accept(stream);
        let (stream, info) = timeout(self.config.limits.handshake(), accept)
            .await
            .map_err(|_| io::ErrorKind::TimedOut)??;
        connection.tls = Some(info);
        Ok(Stream::Tls(Box::new(stream.into())))
    }

    /// Says so in the protocol's own words, where that costs no handshake and not too many are told already.
    async fn turn_away(&self, stream: TcpStream, peer: Peer) {
        metrics::counter!("connections_refused_total", "listener" => self.kind.name).increment(1);
        tracing::info!(%peer, "too many connections: refused");
        let refusals = &self.house.refusals;
        let before = refusals.fetch_add(1, Ordering::Relaxed);
        let _done = OnDrop(|| {
            refusals.fetch_sub(1, Ordering::Relaxed);
        });
        if before < REFUSALS_MAX && self.kind.security == Security::StartTls {
            let mut session = (self.house.new_session)(self.connection(peer));
            refuse(&mut session, Stream::Plain(stream), self.terms()).await;
        }
    }

    fn connection(&self, peer: Peer) -> Connection {
        Connection {
            id: self.id,
            peer,
            tls: None,
            listener: self.kind,
            service: self.house.service.clone(),
            config: self.config.clone(),
        }
    }

    fn terms(&self) -> Terms {
        Terms {
            write: self.config.limits.write(),
            handshake: self.config.limits.handshake(),
            tls: Some(self.house.service.tls().clone()),
            store: Some(self.house.service.store.clone()),
            stop: self.house.service.stop(),
        }
    }

    /// The summary.
    fn tell(&self, session: &S, report: &Report, peer: Peer, began: Instant) {
        let (end, error) = match &report.end {
            End::Closed => ("closed", None),
            End::ClientClosed => ("client-closed", None),
            End::Farewell(why) => (why.as_str(), None),
            End::Broken(error) => ("broken", Some(error)),
            End::HandshakeFailed(error) => ("handshake-failed", Some(error)),
        };
        let summary = session.summary();
        let counts = summary.counts.iter().filter(|(_, count)| *count > 0);
        let counts = counts
            .map(|(name, count)| format!("{name}={count}"))
            .collect::<Vec<_>>()
            .join(" ");
        metrics::counter!("sessions_ended_total", "listener" => self.kind.name, "end" => end)
            .increment(1);
        metrics::counter!("octets_in_total", "listener" => self.kind.name)
            .increment(report.octets_in);
        metrics::counter!("octets_out_total", "listener" => self.kind.name)
            .increment(report.octets_out);
        tracing::info!(
            %peer,
            user = summary.user.as_deref(),
            tls = report.tls.as_ref().map(|tls| tls.version),
            cipher = report.tls.as_ref().map(|tls| tls.cipher.as_str()),
            seconds = began.elapsed().as_secs_f32(),
            octets_in = report.octets_in,
            octets_out = report.octets_out,
            counts,
            end,
            error = error.map(tracing::field::display),
            "session ended"
        );
    }
}

/// Runs something when it goes out of scope, also by a panic.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Turns a panic within a future into an error. The future is not touched again after it.
async fn catch<F: Future>(future: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(panic)),
        },
    )
    .await
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text,
        (None, None) => "no text",
    }
}
