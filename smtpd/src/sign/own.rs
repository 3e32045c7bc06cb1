//! Signing what this server writes itself, notices and reports, as it signs what its users write.

use std::sync::Arc;

use store::Store;

use super::keyring::{Keyring, Signer};
use super::signature::sign;
use crate::message::digest::{BodyDigests, DigestKind};
use crate::message::header::Header;

/// Signatures for a message with this header section and the body behind it (from the empty line on): one for each key of the
/// domain that is `host` or the closest above it, so that DMARC finds them aligned. Nothing if there are no keys.
///
/// # Errors
/// The store cannot be read.
pub async fn signatures(
    keyring: &Keyring,
    store: &Store,
    host: &str,
    header: &Header,
    body: &[u8],
) -> store::Result<String> {
    let signers = closest(keyring, store, host).await?;
    if signers.is_empty() {
        return Ok(String::new());
    }
    let mut digests = BodyDigests::new([DigestKind::SIGNED]);
    digests.push(body);
    let hashes = digests.finish();
    let hash = hashes.first().map_or(&[][..], |(_, hash)| hash.as_slice());
    Ok(sign(&signers, header, hash))
}

async fn closest(keyring: &Keyring, store: &Store, host: &str) -> store::Result<Arc<[Signer]>> {
    let mut domain = host;
    loop {
        let signers = keyring.signers(store, domain).await?;
        match domain.split_once('.') {
            Some((_, above)) if signers.is_empty() => domain = above,
            _ => return Ok(signers),
        }
    }
}
