//! What threading wants to know of a message, out of its index. As octets the store remembers it, as it does the keys of SORT: what a message
//! says never changes.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use store::Surveyed;
use store::mime::MessageIndex;

use super::Threaded;
use crate::grammar::thread::Algorithm;
use crate::sort::collation::collate;
use crate::sort::key::{base_subject, sent};

/// Message-IDs and subjects become numbers that nobody can foresee, so that nobody can make two of them equal; the same ones for as long as the
/// process runs, since they are remembered.
static HASH: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Looks at messages.
#[derive(Debug, Clone, Copy)]
pub struct Eye {
    algorithm: Algorithm,
}

impl Eye {
    /// An eye for what `algorithm` needs.
    pub fn new(algorithm: Algorithm) -> Self {
        Self { algorithm }
    }

    /// Under which name the store remembers what it sees.
    pub fn name(self) -> &'static str {
        match self.algorithm {
            Algorithm::OrderedSubject => "orderedsubject",
            Algorithm::References => "references",
        }
    }

    /// What it sees; its number in the answer is not known yet.
    pub fn look(self, message: &Surveyed<'_>) -> Threaded {
        let mut threaded = Threaded {
            sent: sent(message),
            ..Threaded::default()
        };
        let Some(index) = &message.index else {
            return threaded;
        };
        let subject = base_subject(index);
        let mut collated = Vec::with_capacity(subject.text.len());
        collate(&subject.text, &mut collated);
        threaded.subject = (!collated.is_empty()).then(|| HASH.hash_one(&collated));
        threaded.is_reply = subject.is_reply;
        if self.algorithm == Algorithm::References {
            Self::look_at_ids(index, &mut threaded);
        }
        threaded
    }

    fn look_at_ids(index: &MessageIndex<'_>, threaded: &mut Threaded) {
        let envelope = index.envelope();
        let first = |text: Option<&str>| text.and_then(first_id).map(number);
        threaded.id = first(envelope.message_id.as_deref());
        let references = index.references.iter().map(|id| &**id);
        threaded.references = references.filter(|id| is_valid(id)).map(number).collect();
        if threaded.references.is_empty() {
            // RFC 5256 §3: "use the first (if any) valid Message ID found in the In-Reply-To header line".
            threaded.references = first(envelope.in_reply_to.as_deref()).into_iter().collect();
        }
    }
}

impl Threaded {
    /// As octets, without the number in the answer.
    pub fn to_octets(&self) -> Box<[u8]> {
        // Only a type that does not know its length could fail, and there is none.
        postcard::to_allocvec(self).unwrap_or_default().into()
    }

    /// What [`Threaded::to_octets`] made octets of.
    pub fn from_octets(octets: &[u8]) -> Self {
        postcard::from_bytes(octets).unwrap_or_default()
    }
}

fn number(id: &str) -> u64 {
    HASH.hash_one(normalized(id))
}

/// The first valid Message-ID in a field, without its angle brackets.
fn first_id(text: &str) -> Option<&str> {
    let inside = text.split('<').skip(1);
    let ids = inside.filter_map(|rest| rest.split_once('>'));
    ids.map(|(id, _)| id.trim()).find(|id| is_valid(id))
}

fn is_valid(id: &str) -> bool {
    id.split_once('@')
        .is_some_and(|(left, right)| !left.is_empty() && !right.is_empty())
}

/// RFC 5256 §3: "MUST normalize any msg-id in order to avoid false non-matches due to differences in quoting".
fn normalized(id: &str) -> String {
    let mut plain = String::with_capacity(id.len());
    let mut characters = id.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => {}
            '\\' => plain.extend(characters.next()),
            _ if character.is_whitespace() => {}
            _ => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::Uid;
    use store::mime::Indexer;

    fn look(eye: &Eye, header: &str) -> Threaded {
        let octets = [header, "\r\n\r\n"].concat();
        eye.look(&Surveyed {
            uid: Uid::FIRST,
            size: 0,
            internal_date: 7,
            index: Some(Indexer::index(octets.as_bytes())),
        })
    }

    #[test]
    fn quoting_of_message_ids_does_not_count() {
        let eye = Eye::new(Algorithm::References);
        let quoted = look(&eye, "Message-ID: <\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>");
        let plain = look(&eye, "Message-ID: <01KF8JCEOCBS0045PS@xxx.yyy.com>");
        assert!(quoted.id.is_some());
        assert_eq!(quoted.id, plain.id);
        // "Message ID comparisons are case-sensitive."
        assert_ne!(
            plain.id,
            look(&eye, "Message-ID: <01kf8JCEOCBS0045PS@xxx.yyy.com>").id
        );
    }

    #[test]
    fn references_are_better_than_in_reply_to() {
        let eye = Eye::new(Algorithm::References);
        let id = |text: &str| look(&eye, &format!("Message-ID: <{text}>")).id.unwrap();
        let both = look(&eye, "References: <a@x> <b@x>\r\nIn-Reply-To: <c@x>");
        assert_eq!(*both.references, [id("a@x"), id("b@x")]);
        assert_eq!(Threaded::from_octets(&both.to_octets()), both);
        let no_id = look(&eye, "Subject: Re: a\r\nReferences: <a@x>");
        assert!(no_id.subject.is_some() && no_id.id.is_none());
        assert_eq!(Threaded::from_octets(&no_id.to_octets()), no_id);
        let reply = look(
            &eye,
            "References: nonsense <x>\r\nIn-Reply-To: your letter <x> of <c@x> from <d@x>",
        );
        assert_eq!(*reply.references, [id("c@x")]);
        let none = look(
            &eye,
            "In-Reply-To: your letter\r\nMessage-ID: nonsense\r\nSubject: Re: x",
        );
        assert!(none.references.is_empty() && none.id.is_none() && none.is_reply);
        assert_eq!(none.sent, 7);
    }
}
