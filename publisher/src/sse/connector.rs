//! TCP connections that notice a dead peer, and name lookup and TLS that say what went wrong.
//!
//! This is the only file, with `key_header`, that uses the part of ureq that may change in any minor version.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use socket2::{Domain, TcpKeepalive};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, RustlsConnector, ShutdownHandle,
    Transport,
};
use ureq::{Error, Timeout};

use super::own_socket::OwnSocket;
use super::stage::Stage;

/// Idle time before the first probe and between probes. With the usual nine probes a dead peer is noticed within 2 minutes
/// even without a read timeout, and middle boxes see traffic.
const KEEPALIVE_TIME: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// Connects sockets with keepalive and without delay for small packets. They can be shut down from the start, and no forked
/// child keeps them open.
#[derive(Debug)]
pub(super) struct TcpConnector;

impl<In: Transport> Connector<In> for TcpConnector {
    type Out = Either<In, TcpTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        if let Some(proxied) = chained {
            return Ok(Some(Either::A(proxied)));
        }
        let limit = details.timeout.not_zero().map(|limit| *limit);
        let register = |socket: &Arc<OwnSocket>| {
            let handle: Weak<OwnSocket> = Arc::downgrade(socket);
            (details.register_shutdown)(handle as Weak<dyn ShutdownHandle>).map_err(io::Error::other)
        };
        let socket = connect_any(&details.addrs, limit, &register).map_err(|error| match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Error::Timeout(details.timeout.reason),
            _ => Stage::Connect.mark(error.into()),
        })?;
        // Some sandboxes refuse such settings. The read timeout still holds without them.
        if let Err(error) = tune(&socket) {
            tracing::debug!(%error, "socket without keepalive");
        }
        Ok(Some(Either::B(TcpTransport {
            socket,
            buffers: LazyBuffers::new(
                details.config.input_buffer_size(),
                details.config.output_buffer_size(),
            ),
            read_timeout: None,
            write_timeout: None,
        })))
    }
}

fn tune(own: &OwnSocket) -> io::Result<()> {
    own.socket().set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_TIME).with_interval(KEEPALIVE_INTERVAL);
    own.socket().set_tcp_keepalive(&keepalive)
}

impl ShutdownHandle for OwnSocket {
    fn shutdown(&self) {
        // An error is a socket that is not connected any more. One that is not connected yet is reset, which wakes the
        // thread that waits for the connection.
        let _ = self.socket().shutdown(Shutdown::Both);
    }
}

/// Tries the addresses in order. Each but the last one gets half of the time left, so that one dead address does not use up
/// everything. `register` is given each socket before it connects.
fn connect_any(
    addresses: &[SocketAddr],
    limit: Option<Duration>,
    register: &dyn Fn(&Arc<OwnSocket>) -> io::Result<()>,
) -> io::Result<Arc<OwnSocket>> {
    let start = Instant::now();
    let mut last = io::Error::new(ErrorKind::AddrNotAvailable, "no address to connect to");
    for (index, address) in addresses.iter().enumerate() {
        let own = Arc::new(OwnSocket::new(Domain::for_address(*address))?);
        register(&own)?;
        let attempt = match limit {
            None => own.socket().connect(&(*address).into()),
            Some(limit) => {
                let left = limit.saturating_sub(start.elapsed());
                if left.is_zero() {
                    return Err(ErrorKind::TimedOut.into());
                }
                let is_last = index + 1 == addresses.len();
                own.socket().connect_timeout(&(*address).into(), if is_last { left } else { left / 2 })
            }
        };
        match attempt {
            Ok(()) => return Ok(own),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A TCP connection with time limits per read and write.
pub(super) struct TcpTransport {
    /// Shared weakly with the handle that shuts the socket down while a read blocks on it.
    socket: Arc<OwnSocket>,
    buffers: LazyBuffers,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
}

impl fmt::Debug for TcpTransport {
    // The buffers hold the request with the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpTransport").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl TcpTransport {
    /// Sets the limit of reads, if it is another one than before: that is one system call less per read.
    fn limit_reads(&mut self, limit: Option<Duration>) -> io::Result<()> {
        if self.read_timeout != limit {
            self.socket.socket().set_read_timeout(limit)?;
            self.read_timeout = limit;
        }
        Ok(())
    }
}

impl Transport for TcpTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let timeout = timeout.for_write();
        let limit = remaining(&timeout)?;
        if self.write_timeout != limit {
            self.socket.socket().set_write_timeout(limit)?;
            self.write_timeout = limit;
        }
        let output = &self.buffers.output()[..amount];
        self.socket.socket().write_all(output).map_err(|error| timeout_or(error, timeout.reason))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = timeout.for_read();
        let limit = remaining(&timeout)?;
        self.limit_reads(limit)?;
        let start = Instant::now();
        let amount = loop {
            match self.socket.socket().read(self.buffers.input_append_buf()) {
                // Signals must not start the limit anew: a profiler sends a hundred a second.
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    if let Some(limit) = limit {
                        let left = limit.saturating_sub(start.elapsed());
                        if left.is_zero() {
                            return Err(Error::Timeout(timeout.reason));
                        }
                        self.limit_reads(Some(left))?;
                    }
                }
                result => break result.map_err(|error| timeout_or(error, timeout.reason))?,
            }
        };
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        // Asked before a connection is kept for another request. A stream has no other request.
        false
    }
}

/// The time left, `None` for no limit. No time left is an error: the system reads zero as no limit.
fn remaining(timeout: &NextTimeout) -> Result<Option<Duration>, Error> {
    if timeout.after.is_not_happening() {
        Ok(None)
    } else if timeout.after.is_zero() {
        Err(Error::Timeout(timeout.reason))
    } else {
        Ok(Some(*timeout.after))
    }
}

fn timeout_or(error: io::Error, reason: Timeout) -> Error {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Error::Timeout(reason),
        _ => error.into(),
    }
}

/// The lookup of the system, with its errors marked.
#[derive(Debug, Default)]
pub(super) struct MarkedResolver(DefaultResolver);

impl Resolver for MarkedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        self.0.resolve(uri, config, timeout).map_err(|error| Stage::Resolve.mark(error))
    }
}

/// TLS, with its errors marked.
#[derive(Debug, Default)]
pub(super) struct TlsConnector(RustlsConnector);

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = <RustlsConnector as Connector<In>>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        self.0.connect(details, chained).map_err(|error| Stage::Tls.mark(error))
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn connect(addresses: &[SocketAddr], limit: Option<Duration>) -> io::Result<Arc<OwnSocket>> {
        connect_any(addresses, limit, &|_| Ok(()))
    }

    #[test]
    fn sockets_have_keepalive_and_no_delay() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = connect(&[listener.local_addr().unwrap()], None).unwrap();
        tune(&own).unwrap();
        assert!(own.socket().tcp_nodelay().unwrap());
        assert!(own.socket().keepalive().unwrap());
    }

    #[test]
    fn an_address_that_refuses_is_followed_by_the_next_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let good = listener.local_addr().unwrap();
        let limit = Some(Duration::from_secs(5));
        let peer = connect(&[refusing, good], limit).unwrap().socket().peer_addr().unwrap();
        assert_eq!(peer.as_socket(), Some(good));
        assert_eq!(connect(&[refusing], limit).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert!(connect(&[], limit).is_err());
    }

    /// A listener whose queue is full answers no connection request, like a host behind a firewall.
    #[test]
    fn a_connection_that_is_being_made_ends_when_it_is_shut_down() {
        let listener = socket2::Socket::new(Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let short = Some(Duration::from_millis(200));
        let mut queued = Vec::new();
        while let Ok(own) = connect(&[address], short) {
            queued.push(own);
        }
        let (send, connecting) = std::sync::mpsc::channel();
        let begun = Instant::now();
        let connects = std::thread::spawn(move || {
            let register = |own: &Arc<OwnSocket>| send.send(Arc::clone(own)).map_err(io::Error::other);
            connect_any(&[address], Some(Duration::from_secs(30)), &register)
        });
        let own = connecting.recv().unwrap();
        // Until it is: a shutdown before the connection request has no effect.
        while !connects.is_finished() {
            own.shutdown();
            std::thread::sleep(Duration::from_millis(1));
            assert!(begun.elapsed() < Duration::from_secs(10), "it goes on connecting");
        }
        assert!(connects.join().unwrap().is_err());
    }
}
