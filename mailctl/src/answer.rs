//! What a command tells: the same facts as a table for people or as JSON for programs.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;

/// Space between two columns.
const GAP: &str = "  ";

/// The result of a command, in both of its forms.
#[derive(Debug)]
pub struct Answer {
    json: Value,
    text: String,
}

impl Answer {
    /// Many things of one sort: a table with a heading, or an array.
    pub fn list<T: Serialize, const N: usize>(
        headings: [&str; N],
        items: &[T],
        row: impl Fn(&T) -> [String; N],
    ) -> Self {
        let rows: Vec<[String; N]> = items.iter().map(row).collect();
        Answer::table(headings, &rows, &items)
    }

    /// The same where the lines of the table are not the things of the array.
    pub fn table<T: Serialize, const N: usize>(
        headings: [&str; N],
        rows: &[[String; N]],
        items: &T,
    ) -> Self {
        Answer {
            json: to_json(items),
            text: table(headings, rows),
        }
    }

    /// The same with a last line for people.
    #[must_use]
    pub fn note(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self.text.push('\n');
        self
    }

    /// One thing: a line for each property, or an object.
    pub fn record<T: Serialize>(item: &T, lines: &[(&str, String)]) -> Self {
        let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let text = lines.iter().fold(String::new(), |mut text, (name, value)| {
            let _ = writeln!(text, "{name:width$}{GAP}{}", harmless(value));
            text
        });
        Answer {
            json: to_json(item),
            text,
        }
    }

    /// Something was done: a sentence, and what it was done to.
    pub fn done(text: impl Into<String>, json: Value) -> Self {
        let mut text = text.into();
        text.push('\n');
        Answer { json, text }
    }

    /// Text as it is, such as a configuration file.
    pub fn text(text: String, json: Value) -> Self {
        Answer { json, text }
    }

    /// Nothing to tell.
    pub fn silent() -> Self {
        Answer {
            json: Value::Null,
            text: String::new(),
        }
    }

    /// Prints it. A reader that goes away (`mailctl … | head`) is no failure.
    pub fn print(&self, json: bool) -> ExitCode {
        use std::io::Write as _;
        let mut out = std::io::stdout().lock();
        let _ = match (json, &self.json) {
            (true, Value::Null) => Ok(()),
            (true, value) => writeln!(out, "{value:#}"),
            (false, _) => out.write_all(self.text.as_bytes()),
        };
        ExitCode::SUCCESS
    }
}

fn to_json<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// Subjects and replies are made by strangers: no control character of theirs reaches the terminal, where it could do anything.
pub fn harmless(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let headings = headings.map(str::to_owned);
    let rows: Vec<[String; N]> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| harmless(cell)))
        .collect();
    let all = || std::iter::once(&headings).chain(&rows);
    let widths: [usize; N] = std::array::from_fn(|column| {
        all()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    });
    let mut text = String::new();
    for row in all() {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(cells.join(GAP).trim_end());
        text.push('\n');
    }
    text
}

/// A size as people read it: `1.5 MiB`.
pub fn octets(octets: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if octets < 1024 {
        return format!("{octets} B");
    }
    let mut value = octets as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `yes` or `no`.
pub fn yes_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

/// A dash where there is nothing.
pub fn or_dash(text: Option<impl ToString>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            ["a".to_owned(), "1".to_owned()],
            ["löng".to_owned(), "22".to_owned()],
        ];
        assert_eq!(table(["NAME", "N"], &rows), "NAME  N\na     1\nlöng  22\n");
    }

    #[test]
    fn no_control_character_reaches_the_terminal() {
        let rows = [["a\u{1b}]0;b\u{7}\n\u{9b}31m".to_owned()]];
        let shown = "a\u{fffd}]0;b\u{fffd}\u{fffd}\u{fffd}31m";
        assert_eq!(table(["NAME"], &rows), format!("NAME\n{shown}\n"));
        let record = Answer::record(&(), &[("name", rows[0][0].clone())]);
        assert_eq!(record.text, format!("name  {shown}\n"));
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!(octets(1023), "1023 B");
        assert_eq!(octets(1536), "1.5 KiB");
        assert_eq!(octets(50 * 1024 * 1024), "50.0 MiB");
    }
}
