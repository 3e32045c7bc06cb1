//! The SMTP client against hosts of every kind, on real sockets: those that keep to the protocol, those that do not, and real ones.

mod conversion;
mod dialogues;
mod ground;
mod hostile;
mod postfix;
mod tls;
