//! Whether name servers pass DNSSEC signatures on at all. Many do not: those of home routers, of some clouds, and stubs such as
//! systemd-resolved. Through them even the root looks bogus.
//!
//! Each is asked for the root's SOA record with the DO bit (RFC 4035 §3.2.1): the root is signed, so an answer without a signature
//! shows that they are kept back. What does not answer, or says anything else, shows nothing.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use tokio::net::UdpSocket;

use crate::limits::DNS_UDP_OCTETS_MAX;

/// What a few name servers do with signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signatures {
    /// One of them at least passes them on.
    Passed,
    /// None does, and one at least was seen to keep them back.
    KeptBack,
    /// None has answered.
    Unknown,
}

/// Asks all of them, side by side.
pub(super) async fn look(servers: &[SocketAddr], limit: Duration) -> Signatures {
    let tasks: Vec<_> = servers
        .iter()
        .map(|server| tokio::spawn(tokio::time::timeout(limit, ask(*server))))
        .collect();
    let mut found = Signatures::Unknown;
    for task in tasks {
        match task.await {
            Ok(Ok(Some(true))) => return Signatures::Passed,
            Ok(Ok(Some(false))) => found = Signatures::KeptBack,
            _ => {}
        }
    }
    found
}

/// Whether there are signatures in a server's answer.
async fn ask(server: SocketAddr) -> Option<bool> {
    let mut question = Message::query();
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(Name::root(), RecordType::SOA));
    let mut edns = Edns::new();
    edns.enable_dnssec();
    edns.set_max_payload(DNS_UDP_OCTETS_MAX);
    question.set_edns(edns);
    let any = match server.is_ipv4() {
        true => "0.0.0.0:0",
        false => "[::]:0",
    };
    let socket = UdpSocket::bind(any).await.ok()?;
    socket.connect(server).await.ok()?;
    socket.send(&question.to_vec().ok()?).await.ok()?;
    let mut octets = vec![0; usize::from(DNS_UDP_OCTETS_MAX)];
    loop {
        let length = socket.recv(&mut octets).await.ok()?;
        let answer = Message::from_vec(octets.get(..length)?).ok()?;
        if answer.id == question.id {
            return judge(&answer);
        }
    }
}

/// A server of a closed network may say that there is no root at all; it would have to prove that as well.
fn judge(answer: &Message) -> Option<bool> {
    let is_answer = matches!(
        answer.response_code,
        ResponseCode::NoError | ResponseCode::NXDomain
    );
    if !is_answer || answer.truncation {
        return None;
    }
    let mut records = answer.answers.iter().chain(&answer.authorities);
    Some(records.any(|record| record.record_type() == RecordType::RRSIG))
}
