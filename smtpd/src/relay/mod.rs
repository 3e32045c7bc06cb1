//! The way out: mail for other hosts.
//!
//! `route` says which hosts take a domain's mail and how they must be protected, `client` talks to one host.

pub mod client;
pub mod route;
