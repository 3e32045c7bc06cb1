//! What Pennyblack's tests stand on: the dialogue language, client connections, and the harness that runs the daemons.
//!
//! Tests use the programs and their sockets as anybody else does; nothing here looks inside them.

pub mod chat;
pub mod client;
pub mod filter;
pub mod imap;
pub mod internet;
pub mod link;
pub mod server;
pub mod smtp;
pub mod tls;
