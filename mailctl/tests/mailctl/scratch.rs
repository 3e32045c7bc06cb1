//! Runs the built mailctl in a scratch directory.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A directory with a configuration, or with none yet.
pub struct Scratch {
    dir: TempDir,
}

/// What a run came to.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Scratch {
    /// Nothing there yet.
    pub fn empty() -> Self {
        Scratch {
            dir: tempfile::tempdir().expect("a directory"),
        }
    }

    /// After `init` with the domain example.test.
    pub fn with_domain() -> Self {
        let scratch = Scratch::empty();
        let data = scratch.path("data").display().to_string();
        let run = scratch.run(&[
            "init",
            "--hostname",
            "mail.example.test",
            "--data-dir",
            &data,
            "--domain",
            "example.test",
        ]);
        assert_eq!(run.code, 0, "{}", run.err);
        scratch
    }

    /// The same, with alice@example.test, password testpass.
    pub fn with_alice() -> Self {
        let scratch = Scratch::with_domain();
        let run = scratch.run_with(
            "testpass\n",
            &["account", "add", "alice@example.test", "--password-stdin"],
        );
        assert_eq!(run.code, 0, "{}", run.err);
        scratch
    }

    /// A path in the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs mailctl with the scratch configuration, and without a terminal.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with("", arguments)
    }

    /// The same, with something on standard input.
    pub fn run_with(&self, input: &str, arguments: &[&str]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailctl"));
        // `try` writes its own.
        if arguments.first() != Some(&"try") {
            command.arg("--config").arg(self.path("pennyblack.toml"));
        }
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("mailctl starts");
        // It may end without reading.
        let _ = child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(input.as_bytes());
        let output = child.wait_with_output().expect("mailctl ends");
        Run {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The JSON that a command prints; it must succeed.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let run = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(run.code, 0, "{arguments:?}: {}", run.err);
        serde_json::from_str(&run.out).expect("JSON")
    }
}
