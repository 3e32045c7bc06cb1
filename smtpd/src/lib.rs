//! `smtpd`.

pub mod grammar;
pub mod limits;
