//! The resolver against zones that Debian's BIND signs and serves: proofs of absence of both kinds, wildcards, aliases to them.
//!
//! `named` and `dnssec-signzone` must be installed (bind9, bind9-utils).

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use daemon::config::Config;
use smtpd::dns::Dns;

const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 25);
const BEGIN: &str = "$TTL 300\n@ SOA ns. ns. 1 3600 600 86400 300\n@ NS ns.\n";
const STARTED_WITHIN: Duration = Duration::from_secs(30);

/// BIND with a root of its own.
struct Bind {
    directory: tempfile::TempDir,
    named: Child,
    port: u16,
}

impl Bind {
    fn start() -> Bind {
        let directory = tempfile::tempdir().unwrap();
        let zones = Zones(directory.path());
        zones.write("unsigned.hashed", "a A 192.0.2.25\n");
        zones.sign("signed.hashed", "a A 192.0.2.25\n", &["-3", "-"]);
        zones.sign("wild.hashed", "* A 192.0.2.25\n", &["-3", "-"]);
        let wild = "* A 192.0.2.25\n_x TXT x\nmx A 192.0.2.25\nal CNAME any\nc.d A 192.0.2.25\n*._tcp.mx TLSA 3 1 1 ";
        zones.sign("wild.test", &format!("{wild}{}\n", "07".repeat(32)), &[]);
        let signed = zones.delegations(&["signed.hashed", "wild.hashed"]);
        let hashed = format!("unsigned.hashed. NS ns.\n{signed}");
        zones.sign("hashed", &hashed, &["-3", "-", "-A"]);
        zones.sign("test", &zones.delegations(&["wild.test"]), &[]);
        let root = format!(
            "ns. A 127.0.0.1\n{}",
            zones.delegations(&["hashed", "test"])
        );
        zones.sign(".", &root, &[]);
        let port = free_port();
        fs::write(
            directory.path().join("named.conf"),
            zones.configuration(port),
        )
        .unwrap();
        let named = Command::new("/usr/sbin/named")
            .args(["-f", "-c", "named.conf"])
            .current_dir(&directory)
            .stderr(Stdio::null())
            .spawn()
            .expect("/usr/sbin/named of the package bind9");
        Bind {
            directory,
            named,
            port,
        }
    }

    /// A resolver that asks BIND, once BIND answers.
    async fn dns(&self) -> Dns {
        let anchor = self.directory.path().join("anchor");
        let text = format!(
            "hostname = 'mail.example.test'\ndata_dir = '/nonexistent'\n[dns]\nservers = ['127.0.0.1:{}']\ntrust_anchor = '{}'",
            self.port,
            anchor.display()
        );
        let config = Config::parse(Path::new("test.toml"), &text).unwrap();
        let dns = Dns::open(&config.dns).unwrap();
        let begun = Instant::now();
        while let Err(failure) = dns.ipv4("ns").await {
            assert!(begun.elapsed() < STARTED_WITHIN, "{failure}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        dns
    }
}

impl Drop for Bind {
    fn drop(&mut self) {
        drop(self.named.kill());
        drop(self.named.wait());
    }
}

/// Zone files in a directory.
struct Zones<'a>(&'a Path);

impl Zones<'_> {
    fn file(zone: &str) -> String {
        format!("zone-{zone}")
    }

    fn write(&self, zone: &str, records: &str) -> PathBuf {
        let path = self.0.join(Zones::file(zone));
        fs::write(&path, format!("{BEGIN}{records}")).unwrap();
        path
    }

    /// Signs a zone with a new key; the file is replaced.
    fn sign(&self, zone: &str, records: &str, options: &[&str]) {
        let path = self.write(zone, records);
        let key = self.run(
            "dnssec-keygen",
            &["-q", "-a", "ECDSAP256SHA256", "-f", "KSK", zone],
        );
        let signed = path.to_str().unwrap();
        let mut arguments = vec!["-q", "-S", "-z", "-o", zone, "-f", signed];
        arguments.extend(options);
        arguments.push(signed);
        self.run("dnssec-signzone", &arguments);
        if zone == "." {
            let key = fs::read_to_string(self.0.join(format!("{}.key", key.trim()))).unwrap();
            let record = key.lines().find(|line| !line.starts_with(';')).unwrap();
            fs::write(self.0.join("anchor"), format!("{record}\n")).unwrap();
        }
    }

    /// The records by which a parent delegates signed zones.
    fn delegations(&self, zones: &[&str]) -> String {
        let delegation = |zone: &&str| {
            let digest = fs::read_to_string(self.0.join(format!("dsset-{zone}."))).unwrap();
            format!("{zone}. NS ns.\n{digest}")
        };
        zones.iter().map(delegation).collect()
    }

    fn configuration(&self, port: u16) -> String {
        let zones = [
            "signed.hashed",
            "unsigned.hashed",
            "wild.hashed",
            "wild.test",
            "hashed",
            "test",
            ".",
        ];
        let zones = zones.map(|zone| {
            format!(
                "zone \"{zone}\" {{ type primary; file \"{}\"; }};\n",
                Zones::file(zone)
            )
        });
        format!(
            "options {{ directory \"{}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no; \
             pid-file none; session-keyfile none; dnssec-validation no; }};\ncontrols {{ }};\n{}",
            self.0.display(),
            zones.concat()
        )
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(self.0)
            .output();
        let output =
            output.unwrap_or_else(|error| panic!("{program} of the package bind9-utils: {error}"));
        assert!(
            output.status.success(),
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}

fn free_port() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.local_addr().unwrap().port()
}

#[tokio::test]
async fn zones_of_another_implementation_are_understood() {
    let bind = Bind::start();
    let dns = bind.dns().await;
    for (name, secure) in [
        ("a.signed.hashed", true),
        ("a.unsigned.hashed", false),
        ("any.wild.hashed", true),
        ("any.wild.test", true),
        ("x.y.wild.test", true),
        ("al.wild.test", true),
        ("mx.wild.test", true),
    ] {
        let found = dns.ipv4(name).await.unwrap();
        assert_eq!(found.records, [IpAddr::from(HOST)], "{name}");
        assert_eq!(found.secure, secure, "{name}");
        let absent = dns.ipv6(name).await.unwrap();
        assert!(absent.records.is_empty() && absent.name_exists, "{name}");
    }
    // The last exists only as a parent of another, which ends the wildcard above it (RFC 4592 §2.2.2).
    for name in [
        "nosuch.hashed",
        "b.signed.hashed",
        "b.unsigned.hashed",
        "nosuch",
        "x.d.wild.test",
    ] {
        let absent = dns.ipv4(name).await.unwrap();
        assert!(!absent.name_exists, "{name}");
    }
    let tlsa = dns.tlsa("_25._tcp.mx.wild.test").await.unwrap();
    assert!(tlsa.secure && tlsa.records.len() == 1);
    let alias = dns.ipv4("al.wild.test").await.unwrap();
    assert_eq!(alias.alias_of.as_deref(), Some("any.wild.test"));
}
