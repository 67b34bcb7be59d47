//! The sockets: accepting connections, and ending them.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::http::refusal::Refusal;
use crate::http::service::Peer;

/// Time for the head of a request, and for the next request of a connection.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of a request's head, and bytes of responses that a connection may buffer before its body is polled for more.
const MOST_WAITING: usize = 64 * 1024;

/// A client that reads nothing for so long is disconnected.
const STALLED: Duration = Duration::from_secs(60);

/// Time for connections to end when the server stops.
const LAST_WORDS: Duration = Duration::from_millis(400);

/// Pause after an error, for example when no descriptors are left.
const PAUSE: Duration = Duration::from_millis(50);

/// Connections that may wait to be accepted: all clients may reconnect at the same moment.
const BACKLOG: i32 = 4096;

/// Simultaneous connections. One whose client does not read takes up to 100 KiB.
const MOST_CONNECTIONS: usize = 1500;

/// So many further connections get a 503 at the same time; others are closed.
const MOST_REFUSALS: usize = 64;

/// Time for those.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(1);

/// Listens; does not accept yet.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Serves until `stopped`, then gives connections a short time to end.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut connections = JoinSet::new();
    let (places, refusals) =
        (Arc::new(Semaphore::new(MOST_CONNECTIONS)), Arc::new(Semaphore::new(MOST_REFUSALS)));
    loop {
        tokio::select! {
            () = end_of(&mut stopped) => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    if let Ok(place) = places.clone().try_acquire_owned() {
                        let served = connection(socket, peer, router.clone(), stopped.clone());
                        connections.spawn(async { served.await; drop(place) });
                    } else if let Ok(place) = refusals.clone().try_acquire_owned() {
                        let refused = refuse(socket, router.clone());
                        connections.spawn(async { refused.await; drop(place) });
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    // Those that are left are cut off.
    let _ = tokio::time::timeout(LAST_WORDS, all_ended).await;
    Ok(())
}

/// Waits until the server stops.
async fn end_of(stopped: &mut watch::Receiver<bool>) {
    // An error means that the server is gone.
    drop(stopped.wait_for(|stopped| *stopped).await);
}

/// Refuses a connection beyond the limit; only the health check is answered.
async fn refuse(socket: TcpStream, router: Router) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            if request.uri().path() == "/healthz" {
                return router.call(request).await;
            }
            let text = format!("all {MOST_CONNECTIONS} connections are taken; try again in a second");
            Ok(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", text).into_response())
        }
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false).max_buf_size(MOST_WAITING);
    // A slow client gets no response here.
    let _ =
        tokio::time::timeout(REFUSAL_PATIENCE, http.serve_connection(TokioIo::new(socket), service)).await;
}

async fn connection(socket: TcpStream, peer: SocketAddr, router: Router, mut stopped: watch::Receiver<bool>) {
    // Without these the connection only responds later, or ends later.
    let _ = socket.set_nodelay(true);
    let _ = SockRef::from(&socket).set_tcp_user_timeout(Some(STALLED));
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        router.call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE).max_buf_size(MOST_WAITING);
    let connection = http.serve_connection(TokioIo::new(socket), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = end_of(&mut stopped) => {
            // Streams end by themselves; a request in progress is completed.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended");
    }
}
