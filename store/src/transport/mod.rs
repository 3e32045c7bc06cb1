//! What is known of how mail is protected on its way to other hosts: policies that domains publish (`sts_policy`), what hosts were
//! seen to do (`host_tls`), and the counts of which reports are made (`tls_session`).
//!
//! Names of domains and hosts are A-labels in lower case; the caller sees to that. All of it is bounded in number and time.

pub(crate) mod host_tls;
pub(crate) mod sts_policy;
pub(crate) mod tls_session;
