//! GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208).
//!
//! Each account with a limit is one quota root, `#user/` and its address, for all its mailboxes. A root is shown to its account, to
//! administrators, and with GETQUOTAROOT to whoever may read one of the mailboxes. To all others it does not exist.
//!
//! An account without limits has no root, until SETQUOTA makes one: a QUOTA response with nothing in its list may be said by the prose of RFC 9208
//! (§4.2.1), but not by its grammar (§7).

use daemon::session::Output;
use store::{Account, Address};

use crate::grammar::mailbox;
use crate::grammar::quota::{Quota, QuotaData};
use crate::grammar::response::Response;
use crate::session::ImapSession;
use crate::session::dispatch::{Done, Outcome};
use crate::session::reject::Reject;
use crate::session::rights::Deed;

/// What roots begin with.
const ROOT: &str = "#user/";
/// Octets in the unit of STORAGE (RFC 9208 §5.1).
const STORAGE_UNIT: u64 = 1024;

impl ImapSession {
    pub(crate) async fn quota(&mut self, quota: Quota, out: &mut Output) -> Outcome {
        match quota {
            Quota::Get(root) => {
                let account = self.account_of(&root).await?;
                let told = told(&account).ok_or_else(not_found)?;
                out.put(&told);
                Ok(Done::text("GETQUOTA completed"))
            }
            Quota::GetRoot(mailbox) => self.quota_root(mailbox, out).await,
            Quota::Set { root, limits } => self.set_quota(&root, &limits, out).await,
        }
    }

    /// The account of a root that the user may see.
    async fn account_of(&self, root: &str) -> Result<Account, Reject> {
        let (store, user) = (self.store(), self.user()?.account);
        let address = root.strip_prefix(ROOT).ok_or_else(not_found)?;
        let address = Address::parse(address).map_err(|_| not_found())?;
        let account = store.account(&address).await.map_err(|_| not_found())?;
        if account.id == user || store.account_by_id(user).await?.admin {
            Ok(account)
        } else {
            Err(not_found())
        }
    }

    /// "The mailbox name parameter doesn't have to reference an existing mailbox" (RFC 9208 §4.1.2).
    async fn quota_root(&self, name: String, out: &mut Output) -> Outcome {
        let owner = match self.place(&name, Deed::Read).await {
            Ok(place) => place.access.owner(),
            Err(Reject::Store(store::Error::NotFound(_))) => {
                let (access, _) = self.new_place(&name).await?;
                access.owner()
            }
            Err(other) => return Err(other),
        };
        let account = self.store().account_by_id(owner).await?;
        let told = told(&account);
        let data = QuotaData::Root {
            mailbox: mailbox::canonical(name),
            root: told.is_some().then(|| root_of(&account)),
        };
        self.say(&Response::Quota(data), out);
        told.iter().for_each(|told| out.put(told));
        Ok(Done::text("GETQUOTAROOT completed"))
    }

    async fn set_quota(&self, root: &str, limits: &[(String, u64)], out: &mut Output) -> Outcome {
        let (store, user) = (self.store(), self.user()?.account);
        let account = self.account_of(root).await?;
        // He was one when he logged in.
        if !store.account_by_id(user).await?.admin {
            return Err(Reject::NoPermission);
        }
        let mut quota = store::Quota::default();
        for (resource, limit) in limits {
            match resource.as_str() {
                "STORAGE" => quota.octets = Some(limit.saturating_mul(STORAGE_UNIT)),
                "MESSAGE" => quota.messages = Some(*limit),
                _ => return Err(store::Error::NotPermitted("No such resource").into()),
            }
        }
        store.set_quota(account.id, quota).await?;
        let account = store.account_by_id(account.id).await?;
        told(&account).iter().for_each(|told| out.put(told));
        Ok(Done::text("SETQUOTA completed"))
    }
}

fn root_of(account: &Account) -> String {
    format!("{ROOT}{}", account.address)
}

fn not_found() -> Reject {
    store::Error::NotFound("quota root").into()
}

/// Resources without a limit are not told (RFC 9208 §4.2.1), and nothing if none has one.
fn told(account: &Account) -> Option<Response> {
    let storage = account.quota.octets.map(|limit| {
        let used = account.used_octets.div_ceil(STORAGE_UNIT);
        ("STORAGE", used, limit / STORAGE_UNIT)
    });
    let messages = account.quota.messages;
    let messages = messages.map(|limit| ("MESSAGE", account.used_messages, limit));
    let resources: Vec<_> = storage.into_iter().chain(messages).collect();
    let root = root_of(account);
    (!resources.is_empty()).then_some(Response::Quota(QuotaData::Quota { root, resources }))
}
