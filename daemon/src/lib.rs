//! What every daemon stands on: configuration, listeners, TLS, the session loop, authentication, logs, metrics and
//! the life of the process.
//!
//! A protocol crate implements [`session::Session`] and names its ports in a [`service::Program`]; everything else,
//! from binding a socket to the last line of the log, happens here and exists once. This crate knows no command of
//! any protocol, and it opens the store for authentication alone.

mod admission;
pub mod config;
pub mod credential;
mod deadline;
mod deflate;
pub mod dial;
pub mod drive;
pub mod framing;
mod input;
pub mod limits;
mod listener;
pub mod logs;
pub mod output;
pub mod packet;
pub mod privilege;
pub mod proxy;
pub mod range;
pub mod sasl;
pub mod secret;
mod serve;
pub mod service;
pub mod session;
mod signals;
pub mod stop;
pub mod tls;
pub mod wire;
