//! Routes in a small Internet: which hosts are tried, and how connections to them must be protected.

#![allow(clippy::unwrap_used, clippy::panic)]

mod dane;
mod ground;
mod memory;
mod mx;
mod smart_host;
mod sts;
