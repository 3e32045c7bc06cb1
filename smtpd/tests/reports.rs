//! Reports about mail: what is counted is sent to those who ask for it, as others can read it; what others send is understood.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use daemon::config::Config;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::{AuthenticatedMessage, SpfOutput, SpfResult};
use serde_json::{Value, json};
use smtpd::report::gathering::{Disposition, Observed};
use smtpd::report::{received, send_due};
use smtpd::shared::Shared;
use smtpd::sign::key::generate;
use store::{
    Day, Options, QueueFilter, Queued, ReportKind, SigningAlgorithm, Store, TlsPolicy,
    TlsSessionFailure, TlsSessions,
};
use tests::internet::{Authority, Internet, PolicyHost, Zone};

/// Reads a report's message from its standard input with nothing but Python's own library.
const READER: &str = r#"
import email, email.policy, gzip, json, sys
import xml.etree.ElementTree as tree
message = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
part = next(part for part in message.walk() if part.get_content_type().endswith("gzip"))
content = gzip.decompress(part.get_content())
def read(element):
    if len(element) == 0:
        return element.text
    names = {}
    for child in element:
        names.setdefault(child.tag.split("}")[-1], []).append(read(child))
    return {name: all if len(all) > 1 else all[0] for name, all in names.items()}
report = json.loads(content) if content.startswith(b"{") else read(tree.fromstring(content))
fields = {name.lower(): str(value) for name, value in message.items()}
print(json.dumps({"fields": fields, "name": part.get_filename(), "report": report}))
"#;

struct Ground {
    internet: Internet,
    config: Config,
    store: Store,
    shared: Shared,
    _dir: tempfile::TempDir,
}

impl Ground {
    async fn new() -> Ground {
        Ground::with("").await
    }

    /// With more lines of configuration.
    async fn with(more: &str) -> Ground {
        let internet = Internet::new().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "hostname = 'mail.example.test'\ndata_dir = '{}'\n{}\n[report]\naddress = 'reports@example.test'\n{more}",
            dir.path().display(),
            internet.config(),
        );
        let config = Config::parse(Path::new("test.toml"), &text).unwrap();
        let options = Options {
            create: true,
            ..Options::default()
        };
        let store = Store::open(dir.path(), options).await.unwrap();
        store.add_domain("example.test").await.unwrap();
        let key = generate(SigningAlgorithm::Ed25519Sha256, "s1".to_owned()).unwrap();
        let added = store.add_signing_keys("example.test", vec![key]).await;
        added.unwrap();
        let shared = Shared::open(&config).unwrap();
        Ground {
            internet,
            config,
            store,
            shared,
            _dir: dir,
        }
    }

    /// Sends the reports of all days; gives what is in the queue then.
    async fn send(&self) -> Vec<Queued> {
        let end = Day(i64::MAX);
        send_due(&self.config, &self.store, &self.shared, end)
            .await
            .unwrap();
        self.store.queue(QueueFilter::default()).await.unwrap()
    }

    async fn octets(&self, queued: &Queued) -> Vec<u8> {
        let octets = self.store.message_octets(queued.id, 0..queued.size).await;
        octets.unwrap().to_vec()
    }
}

/// The message as Python understands it.
fn understood(message: &[u8]) -> Value {
    let mut python = Command::new("python3")
        .args(["-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(message).unwrap();
    let output = python.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Verifies a message that claims to be of sender.test, whose policy wants such mail refused and reports sent to `rua`.
async fn note(ground: &Ground, rua: &str, disposition: Disposition) {
    let policy = format!("v=DMARC1; p=reject; adkim=s; rua={rua}");
    let zone = Zone::unsigned("test")
        .txt("_dmarc.sender.test.", &policy)
        .txt("sender.test._report._dmarc.willing.test.", "v=DMARC1");
    ground.internet.publish(zone).unwrap();
    let message = AuthenticatedMessage::parse(b"From: x@sender.test\r\n\r\n").unwrap();
    let spf = SpfOutput::new("envelope.test".to_owned()).with_result(SpfResult::SoftFail);
    let asked = DmarcParameters::new(&message, &[], "envelope.test", &spf);
    let dmarc = ground.shared.dns.authenticator().verify_dmarc(asked).await;
    ground.shared.gathering.note(&Observed {
        address: "198.51.100.7".parse().unwrap(),
        author: "sender.test",
        sender: "envelope.test",
        spf: &spf,
        dkim: &[],
        dmarc: &dmarc,
        disposition,
    });
    ground.shared.gathering.write(&ground.store).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_asks_for_it_is_told_what_came_in_its_name() {
    let ground = Ground::new().await;
    for _ in 0..4 {
        note(&ground, "mailto:dmarc@sender.test", Disposition::Refused).await;
    }
    note(&ground, "mailto:dmarc@sender.test", Disposition::Junk).await;

    let queue = ground.send().await;
    let [queued] = &queue[..] else {
        panic!("{queue:?}")
    };
    assert_eq!(queued.reverse_path, "reports@example.test");
    assert_eq!(queued.recipients[0].recipient, "dmarc@sender.test");
    let message = ground.octets(queued).await;
    let understood = understood(&message);
    assert_eq!(understood["fields"]["auto-submitted"], "auto-generated");
    let signature = understood["fields"]["dkim-signature"].as_str().unwrap();
    assert!(signature.contains("d=example.test"), "{signature}");
    assert!(understood["fields"]["date"].is_string());
    let subject = understood["fields"]["subject"].as_str().unwrap();
    assert!(subject.starts_with("Report Domain: sender.test Submitter: mail.example.test"));
    let report = &understood["report"];
    assert_eq!(report["report_metadata"]["email"], "reports@example.test");
    assert_eq!(report["policy_published"]["domain"], "sender.test");
    assert_eq!(report["policy_published"]["p"], "reject");
    let records = report["record"].as_array().unwrap();
    let refused = records.iter().find(|record| record["row"]["count"] == "4");
    let row = &refused.unwrap()["row"];
    assert_eq!(row["source_ip"], "198.51.100.7");
    assert_eq!(row["policy_evaluated"]["disposition"], "reject");
    assert_eq!(row["policy_evaluated"]["spf"], "fail");
    let junk = records.iter().find(|record| record["row"]["count"] == "1");
    let evaluated = &junk.unwrap()["row"]["policy_evaluated"];
    assert_eq!(evaluated["disposition"], "quarantine");
    assert_eq!(evaluated["reason"]["type"], "local_policy");
    let spf = &junk.unwrap()["auth_results"]["spf"];
    assert_eq!(spf["domain"], "envelope.test");
    assert_eq!(spf["result"], "softfail");

    // What others would send like that, we understand too.
    let read = received::read(&message).unwrap();
    assert_eq!(read.kind, ReportKind::Dmarc);
    assert_eq!(
        (read.domain.as_str(), read.reporter.as_str()),
        ("sender.test", "mail.example.test")
    );
    ground.store.keep_report(read.clone()).await.unwrap();
    ground.store.keep_report(read).await.unwrap();
    assert_eq!(ground.store.reports().await.unwrap().len(), 1);

    // It is sent once.
    assert_eq!(ground.send().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_told_only_if_their_domain_says_that_they_want_to() {
    let ground = Ground::new().await;
    let rua = "mailto:a@willing.test,mailto:b@victim.test";
    note(&ground, rua, Disposition::Refused).await;
    let queue = ground.send().await;
    let told: Vec<&str> = queue
        .iter()
        .flat_map(|queued| &queued.recipients)
        .map(|recipient| recipient.recipient.as_str())
        .collect();
    assert_eq!(told, ["a@willing.test"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_is_told_how_connections_to_it_were_protected() {
    let ground = Ground::new().await;
    let zone = Zone::signed("test").txt(
        "_smtp._tls.host.test.",
        "v=TLSRPTv1; rua=mailto:tls@host.test,https://host.test/report",
    );
    ground.internet.publish(zone).unwrap();
    let policy = TlsPolicy {
        domain: "host.test".to_owned(),
        kind: "sts".to_owned(),
        policy: vec!["version: STSv1".to_owned(), "mode: enforce".to_owned()],
        hosts: vec!["mx.host.test".to_owned()],
    };
    let sessions = |failure, count| TlsSessions {
        policy: policy.clone(),
        failure,
        count,
    };
    let failure = TlsSessionFailure {
        result: "certificate-expired".to_owned(),
        host: "mx.host.test".to_owned(),
        address: "192.0.2.9".to_owned(),
        ..TlsSessionFailure::default()
    };
    let today = Day::of(jiff::Timestamp::now().as_second());
    let counted = vec![sessions(None, 7), sessions(Some(failure), 2)];
    ground
        .store
        .count_tls_sessions(today, counted)
        .await
        .unwrap();

    let queue = ground.send().await;
    assert_eq!(queue[0].recipients[0].recipient, "tls@host.test");
    let message = ground.octets(&queue[0]).await;
    let understood = understood(&message);
    assert_eq!(understood["fields"]["tls-report-domain"], "host.test");
    let policy = &understood["report"]["policies"][0];
    assert_eq!(policy["policy"]["policy-type"], "sts");
    assert_eq!(policy["policy"]["mx-host"], json!(["mx.host.test"]));
    assert_eq!(policy["summary"]["total-successful-session-count"], 7);
    assert_eq!(policy["summary"]["total-failure-session-count"], 2);
    assert_eq!(
        policy["failure-details"][0]["result-type"],
        "certificate-expired"
    );
    assert_eq!(received::read(&message).unwrap().kind, ReportKind::Tls);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_on_tls_is_handed_over_by_https_and_waits_until_it_is_taken() {
    let authority = Authority::new().unwrap();
    let tls = authority.issue(&["host.test"]).unwrap().server().unwrap();
    let host = PolicyHost::start(([127, 0, 0, 1], 0).into(), tls, "").unwrap();
    let more = format!(
        "[relay]\nprivate_addresses = true\nca_file = '{}'\n",
        authority.file().display()
    );
    let ground = Ground::with(&more).await;
    let port = host.address().port();
    let record = format!("v=TLSRPTv1; rua=https://host.test:{port}/report");
    let zone = Zone::signed("test")
        .txt("_smtp._tls.host.test.", &record)
        .a("host.test.", [127, 0, 0, 1]);
    ground.internet.publish(zone).unwrap();
    let sessions = TlsSessions {
        policy: TlsPolicy {
            domain: "host.test".to_owned(),
            kind: "no-policy-found".to_owned(),
            policy: Vec::new(),
            hosts: Vec::new(),
        },
        failure: None,
        count: 3,
    };
    let today = Day::of(jiff::Timestamp::now().as_second());
    let counted = ground.store.count_tls_sessions(today, vec![sessions]);
    counted.await.unwrap();

    host.answer("HTTP/1.1 503 Later\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    assert!(ground.send().await.is_empty(), "nothing goes by mail");
    host.answer("HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    ground.send().await;
    ground.send().await;
    assert_eq!(host.requests().len(), 2, "what was taken is not sent again");
    let request = format!("POST /report HTTP/1.1 host.test:{port}");
    assert_eq!(host.requests()[1], request);

    let (kind, packed) = host.bodies().remove(1);
    assert_eq!(kind, "application/tlsrpt+gzip");
    let mut report = String::new();
    let mut unpacked = flate2::read::GzDecoder::new(&packed[..]);
    unpacked.read_to_string(&mut report).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    let id = format!("{}.host.test@mail.example.test", today.0);
    assert_eq!(report["report-id"], id.as_str());
    assert_eq!(
        report["policies"][0]["summary"]["total-successful-session-count"],
        3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_has_the_turn() {
    let ground = Ground::new().await;
    assert!(ground.store.take_report_turn(100).await.unwrap());
    assert!(!ground.store.take_report_turn(100).await.unwrap());
}

#[test]
fn what_is_no_report_is_none() {
    for message in [
        "",
        "Subject: x\r\n\r\nhello\r\n",
        "Content-Type: application/gzip\r\n\r\nx",
    ] {
        assert_eq!(received::read(message.as_bytes()), None);
    }
}

#[test]
fn a_report_that_unfolds_without_end_is_none() {
    let zeros = vec![0; 60 << 20];
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&zeros).unwrap();
    let packed = packed.finish().unwrap();
    assert!(packed.len() < 1 << 20);
    let message = [
        &b"Content-Type: application/gzip\r\nContent-Transfer-Encoding: binary\r\n\r\n"[..],
        &packed,
    ];
    assert_eq!(received::read(&message.concat()), None);
}
