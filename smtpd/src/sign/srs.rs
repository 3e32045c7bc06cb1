//! SRS: a forwarder sends under an address of its own, in which the sender's is written, so that SPF is right for what it sends and
//! bounces find their way back.
//!
//! ```text
//! someone@sender.test          SRS0=HHHHHHHH=TT=sender.test=someone@ours.test
//! SRS0=h=t=d=l@first.test      SRS1=HHHHHHHH=first.test==h=t=d=l@ours.test
//! SRS1=h=first.test==…@b.test  SRS1=HHHHHHHH=first.test==…@ours.test
//! ```
//!
//! `HHHHHHHH` is an HMAC of the rest in base32, which survives hosts that change the case of letters; `TT` is the day. An address
//! that we did not make, or made long ago, leads nowhere: nobody can send to others through us. Only the null sender, a bounce, is let
//! back; that is for `session::mail`. Pure, but for [`Srs`], which keeps the key.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use store::{PrivateKey, Store};
use tokio::sync::OnceCell;

use crate::grammar::{ForwardPath, Host, Mailbox};
use crate::limits::{LOCAL_PART_OCTETS_MAX, SRS_DAYS_MAX};

/// RFC 4648 §6.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Letters of the HMAC: 40 bits.
const HASH_LETTERS: usize = 8;
/// Days are counted modulo what two letters hold.
const DAYS: u64 = 32 * 32;
const DAY_SECONDS: u64 = 86_400;

/// What may stand behind SRS0 and SRS1.
const SEPARATORS: [char; 3] = ['=', '+', '-'];

/// The key, read from the store when it is first needed.
#[derive(Default)]
pub struct Srs {
    rewriter: OnceCell<Rewriter>,
}

impl Srs {
    /// What rewrites addresses.
    ///
    /// # Errors
    /// The store does not give the key.
    pub async fn rewriter(&self, store: &Store) -> store::Result<&Rewriter> {
        self.rewriter
            .get_or_try_init(|| async { Ok(Rewriter::new(&store.secret("srs").await?)) })
            .await
    }

    /// Whom mail to a rewritten address is for, if it is one at a domain of ours.
    ///
    /// # Errors
    /// The store cannot be read. Within: we have not made that address, or too long ago.
    pub async fn undo(
        &self,
        store: &Store,
        to: &ForwardPath,
    ) -> store::Result<Option<Result<Mailbox, NotOurs>>> {
        let ForwardPath::Mailbox(Mailbox {
            local,
            host: Host::Domain(domain),
        }) = to
        else {
            return Ok(None);
        };
        if parts(local).is_none() || !store.is_local_domain(domain).await? {
            return Ok(None);
        }
        let back = self.rewriter(store).await?.back(local, now_seconds());
        Ok(back.transpose())
    }
}

/// Makes and reads rewritten addresses.
pub struct Rewriter {
    key: hmac::Key,
}

/// An address in the form of SRS that leads nowhere: not made by us, changed, or too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOurs;

impl Rewriter {
    /// With this key.
    pub fn new(key: &PrivateKey) -> Rewriter {
        Rewriter {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.reveal()),
        }
    }

    /// The address at `ours` that stands for `sender`; nothing if it would be too long. `now` is in seconds since 1970.
    pub fn forward(&self, sender: &Mailbox, ours: &str, now: u64) -> Option<Mailbox> {
        let local = match parts(&sender.local) {
            Some(Form::First(rest)) => self.again(&sender.host.to_string(), rest),
            Some(Form::Again(_, first, rest)) => self.again(first, rest),
            None => {
                let rest = format!("{}={}={}", day(now), sender.host, sender.local);
                format!("SRS0={}={rest}", self.hash(&rest))
            }
        };
        (local.len() <= LOCAL_PART_OCTETS_MAX).then(|| Mailbox {
            local,
            host: Host::Domain(ours.to_owned()),
        })
    }

    /// `rest` is all that stands behind `SRS0` at the first forwarder.
    fn again(&self, first: &str, rest: &str) -> String {
        let signed = format!("{first}={rest}");
        format!("SRS1={}={signed}", self.hash(&signed))
    }

    /// Whom mail to `local` at our domain is for; nothing if it is no such address.
    ///
    /// # Errors
    /// It has the form but is not one that we made lately.
    pub fn back(&self, local: &str, now: u64) -> Result<Option<Mailbox>, NotOurs> {
        match parts(local) {
            None => Ok(None),
            Some(Form::First(rest)) => self.sender(&rest[1..], now).map(Some),
            Some(Form::Again(hash, first, rest)) => {
                self.check(hash, &format!("{first}={rest}"))?;
                let text = format!("SRS0{rest}@{first}");
                Mailbox::parse(&text).ok_or(NotOurs).map(Some)
            }
        }
    }

    fn sender(&self, rest: &str, now: u64) -> Result<Mailbox, NotOurs> {
        let (hash, signed) = rest.split_once('=').ok_or(NotOurs)?;
        self.check(hash, signed)?;
        let mut fields = signed.splitn(3, '=');
        let mut field = || fields.next().ok_or(NotOurs);
        let (made, domain, local) = (field()?, field()?, field()?);
        if !is_recent(made, now) {
            return Err(NotOurs);
        }
        Ok(Mailbox {
            local: local.to_owned(),
            host: Host::parse(domain).ok_or(NotOurs)?,
        })
    }

    fn check(&self, hash: &str, signed: &str) -> Result<(), NotOurs> {
        let expected = self.hash(signed);
        let same = expected.len() == hash.len()
            && aws_lc_rs::constant_time::verify_slices_are_equal(
                expected.as_bytes(),
                hash.to_ascii_uppercase().as_bytes(),
            )
            .is_ok();
        same.then_some(()).ok_or(NotOurs)
    }

    /// Of the text in small letters: local parts come back in other ones.
    fn hash(&self, text: &str) -> String {
        let tag = hmac::sign(&self.key, text.to_lowercase().as_bytes());
        let octets = tag.as_ref().iter().take(HASH_LETTERS * 5 / 8);
        let number = octets.fold(0_u64, |number, octet| number << 8 | u64::from(*octet));
        letters(number, HASH_LETTERS)
    }
}

/// Seconds since 1970.
pub fn now_seconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}

/// What stands in a local part of the form.
enum Form<'a> {
    /// What is behind `SRS0`, its separator first.
    First(&'a str),
    /// Hash, first forwarder, and what was behind `SRS0` there, its separator first.
    Again(&'a str, &'a str, &'a str),
}

fn parts(local: &str) -> Option<Form<'_>> {
    let (tag, rest) = local.split_at_checked(4)?;
    if !rest.starts_with(SEPARATORS) {
        return None;
    }
    if tag.eq_ignore_ascii_case("SRS0") {
        return Some(Form::First(rest));
    }
    if !tag.eq_ignore_ascii_case("SRS1") {
        return None;
    }
    let (hash, rest) = rest[1..].split_once('=')?;
    let (first, rest) = rest.split_once('=')?;
    rest.starts_with(SEPARATORS)
        .then_some(Form::Again(hash, first, rest))
}

/// The low five bits of each letter, the highest first.
fn letters(number: u64, count: usize) -> String {
    let digits = (0..count).rev();
    digits
        .map(|digit| char::from(ALPHABET[(number >> (5 * digit) & 31) as usize]))
        .collect()
}

fn day(now: u64) -> String {
    letters(now / DAY_SECONDS % DAYS, 2)
}

fn is_recent(made: &str, now: u64) -> bool {
    (0..=SRS_DAYS_MAX).any(|days| {
        let then = now.saturating_sub(days * DAY_SECONDS);
        day(then).eq_ignore_ascii_case(made)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn rewriter() -> Rewriter {
        Rewriter::new(&PrivateKey::new(vec![7; 32]))
    }

    fn mailbox(text: &str) -> Mailbox {
        Mailbox::parse(text).unwrap()
    }

    fn forward(sender: &str) -> Mailbox {
        rewriter()
            .forward(&mailbox(sender), "ours.test", NOW)
            .unwrap()
    }

    #[test]
    fn there_and_back() {
        for sender in [
            "someone@sender.test",
            "a=b+c-d@sender.test",
            "\"quoted part\"@sender.test",
            "x@[192.0.2.1]",
        ] {
            let forwarded = forward(sender);
            assert!(forwarded.local.starts_with("SRS0="), "{forwarded}");
            let written = mailbox(&forwarded.to_string());
            assert_eq!(
                rewriter().back(&written.local, NOW),
                Ok(Some(mailbox(sender)))
            );
            let shouted = written.local.to_uppercase();
            let back = rewriter().back(&shouted, NOW).unwrap().unwrap();
            assert_eq!(back.local, mailbox(sender).local.to_uppercase());
        }
    }

    #[test]
    fn a_second_forwarder_leads_back_to_the_first() {
        for sender in [
            "SRS0=hash=tt=sender.test=someone@first.test",
            "srs0+hash=tt=sender.test=someone@first.test",
            "SRS1=other=first.test==hash=tt=sender.test=someone@second.test",
        ] {
            let forwarded = forward(sender);
            assert!(forwarded.local.starts_with("SRS1="), "{forwarded}");
            let back = rewriter().back(&forwarded.local, NOW).unwrap().unwrap();
            assert_eq!(back.host, Host::Domain("first.test".into()));
            assert!(
                back.local.ends_with("hash=tt=sender.test=someone"),
                "{back}"
            );
            assert!(back.local.starts_with("SRS0"));
        }
    }

    #[test]
    fn nobody_else_can_make_one_and_none_lasts_for_ever() {
        let forwarded = forward("someone@sender.test").local;
        for forged in [
            forwarded.replace("someone", "victim"),
            forwarded.replace("sender.test", "victim.test"),
            "SRS0=AAAAAAAA=AA=victim.test=x".to_owned(),
            "SRS0=x".to_owned(),
            "SRS0=".to_owned(),
            "SRS1=AAAAAAAA=victim.test==a=b=c=d".to_owned(),
        ] {
            assert_eq!(rewriter().back(&forged, NOW), Err(NotOurs), "{forged}");
        }
        let later = |days| rewriter().back(&forwarded, NOW + days * DAY_SECONDS);
        assert!(later(SRS_DAYS_MAX).is_ok());
        assert_eq!(later(SRS_DAYS_MAX + 1), Err(NotOurs));
        let other = Rewriter::new(&PrivateKey::new(vec![8; 32]));
        assert_eq!(other.back(&forwarded, NOW), Err(NotOurs));
    }

    #[test]
    fn other_addresses_are_left_alone() {
        for local in ["someone", "srs0", "srs", "SRS2=a=b=c=d", "SRS1=a", "ünï"] {
            assert_eq!(rewriter().back(local, NOW), Ok(None), "{local}");
        }
        let long = mailbox(&format!("{}@sender.test", "x".repeat(250)));
        assert_eq!(rewriter().forward(&long, "ours.test", NOW), None);
    }
}
