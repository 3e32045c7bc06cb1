//! What is wrong with a configuration, told so that the operator can mend it without asking anyone.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Line, from 1; 0 if it concerns the file as a whole.
    pub line: usize,
    /// Column in characters, from 1; 0 likewise.
    pub column: usize,
    /// What is wrong and what to do.
    pub message: String,
}

/// All that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    path: PathBuf,
    faults: Vec<Fault>,
}

impl Faults {
    /// The file cannot be read at all.
    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Faults {
        let message = match error.kind() {
            io::ErrorKind::NotFound => {
                "there is no such file: name it with --config FILE, or make one with `mailctl init`"
                    .to_owned()
            }
            io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
            _ => format!("cannot read it: {error}"),
        };
        Faults {
            path: path.to_owned(),
            faults: vec![Fault {
                line: 0,
                column: 0,
                message,
            }],
        }
    }

    /// The faults, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            match fault.line {
                0 => write!(f, "{}: {}", self.path.display(), fault.message)?,
                line => write!(
                    f,
                    "{}:{line}:{}: {}",
                    self.path.display(),
                    fault.column,
                    fault.message
                )?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Collects faults while a text is read.
#[derive(Debug, Default)]
pub(super) struct Collector {
    /// Where it begins in the text, in octets, and what is wrong.
    found: Vec<(usize, String)>,
}

impl Collector {
    /// Notes one fault at a place of the text.
    pub(super) fn add(&mut self, place: &Range<usize>, message: impl Into<String>) {
        self.found.push((place.start, message.into()));
    }

    /// None if nothing was wrong.
    pub(super) fn finish(mut self, path: &Path, text: &str) -> Option<Faults> {
        if self.found.is_empty() {
            return None;
        }
        self.found.sort_by_key(|(start, _)| *start);
        let faults = self.found.into_iter().map(|(start, message)| {
            let (line, column) = line_and_column(text, start);
            Fault {
                line,
                column,
                message,
            }
        });
        Some(Faults {
            path: path.to_owned(),
            faults: faults.collect(),
        })
    }
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}
