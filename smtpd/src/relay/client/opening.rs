//! From an address to a session: connection, greeting, EHLO, TLS, login.
//!
//! Each step has its own time and its own [`Step`] in a failure. What was heard before TLS is forgotten (RFC 3207 §4.2).

use daemon::dial::Connection;
use daemon::tls::{ServerTls, TlsFailure, Trust};
use tokio::time::timeout;

use super::auth;
use super::capability::Capabilities;
use super::dialogue::{Dialogue, Lost};
use super::endpoint::{Endpoint, Security, TlsStart};
use super::failure::{OpenFailure, Step};
use super::outcome::{Said, Status};
use super::reply::HostReply;
use super::settings::ClientSettings;

/// A session that is about to be.
pub(super) struct Opened {
    pub(super) dialogue: Dialogue,
    pub(super) capabilities: Capabilities,
    pub(super) tls: Option<ServerTls>,
}

/// One attempt at a session.
pub(super) struct Opening<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) settings: &'a ClientSettings,
    /// What the host's certificate must be; None: no TLS.
    pub(super) trust: Option<Trust>,
}

/// What a level of security demands of certificates.
pub(super) fn trust_of(security: &Security) -> Option<Trust> {
    match security {
        Security::Never => None,
        Security::Opportunistic | Security::Encrypted => Some(Trust::Any),
        Security::Verified { names } => Some(Trust::Roots {
            names: names.clone(),
        }),
        Security::Dane { records, names } => Some(Trust::Dane {
            records: records.clone(),
            names: names.clone(),
        }),
    }
}

impl Opening<'_> {
    pub(super) async fn run(&self) -> Result<Opened, OpenFailure> {
        let connection = self.connect().await?;
        let mut opened = match (self.endpoint.start, &self.trust) {
            (TlsStart::Implicit, Some(trust)) => {
                let (connection, tls) = self.handshake(connection, trust).await?;
                self.greet(connection, Some(tls)).await?
            }
            (TlsStart::Implicit, None) => return Err(self.no_tls("the route forbids it")),
            (TlsStart::StartTls, None) => self.greet(connection, None).await?,
            (TlsStart::StartTls, Some(trust)) => {
                let opened = self.greet(connection, None).await?;
                self.start_tls(opened, trust).await?
            }
        };
        self.log_in(&mut opened).await?;
        Ok(opened)
    }

    async fn connect(&self) -> Result<Connection, OpenFailure> {
        let time = self.settings.timeouts.connect;
        let connecting = Connection::open(self.endpoint.address, self.endpoint.source);
        let reason = match timeout(time, connecting).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", time.as_secs()),
        };
        let text = format!("cannot connect: {reason}");
        Err(self.failure(Step::Connect, Said::us(Status::new(4, 4, 1), text)))
    }

    /// Greeting and EHLO.
    async fn greet(
        &self,
        connection: Connection,
        tls: Option<ServerTls>,
    ) -> Result<Opened, OpenFailure> {
        let mut dialogue = Dialogue::new(connection, self.settings.timeouts.transaction);
        let greeting = dialogue.reply(self.settings.timeouts.greeting).await;
        self.expect_success(Step::Greeting, greeting)?;
        let capabilities = self.say_hello(&mut dialogue).await?;
        Ok(Opened {
            dialogue,
            capabilities,
            tls,
        })
    }

    /// EHLO, or HELO to a host that does not know it (RFC 5321 §3.2).
    async fn say_hello(&self, dialogue: &mut Dialogue) -> Result<Capabilities, OpenFailure> {
        let (name, time) = (&self.settings.hostname, self.settings.timeouts.hello);
        let reply = dialogue.ask(&format!("EHLO {name}"), time).await;
        match reply {
            Ok(reply) if reply.is_success() => Ok(Capabilities::parse(&reply)),
            Ok(reply) if reply.is_permanent() => {
                let reply = dialogue.ask(&format!("HELO {name}"), time).await;
                self.expect_success(Step::Hello, reply)?;
                Ok(Capabilities::default())
            }
            other => Err(self.refusal(Step::Hello, other)),
        }
    }

    /// STARTTLS, the handshake, and EHLO again (RFC 3207 §4).
    async fn start_tls(&self, mut opened: Opened, trust: &Trust) -> Result<Opened, OpenFailure> {
        if !opened.capabilities.start_tls {
            return match self.endpoint.security.allows_clear() {
                true => Ok(opened),
                false => Err(self.no_tls("the host does not offer STARTTLS")),
            };
        }
        let time = self.settings.timeouts.hello;
        let reply = opened.dialogue.ask("STARTTLS", time).await;
        if let Err(failure) = self.expect_success(Step::Tls, reply) {
            let tls = Some(TlsFailure::NotSupported);
            return Err(OpenFailure {
                tls,
                temporary: true,
                ..failure
            });
        }
        // Nothing may follow the reply before the handshake: somebody in between has put it there, to be taken for the host's
        // words under TLS. `Connection::start_tls` sees to that.
        let connection = opened.dialogue.into_connection();
        let (connection, tls) = self.handshake(connection, trust).await?;
        let mut dialogue = Dialogue::new(connection, self.settings.timeouts.transaction);
        let capabilities = self.say_hello(&mut dialogue).await?;
        Ok(Opened {
            dialogue,
            capabilities,
            tls: Some(tls),
        })
    }

    async fn handshake(
        &self,
        connection: Connection,
        trust: &Trust,
    ) -> Result<(Connection, ServerTls), OpenFailure> {
        let time = self.settings.timeouts.handshake;
        let host = self.endpoint.host.trim_matches(['[', ']']);
        let shaking = connection.start_tls(&self.settings.tls, host, trust);
        let (failure, reason) = match timeout(time, shaking).await {
            Ok(Ok(encrypted)) => return Ok(encrypted),
            Ok(Err(error)) => (error.failure, error.reason),
            Err(_) => {
                let reason = format!("no end within {} s", time.as_secs());
                (TlsFailure::Validation, reason)
            }
        };
        Err(self.tls_failure(failure, &format!("the handshake failed: {reason}")))
    }

    async fn log_in(&self, opened: &mut Opened) -> Result<(), OpenFailure> {
        let Some(login) = &self.endpoint.login else {
            return Ok(());
        };
        if opened.tls.is_none() {
            let text = "a password is sent under TLS only: let the route demand it".to_owned();
            return Err(self.failure(Step::Auth, Said::us(Status::new(4, 7, 11), text)));
        }
        let time = self.settings.timeouts.hello;
        auth::log_in(&mut opened.dialogue, &opened.capabilities, login, time)
            .await
            .map_err(|said| self.failure(Step::Auth, said))
    }

    fn expect_success(
        &self,
        step: Step,
        reply: Result<HostReply, Lost>,
    ) -> Result<(), OpenFailure> {
        match reply {
            Ok(reply) if reply.is_success() => Ok(()),
            other => Err(self.refusal(step, other)),
        }
    }

    fn refusal(&self, step: Step, reply: Result<HostReply, Lost>) -> OpenFailure {
        match reply {
            Ok(reply) => OpenFailure {
                temporary: !reply.is_permanent(),
                ..self.failure(step, Said::Host(reply))
            },
            Err(lost) => self.failure(step, lost.said(&format!("at {step}"))),
        }
    }

    fn no_tls(&self, reason: &str) -> OpenFailure {
        self.tls_failure(TlsFailure::NotSupported, reason)
    }

    fn tls_failure(&self, failure: TlsFailure, reason: &str) -> OpenFailure {
        let text = format!("no TLS: {reason}");
        // RFC 3463 §3.8: 7.5 is a cryptographic failure.
        OpenFailure {
            tls: Some(failure),
            ..self.failure(Step::Tls, Said::us(Status::new(4, 7, 5), text))
        }
    }

    fn failure(&self, step: Step, said: Said) -> OpenFailure {
        OpenFailure {
            step,
            temporary: true,
            said,
            tls: None,
        }
    }
}
