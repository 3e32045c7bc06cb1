//! Reports that others send to our report address can be read by the administrator, and stay ordinary mail.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::{Duration, Instant};
use tests::imap::Imap;
use tests::server::{Daemon, Server};
use tests::smtp::Smtp;

const DMARC: &str = r#"From: noreply-dmarc@reporter.test
Subject: Report domain: example.test Submitter: reporter.test Report-ID: 42
MIME-Version: 1.0
Content-Type: application/xml; name="reporter.test!example.test!1700000000!1700086399.xml"
Content-Transfer-Encoding: 7bit

<?xml version="1.0" encoding="UTF-8" ?>
<feedback>
  <report_metadata>
    <org_name>R&amp;D</org_name>
    <email>noreply-dmarc@reporter.test</email>
    <report_id>42</report_id>
    <date_range><begin>1700000000</begin><end>1700086399</end></date_range>
  </report_metadata>
  <policy_published>
    <domain>example.test</domain><adkim>r</adkim><aspf>r</aspf><p>none</p><sp>none</sp><pct>100</pct>
  </policy_published>
  <record>
    <row>
      <source_ip>198.51.100.7</source_ip><count>3</count>
      <policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated>
    </row>
    <identifiers><header_from>example.test</header_from></identifiers>
    <auth_results>
      <dkim><domain>example.test</domain><result>pass</result><selector>s1</selector></dkim>
      <spf><domain>example.test</domain><result>fail</result></spf>
    </auth_results>
  </record>
</feedback>
"#;

const TLS: &str = r#"From: tls@reporter.test
Subject: Report Domain: example.test Submitter: reporter.test Report-ID: <7>
TLS-Report-Domain: example.test
MIME-Version: 1.0
Content-Type: application/tlsrpt+json; name="reporter.test!example.test!1!2.json"
Content-Disposition: attachment; filename="reporter.test!example.test!1!2.json"
Content-Transfer-Encoding: base64

"#;

/// What stands in a TLS report.
const TLS_JSON: &str = r#"{"organization-name":"Reporter","date-range":{"start-datetime":"2023-11-14T00:00:00Z",
"end-datetime":"2023-11-14T23:59:59Z"},"contact-info":"tls@reporter.test","report-id":"7","policies":[{"policy":
{"policy-type":"sts","policy-string":["version: STSv1"],"policy-domain":"example.test","mx-host":["mail.example.test"]},
"summary":{"total-successful-session-count":5,"total-failure-session-count":1},"failure-details":[
{"result-type":"certificate-expired","failed-session-count":1}]}]}"#;

fn message(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

/// What mailctl prints once so many reports are there: they are read after their senders have been answered.
fn reports(server: &Server, count: usize) -> serde_json::Value {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let printed = server
            .mailctl_ok(&["--json", "report", "list"], "")
            .unwrap();
        let reports: serde_json::Value = serde_json::from_str(&printed).unwrap();
        if reports.as_array().is_some_and(|list| list.len() >= count) {
            return reports;
        }
        assert!(
            Instant::now() < deadline,
            "{printed}\n{}",
            server.log(Daemon::Smtpd)
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn reports_of_others_are_kept_readable() {
    let config = "[report]\naddress = \"alice@example.test\"\n"
        .parse()
        .unwrap();
    let server = Server::with(config, &[]).unwrap();
    server.start_all().unwrap();
    let mut smtp = Smtp::connect(&server).unwrap();
    let tls = format!("{TLS}{}\n", base64(TLS_JSON.as_bytes()));
    for text in [DMARC, "Subject: hello\n\nno report\n", &tls] {
        smtp.deliver("x@reporter.test", &["alice@example.test"], &message(text))
            .unwrap();
    }
    // To somebody else it is only mail.
    let other = message(&DMARC.replace("<report_id>42", "<report_id>43"));
    smtp.deliver("x@reporter.test", &["bob@example.test"], &other)
        .unwrap();

    let list = reports(&server, 2);
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 2, "{list:?}");
    let of = |kind: &str| list.iter().find(|report| report["kind"] == kind).unwrap();
    assert_eq!(of("dmarc")["reporter"], "R&D");
    assert_eq!(of("dmarc")["begins"], "2023-11-14T22:13:20Z");
    let show = |kind: &str| {
        let id = of(kind)["id"].to_string();
        server.mailctl_ok(&["report", "show", &id], "").unwrap()
    };
    let shown = show("dmarc");
    let line = "3 messages from 198.51.100.7 as example.test: none, dkim pass, spf fail";
    assert!(shown.contains(line), "{shown}");
    let shown = show("tls");
    let line = "sts: 5 sessions well, 1 failed, 1 times certificate-expired";
    assert!(shown.contains(line), "{shown}");

    let mut imap = Imap::login(&server, "alice@example.test").unwrap();
    let selected = imap.ok("SELECT INBOX").unwrap().text();
    assert!(selected.contains("* 3 EXISTS"), "{selected}");
}

fn base64(octets: &[u8]) -> String {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(octets);
    let lines = encoded.as_bytes().chunks(76);
    lines
        .map(|line| format!("{}\n", String::from_utf8_lossy(line)))
        .collect()
}
