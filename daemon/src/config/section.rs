//! Reading one table of the file: each question names a key, says what it must be, and has a default.
//!
//! A [`Section`] remembers which keys it was asked for. What is left over at the end is unknown, and therefore wrong: a
//! misspelt key must never be silently without effect. Questions never fail; what is wrong goes to the collector and
//! the default is answered, so that the rest is checked as well.

use std::cell::RefCell;
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::{Range, RangeInclusive};
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::Collector;

/// A table of the file, or the absence of one.
pub(super) struct Section<'a> {
    /// Its name with a dot at the end, for messages; empty for the file itself.
    path: String,
    table: Option<&'a DeTable<'a>>,
    /// Where it stands.
    place: Range<usize>,
    asked: RefCell<Vec<&'static str>>,
    faults: &'a RefCell<Collector>,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(table: &'a DeTable<'a>, faults: &'a RefCell<Collector>) -> Section<'a> {
        Section {
            path: String::new(),
            table: Some(table),
            place: 0..0,
            asked: RefCell::default(),
            faults,
        }
    }

    /// The table `[key]` in it, perhaps absent.
    pub(super) fn section(&self, key: &'static str) -> Section<'a> {
        let value = self.value(key);
        if let Some(value) = value
            && !value.get_ref().is_table()
        {
            self.wrong(
                value,
                key,
                "a table",
                &format!("write [{}{key}] on a line of its own", self.path),
            );
        }
        Section {
            path: format!("{}{key}.", self.path),
            table: value.and_then(|value| value.get_ref().as_table()),
            place: value.map_or(0..0, Spanned::span),
            asked: RefCell::default(),
            faults: self.faults,
        }
    }

    /// True if the table itself stands in the file.
    pub(super) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// True if `key` has a value.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    /// The tables of the list `key`; `example` is one of them.
    pub(super) fn sections(&self, key: &'static str, example: &str) -> Vec<Section<'a>> {
        let items = self.items(key, "a list of tables", &format!("as in [ {example} ]"));
        let mut sections = Vec::new();
        for item in items.unwrap_or_default() {
            match item.get_ref().as_table() {
                Some(table) => sections.push(Section {
                    path: format!("{}{key}.", self.path),
                    table: Some(table),
                    place: item.span(),
                    asked: RefCell::default(),
                    faults: self.faults,
                }),
                None => self.wrong(item, key, "a table", &format!("as in {example}")),
            }
        }
        sections
    }

    /// A text; None if absent.
    pub(super) fn text(&self, key: &'static str) -> Option<&'a str> {
        let value = self.value(key)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong(value, key, "a text", "put it in quotes");
        }
        text
    }

    /// A text that must be there.
    pub(super) fn required_text(&self, key: &'static str, advice: &str) -> &'a str {
        if self.table.is_some_and(|table| !table.contains_key(key)) {
            self.fault(
                &self.place,
                format!("`{}{key}` is missing: {advice}", self.path),
            );
        }
        self.text(key).unwrap_or_default()
    }

    /// A text of a certain form.
    pub(super) fn parsed<T: FromStr>(&self, key: &'static str, default: T) -> T
    where
        T::Err: Display,
    {
        let Some(text) = self.text(key) else {
            return default;
        };
        text.parse().unwrap_or_else(|error| {
            self.refuse(key, format!("{error}"));
            default
        })
    }

    /// The same where there is no default.
    pub(super) fn maybe_parsed<T: FromStr>(&self, key: &'static str) -> Option<T>
    where
        T::Err: Display,
    {
        match self.text(key)?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(key, error);
                None
            }
        }
    }

    /// One of several words.
    pub(super) fn choice<T: Copy>(&self, key: &'static str, words: &[(&str, T)], default: T) -> T {
        let Some(text) = self.text(key) else {
            return default;
        };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, choice)) => *choice,
            None => {
                let words = words
                    .iter()
                    .map(|(word, _)| format!("\"{word}\""))
                    .collect::<Vec<_>>();
                self.refuse(key, format!("must be {}", words.join(" or ")));
                default
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &'static str, default: bool) -> bool {
        let Some(value) = self.value(key) else {
            return default;
        };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong(value, key, "true or false", "without quotes");
            default
        })
    }

    /// A whole number in a range.
    pub(super) fn number(
        &self,
        key: &'static str,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> u64 {
        let Some(value) = self.value(key) else {
            return default;
        };
        if value.get_ref().as_integer().is_none() {
            self.wrong(value, key, "a whole number", "without quotes or unit");
            return default;
        }
        match whole_number(value.get_ref()) {
            Some(number) if range.contains(&number) => number,
            _ => {
                self.refuse(
                    key,
                    format!("must be a number from {} to {}", range.start(), range.end()),
                );
                default
            }
        }
    }

    /// A number that counts things in memory.
    pub(super) fn count(
        &self,
        key: &'static str,
        range: RangeInclusive<u64>,
        default: usize,
    ) -> usize {
        usize::try_from(self.number(key, range, default as u64)).unwrap_or(default)
    }

    /// A list of texts of a certain form.
    pub(super) fn list<T: FromStr>(&self, key: &'static str, example: &str) -> Option<Vec<T>>
    where
        T::Err: Display,
    {
        let items = self.items(key, "a list of texts", &format!("as in [\"{example}\"]"))?;
        let mut list = Vec::new();
        for item in items {
            match item.get_ref().as_str().map(T::from_str) {
                Some(Ok(value)) => list.push(value),
                Some(Err(error)) => {
                    self.fault(&item.span(), format!("`{}{key}`: {error}", self.path))
                }
                None => self.wrong(
                    item,
                    key,
                    "a list of texts",
                    &format!("as in [\"{example}\"]"),
                ),
            }
        }
        Some(list)
    }

    /// A list of whole numbers in a range.
    pub(super) fn numbers(
        &self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<Vec<u64>> {
        let items = self.items(key, "a list of whole numbers", "as in [5, 10]")?;
        let mut list = Vec::new();
        for item in items {
            match whole_number(item.get_ref()) {
                Some(number) if range.contains(&number) => list.push(number),
                _ => self.fault(
                    &item.span(),
                    format!(
                        "`{}{key}` must have whole numbers from {} to {}",
                        self.path,
                        range.start(),
                        range.end()
                    ),
                ),
            }
        }
        Some(list)
    }

    /// Addresses to listen on.
    pub(super) fn addresses(&self, key: &'static str, default_port: u16) -> Vec<SocketAddr> {
        let list = self.list::<Endpoint>(key, "127.0.0.1:25");
        match list {
            Some(list) => list.into_iter().map(|endpoint| endpoint.0).collect(),
            None => everywhere(default_port),
        }
    }

    /// An address on which something may listen, or "off".
    pub(super) fn address_or_off(
        &self,
        key: &'static str,
        default: SocketAddr,
    ) -> Option<SocketAddr> {
        match self.text(key) {
            Some("off") => None,
            _ => Some(self.parsed(key, Endpoint(default)).0),
        }
    }

    /// Says what is wrong with the value of a key.
    pub(super) fn refuse(&self, key: &'static str, message: impl Display) {
        let place = self
            .value(key)
            .map_or_else(|| self.place.clone(), Spanned::span);
        self.fault(&place, format!("`{}{key}` {message}", self.path));
    }

    /// To be called when all keys have been asked for: every other one is wrong.
    pub(super) fn finish(self) {
        let asked = self.asked.borrow();
        for key in self.table.into_iter().flat_map(|table| table.keys()) {
            let name = key.get_ref().as_ref();
            if asked.contains(&name) {
                continue;
            }
            let hint = match nearest(name, &asked) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", asked.join(", ")),
            };
            self.fault(
                &key.span(),
                format!("`{}{name}` is not a setting; {hint}", self.path),
            );
        }
    }

    fn value(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        self.table?.get(key)
    }

    fn items(
        &self,
        key: &'static str,
        wanted: &str,
        advice: &str,
    ) -> Option<Vec<&'a Spanned<DeValue<'a>>>> {
        let value = self.value(key)?;
        let Some(array) = value.get_ref().as_array() else {
            self.wrong(value, key, wanted, advice);
            return None;
        };
        Some(array.iter().collect())
    }

    fn wrong(&self, value: &Spanned<DeValue<'_>>, key: &str, wanted: &str, advice: &str) {
        let found = value.get_ref().type_str();
        self.fault(
            &value.span(),
            format!(
                "`{}{key}` must be {wanted}, not {found}: {advice}",
                self.path
            ),
        );
    }

    fn fault(&self, place: &Range<usize>, message: String) {
        self.faults.borrow_mut().add(place, message);
    }
}

/// An address with its port, told well when it is wrong.
struct Endpoint(SocketAddr);

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Endpoint, String> {
        let advice = "must be an address and a port, such as \"127.0.0.1:25\", \"0.0.0.0:25\" or \"[::]:25\"";
        text.parse()
            .map(Endpoint)
            .map_err(|_| format!("{advice}, not \"{text}\""))
    }
}

/// The number, if it is one that fits.
fn whole_number(value: &DeValue<'_>) -> Option<u64> {
    let number = value.as_integer()?;
    u64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
}

fn everywhere(port: u16) -> Vec<SocketAddr> {
    use std::net::{Ipv4Addr, Ipv6Addr};
    vec![
        (Ipv4Addr::UNSPECIFIED, port).into(),
        (Ipv6Addr::UNSPECIFIED, port).into(),
    ]
}

/// The known word that was probably meant.
fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let (distance, near) = known
        .iter()
        .map(|near| (distance(word, near), *near))
        .min()?;
    (distance <= 1 + word.len() / 3).then_some(near)
}

/// How many letters must be changed, put in or taken out (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other) in right.iter().enumerate() {
            let change = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = change.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
