//! The types of the store that authentication needs.
pub use store::{Store, AccountId, Address};
