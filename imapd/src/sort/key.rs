//! The sort key of a message: octets whose order is that of the criteria.

use store::Surveyed;
use store::mime::decode::encoded_words;
use store::mime::{EnvelopeAddress, MessageIndex};

use super::collation::collate;
use super::subject::BaseSubject;
use crate::grammar::sort::{Criterion, SortKey};
use crate::search::{Score, Scores};

/// Whether any of the criteria looks at the header.
pub fn needs_index(criteria: &[Criterion]) -> bool {
    let known = [SortKey::Arrival, SortKey::Size, SortKey::Relevancy];
    let mut keys = criteria.iter().map(|criterion| criterion.key);
    keys.any(|key| !known.contains(&key))
}

/// The key of a message: the values one after the other. None is the beginning of another, so that the first difference decides; those in
/// reverse order are inverted.
pub fn sort_key(criteria: &[Criterion], message: &Surveyed<'_>, scores: &Scores) -> Box<[u8]> {
    let mut key = Vec::new();
    for criterion in criteria {
        let start = key.len();
        match criterion.key {
            SortKey::Relevancy => put_score(scores.of(message.uid.value()), &mut key),
            by => put_value(by, message, &mut key),
        }
        if criterion.reverse {
            key[start..].iter_mut().for_each(|octet| *octet = !*octet);
        }
    }
    key.into()
}

/// When it was sent (RFC 5256 §2.2), or else when it arrived.
pub fn sent(message: &Surveyed<'_>) -> i64 {
    let sent = message.index.as_ref().and_then(|index| index.sent);
    sent.map_or(message.internal_date, |sent| sent.seconds)
}

/// Its base subject.
pub fn base_subject(index: &MessageIndex<'_>) -> BaseSubject {
    let subject = index.envelope().subject.as_deref().unwrap_or_default();
    BaseSubject::of(&encoded_words(subject))
}

fn put_value(by: SortKey, message: &Surveyed<'_>, key: &mut Vec<u8>) {
    let envelope = message.index.as_ref().map(MessageIndex::envelope);
    match by {
        SortKey::Arrival => put_number(message.internal_date, key),
        SortKey::Date => put_number(sent(message), key),
        // Not told by the message.
        SortKey::Relevancy => {}
        SortKey::Size => key.extend_from_slice(&message.size.to_be_bytes()),
        SortKey::Subject => {
            let subject = message.index.as_ref().map(base_subject);
            put_text(
                &subject.map(|subject| subject.text).unwrap_or_default(),
                key,
            );
        }
        SortKey::From => put_mailbox(envelope.map(|envelope| &*envelope.from), key),
        SortKey::To => put_mailbox(envelope.map(|envelope| &*envelope.to), key),
        SortKey::Cc => put_mailbox(envelope.map(|envelope| &*envelope.cc), key),
        SortKey::DisplayFrom => put_display(envelope.map(|envelope| &*envelope.from), key),
        SortKey::DisplayTo => put_display(envelope.map(|envelope| &*envelope.to), key),
    }
}

/// "The message with the highest score is returned first" (RFC 6203 §6).
fn put_score(score: Score, key: &mut Vec<u8>) {
    key.push(Score::EXACT.value() - score.value());
}

fn put_number(number: i64, key: &mut Vec<u8>) {
    // With the sign turned round, negative numbers come before others.
    let ordered = number as u64 ^ (1 << 63);
    key.extend_from_slice(&ordered.to_be_bytes());
}

/// Texts of the index hold no NUL, and collation makes none: it ends a text before all that could follow. (An encoded word may hold one.)
fn put_text(text: &str, key: &mut Vec<u8>) {
    let start = key.len();
    collate(text, key);
    key[start..]
        .iter_mut()
        .for_each(|octet| *octet = (*octet).max(1));
    key.push(0);
}

/// "addr-mailbox of the first address" (RFC 5256 §3).
fn put_mailbox(addresses: Option<&[EnvelopeAddress<'_>]>, key: &mut Vec<u8>) {
    let first = addresses.and_then(<[_]>::first);
    let mailbox = first.and_then(|address| address.mailbox.as_deref());
    put_text(mailbox.unwrap_or_default(), key);
}

/// The sort value of the first address (RFC 5957 §3).
fn put_display(addresses: Option<&[EnvelopeAddress<'_>]>, key: &mut Vec<u8>) {
    let Some(first) = addresses.and_then(<[_]>::first) else {
        return put_text("", key);
    };
    let name = first.name.as_deref().map(encoded_words);
    match (name, first.mailbox.as_deref(), first.host.as_deref()) {
        (Some(name), ..) if !name.is_empty() => put_text(&name, key),
        (_, Some(mailbox), Some(host)) => put_text(&format!("{mailbox}@{host}"), key),
        (_, Some(mailbox), None) => put_text(mailbox, key),
        (_, None, _) => put_text("", key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::cursor::Cursor;
    use crate::grammar::sort::Sort;
    use store::Uid;
    use store::mime::Indexer;

    /// The order of messages, given as headers, by criteria.
    fn order(criteria: &str, headers: &[&str]) -> Vec<usize> {
        let text = format!("({criteria}) UTF-8 ALL");
        let criteria = Sort::parse(&mut Cursor::new(text.as_bytes()))
            .unwrap()
            .criteria;
        let mut keyed: Vec<(Box<[u8]>, usize)> = headers
            .iter()
            .zip(1..)
            .map(|(header, number)| {
                let octets = [header, "\r\n\r\n"].concat();
                let message = Surveyed {
                    uid: Uid::FIRST,
                    size: octets.len() as u64,
                    internal_date: 1_000 - number as i64,
                    index: Some(Indexer::index(octets.as_bytes())),
                };
                (sort_key(&criteria, &message, &Scores::default()), number)
            })
            .collect();
        keyed.sort();
        keyed.into_iter().map(|(_, number)| number).collect()
    }

    #[test]
    fn subjects_are_sorted_without_artifacts_and_case() {
        let headers = [
            "Subject: Re: banana",
            "Subject: apple",
            "Subject: =?utf-8?q?=C3=A4pfel?=",
            "X: no subject",
            "Subject: [list] Apple pie",
            "Subject: fwd: BANANA",
        ];
        assert_eq!(order("SUBJECT", &headers), [4, 2, 5, 3, 1, 6]);
        // What is equal stays in the order of the mailbox, also in reverse.
        assert_eq!(order("REVERSE SUBJECT", &headers), [1, 6, 3, 5, 2, 4]);
    }

    #[test]
    fn dates_are_sorted_in_utc() {
        let headers = [
            "Date: Sun, 31 Dec 2000 16:01:33 -0800",
            "Date: Mon, 1 Jan 2001 00:00:33 +0000",
            "Date: nonsense",
            "Date: Mon, 1 Jan 1900 00:00:00 +0000",
        ];
        // Without a date, the internal date counts: in 1970.
        assert_eq!(order("DATE", &headers), [4, 3, 2, 1]);
        assert_eq!(order("ARRIVAL", &headers), [4, 3, 2, 1]);
        assert_eq!(order("REVERSE ARRIVAL", &headers), [1, 2, 3, 4]);
    }

    #[test]
    fn addresses_are_sorted_by_mailbox_or_name() {
        let headers = [
            "From: Zoe <anna@z.test>\r\nTo: x@x.test, a@a.test",
            "From: berta@a.test\r\nTo: b@x.test",
            "From: =?utf-8?q?Caesar?= <zeppelin@x.test>\r\nTo: friends:;",
            "X: none",
        ];
        assert_eq!(order("FROM", &headers), [4, 1, 2, 3]);
        assert_eq!(order("DISPLAYFROM", &headers), [4, 2, 3, 1]);
        assert_eq!(order("TO", &headers), [4, 2, 3, 1]);
        assert_eq!(order("CC REVERSE SIZE", &headers)[0], 3);
    }

    #[test]
    fn the_first_criterion_decides_before_the_second() {
        let headers = [
            "Subject: ab\r\nFrom: b@x.test",
            "Subject: a\r\nFrom: c@x.test",
            "Subject: a\r\nFrom: b@x.test",
        ];
        assert_eq!(order("SUBJECT FROM", &headers), [3, 2, 1]);
        assert_eq!(order("REVERSE SUBJECT FROM", &headers), [1, 3, 2]);
    }
}
