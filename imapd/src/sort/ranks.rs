//! Sorts by ranks: the place of each message's key among the keys of its mailbox, which the store remembers ([`store::Ranking`]). THREAD
//! has what it knows of messages remembered in the same way.
//!
//! The first SORT of a mailbox looks at its messages, and later ones only at those that have come since. For few messages it is less
//! work to look at them than to keep ranks.

use std::sync::Arc;

use store::{Ranking, Surveyed, Uid};

use super::elsewhere;
use super::key::{needs_index, sort_key};
use super::survey::survey;
use crate::fetch::read::Reader;
use crate::grammar::sort::{Criterion, SortKey};
use crate::search::Scores;
use crate::session::progress::Progress;
use crate::session::reject::Reject;

/// How many messages must be sorted or threaded for ranks to be worth it.
pub const WORTH_MESSAGES: usize = 1000;

/// Whose messages are ranked.
pub struct Ranker<'a> {
    /// Where the messages lie.
    pub reader: &'a Reader,
    /// How many are in the mailbox.
    pub messages: usize,
    /// Told how many have been looked at.
    pub progress: &'a Progress,
}

impl Ranker<'_> {
    /// The places of these messages (their UIDs ascend) in the order of the criteria, among which relevancy, which is not the message's
    /// own, is not. What is equal stays in the order of the mailbox; of those that are no more, nothing.
    pub async fn sorted(&self, uids: &[Uid], criteria: &[Criterion]) -> Result<Vec<usize>, Reject> {
        let mut columns: Vec<Vec<Option<u32>>> = Vec::new();
        for by in criteria {
            let ascending = [Criterion {
                key: by.key,
                reverse: false,
            }];
            let with_index = needs_index(&ascending);
            let look =
                move |message: &Surveyed<'_>| sort_key(&ascending, message, &Scores::default());
            let ranking = self.ranking(name(by.key), uids, with_index, look).await?;
            let ranks = ranking.ranks(uids);
            let in_order = |rank: u32| if by.reverse { !rank } else { rank };
            columns.push(ranks.map(|rank| rank.map(in_order)).collect());
        }
        elsewhere(move || sort(&columns)).await
    }

    /// The ranking of that name, with all of these messages that are still there (their UIDs ascend). `look` makes keys.
    pub async fn ranking<F>(
        &self,
        name: &'static str,
        uids: &[Uid],
        with_index: bool,
        look: F,
    ) -> Result<Arc<Ranking>, Reject>
    where
        F: Fn(&Surveyed<'_>) -> Box<[u8]> + Clone + Send + 'static,
    {
        let (store, mailbox) = (self.reader.store.clone(), self.reader.mailbox);
        let mut known = store.ranking(mailbox, name);
        if known.len() > 2 * self.messages {
            // Those that went are the larger part.
            known = Arc::default();
        }
        let unknown = uids.iter().zip(known.ranks(uids));
        let unknown = unknown.filter(|(_, rank)| rank.is_none());
        let unknown: Vec<Uid> = unknown.map(|(uid, _)| *uid).collect();
        if unknown.is_empty() {
            return Ok(known);
        }
        let keyed = survey(self.reader, &unknown, with_index, self.progress, look).await?;
        elsewhere(move || store.remember_ranking(mailbox, name, known.with(&keyed))).await
    }
}

/// The places that have a rank in all columns, by the first column, then by the second, and so on.
fn sort(columns: &[Vec<Option<u32>>]) -> Vec<usize> {
    let Some((first, others)) = columns.split_first() else {
        return Vec::new();
    };
    let ranked = first.iter().zip(0usize..);
    let ranked = ranked.filter_map(|(rank, place)| Some(((*rank)?, place)));
    let mut ranked: Vec<(u32, usize)> = ranked
        .filter(|(_, place)| others.iter().all(|column| column[*place].is_some()))
        .collect();
    ranked.sort_unstable_by(|(rank, place), (other_rank, other_place)| {
        let by_others = || {
            let columns = others.iter();
            columns.map(|column| column[*place].cmp(&column[*other_place]))
        };
        let others = || by_others().find(|order| order.is_ne());
        let order = rank.cmp(other_rank);
        order.then_with(|| others().unwrap_or_else(|| place.cmp(other_place)))
    });
    ranked.into_iter().map(|(_, place)| place).collect()
}

/// Under which name the store remembers it.
fn name(key: SortKey) -> &'static str {
    match key {
        SortKey::Arrival => "arrival",
        SortKey::Cc => "cc",
        SortKey::Date => "date",
        SortKey::DisplayFrom => "displayfrom",
        SortKey::DisplayTo => "displayto",
        SortKey::From => "from",
        // Not told by the message alone: whoever sorts by it makes keys.
        SortKey::Relevancy => "relevancy",
        SortKey::Size => "size",
        SortKey::Subject => "subject",
        SortKey::To => "to",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_column_decides_before_the_second() {
        let one = vec![Some(1), Some(0), Some(1), None, Some(0), Some(1)];
        assert_eq!(sort(std::slice::from_ref(&one)), [1, 4, 0, 2, 5]);
        let other = vec![Some(5), Some(7), Some(4), Some(0), None, Some(5)];
        assert_eq!(sort(&[one, other]), [1, 2, 0, 5]);
    }
}
