//! Whom to talk to, and how the connection must be protected.
//!
//! Made by the router, which knows policies; obeyed by the client, which knows connections. Nothing here asks DNS.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use daemon::secret::Secret;
pub use daemon::tls::TlsaRecord;

/// How a connection must be protected. What a level demands and does not get is an [`super::OpenFailure`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Security {
    /// No TLS, even if it is offered: the route says so.
    Never,
    /// TLS if it is offered, with any certificate (RFC 7435). In the clear if it is not offered, or if the handshake fails: then
    /// on a fresh connection, because the old one is beyond repair.
    Opportunistic,
    /// TLS with any certificate, or nothing: a domain that could do TLS before, DANE with only unusable records (RFC 7672 §2.2).
    Encrypted,
    /// TLS with a certificate that a trusted root vouches for and that bears one of these names (RFC 8461 §4.2, RFC 8689, a
    /// smart host).
    Verified {
        /// Names, as A-labels.
        names: Vec<String>,
    },
    /// TLS with a certificate that one of the records matches (RFC 7672 §3).
    Dane {
        /// The TLSA records of the host, validated by DNSSEC. Those that are unusable are passed over; if none is usable the
        /// connection is as [`Security::Encrypted`].
        records: Vec<TlsaRecord>,
        /// Reference names for certificate usage DANE-TA(2): TLSA base domain, next-hop domain and its expansion (RFC 7672 §3.2.2).
        names: Vec<String>,
    },
}

impl Security {
    /// Whether mail may go in the clear.
    pub fn allows_clear(&self) -> bool {
        matches!(self, Security::Never | Security::Opportunistic)
    }
}

/// When TLS begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsStart {
    /// After STARTTLS (RFC 3207).
    #[default]
    StartTls,
    /// At once (RFC 8314 §3.3): submission to a smart host on port 465. Never together with [`Security::Never`].
    Implicit,
}

/// How we log in to a smart host.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user name.
    pub user: String,
    /// The password. Sent under TLS only.
    pub password: Secret,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({}, [secret])", self.user)
    }
}

/// One address of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The host's name as A-labels, without a final dot, or an address literal in brackets. Sent as SNI, shown in journals.
    pub host: String,
    /// Where to connect to.
    pub address: SocketAddr,
    /// Where to connect from; None: the system chooses.
    pub source: Option<IpAddr>,
    /// How the connection must be protected.
    pub security: Security,
    /// When TLS begins.
    pub start: TlsStart,
    /// The login, for a smart host that wants one.
    pub login: Option<Login>,
}

/// Host and address as they stand in journals: `mx.example.test[192.0.2.1]:25`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}[{}]:{}",
            self.host,
            self.address.ip(),
            self.address.port()
        )
    }
}
