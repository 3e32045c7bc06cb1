//! A router in an Internet, with a store of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use daemon::config::Config;
use smtpd::dns::Dns;
use smtpd::relay::client::Security;
use smtpd::relay::route::{Route, RouteFailure, Router};
use store::{Day, Options, Store, TlsDemand, TlsSessions};
use tests::internet::Internet;

/// Addresses of hosts: nobody connects to them here.
pub const ONE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub const TWO: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

pub struct Ground {
    pub internet: Internet,
    pub router: Router,
    pub store: Store,
    _dir: tempfile::TempDir,
}

impl Ground {
    /// The router of mail.example.test, which listens at 127.7.7.7:25.
    pub async fn new() -> Ground {
        Ground::with("", None).await
    }

    /// The same with more in `[relay]`, and another port for HTTPS.
    pub async fn with(relay: &str, https: Option<u16>) -> Ground {
        let internet = Internet::new().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "hostname = 'mail.example.test'\ndata_dir = '{}'\nsmtpd.listen = ['127.7.7.7:25']\n{}\n[relay]\n{relay}\n",
            dir.path().display(),
            internet.config(),
        );
        let config = Config::parse(Path::new("test.toml"), &text).unwrap();
        let options = Options {
            create: true,
            ..Options::default()
        };
        let store = Store::open(dir.path(), options).await.unwrap();
        let dns = Dns::open(&config.dns).unwrap();
        let router = Router::with_https_port(&config, store.clone(), dns, https).unwrap();
        Ground {
            internet,
            router,
            store,
            _dir: dir,
        }
    }

    pub async fn route(&self, domain: &str) -> Result<Route, RouteFailure> {
        self.router.route(domain, TlsDemand::ByPolicy).await
    }

    /// The names of the hosts, in order.
    pub async fn hosts(&self, domain: &str) -> Vec<String> {
        let route = self.route(domain).await.unwrap();
        route.hosts.into_iter().map(|host| host.host).collect()
    }

    /// The status of a failure: `5.1.2`.
    pub async fn status(&self, domain: &str) -> String {
        let failure = self.route(domain).await.unwrap_err();
        failure.said.status().to_string()
    }

    /// How the first host is protected.
    pub async fn security(&self, domain: &str) -> Security {
        let route = self.route(domain).await.unwrap();
        route.hosts[0].security.clone()
    }

    /// What has been counted for a report on a domain.
    pub async fn counted(&self, domain: &str) -> Vec<TlsSessions> {
        self.router.write().await;
        let tomorrow = Day(i64::MAX);
        let days = self.store.finished_tls_days(tomorrow).await.unwrap();
        let (day, _) = days
            .into_iter()
            .find(|(_, counted)| counted == domain)
            .unwrap();
        self.store.tls_sessions(day, domain).await.unwrap()
    }
}

/// Where a route leads, in order.
pub fn places(route: &Route) -> Vec<SocketAddr> {
    let endpoints = route.hosts.iter().flat_map(|host| host.endpoints());
    endpoints.map(|endpoint| endpoint.address).collect()
}

pub fn at(address: impl Into<IpAddr>, port: u16) -> SocketAddr {
    SocketAddr::new(address.into(), port)
}
