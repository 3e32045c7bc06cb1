//! What `mailctl check` tells of a store that is not as it must be.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;

use tests::client;
use tests::server::{Server, program};

/// Damages the database as no call of the store would.
const DAMAGE: &str = "\
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute(\"UPDATE mailbox SET messages = messages + 1 WHERE name = 'INBOX'\")
database.execute(\"UPDATE mailbox SET size = size + 1 WHERE name = 'Trash'\")
database.commit()
";

#[test]
fn each_fault_is_told_to_programs_and_to_people() {
    let server = Server::new().unwrap();
    let clean = server.mailctl_ok(&["check", "--json"], "").unwrap();
    let clean: serde_json::Value = serde_json::from_str(&clean).unwrap();
    assert_eq!(clean, serde_json::json!({ "faults": [] }));

    let database = server.data().join("store.db").display().to_string();
    client::run(server.scratch(), "python3", &["-c", DAMAGE, &database], b"").unwrap();
    let check = |arguments: &[&str]| {
        let mut command = Command::new(program("mailctl"));
        command.arg("--config").arg(server.config_path());
        command.args(arguments).output().unwrap()
    };
    let output = check(&["check", "--json"]);
    assert_eq!(output.status.code(), Some(8));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let faults = told["faults"].as_array().unwrap();
    assert!(faults.len() >= 2, "{told}");
    assert!(faults.iter().all(serde_json::Value::is_string), "{told}");
    assert!(output.stderr.is_empty());

    let output = check(&["check"]);
    assert_eq!(output.status.code(), Some(8));
    let said = String::from_utf8(output.stderr).unwrap();
    for fault in faults {
        assert!(said.contains(fault.as_str().unwrap()), "{said}");
    }
}
