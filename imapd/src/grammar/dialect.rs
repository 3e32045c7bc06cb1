//! What of the language is spoken with one client: which extensions it is offered, and in which form names go.
//!
//! Reading and writing both take a dialect. The syntax of an extension that is not offered is read as if it did not exist, so that a
//! hidden capability leaves no trace.

use super::capability::{Capabilities, Capability};

/// What is spoken with one client at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// The extensions whose syntax is understood.
    pub offered: Capabilities,
    /// Names and texts are UTF-8 (RFC 6855 §3, RFC 9051 §5.1); otherwise names are in modified UTF-7 and all else is US-ASCII.
    pub utf8: bool,
    /// IMAP4rev2 is spoken (RFC 9051 §6.3.1).
    pub rev2: bool,
}

impl Dialect {
    /// Whether the client is offered `capability`.
    pub fn offers(self, capability: Capability) -> bool {
        self.offered.contains(capability)
    }

    /// Whether SEARCH has result options of any kind.
    pub fn has_search_options(self) -> bool {
        let kinds = [
            Capability::ESearch,
            Capability::SearchRes,
            Capability::Partial,
            Capability::ContextSearch,
        ];
        kinds.into_iter().any(|kind| self.offers(kind))
    }
}

/// Every extension, and names in modified UTF-7.
impl Default for Dialect {
    fn default() -> Self {
        Self {
            offered: Capabilities::ALL,
            utf8: false,
            rev2: false,
        }
    }
}
