//! ARC (RFC 8617): our seals, as dkimpy sees them, and what we believe of those that dkimpy has made.

use serde_json::Value;
use tests::internet::{Host, Zone};

use super::keys::ForeignKey;
use super::{RIGHT, WRONG, World, python, refused};

const MESSAGE: &str = "From: Sender <someone@sender.test>\nTo: elsewhere@example.test\nSubject: hello\n\
                       Message-ID: <1@sender.test>\nDate: Thu, 01 Jan 2026 10:00:00 +0000\n\nHello World\n";

/// A host that takes `messages` messages, each on a connection of its own.
async fn far(messages: usize) -> Host {
    let script = "S: 220 far.test\nC: EHLO\nS: 250 far.test\nC: MAIL FROM:<SRS0=\nS: 250 ok\nC: RCPT TO:<friend@far.test>\n\
                  S: 250 ok\nC: DATA\nS: 354 go\nDATA\nS: 250 taken\nREST";
    Host::play(&vec![script; messages]).await
}

/// elsewhere@example.test leads to `host`.
fn forwarding_to(host: &Host) -> World {
    let world = World::with(&format!(
        "[relay]\nconnection_idle_seconds = 0\n\
         [[relay.route]]\ndomain = \"far.test\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"never\"\n",
        host.address.port()
    ));
    let add = ["alias", "add", "elsewhere@example.test", "friend@far.test"];
    world.server.mailctl_ok(&add, "").unwrap();
    world
}

/// The records of example.test's keys, and what `more` says.
fn records(world: &World, more: &[(&str, &str)]) -> String {
    let printed = world
        .server
        .mailctl_ok(&["dkim", "create", "example.test", "--json"], "");
    let keys: Vec<Value> = serde_json::from_str(&printed.unwrap()).unwrap();
    let text = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
    let mut records: serde_json::Map<String, Value> = keys
        .iter()
        .map(|key| (text(key, "name"), key["record"].clone()))
        .collect();
    for (name, record) in more {
        records.insert((*name).to_owned(), (*record).into());
    }
    Value::from(records).to_string()
}

/// What dkimpy says of the chain: `pass`, or `fail` with a reason; and who has sealed last.
fn judged(world: &World, records: &str, message: &str) -> String {
    const VERIFY: &str = "
import sys, json, dkim
records = json.loads(sys.argv[1])
message = sys.stdin.buffer.read()
def dns(name, timeout=5):
    return records[name.decode().rstrip('.')].encode()
cv, results, reason = dkim.ARC(message, timeout=5).verify(dnsfunc=dns)
seals = sorted((result['instance'], result['as-domain'].decode(), result['cv'].decode()) for result in results)
print(cv.decode(), reason if cv != b'pass' else '', ' '.join('%d:%s:%s' % seal for seal in seals))
";
    python(world, VERIFY, &[records], message).trim().to_owned()
}

/// The message as a mailing list of `domain` sends it on: with another subject, and sealed by dkimpy.
fn sealed_by(world: &World, key: &ForeignKey, domain: &str, message: &str) -> String {
    const SEAL: &str = "
import sys, dkim
message = sys.stdin.buffer.read().replace(b'\\n', b'\\r\\n')
domain = sys.argv[2].encode()
message = b'Authentication-Results: ' + domain + b'; spf=pass smtp.mailfrom=sender.test; arc=%s\\r\\n' % sys.argv[3].encode() + message
set = dkim.arc_sign(message, b's1', domain, sys.argv[1].encode(), domain, include_headers=[b'from', b'subject', b'to'])
sys.stdout.write((b''.join(set) + message).decode().replace('\\r\\n', '\\n'))
";
    let chain = if message.contains("ARC-Seal") {
        "pass"
    } else {
        "none"
    };
    python(world, SEAL, &[key.pem(), domain, chain], message)
}

fn heard(message: Vec<u8>) -> String {
    let text = String::from_utf8(message).unwrap();
    text.strip_suffix(".\r\n").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn dkimpy_finds_our_seal_right_alone_and_on_top_of_another() {
    let host = far(2).await;
    let world = forwarding_to(&host);
    let list = ForeignKey::new(&world);
    let of_list = ("s1._domainkey.list.test", list.record.as_str());
    world.publish(Zone::unsigned("list.test").txt(of_list.0, of_list.1));
    let records = records(&world, &[of_list]);
    for message in [
        MESSAGE.to_owned(),
        sealed_by(&world, &list, "list.test", MESSAGE),
    ] {
        let message = message.replace('\n', "\r\n");
        world
            .peer(RIGHT)
            .deliver(
                "someone@sender.test",
                &["elsewhere@example.test"],
                message.as_bytes(),
            )
            .unwrap();
    }
    let messages = host.messages().await;
    let [alone, above] = &messages[..] else {
        panic!("{messages:?}")
    };
    let alone = heard(alone.clone());
    assert_eq!(
        judged(&world, &records, &alone),
        "pass  1:example.test:none"
    );
    let above = heard(above.clone());
    assert_eq!(
        judged(&world, &records, &above),
        "pass  1:list.test:none 2:example.test:pass"
    );
    let forged = above.replace("Hello World", "Hello Moon");
    let judged = judged(&world, &records, &forged);
    assert!(judged.starts_with("fail"), "{judged}");
}

#[test]
fn where_dmarc_fails_a_trusted_sealer_is_believed_and_nobody_else() {
    let world = World::with("[verify]\ntrusted_sealers = [\"list.test\"]\n");
    let key = ForeignKey::new(&world);
    for domain in ["list.test", "other.test"] {
        world.publish(Zone::unsigned(domain).txt(&format!("s1._domainkey.{domain}"), &key.record));
    }
    world.publish(Zone::unsigned("sender.test").txt("_dmarc.sender.test", "v=DMARC1; p=reject"));
    let message = MESSAGE.replace("elsewhere", "alice");
    let trusted = sealed_by(&world, &key, "list.test", &message);
    world.send(WRONG, "list@list.test", &trusted).unwrap();
    let verdict = world.verdict();
    assert!(
        verdict.contains("arc=pass") && verdict.contains("dmarc=fail"),
        "{verdict}"
    );

    let unknown = sealed_by(&world, &key, "other.test", &message);
    let behind_a_trusted_one = sealed_by(&world, &key, "other.test", &trusted);
    let changed = trusted.replace("Hello World", "Hello Moon");
    let without_a_seal = message.clone();
    for message in [unknown, behind_a_trusted_one, changed, without_a_seal] {
        let reply = refused(world.send(WRONG, "list@list.test", &message));
        assert!(reply.starts_with("550 5.7.1 "), "{reply}\n{message}");
    }
}
