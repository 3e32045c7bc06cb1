//! GETMETADATA and SETMETADATA (RFC 5464), and METADATA for LIST (RFC 9590).
//!
//! Two entries are no annotations but what the server knows: `/shared/admin` of the server, the way to the postmaster,
//! and `/private/specialuse` of a mailbox, what it is for (RFC 6154 §4). Neither can be set. Changes are told
//! to those alone who ask for it by NOTIFY (RFC 5464 §4.1 leaves that to the server).

use daemon::session::Output;
use store::{ANNOTATION_NAME_OCTETS_MAX, ANNOTATION_OCTETS_MAX, Annotation, Scope};

use crate::grammar::code::Code;
use crate::grammar::metadata::{Depth, EntryName, Metadata, MetadataData};
use crate::grammar::response::Response;
use crate::session::ImapSession;
use crate::session::dispatch::{Done, Outcome};
use crate::session::place::Place;
use crate::session::reject::Reject;
use crate::session::rights::{Deed, judge};

/// The server's way to its administrator (RFC 5464 §6.2.2).
const ADMIN: &str = "/admin";
/// The special use of a mailbox (RFC 6154 §4).
const SPECIAL_USE: &str = "/specialuse";

/// Which entries are wanted.
struct Wanted<'a> {
    entries: &'a [EntryName],
    depth: Depth,
    max_size: Option<u32>,
}

impl ImapSession {
    pub(crate) async fn metadata(&mut self, metadata: Metadata, out: &mut Output) -> Outcome {
        match metadata {
            Metadata::Get {
                mailbox,
                entries,
                max_size,
                depth,
            } => {
                let wanted = Wanted {
                    entries: &entries,
                    depth,
                    max_size,
                };
                self.get_metadata(&mailbox, &wanted, out).await
            }
            Metadata::Set { mailbox, entries } => self.set_metadata(&mailbox, entries).await,
        }
    }

    async fn get_metadata(&self, name: &str, wanted: &Wanted<'_>, out: &mut Output) -> Outcome {
        let (name, known) = match self.annotated(name, Deed::Annotate).await? {
            None => (String::new(), self.server_annotations().await?),
            Some(place) => {
                let known = self.mailbox_annotations(&place).await?;
                (place.info.name, known)
            }
        };
        let (entries, longest) = wanted.choose(&known);
        if !entries.is_empty() {
            self.tell_metadata(name, entries, out);
        }
        Ok(match longest {
            Some(octets) => Done::code(
                Code::MetadataLongEntries(octets),
                "GETMETADATA completed, some values are longer",
            ),
            None => Done::text("GETMETADATA completed"),
        })
    }

    /// What LIST tells of a mailbox: each entry that was asked for, with NIL where there is none (RFC 9590 §4).
    pub(super) async fn list_metadata(
        &self,
        place: &Place,
        entries: &[EntryName],
        out: &mut Output,
    ) -> Result<(), Reject> {
        // RFC 9590 §3: what the user may not see is left out.
        if judge(Deed::Annotate, place.rights).is_err() {
            return Ok(());
        }
        let known = self.mailbox_annotations(place).await?;
        let wanted = Wanted {
            entries,
            depth: Depth::Itself,
            max_size: None,
        };
        let (entries, _) = wanted.choose(&known);
        self.tell_metadata(place.info.name.clone(), entries, out);
        Ok(())
    }

    fn tell_metadata(&self, mailbox: String, entries: Entries, out: &mut Output) {
        self.say(&Response::Metadata(MetadataData { mailbox, entries }), out);
    }

    /// The mailbox of that name; `None` is the server.
    async fn annotated(&self, name: &str, deed: Deed) -> Result<Option<Place>, Reject> {
        match name.is_empty() {
            true => Ok(None),
            false => self.place(name, deed).await.map(Some),
        }
    }

    async fn server_annotations(&self) -> Result<Vec<Annotation>, Reject> {
        let user = self.user()?;
        let mut known = self.store().annotations(user.account, None).await?;
        // Mail for the postmaster of a domain of ours is always taken (RFC 5321 §4.5.1).
        let domain = user.address.rsplit('@').next().unwrap_or_default();
        known.push(Annotation {
            scope: Scope::Shared,
            name: ADMIN.to_owned(),
            value: Some(format!("mailto:postmaster@{domain}").into_bytes()),
        });
        Ok(known)
    }

    async fn mailbox_annotations(&self, place: &Place) -> Result<Vec<Annotation>, Reject> {
        let mut known = self
            .store()
            .annotations(place.access, Some(place.info.id))
            .await?;
        if let Some(special_use) = place.info.special_use {
            known.push(Annotation {
                scope: Scope::Private,
                name: SPECIAL_USE.to_owned(),
                value: Some(super::list::attribute_name(special_use).into()),
            });
        }
        Ok(known)
    }

    async fn set_metadata(
        &self,
        name: &str,
        entries: Vec<(EntryName, Option<Vec<u8>>)>,
    ) -> Outcome {
        let for_all = entries.iter().any(|(name, _)| !name.private);
        let deed = match for_all {
            true => Deed::AnnotateForAll,
            false => Deed::Annotate,
        };
        let place = self.annotated(name, deed).await?;
        let user = self.user()?.account;
        if place.is_none() && for_all && !self.store().account_by_id(user).await?.admin {
            return Err(Reject::NoPermission);
        }
        let changes: Vec<Annotation> = entries
            .into_iter()
            .map(|(name, value)| change(place.is_some(), name, value))
            .collect::<Result<_, _>>()?;
        let done = match &place {
            Some(place) => {
                let mailbox = Some(place.info.id);
                self.store().annotate(place.access, mailbox, changes).await
            }
            None => self.store().annotate(user, None, changes).await,
        };
        match done {
            Ok(()) => Ok(Done::text("SETMETADATA completed")),
            Err(store::Error::Limit(_)) => Err(Reject::TooManyAnnotations),
            Err(other) => Err(other.into()),
        }
    }
}

fn change(of_mailbox: bool, name: EntryName, value: Option<Vec<u8>>) -> Result<Annotation, Reject> {
    let fixed = match of_mailbox {
        true => name.private && name.name == SPECIAL_USE,
        false => !name.private && name.name == ADMIN,
    };
    if fixed {
        return Err(store::Error::NotPermitted("This entry cannot be changed").into());
    }
    if value
        .as_ref()
        .is_some_and(|value| value.len() > ANNOTATION_OCTETS_MAX)
    {
        return Err(Reject::AnnotationTooBig);
    }
    if name.name.len() > ANNOTATION_NAME_OCTETS_MAX {
        return Err(store::Error::NotPermitted("The name of the entry is too long").into());
    }
    let scope = match name.private {
        true => Scope::Private,
        false => Scope::Shared,
    };
    Ok(Annotation {
        scope,
        name: name.name,
        value,
    })
}

/// Entries to be told: names and values, NIL where there is none.
type Entries = Vec<(String, Option<Vec<u8>>)>;

impl Wanted<'_> {
    /// The wanted entries among those known, and the octets of the longest that is too long to be told.
    fn choose(&self, known: &[Annotation]) -> (Entries, Option<u64>) {
        let mut chosen = Entries::new();
        let mut longest = None;
        for entry in self.entries {
            let found = known.iter().filter(|known| self.is_wanted(entry, known));
            for found in found {
                let octets = found.value.as_ref().map_or(0, Vec::len) as u64;
                if self.max_size.is_some_and(|most| octets > u64::from(most)) {
                    longest = longest.max(Some(octets));
                    continue;
                }
                let name = EntryName {
                    private: entry.private,
                    name: found.name.clone(),
                };
                put(&mut chosen, name.whole(), found.value.clone());
            }
            let there = known.iter().any(|known| is_same(entry, known));
            // An entry that is asked for and is not there has the value NIL (RFC 5464 §3.2).
            if !there && self.depth == Depth::Itself && !entry.name.is_empty() {
                put(&mut chosen, entry.whole(), None);
            }
        }
        (chosen, longest)
    }

    fn is_wanted(&self, entry: &EntryName, known: &Annotation) -> bool {
        let below = || {
            let rest = known.name.strip_prefix(&entry.name)?.strip_prefix('/')?;
            Some(!rest.contains('/'))
        };
        is_same(entry, known)
            || is_scope(entry, known)
                && match self.depth {
                    Depth::Itself => false,
                    Depth::Children => below() == Some(true),
                    Depth::All => below().is_some(),
                }
    }
}

fn is_scope(entry: &EntryName, known: &Annotation) -> bool {
    entry.private == (known.scope == Scope::Private)
}

fn is_same(entry: &EntryName, known: &Annotation) -> bool {
    is_scope(entry, known) && entry.name == known.name
}

/// An entry is told once, however often it is asked for.
fn put(chosen: &mut Entries, name: String, value: Option<Vec<u8>>) {
    if chosen.iter().all(|(known, _)| *known != name) {
        chosen.push((name, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<Annotation> {
        let annotation = |scope, name: &str, value: &str| Annotation {
            scope,
            name: name.into(),
            value: Some(value.into()),
        };
        vec![
            annotation(Scope::Private, "/a", "1"),
            annotation(Scope::Private, "/a/b", "22"),
            annotation(Scope::Private, "/a/b/c", "333"),
            annotation(Scope::Private, "/ab", "4"),
            annotation(Scope::Shared, "/a/b", "shared"),
        ]
    }

    fn chosen(name: &str, depth: Depth, max_size: Option<u32>) -> (Vec<String>, Option<u64>) {
        let entries = [EntryName {
            private: true,
            name: name.into(),
        }];
        let wanted = Wanted {
            entries: &entries,
            depth,
            max_size,
        };
        let (entries, longest) = wanted.choose(&known());
        let show = |(name, value): (String, Option<Vec<u8>>)| match value {
            Some(_) => name,
            None => format!("{name} NIL"),
        };
        (entries.into_iter().map(show).collect(), longest)
    }

    #[test]
    fn depth_says_how_far_below() {
        assert_eq!(chosen("/a", Depth::Itself, None).0, ["/private/a"]);
        assert_eq!(
            chosen("/a", Depth::Children, None).0,
            ["/private/a", "/private/a/b"]
        );
        assert_eq!(
            chosen("/a", Depth::All, None).0,
            ["/private/a", "/private/a/b", "/private/a/b/c"]
        );
        assert_eq!(
            chosen("", Depth::Children, None).0,
            ["/private/a", "/private/ab"]
        );
        assert_eq!(chosen("/x", Depth::Itself, None).0, ["/private/x NIL"]);
        assert_eq!(chosen("/x", Depth::All, None).0, [""; 0]);
    }

    #[test]
    fn the_longest_of_what_is_too_long_is_told() {
        let (entries, longest) = chosen("/a", Depth::All, Some(1));
        assert_eq!(entries, ["/private/a"]);
        assert_eq!(longest, Some(3));
    }
}
