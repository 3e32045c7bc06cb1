//! The parameters of MAIL and RCPT (RFC 5321 §4.1.2 `esmtp-param`), typed.
//!
//! A parameter of an extension that is not announced is unknown and refused with 555 (RFC 5321 §4.1.1.11).

use std::fmt;

use super::cursor::Cursor;
use super::dsn::{EnvelopeId, Notify, OriginalRecipient, Return};
use super::error::SyntaxError;
use super::hold::Hold;
use super::path::parse_mailbox;
use super::xtext;

/// What kind of octets the body holds (RFC 6152, RFC 3030 §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// ASCII lines.
    #[default]
    SevenBit,
    /// Lines of any octets.
    EightBitMime,
    /// Any octets; comes in chunks only.
    BinaryMime,
}

impl Body {
    fn parse(value: &str) -> Option<Body> {
        [Body::SevenBit, Body::EightBitMime, Body::BinaryMime]
            .into_iter()
            .find(|body| body.name().eq_ignore_ascii_case(value))
    }

    fn name(self) -> &'static str {
        match self {
            Body::SevenBit => "7BIT",
            Body::EightBitMime => "8BITMIME",
            Body::BinaryMime => "BINARYMIME",
        }
    }
}

/// The parameters of a MAIL command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailParameters {
    /// `SIZE=`: octets of the message by the client's estimate (RFC 1870 §5).
    pub size: Option<u64>,
    /// `BODY=`.
    pub body: Option<Body>,
    /// `SMTPUTF8` (RFC 6531 §3.4).
    pub utf8: bool,
    /// `AUTH=` was there and well-formed. No client is trusted to name another submitter, so its value is not kept
    /// (RFC 4954 §5 allows that).
    pub auth: bool,
    /// `RET=` (RFC 3461 §4.3).
    pub ret: Option<Return>,
    /// `ENVID=` (RFC 3461 §4.4).
    pub envelope_id: Option<EnvelopeId>,
    /// `HOLDFOR=` or `HOLDUNTIL=` (RFC 4865 §4).
    pub hold: Option<Hold>,
    /// `REQUIRETLS` (RFC 8689 §2).
    pub require_tls: bool,
}

/// The parameters of a RCPT command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RcptParameters {
    /// `NOTIFY=` (RFC 3461 §4.1).
    pub notify: Option<Notify>,
    /// `ORCPT=` (RFC 3461 §4.2).
    pub original: Option<OriginalRecipient>,
}

impl MailParameters {
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<MailParameters, SyntaxError> {
        let mut parameters = MailParameters::default();
        while let Some((keyword, value)) = parse_parameter(cursor)? {
            parameters.set(keyword, value)?;
        }
        Ok(parameters)
    }

    fn set(&mut self, keyword: &str, value: Option<&str>) -> Result<(), SyntaxError> {
        let known = |name: &str| keyword.eq_ignore_ascii_case(name);
        if known("SIZE") {
            set_once(&mut self.size, value.and_then(parse_size))
        } else if known("BODY") {
            set_once(&mut self.body, value.and_then(Body::parse))
        } else if known("SMTPUTF8") {
            raise_once(&mut self.utf8, value.is_none())
        } else if known("AUTH") {
            raise_once(&mut self.auth, value.is_some_and(is_auth_value))
        } else if known("RET") {
            set_once(&mut self.ret, value.and_then(Return::parse))
        } else if known("ENVID") {
            set_once(&mut self.envelope_id, value.and_then(EnvelopeId::parse))
        } else if known("HOLDFOR") {
            set_once(&mut self.hold, value.and_then(Hold::parse_for))
        } else if known("HOLDUNTIL") {
            set_once(&mut self.hold, value.and_then(Hold::parse_until))
        } else if known("REQUIRETLS") {
            raise_once(&mut self.require_tls, value.is_none())
        } else {
            Err(SyntaxError::ParameterUnknown)
        }
    }
}

impl RcptParameters {
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<RcptParameters, SyntaxError> {
        let mut parameters = RcptParameters::default();
        while let Some((keyword, value)) = parse_parameter(cursor)? {
            parameters.set(keyword, value)?;
        }
        Ok(parameters)
    }

    fn set(&mut self, keyword: &str, value: Option<&str>) -> Result<(), SyntaxError> {
        let known = |name: &str| keyword.eq_ignore_ascii_case(name);
        if known("NOTIFY") {
            set_once(&mut self.notify, value.and_then(Notify::parse))
        } else if known("ORCPT") {
            set_once(&mut self.original, value.and_then(OriginalRecipient::parse))
        } else {
            Err(SyntaxError::ParameterUnknown)
        }
    }
}

impl fmt::Display for MailParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(size) = self.size {
            write!(f, " SIZE={size}")?;
        }
        if let Some(body) = self.body {
            write!(f, " BODY={}", body.name())?;
        }
        if self.utf8 {
            f.write_str(" SMTPUTF8")?;
        }
        if self.auth {
            f.write_str(" AUTH=<>")?;
        }
        if let Some(ret) = self.ret {
            write!(f, " RET={}", ret.keyword())?;
        }
        if let Some(envelope_id) = &self.envelope_id {
            write!(f, " ENVID={}", envelope_id.as_str())?;
        }
        if let Some(hold) = &self.hold {
            write!(f, " {hold}")?;
        }
        if self.require_tls {
            f.write_str(" REQUIRETLS")?;
        }
        Ok(())
    }
}

impl fmt::Display for RcptParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(notify) = self.notify {
            write!(f, " NOTIFY={notify}")?;
        }
        if let Some(original) = &self.original {
            write!(f, " ORCPT={}", original.as_str())?;
        }
        Ok(())
    }
}

/// The next `keyword[=value]`, or nothing at the end of the line.
fn parse_parameter<'a>(
    cursor: &mut Cursor<'a>,
) -> Result<Option<(&'a str, Option<&'a str>)>, SyntaxError> {
    let separated = cursor.skip_blanks();
    if cursor.at_end() {
        return Ok(None);
    }
    let keyword = cursor.take_while(|c| c.is_ascii_alphanumeric() || c == '-');
    if !separated || keyword.is_empty() || keyword.starts_with('-') {
        return Err(SyntaxError::ParameterInvalid);
    }
    if !cursor.eat('=') {
        return Ok(Some((keyword, None)));
    }
    let value = cursor.take_while(|c| !matches!(c, '=' | ' ' | '\t'));
    match value.is_empty() || cursor.peek() == Some('=') {
        true => Err(SyntaxError::ParameterInvalid),
        false => Ok(Some((keyword, Some(value)))),
    }
}

fn set_once<T>(place: &mut Option<T>, value: Option<T>) -> Result<(), SyntaxError> {
    match (&place, value) {
        (None, Some(value)) => *place = Some(value),
        _ => return Err(SyntaxError::ParameterInvalid),
    }
    Ok(())
}

fn raise_once(flag: &mut bool, valid: bool) -> Result<(), SyntaxError> {
    match !*flag && valid {
        true => *flag = true,
        false => return Err(SyntaxError::ParameterInvalid),
    }
    Ok(())
}

/// `1*20DIGIT` (RFC 1870 §6). What does not fit 64 bits is as good as the largest number that does.
fn parse_size(value: &str) -> Option<u64> {
    let valid = (1..=20).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    valid.then(|| value.parse().unwrap_or(u64::MAX))
}

/// `<>` or the xtext of a mailbox (RFC 4954 §5).
fn is_auth_value(value: &str) -> bool {
    let is_mailbox = |text: &str| {
        let mut cursor = Cursor::new(text);
        parse_mailbox(&mut cursor).is_some() && cursor.at_end()
    };
    value == "<>"
        || xtext::decode(value)
            .and_then(|octets| String::from_utf8(octets).ok())
            .is_some_and(|text| is_mailbox(&text))
}
