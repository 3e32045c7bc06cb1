//! THREAD: its arguments, and the trees of its answer (RFC 5256).

use super::capability::Capability;
use super::cursor::{Cursor, Malformed, Parsed};
use super::quote;
use super::search::{Key, parse_charset, parse_keys};

/// How to thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// ORDEREDSUBJECT
    OrderedSubject,
    /// REFERENCES
    References,
}

/// THREAD or UID THREAD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// How.
    pub algorithm: Algorithm,
    /// Which messages.
    pub key: Key,
}

impl Thread {
    /// Reads everything after `THREAD SP`.
    pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let algorithm = match cursor.keyword("a threading algorithm")?.as_str() {
            "ORDEREDSUBJECT" if cursor.offers(Capability::ThreadOrderedSubject) => {
                Algorithm::OrderedSubject
            }
            "REFERENCES" if cursor.offers(Capability::ThreadReferences) => Algorithm::References,
            _ => return Err(Malformed::Expected("a threading algorithm of this server")),
        };
        cursor.space()?;
        parse_charset(cursor)?;
        cursor.space()?;
        let key = parse_keys(cursor)?;
        Ok(Self { algorithm, key })
    }
}

/// Threads: trees whose nodes are messages, or stand for messages that are not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Threads {
    nodes: Vec<Node>,
    /// The threads, as places of their first nodes.
    pub roots: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    number: Option<u32>,
    children: Vec<u32>,
}

enum Step {
    Open(u32),
    Close,
}

impl Threads {
    /// Adds a node whose children, given by their places, have been added, and gives its place.
    pub fn add(&mut self, number: Option<u32>, children: Vec<u32>) -> u32 {
        self.nodes.push(Node { number, children });
        u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX)
    }

    /// Writes `(2)(3 6 (4 23)(44 7 96))`: no recursion, as threads may be deep.
    pub fn encode(&self, into: &mut Vec<u8>) {
        let mut steps: Vec<Step> = self
            .roots
            .iter()
            .rev()
            .map(|&root| Step::Open(root))
            .collect();
        while let Some(step) = steps.pop() {
            match step {
                Step::Open(node) => {
                    into.push(b'(');
                    steps.push(Step::Close);
                    let branches = self.encode_members(node, into);
                    steps.extend(branches.iter().rev().map(|&child| Step::Open(child)));
                }
                Step::Close => into.push(b')'),
            }
        }
    }

    /// Writes members from `node` on, until the thread ends or splits, and gives what it splits into.
    fn encode_members(&self, mut node: u32, into: &mut Vec<u8>) -> &[u32] {
        let mut is_first = true;
        while let Some(Node { number, children }) = self.nodes.get(node as usize) {
            if let Some(number) = number {
                if !is_first {
                    into.push(b' ');
                }
                quote::number(u64::from(*number), into);
                is_first = false;
            }
            match children.as_slice() {
                [only] => node = *only,
                branches => {
                    if !is_first && !branches.is_empty() {
                        into.push(b' ');
                    }
                    return branches;
                }
            }
        }
        &[]
    }
}

impl std::fmt::Display for Threads {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = Vec::new();
        self.encode(&mut text);
        formatter.write_str(&String::from_utf8_lossy(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_look_as_in_the_rfc() {
        let mut threads = Threads::default();
        let mut chain = |numbers: &[u32], mut children: Vec<u32>| {
            for &number in numbers.iter().rev() {
                children = vec![threads.add(Some(number), children)];
            }
            children[0]
        };
        let two = chain(&[2], vec![]);
        let left = chain(&[4, 23], vec![]);
        let right = chain(&[44, 7, 96], vec![]);
        let three = chain(&[3, 6], vec![left, right]);
        let five = chain(&[5], vec![]);
        let nine = chain(&[9], vec![]);
        let dummy = threads.add(None, vec![five, nine]);
        threads.roots = vec![two, three, dummy];
        assert_eq!(threads.to_string(), "(2)(3 6 (4 23)(44 7 96))((5)(9))");
    }

    #[test]
    fn arguments_are_read() {
        let parse = |text: &str| Thread::parse(&mut Cursor::new(text.as_bytes()));
        let thread = parse("ORDEREDSUBJECT UTF-8 SINCE 5-MAR-2000").unwrap();
        assert_eq!(thread.algorithm, Algorithm::OrderedSubject);
        assert_eq!(
            parse("references \"US-ASCII\" ALL").unwrap().algorithm,
            Algorithm::References
        );
        assert_eq!(
            parse("REFERENCES KOI8-R ALL"),
            Err(Malformed::Charset { saves: false })
        );
        for wrong in [
            "REFS UTF-8 ALL",
            "REFERENCES UTF-8",
            "REFERENCES ALL",
            "REFERENCES (UTF-8) ALL",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
