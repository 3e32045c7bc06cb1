//! Where connections come from: IPv6, sockets of systemd, the PROXY protocol, and how many there may be.

use super::{TIME, ask, connect, greeted, hear, server, wait};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use tests::chat::{Listener, Protocol};
use tests::link::{Link, ReadError};
use tests::server::{Daemon, Server};

/// Trusted are connections from 127.0.0.1, which is where clients come from that choose no address.
const PROXY: &str = "proxy = { trusted = [\"127.0.0.1\"] }\n";
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));

/// A connection that begins with a PROXY header of version 1.
fn proxied(server: &Server, listener: Listener, client: &str) -> Link {
    let mut link = connect(server, listener, None);
    let (family, local) = match client.parse().unwrap() {
        IpAddr::V4(_) => ("TCP4", "198.51.100.1"),
        IpAddr::V6(_) => ("TCP6", "2001:db8::25"),
    };
    let header = format!("PROXY {family} {client} {local} 4321 25\r\n");
    link.send(header.as_bytes()).unwrap();
    link
}

/// A header of version 2, for a client with an IPv6 address.
fn version_2(client: Ipv6Addr) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24".to_vec();
    header.extend(client.octets());
    header.extend(Ipv6Addr::LOCALHOST.octets());
    header.extend([0x10, 0xe1, 0, 25]);
    header
}

fn is_closed(link: &mut Link) -> bool {
    matches!(link.response(TIME), Err(ReadError::Eof))
}

#[test]
fn ipv6_is_listened_on() {
    let Ok(free) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        eprintln!("this machine has no IPv6: not tested");
        return;
    };
    let address: SocketAddr = free.local_addr().unwrap();
    drop(free);
    let server = server(&format!("smtpd = {{ listen = [\"{address}\"] }}"));
    server.start(Daemon::Smtpd).unwrap();
    let mut link = Link::connect(address, None, Protocol::Smtp).unwrap();
    assert!(hear(&mut link).starts_with("220 "));
    ask(&mut link, "QUIT");
    server
        .logged(Daemon::Smtpd, &["session ended", "peer=[::1]:"])
        .unwrap();
}

#[test]
fn sockets_that_systemd_passes_are_used_instead_of_ones_own() {
    let server = server("imapd = { listen = [], listen_tls = [\"192.0.2.1:993\"] }");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/activate.py");
    let socket = |name: &str, listener| {
        let port = Server::port(listener);
        format!("{name}={}:{port}", server.host())
    };
    let daemon = server.command(Daemon::Imapd);
    let mut command = Command::new("python3");
    command
        .arg(script)
        .arg(socket("imap", Listener::Imap))
        .arg(socket("telnet", Listener::Pop3))
        .arg(socket("imaps", Listener::Imaps))
        .arg("--")
        .arg(daemon.get_program())
        .args(daemon.get_args());
    // It could not listen on 192.0.2.1: the passed socket stands in for that.
    server.start_by(Daemon::Imapd, command).unwrap();
    for listener in [Listener::Imap, Listener::Imaps] {
        let mut link = greeted(&server, listener);
        assert!(ask(&mut link, "a NOOP").starts_with("a OK"));
    }
    server
        .logged(Daemon::Imapd, &["not one of ours", "telnet"])
        .unwrap();
}

#[test]
fn a_trusted_proxy_says_who_the_client_is() {
    let server = server(PROXY);
    server.start_all().unwrap();
    for listener in [Listener::Smtp, Listener::Imap, Listener::Pop3] {
        let mut link = proxied(&server, listener, "192.0.2.77");
        hear(&mut link);
        ask(&mut link, "QUIT");
    }
    for daemon in Daemon::ALL {
        if daemon != Daemon::Imapd {
            let ended = &["session ended", "peer=192.0.2.77:4321"];
            server.logged(daemon, ended).unwrap();
        }
    }
    let mut link = connect(&server, Listener::Smtp, None);
    // In pieces, and with the first command in the same packet as its end.
    let header = version_2("2001:db8::77".parse().unwrap());
    link.send(&header[..20]).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    link.send(&[&header[20..], b"QUIT\r\n"].concat()).unwrap();
    assert!(hear(&mut link).starts_with("220 "));
    assert!(hear(&mut link).starts_with("221 "));
    let ended = &["session ended", "peer=[2001:db8::77]:4321"];
    server.logged(Daemon::Smtpd, ended).unwrap();
    // Implicit TLS comes after the header.
    let link = proxied(&server, Listener::Imaps, "192.0.2.78");
    let mut link = link.start_tls("mail.example.test").unwrap();
    assert!(hear(&mut link).starts_with("* OK"));
    drop(link);
    let ended = &["session ended", "peer=192.0.2.78:4321"];
    server.logged(Daemon::Imapd, ended).unwrap();
}

#[test]
fn a_proxy_header_is_believed_from_nobody_else() {
    let server = server(PROXY);
    let mut link = connect(&server, Listener::Smtp, Some(OTHER));
    assert!(hear(&mut link).starts_with("220 "));
    let reply = ask(&mut link, "PROXY TCP4 192.0.2.77 198.51.100.1 4321 25");
    assert!(reply.starts_with("500 "), "{reply}");
    ask(&mut link, "QUIT");
    server
        .logged(Daemon::Smtpd, &["session ended", "peer=127.0.0.9:"])
        .unwrap();
    assert!(!server.whole_log(Daemon::Smtpd).contains("192.0.2.77"));
}

#[test]
fn a_trusted_proxy_must_send_a_header_that_is_right() {
    let server = server(PROXY);
    let mut oversized = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff".to_vec();
    oversized.extend([0; 3000]);
    for garbage in [
        &b"EHLO client.example.test\r\n"[..],
        b"PROXY TCP4 192.0.2.1 198.51.100.1 70000 25\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c123456789012",
        &oversized,
        &[b'x'; 3000],
    ] {
        let mut link = connect(&server, Listener::Smtp, None);
        // It may have been closed before all was sent.
        drop(link.send(garbage));
        assert!(is_closed(&mut link), "{}", garbage.escape_ascii());
    }
    server
        .logged(Daemon::Smtpd, &["connection dropped", "not a PROXY header"])
        .unwrap();
    // Silence is not waited for for long.
    assert!(is_closed(&mut connect(&server, Listener::Smtp, None)));
    server
        .logged(Daemon::Smtpd, &["connection dropped", "no PROXY header"])
        .unwrap();
}

#[test]
fn connections_of_one_address_are_limited_and_loopback_is_exempt() {
    let server = server(&format!(
        "{PROXY}limits = {{ connections_per_address = 2 }}"
    ));
    let enter = |client: &str| {
        let mut link = proxied(&server, Listener::Smtp, client);
        (hear(&mut link), link)
    };
    let many = |clients: [&str; 2]| {
        clients.map(|client| {
            let (greeting, link) = enter(client);
            assert!(greeting.starts_with("220 "), "{client}: {greeting}");
            link
        })
    };
    let mut held = many(["192.0.2.1", "192.0.2.1"]);
    let (refused, _) = enter("192.0.2.1");
    assert!(refused.starts_with("421 "), "{refused}");
    let _other = many(["192.0.2.2", "192.0.2.3"]);
    // A /64 is one customer.
    let _six = many(["2001:db8::1", "2001:db8::2"]);
    let (refused, _) = enter("2001:db8::3");
    assert!(refused.starts_with("421 "), "{refused}");
    let _next = many(["2001:db8:0:1::1", "2001:db8:0:1::2"]);
    for _ in 0..5 {
        let mut link = connect(&server, Listener::Smtp, Some(OTHER));
        assert!(hear(&mut link).starts_with("220 "));
        std::mem::forget(link);
    }
    ask(&mut held[0], "QUIT");
    wait(&server, "the place is given back", || {
        enter("192.0.2.1").0.starts_with("220 ")
    });
}

#[test]
fn connections_in_all_are_limited() {
    let server = server("limits = { connections = 2 }");
    server.start_all().unwrap();
    for (plain, tls, word) in [
        (Listener::Smtp, Listener::Submissions, "421 "),
        (Listener::Imap, Listener::Imaps, "* BYE"),
        (Listener::Pop3, Listener::Pop3s, "-ERR"),
    ] {
        let mut held = [greeted(&server, plain), greeted(&server, plain)];
        let mut refused = connect(&server, plain, None);
        assert!(hear(&mut refused).starts_with(word));
        assert!(is_closed(&mut refused));
        // Where TLS comes first, telling would cost the handshake.
        assert!(is_closed(&mut connect(&server, tls, None)));
        held[0].send(b"a LOGOUT\r\nQUIT\r\n").unwrap();
        wait(&server, "the place is given back", || {
            !hear(&mut connect(&server, plain, None)).starts_with(word)
        });
    }
}
