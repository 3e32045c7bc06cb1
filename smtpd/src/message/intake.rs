//! Takes a message in, octet by octet: size, header section, forbidden octets, loops.
//!
//! Once a message is refused the intake goes on counting and throws the rest away: the client is heard to the end of what it
//! sends, so that nothing of a message is ever taken for commands, and the reason is given then. A client that goes on far
//! beyond the limit is [`Overrun`].
//!
//! Memory: the header section up to its limit, then what `store::Draft` keeps.

use store::{Draft, Store};

use super::digest::{BodyDigests, DigestKind};
use super::header::{Header, HeaderReader, Progress};
use crate::limits::{ADDED_OCTETS_MAX, DELIVERED_TO_FIELDS_MAX, DISCARD_OCTETS_MAX};
use crate::reject::Reject;
use crate::verify::{Verification, is_forged};

/// What to look for in a message and what to take out of it.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The largest message, in octets as they are sent.
    pub octets_max: u64,
    /// The most `Received` fields (RFC 5321 §6.3).
    pub received_max: usize,
    /// Fields that are not kept.
    pub removed_fields: &'static [&'static str],
    /// Whether a CR or LF outside a CRLF is looked for and refused. The framing of DATA does that by itself.
    pub strict_newlines: bool,
    /// Whether the message will be signed or sealed.
    pub signed: bool,
    /// Our name: what others say in it about the message is taken out.
    pub hostname: String,
    /// The addresses that the message is for, as they stand in `Delivered-To`.
    pub delivered_to: Vec<String>,
}

/// A message that is being received.
pub struct Intake {
    rules: Rules,
    verification: Option<Verification>,
    stage: Stage,
    octets: u64,
    newlines: Newlines,
}

enum Stage {
    /// The header section goes on; nothing is in the draft yet.
    Header(Box<Draft>, HeaderReader),
    /// The header section is in the draft, and what came of the body.
    Body(Box<Message>),
    /// The message will not be accepted.
    Refused(Reject),
}

impl Stage {
    /// What stands in for a stage while it is being changed. Should that never end, nothing is accepted.
    const TAKEN: Stage = Stage::Refused(Reject::StoreUnavailable);
}

/// A whole message, not yet accepted.
pub struct Message {
    /// Header section and body; fields can still be put on top, and the header section can be replaced.
    pub draft: Draft,
    /// The header section as it is in the draft.
    pub header: Header,
    /// The hashes of the body, as far as signatures need them.
    pub digests: BodyDigests,
    /// What is being found out about its sender.
    pub verification: Option<Verification>,
}

impl Message {
    /// Puts another header section in the place of this one.
    ///
    /// # Errors
    /// The message becomes too big.
    pub fn replace_header(&mut self, header: Header) -> Result<(), Reject> {
        self.draft.set_header(header.octets()).map_err(refusal)?;
        self.header = header;
        Ok(())
    }
}

/// The client sends without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overrun;

impl Intake {
    /// An intake for one message.
    pub fn new(store: &Store, rules: Rules, verification: Option<Verification>) -> Intake {
        // The client's octets are counted here, so that what we add never makes a message too big.
        let draft = Draft::new(store, rules.octets_max.saturating_add(ADDED_OCTETS_MAX));
        let stage = Stage::Header(Box::new(draft), HeaderReader::default());
        Intake {
            rules,
            verification,
            stage,
            octets: 0,
            newlines: Newlines::default(),
        }
    }

    /// Octets so far.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Why the message will not be accepted, if that is known already.
    pub fn refusal(&self) -> Option<&Reject> {
        match &self.stage {
            Stage::Refused(reject) => Some(reject),
            Stage::Header(..) | Stage::Body(..) => None,
        }
    }

    /// Decides that the message will not be accepted. The first reason stands.
    pub fn refuse(&mut self, reject: Reject) {
        if self.refusal().is_none() {
            self.stage = Stage::Refused(reject);
        }
    }

    /// Takes the next octets.
    pub async fn push(&mut self, octets: &[u8]) -> Result<(), Overrun> {
        self.octets = self.octets.saturating_add(octets.len() as u64);
        if self.octets > self.rules.octets_max.saturating_add(DISCARD_OCTETS_MAX) {
            return Err(Overrun);
        }
        if self.octets > self.rules.octets_max {
            self.refuse(Reject::MessageTooBig);
        }
        if self.rules.strict_newlines && !self.newlines.accept(octets) {
            self.refuse(Reject::BareNewline);
        }
        let stage = std::mem::replace(&mut self.stage, Stage::TAKEN);
        self.stage = self
            .advance(stage, octets)
            .await
            .unwrap_or_else(Stage::Refused);
        Ok(())
    }

    async fn advance(&mut self, stage: Stage, octets: &[u8]) -> Result<Stage, Reject> {
        match stage {
            Stage::Refused(reject) => Err(reject),
            Stage::Body(mut message) => {
                message.write(octets).await?;
                Ok(Stage::Body(message))
            }
            Stage::Header(draft, mut reader) => match reader.push(octets) {
                Progress::More => Ok(Stage::Header(draft, reader)),
                Progress::TooLong => Err(Reject::HeaderTooBig),
                Progress::Complete => {
                    let message = self.end_header(*draft, reader).await?;
                    Ok(Stage::Body(Box::new(message)))
                }
            },
        }
    }

    /// Looks into the complete header section and lets the body begin.
    async fn end_header(
        &mut self,
        mut draft: Draft,
        reader: HeaderReader,
    ) -> Result<Message, Reject> {
        let (mut header, body) = reader.finish();
        self.inspect(&header)?;
        let digests = self.digests(&header)?;
        let Rules {
            removed_fields,
            hostname,
            ..
        } = &self.rules;
        header.remove_if(|field| {
            removed_fields.iter().any(|name| field.is(name)) || is_forged(field, hostname)
        });
        draft.set_header(header.octets()).map_err(refusal)?;
        let mut message = Message {
            draft,
            header,
            digests,
            verification: self.verification.take(),
        };
        message.write(&body).await?;
        Ok(message)
    }

    /// Begins the hashes that are needed to sign the message, or to verify signatures that it has. These are about the header section
    /// as it was sent.
    fn digests(&mut self, header: &Header) -> Result<BodyDigests, Reject> {
        let signed = self.rules.signed.then_some(DigestKind::SIGNED);
        let verified = match &mut self.verification {
            Some(verification) => verification.header(header)?,
            None => Vec::new(),
        };
        Ok(BodyDigests::new(signed.into_iter().chain(verified)))
    }

    fn inspect(&self, header: &Header) -> Result<(), Reject> {
        if header.has_forbidden_octets() {
            return Err(Reject::HeaderOctets);
        }
        let visits = header
            .fields_named("Delivered-To")
            .filter(|field| self.is_for(field.value()))
            .count();
        let hops = header.fields_named("Received").count();
        match hops > self.rules.received_max || visits > DELIVERED_TO_FIELDS_MAX {
            true => Err(Reject::MailLoop),
            false => Ok(()),
        }
    }

    fn is_for(&self, address: &[u8]) -> bool {
        self.rules
            .delivered_to
            .iter()
            .any(|own| own.as_bytes().eq_ignore_ascii_case(address))
    }

    /// The message has ended.
    pub async fn finish(mut self) -> Result<Message, Reject> {
        if self.rules.strict_newlines && !self.newlines.end() {
            self.refuse(Reject::BareNewline);
        }
        match std::mem::replace(&mut self.stage, Stage::TAKEN) {
            Stage::Header(draft, reader) => self.end_header(*draft, reader).await,
            Stage::Body(message) => Ok(*message),
            Stage::Refused(reject) => Err(reject),
        }
    }
}

impl Message {
    /// Adds octets of what follows the header section.
    async fn write(&mut self, octets: &[u8]) -> Result<(), Reject> {
        self.digests.push(octets);
        self.draft.write(octets).await.map_err(refusal)
    }
}

fn refusal(error: store::Error) -> Reject {
    match error {
        store::Error::Limit(_) => Reject::MessageTooBig,
        error => Reject::store("write of a message", &error),
    }
}

/// Watches that CR and LF come only as CRLF.
#[derive(Debug, Default)]
struct Newlines {
    after_cr: bool,
}

impl Newlines {
    /// Whether all is well up to the end of `octets`.
    fn accept(&mut self, octets: &[u8]) -> bool {
        let mut expected_lf = self.after_cr.then_some(0);
        for at in memchr::memchr2_iter(b'\r', b'\n', octets) {
            let is_lf = octets[at] == b'\n';
            match (is_lf, expected_lf) {
                (true, Some(expected)) if expected == at => expected_lf = None,
                (false, None) => expected_lf = Some(at + 1),
                _ => return false,
            }
        }
        self.after_cr = expected_lf.is_some();
        // A CR that something else has followed within these octets.
        expected_lf.is_none_or(|expected| expected == octets.len())
    }

    /// Whether all is well at the end of the message.
    fn end(&self) -> bool {
        !self.after_cr
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn newlines_are_whole(pieces: &[&[u8]]) -> bool {
        let mut newlines = Newlines::default();
        pieces.iter().all(|piece| newlines.accept(piece)) && newlines.end()
    }

    #[test]
    fn bare_newlines_are_seen_across_chunks() {
        for good in [
            &[&b"a\r\nb"[..]][..],
            &[b"a\r", b"\nb"],
            &[b"", b"\r", b"", b"\n"],
            &[b"\r\n\r\n"],
        ] {
            assert!(newlines_are_whole(good), "{good:?}");
        }
        for bad in [
            &[&b"a\nb"[..]][..],
            &[b"a\rb"],
            &[b"a\r", b"b"],
            &[b"\r\r\n"],
            &[b"a\r"],
            &[b"\n"],
            &[b"\r\n", b"\n"],
        ] {
            assert!(!newlines_are_whole(bad), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn chunking_does_not_matter(text in "[a\r\n]{0,12}", at in 0usize..12) {
            let octets = text.as_bytes();
            let (left, right) = octets.split_at(at.min(octets.len()));
            let expected = !text.replace("\r\n", "").contains(['\r', '\n']);
            prop_assert_eq!(newlines_are_whole(&[left, right]), expected);
        }
    }
}
