//! `smtpd`.

pub mod grammar;
pub mod limits;
pub mod message;
pub mod reject;
