//! Routes of the configuration: one host, named by the administrator, protected as the administrator says.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use daemon::config::{RouteTls, Routing, SmartHost};
use daemon::secret::Secret;
use store::TlsDemand;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::address::addresses;
use super::failure::RouteFailure;
use super::host::{HostRoute, Route, is_used, places};
use crate::dns::Dns;
use crate::limits::PASSWORD_OCTETS_MAX;
use crate::relay::client::{Login, Security, TlsStart};

/// The route by way of a smart host. Its addresses may be private: whoever wrote them knows.
pub(super) async fn route(
    domain: &str,
    smart: &SmartHost,
    require: TlsDemand,
    routing: &Routing,
    dns: &Dns,
) -> Result<Route, RouteFailure> {
    if require == TlsDemand::Required && smart.tls != RouteTls::Verified {
        return Err(RouteFailure::require_tls(domain));
    }
    let addresses = find(domain, smart, routing, dns).await?;
    let start = match smart.implicit_tls {
        true => TlsStart::Implicit,
        false => TlsStart::StartTls,
    };
    let host = HostRoute {
        host: smart.host.clone(),
        preference: 0,
        security: security(smart),
        start,
        login: login(smart).await?,
        addresses,
        policy: None,
        is_named: true,
        tested: None,
    };
    Ok(Route {
        domain: domain.to_owned(),
        hosts: vec![host],
    })
}

async fn find(
    domain: &str,
    smart: &SmartHost,
    routing: &Routing,
    dns: &Dns,
) -> Result<Vec<(SocketAddr, Option<IpAddr>)>, RouteFailure> {
    let list = match smart.host.parse() {
        Ok(address) => vec![address],
        Err(_) => {
            addresses(dns, &smart.host, routing.ip)
                .await
                .map_err(|failure| RouteFailure::dns(domain, &failure))?
                .list
        }
    };
    let list: Vec<IpAddr> = list
        .into_iter()
        .filter(|address| is_used(routing, *address))
        .collect();
    match list.is_empty() {
        // The administrator's to mend, not the sender's: the mail waits.
        true => Err(RouteFailure::no_smart_host(&smart.host)),
        false => Ok(places(routing, &list, smart.port)),
    }
}

fn security(smart: &SmartHost) -> Security {
    match smart.tls {
        RouteTls::Never => Security::Never,
        RouteTls::Opportunistic => Security::Opportunistic,
        RouteTls::Encrypted => Security::Encrypted,
        RouteTls::Verified => Security::Verified {
            names: vec![smart.host.clone()],
        },
    }
}

/// The file is read each time, so that a new password needs no restart.
async fn login(smart: &SmartHost) -> Result<Option<Login>, RouteFailure> {
    let (Some(user), Some(path)) = (&smart.user, &smart.password_file) else {
        return Ok(None);
    };
    let refused = |reason: String| {
        RouteFailure::password_file(&smart.host, &format!("{}: {reason}", path.display()))
    };
    let octets = read(path)
        .await
        .map_err(|error| refused(error.to_string()))?;
    let line = octets
        .split(|octet| b"\r\n".contains(octet))
        .next()
        .unwrap_or_default();
    match line.is_empty() {
        true => Err(refused("its first line is empty".to_owned())),
        false => Ok(Some(Login {
            user: user.clone(),
            password: Secret::new(line),
        })),
    }
}

async fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(path)
        .await?
        .take(PASSWORD_OCTETS_MAX)
        .read_to_end(&mut octets)
        .await?;
    Ok(octets)
}
