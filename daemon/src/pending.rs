//! Stand-ins for the store's types.

/// The store.
#[derive(Clone, Debug)]
pub struct Store;
/// An account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccountId(pub i64);
/// An address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address(pub String);
