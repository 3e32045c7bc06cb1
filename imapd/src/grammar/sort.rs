//! The arguments of SORT (RFC 5256, RFC 5267 §3, RFC 5957, RFC 6203 §6).

use super::capability::Capability;
use super::cursor::{Cursor, Malformed, Parsed};
use super::fetch::Fetch;
use super::search::{Key, ReturnOptions, parse_charset, parse_keys};

/// Most criteria in one SORT; there are ten kinds of them.
const CRITERIA_MAX: usize = 50;

/// By what to sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    /// ARRIVAL: internal date.
    Arrival,
    /// CC: local part of the first address.
    Cc,
    /// DATE: sent date.
    Date,
    /// DISPLAYFROM (RFC 5957)
    DisplayFrom,
    /// DISPLAYTO (RFC 5957)
    DisplayTo,
    /// FROM
    From,
    /// RELEVANCY (RFC 6203): the highest score first.
    Relevancy,
    /// SIZE
    Size,
    /// SUBJECT: base subject.
    Subject,
    /// TO
    To,
}

/// One criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Criterion {
    /// By what.
    pub key: SortKey,
    /// REVERSE
    pub reverse: bool,
}

/// SORT or UID SORT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// None: the answer is a SORT response; otherwise ESEARCH.
    pub returns: Option<ReturnOptions>,
    /// What UPDATE asks to be told of new results (RFC 5465 §7).
    pub fetch: Option<Fetch>,
    /// In which order.
    pub criteria: Vec<Criterion>,
    /// Which messages.
    pub key: Key,
}

impl Sort {
    /// Reads everything after `SORT SP`.
    pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let (returns, fetch) = ReturnOptions::parse_for_sort(cursor)?;
        let criteria = cursor.list(Criterion::parse)?;
        if criteria.len() > CRITERIA_MAX {
            return Err(Malformed::TooMany("sort criteria"));
        }
        cursor.space()?;
        parse_charset(cursor).map_err(|error| error.of_search(returns))?;
        cursor.space()?;
        let key = parse_keys(cursor)?;
        returns.map_or(Ok(()), |returns| returns.fit(&key))?;
        if by_relevancy(&criteria) && !key.is_fuzzy() {
            return Err(Malformed::Expected("FUZZY, for RELEVANCY"));
        }
        Ok(Self {
            returns,
            fetch,
            criteria,
            key,
        })
    }
}

/// Whether the order depends on how well messages match.
pub fn by_relevancy(criteria: &[Criterion]) -> bool {
    let mut keys = criteria.iter().map(|criterion| criterion.key);
    keys.any(|key| key == SortKey::Relevancy)
}

impl Criterion {
    fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let reverse = cursor.eat_word("REVERSE");
        if reverse {
            cursor.space()?;
        }
        let display = cursor.offers(Capability::SortDisplay);
        let key = match cursor.keyword("a sort criterion")?.as_str() {
            "ARRIVAL" => SortKey::Arrival,
            "CC" => SortKey::Cc,
            "DATE" => SortKey::Date,
            "DISPLAYFROM" if display => SortKey::DisplayFrom,
            "DISPLAYTO" if display => SortKey::DisplayTo,
            "FROM" => SortKey::From,
            "RELEVANCY" if cursor.offers(Capability::SearchFuzzy) => SortKey::Relevancy,
            "SIZE" => SortKey::Size,
            "SUBJECT" => SortKey::Subject,
            "TO" => SortKey::To,
            _ => return Err(Malformed::Expected("a sort criterion of this server")),
        };
        Ok(Self { key, reverse })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed<Sort> {
        Sort::parse(&mut Cursor::new(text.as_bytes()))
    }

    #[test]
    fn criteria_are_read_in_order() {
        let sort = parse("(SUBJECT REVERSE DATE) UTF-8 ALL").unwrap();
        let reversed = sort.criteria.iter().map(|criterion| criterion.reverse);
        assert_eq!(reversed.collect::<Vec<_>>(), [false, true]);
        assert_eq!(sort.criteria[1].key, SortKey::Date);
        assert!(sort.returns.is_none());
        let sort = parse("(REVERSE RELEVANCY) UTF-8 FUZZY SUBJECT Helo").unwrap();
        assert!(by_relevancy(&sort.criteria));
        assert!(
            parse("return () (reverse date) utf-8 undeleted")
                .unwrap()
                .returns
                .unwrap()
                .all
        );
    }

    #[test]
    fn wrong_arguments_are_refused() {
        for wrong in [
            "() UTF-8 ALL",
            "(REVERSE) UTF-8 ALL",
            "(REVERSE REVERSE DATE) UTF-8 ALL",
            "DATE UTF-8 ALL",
            "(DATE) UTF-8",
            "(DATE) ALL",
            "(COLOUR) UTF-8 ALL",
            "RETURN (DATE) UTF-8 ALL",
            "(DATE) RETURN () UTF-8 ALL",
            "(RELEVANCY) UTF-8 ALL",
            "RETURN (RELEVANCY) (DATE) UTF-8 ALL",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            parse("(DATE) KOI8-R ALL"),
            Err(Malformed::Charset { saves: false })
        );
        assert_eq!(
            parse("RETURN (SAVE) (DATE) KOI8-R ALL"),
            Err(Malformed::Charset { saves: true })
        );
    }
}
