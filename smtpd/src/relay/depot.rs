//! What all couriers share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use daemon::config::{Config, Routing};
use daemon::service::Service;
use store::{Lessee, Store};
use tokio::sync::{Notify, OwnedRwLockReadGuard, RwLock};
use tokio::task::JoinHandle;

use super::client::{ClientSettings, Endpoint};
use super::lane::Lanes;
use super::pool::{Borrowed, Pool, Turn};
use super::route::Router;
use crate::shared::Shared;

/// What all couriers share.
pub(super) struct Depot {
    service: Service,
    /// The store.
    pub(super) store: Store,
    /// Our right to take work.
    pub(super) lessee: Lessee,
    /// How many couriers each destination may have.
    pub(super) lanes: Lanes,
    /// Sessions between two messages.
    pub(super) pool: Pool,
    /// What the daemon's tasks share.
    pub(super) shared: Arc<Shared>,
    routing: Mutex<Current>,
    news: Notify,
    /// Read by every settlement that is under way.
    settling: Arc<RwLock<()>>,
    /// A task has died and left leases behind.
    wrecked: AtomicBool,
}

/// The router that is in use, and what it was made from.
struct Current {
    router: Router,
    routing: Routing,
    keeping: JoinHandle<()>,
}

impl Current {
    fn new(service: &Service, router: Router) -> Current {
        let stop = service.stop();
        let kept = router.clone();
        Current {
            keeping: tokio::spawn(async move { kept.keep(stop).await }),
            routing: service.config().relay.routing.clone(),
            router,
        }
    }
}

impl Depot {
    /// A depot with nothing in it.
    pub(super) fn new(
        service: Service,
        lessee: Lessee,
        shared: Arc<Shared>,
        router: Router,
    ) -> Arc<Depot> {
        let current = Current::new(&service, router);
        Arc::new(Depot {
            store: service.store.clone(),
            service,
            lessee,
            lanes: Lanes::default(),
            pool: Pool::default(),
            shared,
            routing: Mutex::new(current),
            news: Notify::new(),
            settling: Arc::default(),
            wrecked: AtomicBool::new(false),
        })
    }

    /// The configuration as it is now.
    pub(super) fn config(&self) -> Arc<Config> {
        self.service.config()
    }

    /// Whether no new work is to be begun.
    pub(super) fn is_stopping(&self) -> bool {
        self.service.stop().is_requested()
    }

    /// Who finds hosts.
    pub(super) fn router(&self) -> Router {
        self.current().router.clone()
    }

    /// Takes another router if the configuration has changed; what is wrong with it is logged and the old one kept.
    pub(super) fn follow_configuration(&self) {
        let config = self.config();
        if self.current().routing == config.relay.routing {
            return;
        }
        match Router::open(&config, self.store.clone(), self.shared.dns.clone()) {
            Ok(router) => {
                let new = Current::new(&self.service, router);
                let old = std::mem::replace(&mut *self.current(), new);
                old.keeping.abort();
                tokio::spawn(async move { old.router.write().await });
            }
            Err(error) => {
                tracing::error!(%error, "mail goes on by the old routes");
                self.current().routing = config.relay.routing.clone();
            }
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.routing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How we talk to hosts.
    pub(super) fn client_settings(&self) -> ClientSettings {
        ClientSettings::new(self.config().hostname.clone(), self.router().connector())
    }

    /// Waits until the host has room for one more session.
    pub(super) async fn turn(&self, endpoint: &Endpoint) -> Turn {
        let sessions_max = self.config().relay.concurrency_per_destination;
        self.pool.turn(endpoint.address, sessions_max).await
    }

    /// Keeps a session for further work, or closes it if it has carried enough.
    pub(super) async fn put_back(&self, turn: &Turn, endpoint: &Endpoint, borrowed: Borrowed) {
        let relay = &self.config().relay;
        if borrowed.messages < relay.messages_per_connection && relay.connection_idle_seconds > 0 {
            self.pool.put(turn, endpoint.clone(), borrowed);
        } else {
            borrowed.session.quit().await;
        }
    }

    /// To be held by a settlement that is under way.
    pub(super) async fn begin_settling(&self) -> OwnedRwLockReadGuard<()> {
        self.settling.clone().read_owned().await
    }

    /// Waits until nothing is being settled any more.
    pub(super) async fn settled(&self) {
        drop(self.settling.write().await);
    }

    /// A task has died: what it had leased is nobody's.
    pub(super) fn note_wreck(&self) {
        self.wrecked.store(true, Ordering::Relaxed);
    }

    /// Whether leases lie about that are nobody's.
    pub(super) fn has_wrecks(&self) -> bool {
        self.wrecked.load(Ordering::Relaxed)
    }

    /// Puts them back. Only while no courier is on his way, for theirs would go too.
    pub(super) async fn clear_wrecks(&self) -> store::Result<()> {
        self.settled().await;
        self.lessee.put_back().await?;
        self.wrecked.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// There may be more to do than before: the runner looks again.
    pub(super) fn look_again(&self) {
        self.news.notify_one();
    }

    /// Returns after [`Depot::look_again`].
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }
}
