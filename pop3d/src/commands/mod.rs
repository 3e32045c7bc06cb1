//! The commands, a file for each family. A handler is given what it needs of the session, acts, and writes
//! typed replies; whether the command is allowed in this state has been decided before ([`crate::session`]).

pub mod auth;
pub mod capa;
pub mod delete;
pub mod listing;
pub mod login;
pub mod retrieve;
pub mod tls;
