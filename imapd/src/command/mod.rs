//! The commands, a file for each or for a few that belong together. Each is a method of the session that puts its
//! untagged data and returns how it ended; the dispatcher has checked the state, and does the telling and answering.

mod acl;
pub mod append;
pub mod authenticate;
mod capability;
mod catenate;
mod close;
mod compress;
mod copy;
mod enable;
mod expunge;
mod fetch;
mod id;
mod idle;
mod list;
mod mailbox;
mod metadata;
mod multi_search;
mod namespace;
mod notify;
mod quota;
mod search;
mod select;
mod sort;
mod starttls;
mod status;
mod store;

pub(crate) use store::system_bit;
