//! Reports that others have sent about our domains, as they were understood.
//!
//! A report that comes twice (by the same name from the same organization) is kept once, as it came last. Old ones are
//! removed when a new one comes, and there is a bound on how many are kept: they come by mail, from anybody.

use rusqlite::{OptionalExtension, Row, params};

use crate::timestamp::now_seconds;
use crate::{Error, Result, Store};

/// Reports are kept for so many days.
const DAYS_MAX: i64 = 400;
/// Reports that are kept; the oldest give way.
const REPORTS_MAX: i64 = 20_000;
/// Reports that one question gives.
const LIST_MAX: i64 = 1000;
/// Octets of a text that a reporter chose.
const NAME_OCTETS_MAX: usize = 255;

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// Mail that claimed to be ours (RFC 9990).
    Dmarc,
    /// TLS of connections to us (RFC 8460).
    Tls,
}

impl ReportKind {
    /// One word.
    pub fn name(self) -> &'static str {
        match self {
            ReportKind::Dmarc => "dmarc",
            ReportKind::Tls => "tls",
        }
    }
}

/// A report that somebody has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedReport {
    /// What it is about.
    pub kind: ReportKind,
    /// The first second that it tells of, since 1970.
    pub begins: i64,
    /// The last.
    pub ends: i64,
    /// Our domain. Cut to 255 octets, as the next two.
    pub domain: String,
    /// The organization that sent it.
    pub reporter: String,
    /// The id that it gave the report.
    pub name: String,
    /// All of it, as JSON.
    pub content: String,
}

/// The same as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptReport {
    /// Its number here.
    pub id: i64,
    /// When it came, in seconds since 1970.
    pub received: i64,
    /// The report; in a list, without content.
    pub report: ReceivedReport,
}

impl Store {
    /// Keeps a report.
    pub async fn keep_report(&self, report: ReceivedReport) -> Result<()> {
        self.write(move |tx| {
            let now = now_seconds();
            let sql = "INSERT INTO report (kind, received, begins, ends, domain, reporter, name, content)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (kind, reporter, name, domain)
                       DO UPDATE SET received = ?2, begins = ?3, ends = ?4, content = ?8";
            tx.connection.prepare_cached(sql)?.execute(params![
                report.kind.name(),
                now,
                report.begins,
                report.ends,
                cut(&report.domain),
                cut(&report.reporter),
                cut(&report.name),
                report.content
            ])?;
            let sql = "DELETE FROM report WHERE received < ?1 OR id <= (SELECT max(id) FROM report) - ?2";
            let oldest = now - DAYS_MAX * 86_400;
            tx.connection.prepare_cached(sql)?.execute([oldest, REPORTS_MAX])?;
            Ok(())
        })
        .await
    }

    /// The reports that came last, the newest first, without their contents.
    pub async fn reports(&self) -> Result<Vec<KeptReport>> {
        self.read(|connection| {
            let sql =
                "SELECT id, received, kind, begins, ends, domain, reporter, name, '' FROM report
                       ORDER BY received DESC, id DESC LIMIT ?1";
            let mut select = connection.prepare_cached(sql)?;
            let rows = select.query_map([LIST_MAX], kept)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// One report with its content.
    pub async fn report(&self, id: i64) -> Result<KeptReport> {
        self.read(move |connection| {
            let sql = "SELECT id, received, kind, begins, ends, domain, reporter, name, content FROM report WHERE id = ?1";
            let mut select = connection.prepare_cached(sql)?;
            let found = select.query_row([id], kept).optional()?;
            found.ok_or(Error::NotFound("report"))
        })
        .await
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(NAME_OCTETS_MAX)]
}

fn kept(row: &Row<'_>) -> rusqlite::Result<KeptReport> {
    let kind: String = row.get(2)?;
    Ok(KeptReport {
        id: row.get(0)?,
        received: row.get(1)?,
        report: ReceivedReport {
            kind: match kind.as_str() {
                "tls" => ReportKind::Tls,
                _ => ReportKind::Dmarc,
            },
            begins: row.get(3)?,
            ends: row.get(4)?,
            domain: row.get(5)?,
            reporter: row.get(6)?,
            name: row.get(7)?,
            content: row.get(8)?,
        },
    })
}
