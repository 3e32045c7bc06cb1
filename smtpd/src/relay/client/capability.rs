//! What a host offers in its reply to EHLO (RFC 5321 §4.1.1.1).
//!
//! Pure. What is unknown or malformed is passed over: it is not offered.

use super::reply::HostReply;

/// The extensions that make a difference to us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Capabilities {
    /// RFC 2920.
    pub(super) pipelining: bool,
    /// RFC 6152.
    pub(super) eight_bit: bool,
    /// RFC 6531.
    pub(super) utf8: bool,
    /// RFC 3030.
    pub(super) chunking: bool,
    /// RFC 3030; of use with CHUNKING only.
    pub(super) binary: bool,
    /// RFC 3461.
    pub(super) dsn: bool,
    /// RFC 3207.
    pub(super) start_tls: bool,
    /// RFC 8689.
    pub(super) require_tls: bool,
    /// RFC 1870: SIZE is known.
    pub(super) size: bool,
    /// RFC 1870: the largest message that the host takes, in octets.
    pub(super) octets_max: Option<u64>,
    /// RFC 4954: mechanisms, in upper case.
    pub(super) mechanisms: Vec<String>,
    /// RFC 9422: recipients of one transaction.
    pub(super) recipients_max: Option<u32>,
    /// RFC 9422: transactions of one session.
    pub(super) transactions_max: Option<u32>,
}

impl Capabilities {
    /// Reads the reply to EHLO. Its first line is the host's name.
    pub(super) fn parse(reply: &HostReply) -> Capabilities {
        let mut capabilities = Capabilities::default();
        for line in reply.lines().iter().skip(1) {
            capabilities.add(&line.to_ascii_uppercase());
        }
        capabilities
    }

    fn add(&mut self, line: &str) {
        // `AUTH=PLAIN` is how it was written before RFC 2554; some hosts still write both.
        let (keyword, arguments) = line.split_once([' ', '=']).unwrap_or((line, ""));
        match keyword {
            "PIPELINING" => self.pipelining = true,
            "8BITMIME" => self.eight_bit = true,
            "SMTPUTF8" => self.utf8 = true,
            "CHUNKING" => self.chunking = true,
            "BINARYMIME" => self.binary = true,
            "DSN" => self.dsn = true,
            "STARTTLS" => self.start_tls = true,
            "REQUIRETLS" => self.require_tls = true,
            "SIZE" => {
                self.size = true;
                // RFC 1870 §4: zero, or nothing, is no fixed limit.
                self.octets_max = arguments.trim().parse().ok().filter(|&octets| octets > 0);
            }
            "AUTH" => self.add_mechanisms(arguments),
            "LIMITS" => self.add_limits(arguments),
            _ => {}
        }
    }

    fn add_mechanisms(&mut self, arguments: &str) {
        for mechanism in arguments.split_ascii_whitespace() {
            if !self.mechanisms.iter().any(|known| known == mechanism) {
                self.mechanisms.push(mechanism.to_owned());
            }
        }
    }

    fn add_limits(&mut self, arguments: &str) {
        for limit in arguments.split_ascii_whitespace() {
            let Some((name, value)) = limit.split_once('=') else {
                continue;
            };
            let value = value.parse().ok().filter(|&value| value > 0);
            match name {
                "RCPTMAX" => self.recipients_max = value,
                "MAILMAX" => self.transactions_max = value,
                _ => {}
            }
        }
    }

    /// Whether a host has this mechanism.
    pub(super) fn has_mechanism(&self, name: &str) -> bool {
        self.mechanisms.iter().any(|mechanism| mechanism == name)
    }
}

#[cfg(test)]
mod tests {
    use super::super::reply::ReplyReader;
    use super::*;

    fn parse(reply: &str) -> Capabilities {
        let (_, reply) = ReplyReader::default().read(reply.as_bytes()).unwrap();
        Capabilities::parse(&reply.unwrap())
    }

    #[test]
    fn extensions_are_read_in_any_case_and_the_unknown_passed_over() {
        let found = parse(
            "250-mx.example.test pipelining\r\n250-Pipelining\r\n250-SIZE 1000\r\n250-8bitmime\r\n250-XCLIENT NAME ADDR\r\n\
             250-LIMITS RCPTMAX=20 MAILMAX=5 RCPTDOMAINMAX=1 ODD\r\n250-AUTH=PLAIN LOGIN\r\n250 auth plain scram-sha-256\r\n",
        );
        let expected = Capabilities {
            pipelining: true,
            eight_bit: true,
            size: true,
            octets_max: Some(1000),
            mechanisms: ["PLAIN", "LOGIN", "SCRAM-SHA-256"]
                .map(str::to_owned)
                .into(),
            recipients_max: Some(20),
            transactions_max: Some(5),
            ..Capabilities::default()
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn the_first_line_is_a_name_and_odd_numbers_are_no_limits() {
        assert_eq!(parse("250 STARTTLS\r\n"), Capabilities::default());
        for size in ["SIZE", "SIZE 0", "SIZE x", "SIZE 99999999999999999999999"] {
            let found = parse(&format!("250-mx\r\n250-{size}\r\n250 LIMITS RCPTMAX=0\r\n"));
            assert!(found.size);
            assert_eq!((found.octets_max, found.recipients_max), (None, None));
        }
    }
}
