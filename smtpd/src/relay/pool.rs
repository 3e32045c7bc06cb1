//! Sessions with hosts between two messages, and how many a host has at a time.
//!
//! A session is used again for whatever goes to the same endpoint, protected in the same way, whichever domain it is for. It is
//! closed after so many messages, or when nobody has wanted it for a while.
//!
//! Failure: a session may die while nobody uses it. Whoever takes it finds out, and opens another.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::client::{Endpoint, HostSession};

/// The sessions with all hosts.
#[derive(Default)]
pub(super) struct Pool(Mutex<HashMap<SocketAddr, Host>>);

struct Host {
    /// How many sessions may be in use.
    room: Arc<Semaphore>,
    idle: Vec<Idle>,
}

struct Idle {
    endpoint: Endpoint,
    session: HostSession,
    /// Messages that it has carried.
    messages: usize,
    since: Instant,
}

/// The right to have a session with a host.
pub(super) struct Turn {
    address: SocketAddr,
    _permit: OwnedSemaphorePermit,
}

/// A session in use.
pub(super) struct Borrowed {
    /// The session.
    pub(super) session: HostSession,
    /// Messages that it has carried.
    pub(super) messages: usize,
}

impl Pool {
    /// Waits until the host has room for another session.
    pub(super) async fn turn(&self, address: SocketAddr, sessions_max: usize) -> Turn {
        let room = self
            .lock()
            .entry(address)
            .or_insert_with(|| Host {
                room: Arc::new(Semaphore::new(sessions_max)),
                idle: Vec::new(),
            })
            .room
            .clone();
        loop {
            // Nobody closes the semaphore.
            if let Ok(permit) = room.clone().acquire_owned().await {
                return Turn {
                    address,
                    _permit: permit,
                };
            }
        }
    }

    /// A session that waits for work of this endpoint.
    pub(super) fn take(&self, turn: &Turn, endpoint: &Endpoint) -> Option<Borrowed> {
        let mut hosts = self.lock();
        let idle = &mut hosts.get_mut(&turn.address)?.idle;
        let position = idle.iter().rposition(|idle| idle.endpoint == *endpoint)?;
        let Idle {
            session, messages, ..
        } = idle.swap_remove(position);
        Some(Borrowed { session, messages })
    }

    /// Lets a session wait for more work.
    pub(super) fn put(&self, turn: &Turn, endpoint: Endpoint, borrowed: Borrowed) {
        let Borrowed { session, messages } = borrowed;
        let idle = Idle {
            endpoint,
            session,
            messages,
            since: Instant::now(),
        };
        if let Some(host) = self.lock().get_mut(&turn.address) {
            host.idle.push(idle);
        }
    }

    /// Takes out the sessions that have waited for longer than `longest`, to be closed.
    pub(super) fn expired(&self, longest: Duration) -> Vec<HostSession> {
        let mut hosts = self.lock();
        let old = |idle: &mut Idle| idle.since.elapsed() >= longest;
        let expired = hosts
            .values_mut()
            .flat_map(|host| host.idle.extract_if(.., old))
            .map(|idle| idle.session)
            .collect();
        hosts.retain(|_, host| !host.idle.is_empty() || Arc::strong_count(&host.room) > 1);
        expired
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, Host>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
