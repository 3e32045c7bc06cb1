//! `report`: what others have told about our mail: DMARC reports and TLS reports.

use serde::Serialize;
use serde_json::Value;
use store::KeptReport;

use super::moment;
use crate::answer::Answer;
use crate::cli::Report;
use crate::fail::Outcome;
use crate::office::Office;

/// A report as it is printed.
#[derive(Serialize)]
struct Shown {
    id: i64,
    kind: &'static str,
    domain: String,
    reporter: String,
    name: String,
    begins: String,
    ends: String,
    received: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Value>,
}

impl From<&KeptReport> for Shown {
    fn from(kept: &KeptReport) -> Self {
        let report = &kept.report;
        Shown {
            id: kept.id,
            kind: report.kind.name(),
            domain: printable(&report.domain),
            reporter: printable(&report.reporter),
            name: printable(&report.name),
            begins: moment::rfc3339(report.begins),
            ends: moment::rfc3339(report.ends),
            received: moment::rfc3339(kept.received),
            content: serde_json::from_str(&report.content).ok(),
        }
    }
}

/// Runs a `report` command.
pub async fn run(command: Report, office: &Office) -> Outcome<Answer> {
    match command {
        Report::List => list(office).await,
        Report::Show { id } => show(office, id).await,
    }
}

async fn list(office: &Office) -> Outcome<Answer> {
    let reports = office.store.reports().await?;
    let shown: Vec<Shown> = reports.iter().map(Shown::from).collect();
    Ok(Answer::list(
        ["ID", "KIND", "DOMAIN", "REPORTER", "FROM", "TO"],
        &shown,
        |report| {
            [
                report.id.to_string(),
                report.kind.to_owned(),
                report.domain.clone(),
                report.reporter.clone(),
                report.begins.clone(),
                report.ends.clone(),
            ]
        },
    ))
}

async fn show(office: &Office, id: i64) -> Outcome<Answer> {
    let shown = Shown::from(&office.store.report(id).await?);
    let mut lines = vec![
        ("id", shown.id.to_string()),
        ("kind", shown.kind.to_owned()),
        ("domain", shown.domain.clone()),
        ("reporter", shown.reporter.clone()),
        ("name", shown.name.clone()),
        ("begins", shown.begins.clone()),
        ("ends", shown.ends.clone()),
        ("received", shown.received.clone()),
    ];
    if let Some(content) = &shown.content {
        lines.extend(results(content).into_iter().map(|line| (shown.kind, line)));
    }
    Ok(Answer::record(&shown, &lines))
}

/// What a report says, a line for each record or policy.
fn results(content: &Value) -> Vec<String> {
    let list = |key: &str| content[key].as_array().cloned().unwrap_or_default();
    let records = list("record").into_iter().map(|record| dmarc_line(&record));
    let policies = list("policies").into_iter().map(|policy| tls_line(&policy));
    records.chain(policies).collect()
}

fn dmarc_line(record: &Value) -> String {
    let (row, identifiers) = (&record["row"], &record["identifiers"]);
    let evaluated = &row["policy_evaluated"];
    format!(
        "{} messages from {} as {}: {}, dkim {}, spf {}",
        row["count"],
        text(&row["source_ip"]),
        text(&identifiers["header_from"]),
        text(&evaluated["disposition"]),
        text(&evaluated["dkim"]),
        text(&evaluated["spf"]),
    )
}

fn tls_line(policy: &Value) -> String {
    let failures = policy["failure-details"].as_array();
    let failures: Vec<String> = failures
        .into_iter()
        .flatten()
        .map(|failure| {
            let count = &failure["failed-session-count"];
            format!(", {count} times {}", text(&failure["result-type"]))
        })
        .collect();
    format!(
        "{}: {} sessions well, {} failed{}",
        text(&policy["policy"]["policy-type"]),
        policy["summary"]["total-successful-session-count"],
        policy["summary"]["total-failure-session-count"],
        failures.concat(),
    )
}

fn text(value: &Value) -> String {
    printable(value.as_str().unwrap_or("-")).to_lowercase()
}

/// Reporters are strangers: nothing that they write may steer a terminal.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "?")
}
