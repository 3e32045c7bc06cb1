//! Reads the beginnings of several messages in one call to the store, for clients that fetch one message
//! after the other.
//!
//! A client that waits for each message before it asks for the next would otherwise pay a trip to the store's
//! threads for each. The first RETR reads its own message alone; from the second in a row on, the messages
//! behind it are read too, as long as they fit whole into [`READ_AHEAD_OCTETS`]. A session holds no more than
//! that, and nothing once the client jumps elsewhere.

use std::collections::VecDeque;

use bytes::Bytes;
use store::Uid;

use crate::limits::{CHUNK_OCTETS, READ_AHEAD_MESSAGES, READ_AHEAD_OCTETS};
use crate::maildrop::{Inbox, Message};
use crate::reject::Reject;

/// What has been read and not been asked for yet.
#[derive(Debug, Default)]
pub struct ReadAhead {
    /// Whole messages, in their order.
    ready: VecDeque<(Uid, Bytes)>,
    /// The position that follows the last one asked for.
    expected: Option<usize>,
}

impl ReadAhead {
    /// The first octets of the message at `position`.
    pub async fn beginning(
        &mut self,
        inbox: &Inbox,
        messages: &[Message],
        position: usize,
    ) -> Result<Bytes, Reject> {
        let uid = messages[position].uid();
        let in_a_row = self.expected == Some(position);
        self.expected = Some(position + 1);
        if let Some(octets) = self.take(uid) {
            return Ok(octets);
        }
        let wanted = if in_a_row {
            plan(&messages[position..])
        } else {
            plan(&messages[position..=position])
        };
        self.ready = inbox.read_beginnings(wanted).await?.into();
        self.take(uid).ok_or(Reject::Gone)
    }

    /// What was read before it has been skipped by the client and is let go.
    fn take(&mut self, uid: Uid) -> Option<Bytes> {
        let at = self.ready.iter().position(|(ready, _)| *ready == uid)?;
        self.ready
            .drain(..=at)
            .next_back()
            .map(|(_, octets)| octets)
    }
}

/// The first message's beginning, and those behind it that fit whole.
fn plan(messages: &[Message]) -> Vec<(Uid, u64)> {
    let mut octets = 0;
    let mut wanted = Vec::new();
    for message in messages
        .iter()
        .filter(|message| !message.is_marked())
        .take(READ_AHEAD_MESSAGES)
    {
        let beginning = message.octets().min(CHUNK_OCTETS);
        octets += beginning;
        if !wanted.is_empty() && (octets > READ_AHEAD_OCTETS || beginning < message.octets()) {
            break;
        }
        wanted.push((message.uid(), beginning));
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(sizes: &[u64]) -> Vec<u64> {
        let messages: Vec<Message> = (1..)
            .filter_map(Uid::new)
            .zip(sizes)
            .map(|(uid, &octets)| Message::new(uid, octets))
            .collect();
        plan(&messages)
            .into_iter()
            .map(|(_, octets)| octets)
            .collect()
    }

    #[test]
    fn a_large_message_is_begun_alone() {
        assert_eq!(planned(&[10 * CHUNK_OCTETS, 5]), [CHUNK_OCTETS, 5]);
        assert_eq!(planned(&[5, 10 * CHUNK_OCTETS, 5]), [5]);
    }

    #[test]
    fn small_messages_are_read_together_within_the_limits() {
        assert_eq!(planned(&[1; 200]).len(), READ_AHEAD_MESSAGES);
        assert!(planned(&[100_000; 50]).iter().sum::<u64>() <= READ_AHEAD_OCTETS);
    }
}
