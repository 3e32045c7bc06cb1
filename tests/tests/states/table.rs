//! A table of commands and states, read from a text that people read as well.
//!
//! The first line names the states; each line after it is a command and what it is answered in each of them. `\r\n` in a command
//! is a line end within it. Lines that begin with `#` are comments. A cell holds the beginning of the answer, in whole words; what
//! an answer is, the protocol's program says.

use tests::link::ReadError;

/// The table.
pub struct Table {
    states: Vec<&'static str>,
    rows: Vec<Row>,
}

/// A command with what it is answered in each state.
struct Row {
    command: String,
    answers: Vec<&'static str>,
}

/// What a command is answered with after the one that ends the session.
pub const CLOSED: &str = "closed";

impl Table {
    /// Reads a table; one that is not well formed fails the test.
    pub fn read(text: &'static str) -> Table {
        let mut lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| line.split(" | ").map(str::trim).collect::<Vec<_>>());
        let states = lines.next().unwrap()[1..].to_vec();
        let rows = lines.map(|cells| {
            assert_eq!(cells.len(), states.len() + 1, "cells of {cells:?}");
            Row {
                command: cells[0].replace("\\r\\n", "\r\n"),
                answers: cells[1..].to_vec(),
            }
        });
        let rows = rows.collect();
        Table { states, rows }
    }

    /// Holds the rows against what the daemon knows: none may be missing.
    pub fn assert_has(&self, known: impl IntoIterator<Item = &'static str>) {
        let has_row = |name: &str| {
            let mut commands = self.rows.iter().map(|row| &row.command);
            commands.any(|command| {
                let rest = command.strip_prefix(name);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            })
        };
        let missing: Vec<_> = known.into_iter().filter(|name| !has_row(name)).collect();
        assert!(missing.is_empty(), "commands without a row: {missing:?}");
    }

    /// Fills the table by asking `answer` for each cell (state, command), and fails where another answer stands. The states are gone
    /// through side by side.
    pub fn assert_answers(&self, answer: impl Fn(&str, &str) -> String + Sync) {
        let (answer, rows) = (&answer, &self.rows);
        let wrong: Vec<String> = std::thread::scope(|threads| {
            let columns: Vec<_> = (0..)
                .zip(&self.states)
                .map(|(column, state)| {
                    threads.spawn(move || {
                        let wrong = rows
                            .iter()
                            .filter_map(|row| row.wrong(column, state, answer));
                        wrong.collect::<Vec<_>>()
                    })
                })
                .collect();
            columns
                .into_iter()
                .flat_map(|column| column.join().unwrap())
                .collect()
        });
        assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    }
}

impl Row {
    /// What is wrong with the answer in a state.
    fn wrong(
        &self,
        column: usize,
        state: &str,
        answer: &impl Fn(&str, &str) -> String,
    ) -> Option<String> {
        let (expected, came) = (self.answers[column], answer(state, &self.command));
        let rest = came.strip_prefix(expected);
        let as_expected = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
        (!as_expected).then(|| {
            format!(
                "{:?} in state {state}: {expected} expected, {came} came",
                self.command
            )
        })
    }
}

/// The end of a session as an answer.
pub fn ended(error: &ReadError) -> String {
    match error {
        ReadError::Eof => CLOSED.to_owned(),
        other => other.to_string(),
    }
}
