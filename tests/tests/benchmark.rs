//! The benchmark runs: next to no load, and no word about time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use tests::client;
use tests::server::program;

#[test]
fn every_case_runs_and_stands_in_the_table() {
    let home = tempfile::tempdir().unwrap();
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/run");
    let run = run.display().to_string();
    let smtpd = program("smtpd");
    let programs = smtpd.parent().unwrap().display().to_string();
    let ours = ["--smoke", "--servers", "pennyblack"];
    let listed = client::run(home.path(), &run, &[&ours[..], &["--list"]].concat(), b"").unwrap();
    let table = [&ours[..], &["--programs", &programs]].concat();
    let table = String::from_utf8(client::run(home.path(), &run, &table, b"").unwrap()).unwrap();
    let listed = String::from_utf8(listed).unwrap();
    assert!(listed.lines().count() > 10, "{listed}");
    for case in listed.lines().filter_map(|line| line.split(' ').next()) {
        assert!(
            table
                .lines()
                .any(|line| line.starts_with(&format!("{case} "))),
            "{case} is missing in\n{table}"
        );
    }
}
