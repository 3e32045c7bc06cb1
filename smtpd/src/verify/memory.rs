//! What has been looked up for one message, failures too: keys and policies are asked for while the body still comes, and used
//! at its end.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::resolver::UnwrapTxtRecord;
use mail_auth::{DnsError, Error, MessageAuthenticator, ResolverCache, Txt};

/// Texts by their names. As many as one message can lead to, which `limits` bound.
#[derive(Default)]
pub(super) struct Memory {
    texts: Mutex<HashMap<Box<str>, Txt>>,
}

impl Memory {
    /// Looks up a record and keeps what came of it. `name` ends with a dot.
    pub(super) async fn prepare<T>(&self, resolver: &MessageAuthenticator, name: String)
    where
        T: TxtRecordParser + Into<Txt> + UnwrapTxtRecord,
    {
        let found = resolver.txt_lookup::<T>(name.as_str(), Some(self)).await;
        if let Err(error) = found {
            self.insert(name.into(), Txt::Error(error), Instant::now());
        }
    }

    /// Whether anything was answered, or nothing was asked.
    pub(super) fn has_answers(&self) -> Option<bool> {
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = |text: &Txt| !matches!(text, Txt::Error(Error::Dns(DnsError::Resolver(_))));
        (!texts.is_empty()).then(|| texts.values().any(answered))
    }
}

impl ResolverCache<Box<str>, Txt> for Memory {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.get(name).cloned()
    }

    fn remove<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.remove(name)
    }

    fn insert(&self, name: Box<str>, text: Txt, _valid_until: Instant) {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.insert(name, text);
    }
}
