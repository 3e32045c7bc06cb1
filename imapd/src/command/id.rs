//! ID (RFC 2971). What the client says goes to the log, and changes nothing (§2: no bug work-arounds by name).

use daemon::session::Output;

use crate::grammar::response::Response;
use crate::session::ImapSession;
use crate::session::dispatch::{Done, Outcome};

impl ImapSession {
    pub(crate) fn id(&self, fields: &[(String, Option<String>)], out: &mut Output) -> Outcome {
        let value = |wanted: &str| {
            let field = fields
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            field
                .and_then(|(_, value)| value.as_deref())
                .unwrap_or_default()
                .escape_debug()
                .to_string()
        };
        tracing::debug!(name = value("name"), version = value("version"), "client");
        out.put(&Response::Id(vec![
            ("name", "Pennyblack"),
            ("version", env!("CARGO_PKG_VERSION")),
        ]));
        Ok(Done::text("ID completed"))
    }
}
