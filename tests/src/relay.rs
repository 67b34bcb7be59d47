//! A listener on loopback whose connections end with it: what the servers in front of a [`FaultServer`] have in common.
//!
//! [`FaultServer`]: crate::server::FaultServer

#![allow(clippy::expect_used, reason = "a test without its server cannot go on")]

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Listens until dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    open: Open,
    acceptor: Option<JoinHandle<()>>,
}

/// The sockets that are open; `None` after the end.
#[derive(Debug, Clone)]
pub(crate) struct Open(Arc<Mutex<Option<Vec<TcpStream>>>>);

impl Open {
    /// Keeps a second handle of a socket, so that the end of the relay ends it. An error is the end.
    pub(crate) fn keep(&self, socket: &TcpStream) -> io::Result<()> {
        let handle = socket.try_clone()?;
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.as_mut().ok_or(io::ErrorKind::Interrupted)?.push(handle);
        Ok(())
    }

    /// Connects to another server.
    pub(crate) fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        self.keep(&socket)?;
        Ok(socket)
    }
}

impl Relay {
    /// Serves each connection in a thread of its own, and closes it after that. An error of `serve` is a peer that has gone.
    pub(crate) fn start(
        serve: impl Fn(&TcpStream, &Open) -> io::Result<()> + Send + Sync + 'static,
    ) -> Relay {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port to listen on");
        let address = listener.local_addr().expect("the address of a listener");
        let open = Open(Arc::new(Mutex::new(Some(Vec::new()))));
        let of_thread = open.clone();
        let acceptor = std::thread::spawn(move || {
            std::thread::scope(|scope| {
                for socket in listener.incoming() {
                    // An error here is a client that has gone before it was accepted.
                    let Ok(socket) = socket else { continue };
                    if of_thread.keep(&socket).is_err() {
                        return;
                    }
                    let (serve, open) = (&serve, &of_thread);
                    scope.spawn(move || {
                        socket.set_nodelay(true).and_then(|()| serve(&socket, open)).ok();
                        socket.shutdown(Shutdown::Both).ok();
                    });
                }
            });
        });
        Relay { address, open, acceptor: Some(acceptor) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let open = self.open.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        for socket in open.into_iter().flatten() {
            socket.shutdown(Shutdown::Both).ok();
        }
        // `accept` cannot be interrupted, but it can be given something.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().ok();
        }
    }
}

/// Passes bytes on until either side ends, and then the end as well. `seen` is shown each piece.
pub(crate) fn pass_on(mut from: &TcpStream, mut to: &TcpStream, seen: impl Fn(&[u8])) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return to.shutdown(Shutdown::Write);
        }
        seen(&buffer[..count]);
        to.write_all(&buffer[..count])?;
    }
}
