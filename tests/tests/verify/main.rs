//! What we sign, what we believe of mail from the world, and how long we wait for the DNS.
//!
//! Each test has an Internet of its own. Peers are given public addresses by the PROXY protocol. Signatures are judged and made
//! by dkimpy and OpenDKIM, which share no code with ours; `tests/run` installs them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod filter;
mod forward;
mod incoming;
mod keys;
mod restrict;
mod seal;
mod sign;

use std::net::IpAddr;

use tests::client;
use tests::internet::{Internet, Zone};
use tests::server::{Daemon, Server};
use tests::smtp::{Smtp, SmtpError};

/// The address that right senders use.
const RIGHT: &str = "198.51.100.5";
/// An address that nobody vouches for.
const WRONG: &str = "198.51.100.66";

/// An Internet, and a server in it.
struct World {
    internet: Internet,
    server: Server,
}

impl World {
    /// With more lines of configuration. Connections from this machine tell which address they are from.
    fn with(config: &str) -> World {
        let mut table: toml::Table = config.parse().unwrap();
        table.insert(
            "proxy".into(),
            "trusted = [\"127.0.0.1\"]"
                .parse::<toml::Table>()
                .unwrap()
                .into(),
        );
        World::configured(table)
    }

    /// For people who submit mail from this machine.
    fn for_users() -> World {
        World::configured(toml::Table::new())
    }

    fn configured(mut table: toml::Table) -> World {
        let internet = Internet::new().unwrap();
        let dns = internet.config().remove("dns").unwrap();
        table.insert("dns".into(), dns);
        let server = Server::with(table, &[]).unwrap();
        server.start(Daemon::Smtpd).unwrap();
        World { internet, server }
    }

    fn new() -> World {
        World::with("")
    }

    fn publish(&self, zone: Zone) {
        self.internet.publish(zone).unwrap();
    }

    /// A session of a peer of that address.
    fn peer(&self, address: &str) -> Smtp {
        let address: IpAddr = address.parse().unwrap();
        Smtp::connect_as(&self.server, address, "mx.sender.test").unwrap()
    }

    /// Sends a message from there, and gives the reply.
    fn send(&self, address: &str, from: &str, message: &str) -> Result<(), SmtpError> {
        let message = message.replace('\n', "\r\n");
        self.peer(address)
            .deliver(from, &["alice@example.test"], message.as_bytes())
    }

    /// The first message in a mailbox of alice's, as it is served.
    fn received(&self, mailbox: &str) -> String {
        let show = ["message", "show", "alice@example.test", "1", mailbox];
        self.server.mailctl_ok(&show, "").unwrap()
    }

    /// Our verdict on the only message in INBOX, on one line.
    fn verdict(&self) -> String {
        verdict_in(&self.received("INBOX"))
    }
}

/// Our field of verdicts on one line; there must be exactly one.
fn verdict_in(message: &str) -> String {
    let unfolded = message.replace("\r\n\t", " ").replace("\r\n ", " ");
    let header = unfolded.split("\r\n\r\n").next().unwrap();
    let ours: Vec<&str> = header
        .lines()
        .filter(|line| line.starts_with("Authentication-Results: mail.example.test"))
        .collect();
    assert_eq!(ours.len(), 1, "{message}");
    ours[0].to_owned()
}

/// Runs a Python program, by Debian's Python, for which its packages are, with `input`, and gives what it printed.
fn python(world: &World, program: &str, arguments: &[&str], input: &str) -> String {
    let arguments = [&["-c", program], arguments].concat();
    let scratch = world.server.scratch();
    let printed = client::run(scratch, "/usr/bin/python3", &arguments, input.as_bytes()).unwrap();
    String::from_utf8(printed).unwrap()
}

/// A message that was refused, with the reply.
fn refused(result: Result<(), SmtpError>) -> String {
    match result {
        Err(SmtpError::Refused(_, reply)) => reply,
        other => panic!("not refused but {other:?}"),
    }
}
