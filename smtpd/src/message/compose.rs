//! What a submitted message is given and what is taken from it (RFC 6409 §8).
//!
//! Only what makes it a proper message: nothing that the author wrote is changed. A `From` that is not the account's is left as it
//! is: people write for lists, for others, and resend; what is checked is the envelope's sender (RFC 6409 §6.1).

use std::fmt::Write;

use super::header::Header;

/// Fields that a submitted message does not keep: blind copies are for the envelope alone (RFC 5322 §3.6.3), and the return
/// path is written at delivery (RFC 5321 §4.4).
pub const NOT_SUBMITTED: &[&str] = &["Bcc", "Resent-Bcc", "Return-Path"];

/// Fields that a received message does not keep: at delivery there is exactly one return path, ours (RFC 5321 §4.4).
pub const NOT_RECEIVED: &[&str] = &["Return-Path"];

/// `Date` and `Message-ID`, each if it is missing (RFC 6409 §8.2, §8.3), with their line ends.
pub fn missing_fields(header: &Header, id: &str, hostname: &str, date: &str) -> String {
    let mut fields = String::new();
    if !header.has("Message-ID") {
        let _ = write!(fields, "Message-ID: {}\r\n", message_id(id, hostname));
    }
    if !header.has("Date") {
        let _ = write!(fields, "Date: {date}\r\n");
    }
    fields
}

/// The Message-ID that a message is given: its queue id at this host.
pub fn message_id(id: &str, hostname: &str) -> String {
    format!("<{id}@{hostname}>")
}

/// The present time as an RFC 5322 date-time, in local time as RFC 5321 §4.4 wants it.
pub fn date_now() -> String {
    let now = jiff::Zoned::now();
    // It fails for years that RFC 5322 cannot write, which a clock may well be set to.
    jiff::fmt::rfc2822::to_string(&now).unwrap_or_else(|_| "Thu, 1 Jan 1970 00:00:00 -0000".into())
}

/// A time in seconds since 1970 as an RFC 5322 date-time, in local time.
pub fn date_of(seconds: i64) -> String {
    let moment = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    let local = moment.to_zoned(jiff::tz::TimeZone::system());
    jiff::fmt::rfc2822::to_string(&local)
        .unwrap_or_else(|_| "Thu, 1 Jan 1970 00:00:00 -0000".into())
}

#[cfg(test)]
mod tests {
    use super::super::header::HeaderReader;
    use super::*;

    fn missing(header: &str) -> String {
        let mut reader = HeaderReader::default();
        reader.push(header.as_bytes());
        missing_fields(&reader.finish().0, "0ABC", "mail.test", "D")
    }

    #[test]
    fn only_what_is_missing_is_added() {
        assert_eq!(missing("Date: x\r\nMessage-Id: y\r\n"), "");
        assert_eq!(missing("Date: x\r\n"), "Message-ID: <0ABC@mail.test>\r\n");
        assert_eq!(
            missing("Subject: x\r\n"),
            "Message-ID: <0ABC@mail.test>\r\nDate: D\r\n"
        );
    }

    #[test]
    fn the_date_has_an_offset() {
        assert!(jiff::fmt::rfc2822::parse(&date_now()).is_ok());
    }
}
