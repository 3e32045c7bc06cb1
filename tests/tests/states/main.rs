//! Every command of each protocol in every state, and what it is answered there.
//!
//! The tables beside this file (`imap.table` and its like) hold a row for each command and a column for each state; what stands in
//! a cell is what the RFCs demand there, as the comments in the tables say. The programs here bring a connection into the state,
//! send the command, and compare. Each cell has a connection of its own, so that no cell depends on another.
//!
//! Which commands there are, the daemons' own lists tell: a command without a row is a failure.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod imap;
mod pop3;
mod smtp;
mod table;
