//! `try`: a whole server on loopback, a message through all of it, and then the server is yours.
//!
//! What is shown is what the daemons do, in processes of their own and over real sockets with TLS: alice
//! submits a message with an attachment, bob's IDLE tells of it, bob fetches it by IMAP and by POP3, and what
//! arrived is what was sent, octet for octet, below the trace fields that were added. The first thing that is
//! not as it must be ends the tour with a failure.

mod crew;
mod ground;
mod imap;
mod letter;
mod line;
mod pop3;
mod settings;
mod smtp;
mod steps;

use std::path::PathBuf;

use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::crew::Crew;
use self::ground::{ALICE, BOB, Ground, PASSWORD, Ports};
use self::imap::Imap;
use self::line::Dialer;
use self::steps::Steps;
use crate::answer::Answer;
use crate::cli::{Global, Try};
use crate::commands::runtime;
use crate::fail::{Failure, Kind, Outcome};

/// Runs `try`.
pub fn run(options: &Try, global: &Global) -> Outcome<Answer> {
    if global.named_config.is_some() {
        return Err(
            Failure::new(Kind::Usage, "`try` writes its own configuration").next(
                "Leave --config out. With --dir DIR everything is kept, and the configuration is DIR/pennyblack.toml.",
            ),
        );
    }
    let place = Place::choose(options.dir.clone())?;
    let outcome = runtime()?.block_on(tour(place.path(), options, global));
    place.leave(outcome.is_ok());
    outcome
}

async fn tour(dir: PathBuf, options: &Try, global: &Global) -> Outcome<Answer> {
    let mut interrupts = Interrupts::listen()?;
    let mut steps = Steps::begin(global.json);
    let (ground, ports) = ground::prepare(&dir, options.base_port).await?;
    steps.done(format!(
        "configuration, store and accounts are in {}",
        ground.dir.display()
    ));
    let crew = Crew::start(&ground)?;
    let outcome = tokio::select! {
        outcome = show(&crew, &ground, &ports, &mut steps) => outcome,
        () = interrupts.any() => Err(Failure::failed("interrupted")),
    };
    if outcome.is_ok() && !options.exit {
        stay(&ground, &ports, &steps, global.json, &mut interrupts).await;
    }
    crew.stop().await;
    outcome?;
    let text = format!(
        "The message arrived whole, in {} ms from the start.",
        steps.total().as_millis()
    );
    Ok(Answer::done(
        text,
        json!({ "steps": steps.taken(), "dir": ground.dir }),
    ))
}

/// The way of one message.
async fn show(crew: &Crew, ground: &Ground, ports: &Ports, steps: &mut Steps) -> Outcome<()> {
    crew.ready(ports).await?;
    steps.done("smtpd, imapd and pop3d run, all seven ports answer");
    let dialer = Dialer::new(&ground.config)?;
    let letter = letter::write()?;

    let mut bob = Imap::log_in(dialer.connect(ports.imaps).await?, BOB, PASSWORD).await?;
    bob.idle().await?;
    steps.done("bob is logged in by IMAP over TLS and waits (IDLE)");

    let submission = dialer.connect(ports.submissions).await?;
    let accepted = smtp::submit(submission, ALICE, PASSWORD, BOB, &letter).await?;
    steps.done(format!(
        "alice has submitted a message of {} octets over TLS: {accepted}",
        letter.len()
    ));

    let number = bob.arrival().await?;
    steps.done("bob's IDLE has told of it");
    require_same("IMAP", &bob.fetch(number).await?, &letter)?;
    bob.log_out().await?;
    steps.done("bob has fetched it by IMAP: octet for octet what alice sent");

    let fetched = pop3::fetch_newest(dialer.connect(ports.pop3s).await?, BOB, PASSWORD).await?;
    require_same("POP3", &fetched, &letter)?;
    steps.done("bob has fetched it by POP3: octet for octet what alice sent");
    Ok(())
}

/// What arrives is what was sent, below the trace fields of the way.
fn require_same(way: &str, arrived: &[u8], sent: &[u8]) -> Outcome<()> {
    let added = arrived.strip_suffix(sent);
    let is_trace = |added: &[u8]| added.starts_with(b"Return-Path:") && added.ends_with(b"\r\n");
    match added {
        Some(added) if is_trace(added) => Ok(()),
        _ => Err(Failure::failed(format!(
            "what arrived by {way} is not what was sent"
        ))),
    }
}

/// Leaves the server to its owner until Ctrl-C.
async fn stay(
    ground: &Ground,
    ports: &Ports,
    steps: &Steps,
    json: bool,
    interrupts: &mut Interrupts,
) {
    if json {
        println!(
            "{:#}",
            json!({ "steps": steps.taken(), "dir": ground.dir, "config": ground.config_file })
        );
    } else {
        println!("{}", settings::describe(ground, ports));
    }
    interrupts.any().await;
    eprintln!("mailctl: stopping");
}

/// Ctrl-C and its relatives.
struct Interrupts([Signal; 3]);

impl Interrupts {
    fn listen() -> Outcome<Self> {
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        let [interrupt, terminate, hangup] = kinds.map(signal);
        Ok(Interrupts([interrupt?, terminate?, hangup?]))
    }

    /// Waits for one of them.
    async fn any(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// Where everything lies: a directory to keep, or one that goes with us.
enum Place {
    Kept(PathBuf),
    Scratch(tempfile::TempDir),
}

impl Place {
    fn choose(dir: Option<PathBuf>) -> Outcome<Self> {
        match dir {
            Some(dir) => Ok(Place::Kept(dir)),
            None => Ok(Place::Scratch(
                tempfile::Builder::new()
                    .prefix("pennyblack-try-")
                    .tempdir()?,
            )),
        }
    }

    /// After a failure what there is to look at stays: the logs, if it came to any.
    fn leave(self, well: bool) {
        if let (Place::Scratch(dir), false) = (self, well)
            && dir.path().join("smtpd.log").exists()
        {
            eprintln!("mailctl: the logs are in {}", dir.keep().display());
        }
    }

    fn path(&self) -> PathBuf {
        match self {
            Place::Kept(dir) => dir.clone(),
            Place::Scratch(dir) => dir.path().to_owned(),
        }
    }
}
