//! The algorithm ORDEREDSUBJECT (RFC 5256 §3).

use super::Threaded;
use crate::grammar::thread::Threads;

/// Messages of one base subject are a thread: the first by sent date, and the others as its children.
pub fn by_subject(messages: &[Threaded]) -> Threads {
    let mut order: Vec<&Threaded> = messages.iter().collect();
    // By subject, in whatever order, and within each by date; both sorts are stable: what is equal stays in the order of the mailbox.
    order.sort_by_key(|message| (message.subject, message.sent));
    let mut groups: Vec<&[&Threaded]> = order.chunk_by(|a, b| a.subject == b.subject).collect();
    groups.sort_by_key(|group| group.first().map(|message| (message.sent, message.number)));
    let mut threads = Threads::default();
    for group in groups {
        let mut numbers = group.iter().map(|message| message.number);
        let Some(first) = numbers.next() else {
            continue;
        };
        let children = numbers
            .map(|number| threads.add(Some(number), Vec::new()))
            .collect();
        let thread = threads.add(Some(first), children);
        threads.roots.push(thread);
    }
    threads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_sorted_by_their_first_message() {
        let message = |number, subject: &str, sent| Threaded {
            number,
            sent,
            subject: subject.bytes().next().map(u64::from),
            ..Threaded::default()
        };
        let messages = [
            message(166, "B", 30),
            message(167, "A", 20),
            message(168, "B", 10),
            message(169, "C", 20),
            message(170, "B", 40),
            message(171, "C", 20),
        ];
        assert_eq!(
            by_subject(&messages).to_string(),
            "(168 (166)(170))(167)(169 171)"
        );
        assert_eq!(by_subject(&[]).to_string(), "");
    }
}
