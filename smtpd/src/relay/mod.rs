//! The way out: mail for other hosts.
//!
//! `client` talks to one host.

pub mod client;
