//! What every daemon stands on: configuration, listeners, TLS, the session loop, authentication, logs, metrics and
//! the life of the process.
//!
//! A protocol crate implements [`session::Session`] and names its ports in a [`service::Program`]; everything else,
//! from binding a socket to the last line of the log, happens here and exists once. This crate knows no command of
//! any protocol, and it opens the store for authentication alone.

pub mod config;
pub mod credential;
pub mod framing;
pub mod limits;
pub mod output;
pub mod pending;
pub mod sasl;
pub mod secret;
pub mod service;
pub mod session;
pub mod wire;
