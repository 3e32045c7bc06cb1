//! What follows from the verdicts: refusal, Junk, or nothing but a field in the header.
//!
//! Apart from lists that the operator has chosen, only DMARC decides, because only a domain's owner knows what else he sends by (RFC 7208 §8.4, RFC 6376 §6.3 advise
//! against acting on SPF or DKIM alone).

use daemon::config::{DmarcPolicy, ListAction, Verify};
use mail_auth::dmarc::Policy;
use mail_auth::{DkimOutput, DkimResult, DmarcOutput, DmarcResult, SpfResult};

use super::lists::Listing;
use crate::reject::Reject;

/// What is known of a message when it is decided about.
pub(super) struct Facts<'a> {
    pub(super) spf: SpfResult,
    pub(super) dkim: &'a [DkimOutput<'a>],
    pub(super) dmarc: &'a DmarcOutput,
    /// The lists that the peer is on.
    pub(super) listings: &'a [Listing],
    /// A forwarder that we trust vouches for it.
    pub(super) sealed: bool,
}

impl Facts<'_> {
    /// Whether the message is Junk.
    pub(super) fn decide(&self, rules: &Verify) -> Result<bool, Reject> {
        if self.is_listed(ListAction::Reject) {
            return Err(Reject::Listed);
        }
        Ok(self.is_listed(ListAction::Junk) | self.fails_dmarc(rules)?)
    }

    fn is_listed(&self, action: ListAction) -> bool {
        self.listings.iter().any(|listing| listing.action == action)
    }

    fn fails_dmarc(&self, rules: &Verify) -> Result<bool, Reject> {
        let fails = matches!(self.dmarc.result(), DmarcResult::Fail(_));
        if !fails || self.sealed {
            return Ok(false);
        }
        match (rules.dmarc, self.dmarc.policy()) {
            (DmarcPolicy::Report, _) | (_, Policy::None | Policy::Unspecified) => Ok(false),
            (DmarcPolicy::Obey, Policy::Reject) => Err(Reject::DmarcPolicy),
            (DmarcPolicy::Junk, Policy::Reject) | (_, Policy::Quarantine) => Ok(true),
        }
    }

    /// Whether the sender's address is not shown to be his: a notice to it would bother somebody else.
    pub(super) fn is_forged(&self) -> bool {
        let signed = self
            .dkim
            .iter()
            .any(|output| *output.result() == DkimResult::Pass);
        let denied = matches!(self.spf, SpfResult::Fail | SpfResult::SoftFail);
        matches!(self.dmarc.result(), DmarcResult::Fail(_)) || (denied && !signed)
    }
}
