//! A router that is served by a thread of its own.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use tokio::runtime::Builder;
use tokio::sync::watch;

use crate::error::StartError;
use crate::http::listener::{self, serve};

/// After so many polls of connections the runtime looks for tasks that other threads have woken. A response to a change is among them; by
/// default it would wait behind the hundreds of streams that the change has woken too.
const TURNS: u32 = 2;

/// Time for threads with slow work to end when it stops.
const DISK_PATIENCE: Duration = Duration::from_millis(30);

/// An HTTP endpoint. Dropping it stops it, within half a second. Connections have limits of number, size and time.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Endpoint {
    /// Starts to serve a router. When this returns, connections are accepted.
    ///
    /// # Errors
    /// The address is not available, or there are no threads.
    pub fn start(address: SocketAddr, router: Router) -> Result<Endpoint, StartError> {
        Endpoint::serve(listen(address)?, router, watch::channel(false).0, 1)
    }

    /// As [`Endpoint::start`], with a listener, what stops it, and threads for slow work.
    pub(crate) fn serve(
        listener: TcpListener,
        router: Router,
        stop: watch::Sender<bool>,
        threads: usize,
    ) -> Result<Endpoint, StartError> {
        let address = listener.local_addr()?;
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .global_queue_interval(TURNS)
            .max_blocking_threads(threads)
            .thread_name("flag-serve-disk")
            .build()?;
        let stopped = stop.subscribe();
        let run = move || {
            if let Err(error) = runtime.block_on(serve(listener, router, stopped)) {
                tracing::error!(%error, "the HTTP server ended");
            }
            runtime.shutdown_timeout(DISK_PATIENCE);
        };
        let thread = thread::Builder::new().name("flag-serve".to_owned()).spawn(run)?;
        Ok(Endpoint { address, stop, thread: Some(thread) })
    }

    /// The address that it listens on, with the actual port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // Its panic would have been logged.
            let _ = thread.join();
        }
    }
}

/// Listens; does not accept yet.
pub(crate) fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    listener::listen(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse { address, source },
        _ => StartError::Listen { address, source },
    })
}
