//! The verbs of SMTP that this server knows, by name.
//!
//! `SEND`, `SOML`, `SAML`, `TURN` and `ETRN` are recognised so that they earn 502 instead of 500 (RFC 5321 §4.2.4);
//! nothing else is known of them.

/// The first word of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Verb {
    Ehlo,
    Helo,
    Mail,
    Rcpt,
    Data,
    Bdat,
    Rset,
    Noop,
    Quit,
    Vrfy,
    Expn,
    Help,
    StartTls,
    Auth,
    /// A verb of the standards that this server does not implement.
    Obsolete,
}

impl Verb {
    /// Every verb with the name it has on the wire.
    pub const NAMES: [(&str, Verb); 19] = [
        ("EHLO", Verb::Ehlo),
        ("HELO", Verb::Helo),
        ("MAIL", Verb::Mail),
        ("RCPT", Verb::Rcpt),
        ("DATA", Verb::Data),
        ("BDAT", Verb::Bdat),
        ("RSET", Verb::Rset),
        ("NOOP", Verb::Noop),
        ("QUIT", Verb::Quit),
        ("VRFY", Verb::Vrfy),
        ("EXPN", Verb::Expn),
        ("HELP", Verb::Help),
        ("STARTTLS", Verb::StartTls),
        ("AUTH", Verb::Auth),
        ("SEND", Verb::Obsolete),
        ("SOML", Verb::Obsolete),
        ("SAML", Verb::Obsolete),
        ("TURN", Verb::Obsolete),
        ("ETRN", Verb::Obsolete),
    ];

    /// The verb of that name, in any case (RFC 5321 §2.4).
    pub fn parse(word: &str) -> Option<Verb> {
        Verb::NAMES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(word))
            .map(|(_, verb)| *verb)
    }

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        Verb::NAMES
            .iter()
            .find(|(_, verb)| *verb == self)
            .map_or("", |(name, _)| name)
    }
}
