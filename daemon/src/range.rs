//! Address ranges: what counts as one neighbour when connections or failures are counted.

use std::net::{IpAddr, Ipv6Addr};

/// A range of addresses that is likely one user or one household.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range(IpAddr, u8);

impl Range {
    /// One IPv4 address, or one IPv6 network of a site (/64).
    pub fn narrow(address: IpAddr) -> Range {
        Range::of(address, 64)
    }

    /// One IPv4 address, or one IPv6 network of a customer (/48), who may use 65,536 of the narrow ones.
    pub fn wide(address: IpAddr) -> Range {
        Range::of(address, 48)
    }

    fn of(address: IpAddr, v6_prefix: u8) -> Range {
        match address.to_canonical() {
            IpAddr::V4(address) => Range(address.into(), 32),
            IpAddr::V6(address) => {
                let mask = u128::MAX << (128 - u32::from(v6_prefix));
                Range(
                    Ipv6Addr::from_bits(address.to_bits() & mask).into(),
                    v6_prefix,
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_a_range() {
        let [a, b, c] = ["2001:db8:1:2::1", "2001:db8:1:2::ffff", "2001:db8:1:3::1"]
            .map(|text| text.parse().unwrap());
        assert_eq!(Range::narrow(a), Range::narrow(b));
        assert_ne!(Range::narrow(a), Range::narrow(c));
        assert_eq!(Range::wide(a), Range::wide(c));
        let [d, e] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        assert_ne!(Range::wide(d), Range::wide(e));
        assert_eq!(
            Range::narrow("::ffff:192.0.2.1".parse().unwrap()),
            Range::narrow(d)
        );
    }
}
