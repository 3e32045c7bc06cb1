//! Placeholder.
pub mod mime;
