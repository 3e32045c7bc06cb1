//! The session loop: the one place that waits for a client.
//!
//! [`drive`] takes a connection from its greeting to its close by the rules that [`crate::session`] promises to the
//! protocols. It fails in no way of its own: how a session ended is in the [`Report`].

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use store::Store;
use tokio::time::timeout;

use crate::deadline::Deadline;
use crate::framing::{Found, Framer};
use crate::input::Input;
use crate::limits::{
    BODY_PROGRESS_OCTETS, DEFLATE_IDLE_SECONDS, FAREWELL_SECONDS_MAX, LINE_SECONDS_MAX,
    STOP_LINGER_SECONDS_MAX,
};
use crate::output::{Disconnected, Output};
use crate::sasl::{Identity, revoked};
use crate::session::{Farewell, Next, Session};
use crate::stop::Stop;
use crate::tls::Acceptor;
use crate::wire::{Stream, TlsInfo};

/// The conditions of a session that are not the protocol's.
#[derive(Clone)]
pub struct Terms {
    /// Each flush must be taken by the client within this time.
    pub write: Duration,
    /// A TLS handshake must be done within this time.
    pub handshake: Duration,
    /// For STARTTLS.
    pub tls: Option<Acceptor>,
    /// To see whether a login still holds.
    pub store: Option<Store>,
    /// When the daemon stops.
    pub stop: Stop,
}

/// How a session ended.
#[derive(Debug)]
pub enum End {
    /// The session closed it, as asked by the client or in anger.
    Closed,
    /// The client closed the connection.
    ClientClosed,
    /// We ended it.
    Farewell(Farewell),
    /// Reading or writing failed.
    Broken(io::Error),
    /// The TLS handshake failed.
    HandshakeFailed(io::Error),
}

/// What a session was, for the log.
#[derive(Debug)]
pub struct Report {
    /// How it ended.
    pub end: End,
    /// Octets from the client, after decryption.
    pub octets_in: u64,
    /// Octets to the client, before encryption.
    pub octets_out: u64,
    /// Set if STARTTLS happened.
    pub tls: Option<TlsInfo>,
}

/// Runs a session on a connection until its end, and closes the connection.
pub async fn drive<S: Session>(session: &mut S, stream: Stream, terms: Terms) -> Report {
    let mut link = Link::new(stream, terms);
    let end = match link.converse(session).await {
        Ok(never) => match never {},
        Err(end) => end,
    };
    link.finish(session, &end).await;
    link.report(end)
}

/// Tells a client that there is no room for it, and closes the connection.
pub async fn refuse<S: Session>(session: &mut S, stream: Stream, terms: Terms) -> Report {
    let mut link = Link::new(stream, terms);
    let end = End::Farewell(Farewell::Busy);
    link.finish(session, &end).await;
    link.report(end)
}

/// Done when a login holds no more.
type Watch = Pin<Box<dyn Future<Output = ()> + Send>>;

enum Never {}

struct Link {
    input: Input,
    output: Output,
    framer: Framer,
    patience: Patience,
    terms: Terms,
    tls: Option<TlsInfo>,
    /// When an idle compressor gives its memory back.
    quiet: Option<Deadline>,
    /// Who has logged in, and what is done when that holds no more; None as long as there is nobody.
    revoked: Option<(Identity, Watch)>,
}

/// What ended the waiting for a client.
enum Event {
    Read(io::Result<usize>),
    Woken,
    Late,
    Quiet,
    Revoked,
    Stop,
}

impl Link {
    fn new(stream: Stream, terms: Terms) -> Link {
        Link {
            input: Input::new(),
            output: Output::new(stream, terms.write),
            framer: Framer::default(),
            patience: Patience::new(),
            terms,
            tls: None,
            quiet: None,
            revoked: None,
        }
    }

    async fn converse<S: Session>(&mut self, session: &mut S) -> Result<Never, End> {
        let mut next = session.greet(&mut self.output).await;
        loop {
            match next {
                Next::Continue => self.output.drain().await.map_err(|_| self.broken())?,
                Next::StartTls => self.start_tls(session).await?,
                Next::Compress => self.compress(true).await?,
                Next::Uncompress => self.compress(false).await?,
                Next::Close => return Err(End::Closed),
            }
            next = self.turn(session).await?;
        }
    }

    /// One frame, if there is a whole one; otherwise one wait for more.
    async fn turn<S: Session>(&mut self, session: &mut S) -> Result<Next, End> {
        if self.framer.at_boundary() {
            self.framer.begin(session.framing());
            self.patience.begin();
        }
        match self.framer.next(self.input.unread()) {
            Found::Frame { frame, consumed } => {
                // Boxed, so that an idle session does not hold the room of its largest command.
                let next = Box::pin(session.handle(frame, &mut self.output)).await;
                self.input.consume(consumed);
                Ok(next)
            }
            Found::More { consumed } => {
                self.input.consume(consumed);
                self.hear(session).await
            }
            Found::Endless => Err(End::Farewell(Farewell::InputFault)),
        }
    }

    /// Waits for more input, having sent the replies if the client is waiting for them.
    async fn hear<S: Session>(&mut self, session: &mut S) -> Result<Next, End> {
        // Much may be unpacked from one read, without waiting for anything: others get their turn in between.
        tokio::task::consume_budget().await;
        if !self.output.is_empty() {
            let stream = self.output.stream().ok_or_else(no_stream)?;
            match self.input.read_now(stream).await {
                Some(read) => return self.heard(read),
                None => self.output.flush().await.map_err(|_| self.broken())?,
            }
        }
        self.output.release();
        match self.wait(session).await? {
            Event::Read(read) => self.heard(read),
            Event::Woken => {
                let next = Box::pin(session.woken(&mut self.output)).await;
                self.output.flush().await.map_err(|_| self.broken())?;
                Ok(next)
            }
            Event::Quiet => {
                self.quiet = None;
                self.output.release_compressor();
                Ok(Next::Continue)
            }
            Event::Late => Err(End::Farewell(self.patience.lost())),
            Event::Revoked => Err(End::Farewell(Farewell::Revoked)),
            Event::Stop => Err(End::Farewell(Farewell::Shutdown)),
        }
    }

    async fn wait<S: Session>(&mut self, session: &mut S) -> Result<Event, End> {
        let stage = match (
            self.framer.in_body(),
            self.framer.in_line(self.input.unread()),
        ) {
            (true, _) => Stage::Body,
            (false, true) => Stage::Line,
            (false, false) => Stage::Silence,
        };
        self.patience
            .wait(stage, self.input.octets_read(), session.timeout());
        self.watch_login(session);
        self.watch_compressor();
        let Link {
            input,
            output,
            patience,
            terms,
            quiet,
            revoked,
            ..
        } = self;
        let stream = output.stream().ok_or_else(no_stream)?;
        Ok(tokio::select! {
            biased;
            read = poll_fn(|cx| input.poll_read(stream, cx)) => Event::Read(read),
            () = session.wait(), if stage == Stage::Silence => Event::Woken,
            () = poll_fn(|cx| poll_revoked(revoked, cx)), if stage == Stage::Silence => Event::Revoked,
            () = terms.stop.requested(), if stage != Stage::Body => Event::Stop,
            () = poll_fn(|cx| patience.poll_lost(cx)) => Event::Late,
            () = poll_fn(|cx| poll_passed(quiet, cx)) => Event::Quiet,
        })
    }

    /// Once somebody has logged in: begins to see whether that still holds; anew for whoever comes after him.
    fn watch_login<S: Session>(&mut self, session: &S) {
        let watched = self.revoked.as_ref().map(|(identity, _)| identity);
        if watched == session.identity() {
            return;
        }
        self.revoked = match (session.identity(), &self.terms.store) {
            (Some(identity), Some(store)) => {
                let watch = Box::pin(revoked(store.clone(), identity.clone()));
                Some((identity.clone(), watch))
            }
            _ => None,
        };
    }

    /// While a client is silent its compressor is a waste.
    fn watch_compressor(&mut self) {
        if self.output.holds_compressor() && self.quiet.is_none() {
            self.quiet = Some(Deadline::after(Duration::from_secs(DEFLATE_IDLE_SECONDS)));
        }
    }

    fn heard(&mut self, read: io::Result<usize>) -> Result<Next, End> {
        match read {
            Ok(0) => Err(End::ClientClosed),
            Ok(_) => {
                self.quiet = None;
                Ok(Next::Continue)
            }
            // A client that leaves without TLS's good-bye, or by a reset, has left.
            Err(error) if is_departure(&error) => Err(End::ClientClosed),
            Err(error) => Err(End::Broken(error)),
        }
    }

    /// From here on both sides compress what they send, or neither does.
    async fn compress(&mut self, compressed: bool) -> Result<(), End> {
        self.output.flush().await.map_err(|_| self.broken())?;
        self.output.set_compressed(compressed);
        match compressed {
            true => self.input.compress(),
            false => self.input.uncompress(),
        }
        Ok(())
    }

    /// RFC 3207 §5, RFC 9051 §11.1: nothing that came before the handshake may be taken for a command after it.
    async fn start_tls<S: Session>(&mut self, session: &mut S) -> Result<(), End> {
        self.output.flush().await.map_err(|_| self.broken())?;
        let injected = self.input.discard();
        if injected > 0 {
            metrics::counter!("starttls_injections_total").increment(1);
            tracing::warn!(
                octets = injected,
                "dropped input that was sent before the TLS handshake"
            );
        }
        self.framer.reset();
        let (Some(acceptor), Some(Stream::Plain(stream))) =
            (&self.terms.tls, self.output.take_stream())
        else {
            return Err(End::Broken(io::Error::other("TLS cannot be started here")));
        };
        let (stream, info) = match timeout(self.terms.handshake, acceptor.accept(stream)).await {
            Ok(accepted) => accepted.map_err(End::HandshakeFailed)?,
            Err(_) => return Err(End::HandshakeFailed(io::ErrorKind::TimedOut.into())),
        };
        self.output.set_stream(Stream::Tls(Box::new(stream.into())));
        session.tls_started(&info);
        self.revoked = None;
        self.tls = Some(info);
        Ok(())
    }

    /// The last words, and the close.
    async fn finish<S: Session>(&mut self, session: &mut S, end: &End) {
        let mut linger = !self.input.is_empty();
        // What is read from here on is thrown away: it need not be unpacked, however much it would become.
        self.input.uncompress();
        if let End::Farewell(why) = end {
            session.farewell(*why, &mut self.output);
            self.output
                .set_write_timeout(Duration::from_secs(FAREWELL_SECONDS_MAX));
            linger = true;
        }
        if matches!(end, End::Broken(_) | End::HandshakeFailed(_))
            || self.output.flush().await == Err(Disconnected)
        {
            return;
        }
        let limit = Duration::from_secs(match end {
            End::Farewell(Farewell::Shutdown) => STOP_LINGER_SECONDS_MAX,
            _ => FAREWELL_SECONDS_MAX,
        });
        let Some(stream) = self.output.stream() else {
            return;
        };
        // Whether the client hears it is its own affair from here on.
        let _ = timeout(limit, close(stream, &mut self.input, linger)).await;
    }

    fn broken(&mut self) -> End {
        let failure = self.output.take_failure();
        End::Broken(failure.unwrap_or_else(|| io::ErrorKind::BrokenPipe.into()))
    }

    fn report(self, end: End) -> Report {
        Report {
            end,
            octets_in: self.input.octets_read(),
            octets_out: self.output.written(),
            tls: self.tls,
        }
    }
}

/// Closes our direction. With `linger`, reads on until the client closes its own: a socket that is closed with
/// unread input resets the connection, and the last words could be lost.
async fn close(stream: &mut Stream, input: &mut Input, linger: bool) -> io::Result<()> {
    stream.close().await?;
    if !linger {
        return Ok(());
    }
    input.discard();
    while poll_fn(|cx| input.poll_read(stream, cx)).await? > 0 {
        input.discard();
    }
    Ok(())
}

fn poll_passed(deadline: &mut Option<Deadline>, cx: &mut std::task::Context<'_>) -> Poll<()> {
    match deadline {
        Some(deadline) => deadline.poll_passed(cx),
        None => Poll::Pending,
    }
}

fn poll_revoked(
    revoked: &mut Option<(Identity, Watch)>,
    cx: &mut std::task::Context<'_>,
) -> Poll<()> {
    match revoked {
        Some((_, revoked)) => revoked.as_mut().poll(cx),
        None => Poll::Pending,
    }
}

fn is_departure(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
    )
}

fn no_stream() -> End {
    End::Broken(io::ErrorKind::NotConnected.into())
}

/// What we are waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The first octet of a line.
    Silence,
    /// The rest of a line.
    Line,
    /// A body.
    Body,
}

/// How long the client may still take.
struct Patience {
    /// None: the deadline is to be set at the next wait.
    stage: Option<Stage>,
    /// Octets read in all when the deadline was set.
    octets: u64,
    deadline: Option<Deadline>,
}

impl Patience {
    fn new() -> Patience {
        Patience {
            stage: None,
            octets: 0,
            deadline: None,
        }
    }

    /// A new frame begins.
    fn begin(&mut self) {
        self.stage = None;
    }

    /// Before each wait: moves the deadline if a new stage has begun or a body made progress.
    fn wait(&mut self, stage: Stage, octets: u64, silence: Duration) {
        let progress = stage == Stage::Body && octets - self.octets >= BODY_PROGRESS_OCTETS;
        if self.stage == Some(stage) && !progress {
            return;
        }
        self.stage = Some(stage);
        self.octets = octets;
        let time = match stage {
            Stage::Line => silence.min(Duration::from_secs(LINE_SECONDS_MAX)),
            Stage::Silence | Stage::Body => silence,
        };
        match &mut self.deadline {
            Some(deadline) => deadline.set_after(time),
            None => self.deadline = Some(Deadline::after(time)),
        }
    }

    fn poll_lost(&mut self, cx: &mut std::task::Context<'_>) -> Poll<()> {
        poll_passed(&mut self.deadline, cx)
    }

    /// What to tell the client.
    fn lost(&self) -> Farewell {
        match self.stage {
            Some(Stage::Silence) | None => Farewell::Timeout,
            Some(Stage::Line | Stage::Body) => Farewell::TooSlow,
        }
    }
}
