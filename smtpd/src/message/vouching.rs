//! How we vouch for a message that leaves.
//!
//! What our users send is signed (`sign::signature`) and leaves under their own addresses, which our own SPF allows. Mail of the
//! world that aliases lead elsewhere gets a sender's address of ours (`sign::srs`) and a seal (`sign::seal`); the null sender stays.

use store::{AccountId, Store};

use super::author::author;
use super::digest::DigestKind;
use super::header::Header;
use crate::envelope::{Envelope, local_address};
use crate::grammar::{Host, ReversePath};
use crate::shared::Shared;
use crate::sign::seal::seal;
use crate::sign::signature::sign;
use crate::sign::srs;
use crate::verify::Evidence;

/// A message that leaves, or may leave.
pub struct Vouching<'a> {
    /// The keys.
    pub shared: &'a Shared,
    /// Whose domains are ours.
    pub store: &'a Store,
    /// From whom, to whom.
    pub envelope: &'a Envelope,
    /// The header section as it leaves, without what is added here.
    pub header: &'a Header,
    /// Of the body.
    pub hashes: &'a [(DigestKind, Vec<u8>)],
}

/// What is added.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Leaving {
    /// Fields for all copies.
    pub signatures: String,
    /// Fields for the copies that leave.
    pub prefix: String,
    /// The reverse-path of the copies that leave, without angle brackets.
    pub reverse_path: String,
}

impl Vouching<'_> {
    /// Signs for an account of ours; seals and rewrites what others send through us.
    ///
    /// # Errors
    /// The store does not give the keys.
    pub async fn leaving(
        &self,
        account: Option<AccountId>,
        evidence: Option<&Evidence<'_>>,
    ) -> store::Result<Leaving> {
        let reverse_path = self.envelope.reverse_path();
        Ok(match (account, self.envelope.forwarder.as_deref()) {
            (Some(account), _) => Leaving {
                signatures: self.signatures(account).await?,
                prefix: String::new(),
                reverse_path,
            },
            (None, Some(forwarder)) => Leaving {
                signatures: String::new(),
                prefix: self.seal(forwarder, evidence).await?,
                reverse_path: self.rewritten(forwarder).await?.unwrap_or(reverse_path),
            },
            (None, None) => Leaving {
                reverse_path,
                ..Leaving::default()
            },
        })
    }

    async fn signatures(&self, account: AccountId) -> store::Result<String> {
        let domain = self.signing_domain(account).await?;
        let (Some(domain), Some(body_hash)) = (domain, self.body_hash()) else {
            return Ok(String::new());
        };
        let signers = self.shared.keyring.signers(self.store, &domain).await?;
        Ok(sign(&signers, self.header, body_hash))
    }

    /// The author's domain, if the account may send as him, or else the sender's, which was looked at when he was named. Nobody
    /// gets the signature of a domain that is not his.
    async fn signing_domain(&self, account: AccountId) -> store::Result<Option<String>> {
        let sender = match &self.envelope.sender {
            ReversePath::Mailbox(mailbox) => local_address(mailbox),
            ReversePath::Null => None,
        };
        let sender = sender.map(|address| address.domain().to_owned());
        let Some(author) = author(self.header) else {
            return Ok(sender);
        };
        if sender.as_deref() == Some(author.domain()) {
            return Ok(sender);
        }
        Ok(match self.store.may_send_as(account, &author).await? {
            true => Some(author.domain().to_owned()),
            false => sender,
        })
    }

    /// Only what was verified can be vouched for.
    async fn seal(
        &self,
        forwarder: &str,
        evidence: Option<&Evidence<'_>>,
    ) -> store::Result<String> {
        let (Some(evidence), Some(body_hash)) = (evidence, self.body_hash()) else {
            return Ok(String::new());
        };
        let signers = self.shared.keyring.signers(self.store, forwarder).await?;
        Ok(seal(&signers, self.header, evidence, body_hash))
    }

    /// The sender's address as one of ours; nothing if it may stay as it is.
    async fn rewritten(&self, forwarder: &str) -> store::Result<Option<String>> {
        let ReversePath::Mailbox(sender) = &self.envelope.sender else {
            return Ok(None);
        };
        if let Host::Domain(domain) = &sender.host
            && self.store.is_local_domain(domain).await?
        {
            return Ok(None);
        }
        let rewriter = self.shared.srs.rewriter(self.store).await?;
        let rewritten = rewriter.forward(sender, forwarder, srs::now_seconds());
        Ok(rewritten.map(|mailbox| mailbox.to_string()))
    }

    fn body_hash(&self) -> Option<&[u8]> {
        let made = self
            .hashes
            .iter()
            .find(|(kind, _)| *kind == DigestKind::SIGNED);
        made.map(|(_, hash)| hash.as_slice())
    }
}
