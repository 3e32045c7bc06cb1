//! The addresses of hosts: found, told from our own, put in order.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use daemon::config::IpFamilies;

use crate::dns::{Answer, Dns, DnsFailure};
use crate::limits::HOST_ADDRESSES_MAX;

/// Addresses of a host. Perhaps none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// In the order in which they are tried.
    pub(crate) list: Vec<IpAddr>,
    /// True if all of them were found securely.
    pub(super) secure: bool,
    /// Where aliases led.
    pub(super) alias_of: Option<String>,
    /// True if the first alias is secure.
    pub(super) alias_secure: bool,
}

/// Asks for the addresses of a host, of both families at once. One family is enough.
pub(crate) async fn addresses(
    dns: &Dns,
    host: &str,
    families: IpFamilies,
) -> Result<Addresses, DnsFailure> {
    match families {
        IpFamilies::Ipv4 => Ok(put_together(vec![dns.ipv4(host).await?])),
        IpFamilies::Ipv6 => Ok(put_together(vec![dns.ipv6(host).await?])),
        IpFamilies::Both => {
            let answers = tokio::join!(dns.ipv6(host), dns.ipv4(host));
            match answers {
                (Ok(six), Ok(four)) => Ok(put_together(vec![six, four])),
                (Ok(found), Err(_)) | (Err(_), Ok(found)) if !found.records.is_empty() => {
                    Ok(put_together(vec![found]))
                }
                (Err(failure), _) | (_, Err(failure)) => Err(failure),
            }
        }
    }
}

/// IPv6 first, as RFC 5321 §5.2 leaves to us, but in turns: a broken family costs one attempt, not all.
fn put_together(answers: Vec<Answer<IpAddr>>) -> Addresses {
    let found: Vec<_> = answers
        .into_iter()
        .filter(|answer| !answer.records.is_empty())
        .collect();
    let longest = found.iter().map(|answer| answer.records.len()).max();
    let in_turns = (0..longest.unwrap_or_default()).flat_map(|turn| {
        found
            .iter()
            .filter_map(move |answer| answer.records.get(turn))
    });
    Addresses {
        list: in_turns.copied().take(HOST_ADDRESSES_MAX).collect(),
        secure: !found.is_empty() && found.iter().all(|answer| answer.secure),
        alias_of: found.iter().find_map(|answer| answer.alias_of.clone()),
        alias_secure: !found.is_empty() && found.iter().all(|answer| answer.alias_secure),
    }
}

/// True if a connection there would reach one of our own listeners.
pub(super) fn is_ours(place: SocketAddr, listeners: &[SocketAddr]) -> bool {
    listeners
        .iter()
        .filter(|listener| listener.port() == place.port())
        .any(|listener| match listener.ip().is_unspecified() {
            true => is_local(place.ip()),
            false => listener.ip().to_canonical() == place.ip().to_canonical(),
        })
}

/// True if the address belongs to this machine: only then can something be bound to it.
fn is_local(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_listeners_are_recognised() {
        let listeners = [
            "0.0.0.0:25".parse().unwrap(),
            "127.7.7.7:2525".parse().unwrap(),
        ];
        let ours = |place: &str| is_ours(place.parse().unwrap(), &listeners);
        assert!(ours("127.0.0.1:25"));
        assert!(!ours("127.0.0.1:26"));
        assert!(!ours("192.0.2.1:25"), "not an address of this machine");
        assert!(ours("127.7.7.7:2525"));
        assert!(!ours("127.7.7.8:2525"));
    }

    #[test]
    fn families_take_turns() {
        let answer = |addresses: &[&str], secure| Answer {
            records: addresses.iter().map(|text| text.parse().unwrap()).collect(),
            secure,
            ..Answer::absent(true, true)
        };
        let six = answer(&["2001:db8::1", "2001:db8::2"], true);
        let four = answer(&["192.0.2.1"], true);
        let both = put_together(vec![six.clone(), four.clone()]);
        let order: Vec<IpAddr> = ["2001:db8::1", "192.0.2.1", "2001:db8::2"]
            .map(|text| text.parse().unwrap())
            .into();
        assert_eq!(both.list, order);
        assert!(both.secure);
        assert!(!put_together(vec![answer(&["2001:db8::1"], false), four]).secure);
        assert!(
            put_together(vec![six, answer(&[], false)]).secure,
            "what is not there cannot be used"
        );
    }
}
