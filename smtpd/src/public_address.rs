//! Which addresses are the world's: only of those can the DNS tell something, and only to those may mail from anywhere go.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is one of the world's. What is reserved for this machine, a private network or no host at all is not (the
/// registries of RFC 6890).
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let is_this_network = first == 0;
    let is_shared = first == 100 && (64..128).contains(&second);
    let is_reserved = first >= 240;
    !(address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || is_this_network
        || is_shared
        || is_reserved)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, .., seventh, eighth] = address.segments();
    let embedded = match (first, second) {
        // NAT64 (RFC 6052 §2.1).
        (0x64, 0xff9b) => Some(Ipv4Addr::from(
            (u32::from(seventh) << 16) | u32::from(eighth),
        )),
        // 6to4 (RFC 3056 §2).
        (0x2002, high) => {
            let low = address.segments()[2];
            Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
        }
        _ => None,
    };
    !(address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || embedded.is_some_and(|address| !is_public_v4(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_told_from_public_ones() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "192.0.2.1",
            "100.128.0.1",
            "172.32.0.1",
            "2001:db8::1",
            "64:ff9b::c000:201",
            "::ffff:192.0.2.1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }
}
