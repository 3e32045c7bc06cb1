//! Greylisting: who is not known is asked to come again, which most of those who send junk do not.
//!
//! Known is, for as long as the operator says, whoever came again after the delay. Of a sender that SPF confirms his domain is what
//! is known, wherever it sends from: large senders come back from other addresses. Of all others it is the network (IPv4 /24,
//! IPv6 /64), the sender and the recipient. It is decided at the end of the message, when SPF has spoken.

use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use daemon::config::Greylist;
use store::{Patience, Store};

use crate::reject::Reject;

/// Who knocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller<'a> {
    /// A domain that SPF confirms.
    Domain(&'a str),
    /// Anybody else.
    Stranger {
        /// Where from.
        address: IpAddr,
        /// Under which name.
        sender: &'a str,
        /// The first recipient.
        recipient: &'a str,
    },
}

/// Whether the caller may come in.
///
/// # Errors
/// Not yet.
pub async fn check(store: &Store, rules: &Greylist, caller: &Caller<'_>) -> Result<(), Reject> {
    let patience = Patience {
        delay: rules.delay_seconds.cast_signed(),
        retry_within: rules.retry_hours.cast_signed() * 3600,
        known_for: rules.known_days.cast_signed() * 86_400,
    };
    match store.knock(caller.digest(), patience).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Reject::Greylisted),
        // What delays mail must not be what keeps it back.
        Err(error) => {
            tracing::error!(%error, "greylisting does not work; mail is taken without it");
            Ok(())
        }
    }
}

impl Caller<'_> {
    fn digest(&self) -> [u8; 16] {
        let text = match self {
            Caller::Domain(domain) => format!("domain {}", domain.to_lowercase()),
            Caller::Stranger {
                address,
                sender,
                recipient,
            } => format!("{} {sender} {recipient}", network(*address)).to_lowercase(),
        };
        let whole = digest(&SHA256, text.as_bytes());
        let mut half = [0; 16];
        half.copy_from_slice(&whole.as_ref()[..16]);
        half
    }
}

/// The first octets of an address: those of its network.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("{:?}", &address.octets()[..3]),
        IpAddr::V6(address) => format!("{:?}", &address.segments()[..4]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_the_same_and_others_are_not() {
        let stranger = |address: &str, sender| {
            let address = address.parse().unwrap();
            let recipient = "b@c.test";
            Caller::Stranger {
                address,
                sender,
                recipient,
            }
            .digest()
        };
        let one = stranger("192.0.2.1", "a@b.test");
        assert_eq!(one, stranger("192.0.2.77", "A@b.test"));
        assert_ne!(one, stranger("192.0.3.1", "a@b.test"));
        assert_ne!(one, stranger("192.0.2.1", "b@b.test"));
        assert_eq!(
            stranger("2001:db8::1", "a@b.test"),
            stranger("2001:db8::ffff:1", "a@b.test")
        );
        assert_eq!(
            Caller::Domain("B.test").digest(),
            Caller::Domain("b.test").digest()
        );
    }
}
