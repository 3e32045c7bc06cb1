//! AUTH: a SASL dialogue in lines of base64 (RFC 5034 §4).
//!
//! What the mechanisms do is [`daemon::sasl`]'s business; here is how their messages travel. Any failure, and
//! the `*` of a client that gives up, ends the exchange with `-ERR` and leaves the session in the
//! AUTHORIZATION state.

use daemon::sasl::{Exchange, Mechanism, Step};
use daemon::secret::Secret;
use daemon::session::{Next, Output};

use crate::grammar::command::{AuthLine, parse_auth_line};
use crate::grammar::reply::{End, Listing, Reply};
use crate::reject::Reject;
use crate::session::{Answer, Pop3, State};

/// `AUTH` alone: which mechanisms are there? Old clients ask so, instead of by CAPA.
pub fn list(session: &Pop3, out: &mut Output) -> Answer {
    out.put(&Reply::ListFollows);
    for mechanism in session.mechanisms() {
        out.put(&Listing::Mechanism(mechanism.name()));
    }
    out.put(&End);
    Ok(Next::Continue)
}

/// `AUTH mechanism [initial-response]`.
pub async fn begin(
    session: &mut Pop3,
    mechanism: &str,
    initial: Option<Secret>,
    out: &mut Output,
) -> Answer {
    let mechanism = Mechanism::parse(mechanism.as_bytes())
        .filter(|mechanism| session.mechanisms().contains(mechanism));
    let mechanism = mechanism.ok_or(Reject::Mechanism)?;
    let connection = &session.connection;
    let exchange = Exchange::start(
        mechanism,
        &connection.service.auth,
        &connection.peer,
        connection.tls.as_ref(),
    )?;
    step(session, Box::new(exchange), initial, out).await
}

/// A line of the client's after a challenge.
pub async fn resume(
    session: &mut Pop3,
    exchange: Box<Exchange>,
    line: &[u8],
    out: &mut Output,
) -> Answer {
    match parse_auth_line(line)? {
        AuthLine::Cancel => Err(Reject::Cancelled),
        AuthLine::Response(response) => step(session, exchange, Some(response), out).await,
    }
}

async fn step(
    session: &mut Pop3,
    mut exchange: Box<Exchange>,
    response: Option<Secret>,
    out: &mut Output,
) -> Answer {
    match exchange.step(response.as_ref().map(Secret::expose)).await {
        Step::Challenge(challenge) => {
            out.put(&Reply::Challenge(&challenge));
            session.state = State::Authenticating(exchange);
            Ok(Next::Continue)
        }
        Step::Done(identity) => session.enter(identity, out).await,
        Step::Failed(failure) => Err(failure.into()),
    }
}
