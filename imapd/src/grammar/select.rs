//! The arguments of SELECT and EXAMINE (RFC 3501 §6.3.1, RFC 4466 §2.1, RFC 7162 §3.1.8 and §3.2.5).

use super::capability::Capability;
use super::cursor::{Cursor, Malformed, Parsed};
use super::mailbox;
use super::sequence::SequenceSet;

/// SELECT or EXAMINE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// The mailbox, in its one spelling.
    pub mailbox: String,
    /// CONDSTORE
    pub condstore: bool,
    /// QRESYNC
    pub resync: Option<Resync>,
}

/// What a client knows of the mailbox from before (RFC 7162 §3.2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resync {
    /// UIDVALIDITY
    pub uid_validity: u32,
    /// Up to which mod-sequence it has heard everything.
    pub modseq: u64,
    /// The messages that it wants to hear of; none: all.
    pub known: Option<SequenceSet>,
    /// Sequence numbers, and the UIDs that it believes to be behind them, ascending and in pairs.
    pub samples: Option<(SequenceSet, SequenceSet)>,
}

impl Select {
    /// Reads mailbox and parameters.
    pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut select = Self {
            mailbox: mailbox::parse(cursor)?,
            condstore: false,
            resync: None,
        };
        if cursor.end().is_ok() {
            return Ok(select);
        }
        // Spaces were read by the look for the end.
        cursor.list(|cursor| {
            if cursor.eat_word_of(Capability::CondStore, "CONDSTORE") && !select.condstore {
                select.condstore = true;
            } else if cursor.eat_word_of(Capability::QResync, "QRESYNC") && select.resync.is_none()
            {
                cursor.space()?;
                select.resync = Some(Resync::parse(cursor)?);
            } else {
                return Err(Malformed::Expected("a known parameter, once"));
            }
            Ok(())
        })?;
        Ok(select)
    }
}

impl Resync {
    fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.expect(b'(', "what is known in parentheses")?;
        let uid_validity = cursor.nz_number()?;
        cursor.space()?;
        let modseq = cursor.number64()?;
        let (mut known, mut samples) = (None, None);
        while !cursor.eat(b')') {
            cursor.space()?;
            if cursor.peek() == Some(b'(') && samples.is_none() {
                samples = Some(parse_samples(cursor)?);
            } else if known.is_none() && samples.is_none() {
                known = Some(parse_known(cursor)?);
            } else {
                return Err(Malformed::Expected("the end of what is known"));
            }
        }
        Ok(Self {
            uid_validity,
            modseq,
            known,
            samples,
        })
    }
}

/// RFC 7162 §7: "known-uids", "known-sequence-set" and "known-uid-set" are sets in which "*" is not allowed.
fn parse_known(cursor: &mut Cursor<'_>) -> Parsed<SequenceSet> {
    let set = SequenceSet::parse(cursor)?;
    if set.names_last() {
        return Err(Malformed::Expected("a set of known numbers, without *"));
    }
    Ok(set)
}

fn parse_samples(cursor: &mut Cursor<'_>) -> Parsed<(SequenceSet, SequenceSet)> {
    cursor.expect(b'(', "samples in parentheses")?;
    let numbers = parse_known(cursor)?;
    cursor.space()?;
    let uids = parse_known(cursor)?;
    cursor.expect(b')', "the end of the samples")?;
    Ok((numbers, uids))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed<Select> {
        let mut cursor = Cursor::new(text.as_bytes());
        let select = Select::parse(&mut cursor)?;
        cursor.end()?;
        Ok(select)
    }

    #[test]
    fn the_forms_of_rfc_7162_are_read() {
        assert!(parse("INBOX (CONDSTORE)").unwrap().condstore);
        let text = "INBOX (QRESYNC (67890007 20050715194045000 41,43:211,214:541))";
        let resync = parse(text).unwrap().resync.unwrap();
        assert_eq!(resync.modseq, 20_050_715_194_045_000);
        assert!(resync.known.is_some() && resync.samples.is_none());
        let text =
            "x (QRESYNC (67890007 90060115194045000 1:29997 (5000,7500 15000,22500)) CONDSTORE)";
        let select = parse(text).unwrap();
        assert!(select.condstore && select.resync.unwrap().samples.is_some());
        let resync = parse("x (QRESYNC (1 2 (3 4)))").unwrap().resync.unwrap();
        assert!(resync.known.is_none() && resync.samples.is_some());
        assert!(parse("x (QRESYNC (1 2))").is_ok());
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "x (QRESYNC)",
            "x (QRESYNC (1))",
            "x (QRESYNC (0 1))",
            "x (QRESYNC (1 2 1:*))",
            "x (QRESYNC (1 2 3 4))",
            "x (QRESYNC (1 2 (3 4) 5))",
            "x (QRESYNC (1 2 (3 *)))",
            "x (QRESYNC (1 2)) (CONDSTORE)",
            "x (CONDSTORE CONDSTORE)",
            "x ()",
            "x (FOO)",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
