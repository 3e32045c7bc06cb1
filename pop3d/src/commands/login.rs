//! USER and PASS (RFC 1939 §7), and UTF8 (RFC 6856 §2.1): what else is said before login.

use daemon::secret::Secret;
use daemon::session::{Next, Output};

use crate::grammar::reply::Reply;
use crate::session::{Answer, Pop3, State};

/// `USER name`: the same reply to every name, and nothing is looked up, so that neither words nor time tell
/// who is here.
pub fn user(session: &mut Pop3, name: String, out: &mut Output) -> Answer {
    session.state = State::Named(name);
    out.put(&Reply::NameNoted);
    Ok(Next::Continue)
}

/// `PASS string`, right after `USER name`.
pub async fn pass(session: &mut Pop3, name: &str, password: &Secret, out: &mut Output) -> Answer {
    let connection = &session.connection;
    let auth = connection.service.auth.clone();
    let identity = auth
        .password(
            name.as_bytes(),
            password,
            &connection.peer,
            connection.tls.as_ref(),
        )
        .await?;
    session.enter(identity, out).await
}

/// `UTF8`: from now on headers go out as they are.
pub fn utf8(session: &mut Pop3, out: &mut Output) -> Answer {
    session.utf8 = true;
    out.put(&Reply::Utf8Enabled);
    Ok(Next::Continue)
}
