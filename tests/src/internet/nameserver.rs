//! Answers over UDP and TCP on one loopback port, on a thread of its own, until the test is over.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hickory_proto::op::{Header, HeaderCounts, Message, Metadata, ResponseCode};
use hickory_proto::rr::LowerName;
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::oneshot;

use super::{Fault, Shared};

/// Silence after which a connection is closed.
const TCP_TIME_MAX: Duration = Duration::from_secs(30);
/// Answers that wait on one connection.
const TCP_ANSWERS_MAX: usize = 64;
/// How often a port is looked for that is free for both UDP and TCP.
const PORT_TRIES: usize = 20;

/// A name server that runs until it is dropped.
pub(super) struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(super) fn start(shared: Arc<Mutex<Shared>>) -> io::Result<Running> {
        let (socket, listener) = bind()?;
        let address = socket.local_addr()?;
        // Not within `block_on` of a test that is asynchronous itself: everything else happens on the thread.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let mut server = Server::new(Answers { shared });
                if let (Ok(socket), Ok(listener)) =
                    (UdpSocket::from_std(socket), TcpListener::from_std(listener))
                {
                    server.register_socket(socket);
                    server.register_listener(listener, TCP_TIME_MAX, TCP_ANSWERS_MAX);
                }
                // Ends when the sender is dropped, too.
                drop(stopped.await);
            });
        });
        Ok(Running {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn bind() -> io::Result<(std::net::UdpSocket, std::net::TcpListener)> {
    let mut tried = 0;
    loop {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        match std::net::TcpListener::bind(socket.local_addr()?) {
            Ok(listener) => {
                socket.set_nonblocking(true)?;
                listener.set_nonblocking(true)?;
                return Ok((socket, listener));
            }
            Err(error) if tried == PORT_TRIES => return Err(error),
            Err(_) => tried += 1,
        }
    }
}

struct Answers {
    shared: Arc<Mutex<Shared>>,
}

#[async_trait::async_trait]
impl RequestHandler for Answers {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        responder: R,
    ) -> ResponseInfo {
        let Ok(question) = request.request_info() else {
            return refuse(request, responder, ResponseCode::FormErr).await;
        };
        let name = question.query.name();
        let record_type = question.query.query_type();
        let (fault, signed) = {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            *shared.asked.entry((name.clone(), record_type)).or_default() += 1;
            (shared.fault(name), Arc::clone(&shared.signed))
        };
        match fault {
            Some(Fault::ServFail) => {
                return refuse(request, responder, ResponseCode::ServFail).await;
            }
            Some(Fault::Refused) => return refuse(request, responder, ResponseCode::Refused).await,
            Some(Fault::Silent) => return nothing(request),
            Some(Fault::Unsigned) => {
                let Some(plain) = without_edns(request) else {
                    return nothing(request);
                };
                return match signed.responsible(name, record_type) {
                    Some(catalog) => catalog.handle_request::<R, T>(&plain, responder).await,
                    None => refuse(request, responder, ResponseCode::Refused).await,
                };
            }
            Some(Fault::Slow(time)) => tokio::time::sleep(time).await,
            None => {}
        }
        match signed.responsible(name, record_type) {
            Some(catalog) => catalog.handle_request::<R, T>(request, responder).await,
            None => refuse(request, responder, ResponseCode::Refused).await,
        }
    }
}

impl Shared {
    /// The fault of a name, or of the nearest name above it that has one.
    fn fault(&self, name: &LowerName) -> Option<Fault> {
        let mut name = name.clone();
        loop {
            if let Some(fault) = self.faults.get(&name) {
                return Some(*fault);
            }
            if name.is_root() {
                return None;
            }
            name = name.base_name();
        }
    }
}

/// The same question from somebody who has not heard of EDNS, and so cannot ask for signatures.
fn without_edns(request: &Request) -> Option<Request> {
    let mut message = Message::from_vec(request.as_slice()).ok()?;
    message.edns = None;
    let octets = message.to_vec().ok()?;
    Request::from_bytes(octets, request.src(), request.protocol()).ok()
}

async fn refuse<R: ResponseHandler>(
    request: &Request,
    mut responder: R,
    code: ResponseCode,
) -> ResponseInfo {
    let response =
        MessageResponseBuilder::from_message_request(request).error_msg(&request.metadata, code);
    match responder.send_response(response).await {
        Ok(info) => info,
        Err(_) => nothing(request),
    }
}

/// What is noted of a question that got no answer.
fn nothing(request: &Request) -> ResponseInfo {
    ResponseInfo::from(Header {
        metadata: Metadata::response_from_request(&request.metadata),
        counts: HeaderCounts::default(),
    })
}
