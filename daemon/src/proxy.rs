//! The PROXY protocol, versions 1 and 2 (haproxy's proxy-protocol.txt): a line or a block before everything else, in which a
//! trusted proxy says who the client is.
//!
//! Only addresses in `proxy.trusted` may send it, and they must. A header that is wrong or late closes the connection: there is nobody to
//! tell. Extensions (TLVs) are skipped.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::limits::{PROXY_V1_OCTETS_MAX, PROXY_V2_OCTETS_MAX};

const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const V2_FIXED_OCTETS: usize = 16;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxied {
    /// A client, and where it connected to.
    Client {
        /// The client.
        remote: SocketAddr,
        /// Where it connected to.
        local: SocketAddr,
    },
    /// The proxy speaks for itself (a health check), or does not know: the addresses of the socket hold.
    Itself,
}

/// What [`parse`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// A whole header, so many octets long.
    Header(Proxied, usize),
    /// The beginning of a header.
    More,
    /// Not a header.
    Invalid,
}

/// Parses a header at the start of `input`. Pure; says [`Parsed::More`] for at most [`PROXY_V2_OCTETS_MAX`] octets.
pub fn parse(input: &[u8]) -> Parsed {
    let common = input.len().min(V2_SIGNATURE.len());
    if input[..common] == V2_SIGNATURE[..common] && common > 0 {
        return parse_v2(input);
    }
    let prefix = b"PROXY ";
    let common = input.len().min(prefix.len());
    if input[..common] == prefix[..common] {
        parse_v1(input)
    } else {
        Parsed::Invalid
    }
}

fn parse_v1(input: &[u8]) -> Parsed {
    let window = &input[..input.len().min(PROXY_V1_OCTETS_MAX)];
    let Some(end) = memchr::memchr(b'\n', window) else {
        return if input.len() < PROXY_V1_OCTETS_MAX {
            Parsed::More
        } else {
            Parsed::Invalid
        };
    };
    let line = window[..end]
        .strip_suffix(b"\r")
        .and_then(|line| std::str::from_utf8(line).ok());
    match line.and_then(v1_line) {
        Some(proxied) => Parsed::Header(proxied, end + 1),
        None => Parsed::Invalid,
    }
}

fn v1_line(line: &str) -> Option<Proxied> {
    let mut words = line.split(' ').skip(1);
    match words.next()? {
        "UNKNOWN" => Some(Proxied::Itself),
        "TCP4" => v1_addresses::<Ipv4Addr>(words),
        "TCP6" => v1_addresses::<Ipv6Addr>(words),
        _ => None,
    }
}

fn v1_addresses<'a, A: FromStr + Into<IpAddr>>(
    mut words: impl Iterator<Item = &'a str>,
) -> Option<Proxied> {
    let remote: A = words.next()?.parse().ok()?;
    let local: A = words.next()?.parse().ok()?;
    let remote = SocketAddr::new(remote.into(), words.next()?.parse().ok()?);
    let local = SocketAddr::new(local.into(), words.next()?.parse().ok()?);
    words
        .next()
        .is_none()
        .then_some(Proxied::Client { remote, local })
}

fn parse_v2(input: &[u8]) -> Parsed {
    let Some((fixed, rest)) = input.split_at_checked(V2_FIXED_OCTETS) else {
        return Parsed::More;
    };
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if V2_FIXED_OCTETS + length > PROXY_V2_OCTETS_MAX {
        return Parsed::Invalid;
    }
    let Some(addresses) = rest.get(..length) else {
        return Parsed::More;
    };
    match v2_block(fixed[12], fixed[13], addresses) {
        Some(proxied) => Parsed::Header(proxied, V2_FIXED_OCTETS + length),
        None => Parsed::Invalid,
    }
}

fn v2_block(version_and_command: u8, family: u8, addresses: &[u8]) -> Option<Proxied> {
    match (version_and_command, family) {
        // LOCAL, and PROXY with families that say nothing to us.
        (0x20, _) | (0x21, 0x00) => Some(Proxied::Itself),
        (0x21, 0x11) => {
            let (remote, rest) = addresses.split_first_chunk::<4>()?;
            let (local, ports) = rest.split_first_chunk::<4>()?;
            v2_client(
                Ipv4Addr::from(*remote).into(),
                Ipv4Addr::from(*local).into(),
                ports,
            )
        }
        (0x21, 0x21) => {
            let (remote, rest) = addresses.split_first_chunk::<16>()?;
            let (local, ports) = rest.split_first_chunk::<16>()?;
            v2_client(
                Ipv6Addr::from(*remote).into(),
                Ipv6Addr::from(*local).into(),
                ports,
            )
        }
        _ => None,
    }
}

fn v2_client(remote: IpAddr, local: IpAddr, ports: &[u8]) -> Option<Proxied> {
    let [a, b, c, d] = *ports.first_chunk::<4>()?;
    let remote = SocketAddr::new(remote, u16::from_be_bytes([a, b]));
    let local = SocketAddr::new(local, u16::from_be_bytes([c, d]));
    Some(Proxied::Client { remote, local })
}

/// Reads a header and not one octet more. The caller sets the deadline.
pub(crate) async fn read(stream: &mut TcpStream) -> io::Result<Proxied> {
    let mut header = Vec::with_capacity(PROXY_V1_OCTETS_MAX);
    let mut window = [0; 512];
    loop {
        let seen = stream.peek(&mut window).await?;
        if seen == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let before = header.len();
        header.extend_from_slice(&window[..seen]);
        let (taken, found) = match parse(&header) {
            Parsed::Header(proxied, octets) => (octets - before, Some(proxied)),
            Parsed::More => (seen, None),
            Parsed::Invalid => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "not a PROXY header",
                ));
            }
        };
        stream.read_exact(&mut window[..taken]).await?;
        if let Some(proxied) = found {
            return Ok(proxied);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn client(remote: &str, local: &str) -> Proxied {
        Proxied::Client {
            remote: remote.parse().unwrap(),
            local: local.parse().unwrap(),
        }
    }

    fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let mut header = V2_SIGNATURE.to_vec();
        header.extend([command, family]);
        header.extend(u16::try_from(block.len()).unwrap().to_be_bytes());
        header.extend(block);
        header
    }

    #[test]
    fn version_1_names_the_client() {
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.2 5000 25\r\nEHLO";
        assert_eq!(
            parse(line),
            Parsed::Header(client("192.0.2.1:5000", "198.51.100.2:25"), line.len() - 4)
        );
        let line = b"PROXY TCP6 2001:db8::1 2001:db8::2 5000 993\r\n";
        assert_eq!(
            parse(line),
            Parsed::Header(
                client("[2001:db8::1]:5000", "[2001:db8::2]:993"),
                line.len()
            )
        );
        assert_eq!(
            parse(b"PROXY UNKNOWN\r\n"),
            Parsed::Header(Proxied::Itself, 15)
        );
    }

    #[test]
    fn version_1_is_strict() {
        for line in [
            &b"PROXY TCP4 192.0.2.1 198.51.100.2 5000 25\n"[..],
            b"PROXY TCP4 192.0.2.1 198.51.100.2 5000 25 x\r\n",
            b"PROXY TCP4 2001:db8::1 2001:db8::2 5000 25\r\n",
            b"PROXY TCP4 192.0.2.1 198.51.100.2 65536 25\r\n",
            b"PROXY  TCP4 192.0.2.1 198.51.100.2 5000 25\r\n",
            b"EHLO example.test\r\n",
        ] {
            assert_eq!(parse(line), Parsed::Invalid, "{}", line.escape_ascii());
        }
        assert_eq!(
            parse(&[b"PROXY ".as_slice(), &[b'x'; 200]].concat()),
            Parsed::Invalid
        );
    }

    #[test]
    fn version_2_names_the_client_and_skips_extensions() {
        let block = [
            &[192, 0, 2, 1, 198, 51, 100, 2, 0x13, 0x88, 0, 25][..],
            &[0x04, 0, 1, 0],
        ]
        .concat();
        let header = v2(0x21, 0x11, &block);
        assert_eq!(
            parse(&header),
            Parsed::Header(client("192.0.2.1:5000", "198.51.100.2:25"), header.len())
        );
        assert_eq!(
            parse(&v2(0x20, 0, &[])),
            Parsed::Header(Proxied::Itself, 16)
        );
        assert_eq!(parse(&v2(0x21, 0x11, &block[..11])), Parsed::Invalid);
        assert_eq!(parse(&v2(0x31, 0x11, &block)), Parsed::Invalid);
        assert_eq!(parse(&v2(0x21, 0x11, &[0; 4000])), Parsed::Invalid);
    }

    proptest! {
        #[test]
        fn any_octets_are_parsed_in_bounds(input in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Parsed::Header(_, octets) = parse(&input) {
                prop_assert!(octets <= input.len());
            }
        }

        #[test]
        fn every_beginning_of_a_header_wants_more(port in any::<u16>(), cut in 1usize..40) {
            let line = format!("PROXY TCP4 192.0.2.1 198.51.100.2 {port} 25\r\n");
            prop_assume!(cut < line.len());
            prop_assert_eq!(parse(&line.as_bytes()[..cut]), Parsed::More);
            let block = v2(0x21, 0x11, &[9; 12]);
            prop_assert_eq!(parse(&block[..cut.min(27)]), Parsed::More);
        }
    }
}
