//! Sockets that wait for connections: bound by us, or handed over by systemd.

use std::io;
use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;
use socket2::{Domain, Protocol, Socket, Type};

use crate::config::Config;
use crate::limits::LISTEN_BACKLOG;
use crate::service::{Listener, Program};

/// A socket and what it is for.
pub(crate) struct Bound {
    pub(crate) kind: &'static Listener,
    pub(crate) socket: TcpListener,
}

/// All sockets of a program. Sockets that systemd passes under a listener's name stand in for the addresses that are configured for it.
pub(crate) fn bind_all(program: &'static Program, config: &Config) -> io::Result<Vec<Bound>> {
    let mut bound = inherited(program)?;
    for kind in program.listeners {
        if bound.iter().any(|other| std::ptr::eq(other.kind, kind)) {
            continue;
        }
        for address in (kind.addresses)(config) {
            let socket = bind(*address).map_err(|error| explain(kind, *address, &error))?;
            bound.push(Bound { kind, socket });
        }
    }
    Ok(bound)
}

/// Binds one address. An IPv6 socket takes IPv6 alone, so that `0.0.0.0` and `[::]` can stand side by side.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(LISTEN_BACKLOG)?;
    Ok(socket.into())
}

/// What systemd passes, by `FileDescriptorName=`.
fn inherited(program: &'static Program) -> io::Result<Vec<Bound>> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut passed = ListenFd::from_env();
    let mut bound = Vec::new();
    for (index, name) in names.split(':').enumerate().take(passed.len()) {
        let Some(kind) = program.listeners.iter().find(|kind| kind.name == name) else {
            tracing::warn!(
                name,
                "systemd passed a socket that is not one of ours: its FileDescriptorName must name a listener"
            );
            continue;
        };
        if let Some(socket) = passed.take_tcp_listener(index)? {
            socket.set_nonblocking(true)?;
            bound.push(Bound { kind, socket });
        }
    }
    Ok(bound)
}

fn explain(kind: &Listener, address: SocketAddr, error: &io::Error) -> io::Error {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => ": another server is running there",
        io::ErrorKind::PermissionDenied => {
            ": ports below 1024 need systemd's socket activation or CAP_NET_BIND_SERVICE"
        }
        io::ErrorKind::AddrNotAvailable => ": no interface of this machine has that address",
        _ => "",
    };
    io::Error::new(
        error.kind(),
        format!("cannot listen on {address} ({}): {error}{hint}", kind.name),
    )
}
