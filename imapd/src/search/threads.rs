//! THREADID in searches (RFC 8474 §5.3): which messages belong to a thread, the store tells before anything is judged.

use std::collections::BTreeMap;

use store::{MessageId, ThreadId};

use crate::fetch::read::Reader;
use crate::grammar::search::Key;
use crate::grammar::sequence::Ranges;
use crate::session::reject::Reject;

/// The key with the UIDs of the messages of each thread that it names.
pub async fn with_threads(key: &Key, reader: &Reader) -> Result<Key, Reject> {
    let mut named = Vec::new();
    collect(key, &mut named);
    let mut threads = BTreeMap::new();
    for name in named {
        if !threads.contains_key(name) {
            threads.insert(name.to_owned(), messages_of(name, reader).await?);
        }
    }
    Ok(replace(key, &threads))
}

/// A thread that there is not has no messages.
async fn messages_of(name: &str, reader: &Reader) -> Result<Ranges, Reject> {
    let id = name.strip_prefix('T').and_then(|id| id.parse().ok());
    let Some(id) = id.filter(|id: &MessageId| format!("T{}", id.printed()) == name) else {
        return Ok(Ranges::default());
    };
    let Reader {
        store,
        account,
        mailbox,
    } = reader;
    let uids = store
        .entries_of_thread(*account, *mailbox, ThreadId(id))
        .await?;
    Ok(uids.into_iter().map(|uid| uid.value()).collect())
}

fn collect<'k>(key: &'k Key, named: &mut Vec<&'k str>) {
    match key {
        Key::ThreadId(name) => named.push(name),
        Key::And(keys) => keys.iter().for_each(|key| collect(key, named)),
        Key::Or(both) => {
            collect(&both.0, named);
            collect(&both.1, named);
        }
        Key::Not(key) | Key::Fuzzy(key) => collect(key, named),
        _ => {}
    }
}

fn replace(key: &Key, threads: &BTreeMap<String, Ranges>) -> Key {
    match key {
        Key::ThreadId(name) => Key::Known(threads.get(name).cloned().unwrap_or_default()),
        Key::And(keys) => Key::And(keys.iter().map(|key| replace(key, threads)).collect()),
        Key::Or(both) => Key::Or(Box::new((
            replace(&both.0, threads),
            replace(&both.1, threads),
        ))),
        Key::Not(key) => Key::Not(Box::new(replace(key, threads))),
        Key::Fuzzy(key) => Key::Fuzzy(Box::new(replace(key, threads))),
        other => other.clone(),
    }
}
