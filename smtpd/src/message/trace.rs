//! The trace fields that we write: `Received`, `Return-Path`, `Delivered-To` (RFC 5321 §4.4, RFC 3848, RFC 6531 §4.3).
//!
//! Pure. Everything that comes from the client has been through the grammar before it gets here, so none of it can
//! break out of a field or a comment.

use std::fmt::Write;
use std::net::IpAddr;

use crate::grammar::{ClientName, Host, ReversePath};

/// How a message came, for its `Received` field.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// The name given in EHLO or HELO.
    pub client: &'a ClientName,
    /// Where the connection came from.
    pub address: IpAddr,
    /// The protocol that was spoken.
    pub protocol: Protocol,
    /// TLS version and cipher suite.
    pub tls: Option<(&'a str, &'a str)>,
    /// Our own name.
    pub hostname: &'a str,
    /// The queue id.
    pub id: &'a str,
    /// The recipient, if there is only one: several would tell them of each other (RFC 5321 §7.2).
    pub recipient: Option<&'a str>,
    /// Now, as an RFC 5322 date-time.
    pub date: &'a str,
}

/// What decides the protocol type of the WITH clause.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// EHLO was used, not HELO.
    pub extended: bool,
    /// The transaction has SMTPUTF8.
    pub utf8: bool,
    /// TLS is on.
    pub tls: bool,
    /// The client has logged in.
    pub login: bool,
}

impl Protocol {
    /// The registered name (RFC 3848; RFC 6531 §4.3 for those with UTF8). Plain SMTP has no variants.
    pub fn name(self) -> &'static str {
        match (self.extended, self.utf8, self.tls, self.login) {
            (false, ..) => "SMTP",
            (true, false, false, false) => "ESMTP",
            (true, false, false, true) => "ESMTPA",
            (true, false, true, false) => "ESMTPS",
            (true, false, true, true) => "ESMTPSA",
            (true, true, false, false) => "UTF8SMTP",
            (true, true, false, true) => "UTF8SMTPA",
            (true, true, true, false) => "UTF8SMTPS",
            (true, true, true, true) => "UTF8SMTPSA",
        }
    }
}

/// The `Received` field with its line end.
pub fn received(arrival: &Arrival<'_>) -> String {
    let literal = Host::Literal(arrival.address);
    let mut field = String::with_capacity(320);
    // A name that is no host name may not stand as one; it is kept in the comment.
    let _ = match arrival.client.is_host() {
        true => write!(field, "Received: from {} ({literal})", arrival.client),
        false => write!(field, "Received: from {literal} (helo={})", arrival.client),
    };
    if let Some((version, cipher)) = arrival.tls {
        let _ = write!(field, "\r\n\t(using {version} with cipher {cipher})");
    }
    let _ = write!(
        field,
        "\r\n\tby {} with {} id {}",
        arrival.hostname,
        arrival.protocol.name(),
        arrival.id
    );
    if let Some(recipient) = arrival.recipient {
        let _ = write!(field, "\r\n\tfor <{recipient}>");
    }
    let _ = write!(field, ";\r\n\t{}\r\n", arrival.date);
    field
}

/// What stands above the message in one recipient's mailbox: `Return-Path` first (RFC 5321 §4.4), then the address by which the
/// message reached the mailbox.
pub fn delivery_prefix(sender: &ReversePath, delivered_to: &str) -> Vec<u8> {
    format!("Return-Path: {sender}\r\nDelivered-To: {delivered_to}\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival<'a>(client: &'a ClientName, protocol: Protocol) -> Arrival<'a> {
        Arrival {
            client,
            address: "2001:db8::1".parse().unwrap(),
            protocol,
            tls: None,
            hostname: "mail.example.test",
            id: "0ABC",
            recipient: None,
            date: "Thu, 1 Jan 1970 00:00:00 +0000",
        }
    }

    const PLAIN: Protocol = Protocol {
        extended: true,
        utf8: false,
        tls: false,
        login: false,
    };

    #[test]
    fn the_simplest_received_field() {
        let client = ClientName::parse("client.test").unwrap();
        assert_eq!(
            received(&arrival(&client, PLAIN)),
            "Received: from client.test ([IPv6:2001:db8::1])\r\n\tby mail.example.test with ESMTP id 0ABC;\r\n\
             \tThu, 1 Jan 1970 00:00:00 +0000\r\n"
        );
    }

    #[test]
    fn tls_login_and_a_single_recipient_are_told() {
        let client = ClientName::parse("MY_PC").unwrap();
        let protocol = Protocol {
            tls: true,
            login: true,
            utf8: true,
            ..PLAIN
        };
        let mut arrival = arrival(&client, protocol);
        arrival.tls = Some(("TLSv1.3", "TLS_AES_256_GCM_SHA384"));
        arrival.recipient = Some("alice@example.test");
        assert_eq!(
            received(&arrival),
            "Received: from [IPv6:2001:db8::1] (helo=MY_PC)\r\n\
             \t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384)\r\n\
             \tby mail.example.test with UTF8SMTPSA id 0ABC\r\n\tfor <alice@example.test>;\r\n\
             \tThu, 1 Jan 1970 00:00:00 +0000\r\n"
        );
    }

    #[test]
    fn helo_is_plain_smtp_whatever_else_is_on() {
        assert_eq!(
            Protocol {
                extended: false,
                tls: true,
                ..PLAIN
            }
            .name(),
            "SMTP"
        );
    }

    #[test]
    fn the_prefix_has_the_null_sender_too() {
        assert_eq!(
            delivery_prefix(&ReversePath::Null, "a@b.test"),
            b"Return-Path: <>\r\nDelivered-To: a@b.test\r\n"
        );
    }
}
