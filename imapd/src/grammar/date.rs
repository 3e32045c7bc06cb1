//! Dates: `1-Feb-1994` in SEARCH, `"17-Jul-1996 02:44:25 -0700"` in APPEND and FETCH (RFC 3501 §9).
//!
//! A date that no calendar has (31-Feb) is malformed. Nothing here knows what day it is.

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;

use super::cursor::{Cursor, Malformed, Parsed};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A day of the calendar, counted from 1970-01-01. Days compare as SEARCH wants it: without time and zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub i64);

/// The day 0.
const EPOCH: Date = jiff::civil::date(1970, 1, 1);
const SECONDS_A_DAY: i64 = 86_400;

impl Day {
    /// The day on which a clock in the zone `offset_minutes` east of Greenwich shows the instant `seconds`.
    pub fn of(seconds: i64, offset_minutes: i16) -> Self {
        Self((seconds.saturating_add(i64::from(offset_minutes) * 60)).div_euclid(SECONDS_A_DAY))
    }

    /// Reads a date, quoted or not.
    pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let quoted = cursor.eat(b'"');
        let date = parse_date(cursor)?;
        if quoted {
            cursor.expect(b'"', "the end of a date")?;
        }
        // By the calendar, not by an instant: the last days of the year 9999 are beyond the instants that jiff has.
        let days = (date - EPOCH).get_days();
        Ok(Self(i64::from(days)))
    }
}

/// An instant with the zone in which it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateAndTime {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Minutes east of Greenwich.
    pub offset_minutes: i16,
}

impl DateAndTime {
    /// Reads `"dd-Mon-yyyy hh:mm:ss +zzzz"` with its quotes.
    pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.expect(b'"', "a date and time")?;
        cursor.eat(b' ');
        let date = parse_date(cursor)?;
        cursor.space()?;
        let (hour, minute, second) = parse_time(cursor)?;
        cursor.space()?;
        let offset_minutes = parse_zone(cursor)?;
        cursor.expect(b'"', "the end of a date")?;
        // A leap second is stored as the second before it.
        let time = DateTime::from_parts(
            date,
            jiff::civil::Time::new(hour, minute, second.min(59), 0)
                .map_err(|_| Malformed::Expected("a time"))?,
        );
        let local = Offset::UTC
            .to_timestamp(time)
            .map_err(|_| Malformed::Expected("a date"))?;
        Ok(Self {
            seconds: local.as_second() - i64::from(offset_minutes) * 60,
            offset_minutes,
        })
    }

    /// Writes the form that [`Self::parse`] reads. An instant outside the years 1 to 9999 is written as the epoch.
    pub fn encode(self, into: &mut Vec<u8>) {
        let local = self
            .seconds
            .saturating_add(i64::from(self.offset_minutes) * 60);
        let instant = jiff::Timestamp::from_second(local).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let time = Offset::UTC.to_datetime(instant);
        let month = usize::try_from(time.month() - 1)
            .ok()
            .and_then(|month| MONTHS.get(month))
            .unwrap_or(&"Jan");
        let sign = if self.offset_minutes < 0 { '-' } else { '+' };
        let offset = self.offset_minutes.unsigned_abs();
        let text = format!(
            "\"{:2}-{month}-{:04} {:02}:{:02}:{:02} {sign}{:02}{:02}\"",
            time.day(),
            time.year().max(1),
            time.hour(),
            time.minute(),
            time.second(),
            offset / 60,
            offset % 60
        );
        into.extend_from_slice(text.as_bytes());
    }
}

fn parse_date(cursor: &mut Cursor<'_>) -> Parsed<Date> {
    let wrong = Malformed::Expected("a date such as 1-Feb-1994");
    let day = digits(cursor, 1, 2)?;
    cursor.expect(b'-', "a date such as 1-Feb-1994")?;
    let name = cursor.take_while(|octet| octet.is_ascii_alphabetic());
    let month = MONTHS
        .iter()
        .zip(1i8..)
        .find(|(month, _)| month.as_bytes().eq_ignore_ascii_case(name));
    let (_, month) = month.ok_or(wrong.clone())?;
    cursor.expect(b'-', "a date such as 1-Feb-1994")?;
    let year = digits(cursor, 4, 4)?;
    let day = i8::try_from(day).map_err(|_| wrong.clone())?;
    let year = i16::try_from(year).map_err(|_| wrong.clone())?;
    Date::new(year, month, day).map_err(|_| wrong)
}

fn parse_time(cursor: &mut Cursor<'_>) -> Parsed<(i8, i8, i8)> {
    let mut part = |last: bool| -> Parsed<i8> {
        let value = digits(cursor, 2, 2)?;
        if !last {
            cursor.expect(b':', "a time such as 02:44:25")?;
        }
        i8::try_from(value).map_err(|_| Malformed::Expected("a time"))
    };
    Ok((part(false)?, part(false)?, part(true)?))
}

fn parse_zone(cursor: &mut Cursor<'_>) -> Parsed<i16> {
    let wrong = Malformed::Expected("a zone such as -0700");
    let west = cursor.eat(b'-');
    if !west {
        cursor.expect(b'+', "a zone such as -0700")?;
    }
    let zone = digits(cursor, 4, 4)?;
    let (hours, minutes) = (zone / 100, zone % 100);
    if hours > 23 || minutes > 59 {
        return Err(wrong);
    }
    let offset = i16::try_from(hours * 60 + minutes).map_err(|_| wrong)?;
    Ok(if west { -offset } else { offset })
}

fn digits(cursor: &mut Cursor<'_>, least: usize, most: usize) -> Parsed<u32> {
    let digits = cursor.take_while(|octet| octet.is_ascii_digit());
    let wrong = Malformed::Expected("a date or time");
    if digits.len() < least || digits.len() > most {
        return Err(wrong);
    }
    std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str) -> String {
        let mut out = Vec::new();
        DateAndTime::parse(&mut Cursor::new(text.as_bytes()))
            .unwrap()
            .encode(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_date_and_time_survives() {
        for text in [
            "\"17-Jul-1996 02:44:25 -0700\"",
            "\" 1-Feb-1994 23:59:59 +0530\"",
            "\"29-Feb-2000 00:00:00 +0000\"",
        ] {
            assert_eq!(rewritten(text), text);
        }
        assert_eq!(
            rewritten("\"01-feb-1994 23:59:60 +0000\""),
            "\" 1-Feb-1994 23:59:59 +0000\""
        );
    }

    #[test]
    fn impossible_dates_are_refused() {
        for text in [
            "\"31-Feb-1994 00:00:00 +0000\"",
            "\"1-Foo-1994 00:00:00 +0000\"",
            "\"1-Feb-94 00:00:00 +0000\"",
            "\"1-Feb-1994 25:00:00 +0000\"",
            "\"1-Feb-1994 00:00:00 +2500\"",
            "\"1-Feb-1994\"",
        ] {
            assert!(
                DateAndTime::parse(&mut Cursor::new(text.as_bytes())).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn days_disregard_time_and_zone() {
        let day = Day::parse(&mut Cursor::new(b"17-Jul-1996")).unwrap();
        let late = DateAndTime::parse(&mut Cursor::new(b"\"17-Jul-1996 23:44:25 -0700\"")).unwrap();
        assert_eq!(Day::of(late.seconds, late.offset_minutes), day);
        assert_eq!(Day::parse(&mut Cursor::new(b"\"1-Jan-1970\"")), Ok(Day(0)));
        let last = Day::parse(&mut Cursor::new(b"31-Dec-9999"));
        assert_eq!(last, Ok(Day(2_932_896)));
        let first = Day::parse(&mut Cursor::new(b"1-Jan-0000"));
        assert_eq!(first, Ok(Day(-719_528)));
    }
}
