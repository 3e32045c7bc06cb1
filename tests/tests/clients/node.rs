//! npm's imapflow: the script is `clients/imapflow.mjs`; `tests/run` puts the package into `target/clients/node`.

use super::{run, server};
use std::path::Path;
use tests::chat::Listener;
use tests::server::Server;

#[test]
fn imapflow_reads_searches_moves_idles_and_comes_back() {
    let server = server();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/imapflow.mjs");
    let (script, host) = (script.display().to_string(), server.host().to_string());
    let port = Server::port(Listener::Imaps).to_string();
    run(&server, "node", &[&script, &host, &port], b"");
    server.mailctl_ok(&["check"], "").unwrap();
}
