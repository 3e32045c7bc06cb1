//! What went wrong, what to do next, and the exit code.

use std::io::Write as _;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;

/// The exit codes, as `mailctl --help` documents them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 1: it did not work, for a reason that the text tells.
    Failed,
    /// 2: options that do not go together.
    Usage,
    /// 3: nothing has that name.
    NotFound,
    /// 4: it exists already, or is in the way.
    Conflict,
    /// 5: the configuration is missing or wrong.
    Configuration,
    /// 6: the store cannot be opened.
    Store,
    /// 7: nobody confirmed it.
    Unconfirmed,
    /// 8: `check` found faults.
    Faulty,
}

impl Kind {
    fn exit_code(self) -> u8 {
        match self {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::NotFound => 3,
            Kind::Conflict => 4,
            Kind::Configuration => 5,
            Kind::Store => 6,
            Kind::Unconfirmed => 7,
            Kind::Faulty => 8,
        }
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    kind: Kind,
    text: String,
    next: Option<String>,
    findings: Option<Value>,
}

/// What a command comes to.
pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// A failure of a kind, in words.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Failure {
            kind,
            text: text.into(),
            next: None,
            findings: None,
        }
    }

    /// A failure of no special kind.
    pub fn failed(text: impl Into<String>) -> Self {
        Failure::new(Kind::Failed, text)
    }

    /// What the administrator can do about it.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// What was found, for programs: printed to standard output as JSON in place of the words.
    #[must_use]
    pub fn findings(mut self, findings: Value) -> Self {
        self.findings = Some(findings);
        self
    }

    /// Says what was being done when it failed.
    #[must_use]
    pub fn during(mut self, what: &str) -> Self {
        self.text = format!("{what}: {}", self.text);
        self
    }

    /// Prints it to standard error, what was found as JSON to standard output.
    pub fn print(&self, json: bool) -> ExitCode {
        if let Some(findings) = self.findings.as_ref().filter(|_| json) {
            // A reader that goes away is told by the exit code.
            let _ = writeln!(std::io::stdout(), "{findings:#}");
        } else if json {
            eprintln!(
                "{}",
                serde_json::json!({ "error": self.text, "kind": self.kind, "next": self.next })
            );
        } else {
            eprintln!("mailctl: {}", self.text);
            if let Some(next) = &self.next {
                eprintln!("  {next}");
            }
        }
        ExitCode::from(self.kind.exit_code())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::failed(error.to_string())
    }
}
