//! TCP connections that notice a dead peer.
//!
//! This is the only file, with `key_header` and `resolver`, that uses the part of ureq that may change in any minor version.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use socket2::{Domain, TcpKeepalive};
use ureq::http::Uri;
use ureq::unversioned::transport::time::Duration as Limit;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, ShutdownHandle, Transport,
};
use ureq::{Error, Timeout};

use super::connect_phase::Phase;
use super::own_socket::OwnSocket;
use super::silence::Silence;

/// Idle time before the first probe and between probes. With the usual nine probes a dead peer is noticed within 2 minutes
/// even without a read timeout, and middle boxes see traffic.
const KEEPALIVE_TIME: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// Connects sockets with keepalive and without delay for small packets. They can be shut down from the start, and no forked
/// child keeps them open.
#[derive(Debug)]
pub(super) struct TcpConnector {
    /// For messages that name the proxy and not the service.
    pub(super) proxy: Option<Uri>,
    /// How long the stream has been silent, once there is one.
    pub(super) silence: Silence,
}

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
        let connect_by = limit.and_then(|limit| Instant::now().checked_add(limit));
        let phase = Phase::of_connect(self.proxy.as_ref() == Some(details.uri));
        let register = |socket: &Arc<OwnSocket>| {
            let handle: Weak<OwnSocket> = Arc::downgrade(socket);
            (details.register_shutdown)(handle as Weak<dyn ShutdownHandle>).map_err(io::Error::other)
        };
        let socket = connect_any(&details.addrs, limit, &register).map_err(|error| match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Error::Timeout(details.timeout.reason),
            _ => phase.mark(error.into()),
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
            connect_by,
            silence: self.silence.clone(),
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
        // First the mark: a socket that has not begun to connect sees it when it has. One that waits for the connection is
        // reset, which wakes its thread.
        self.mark_ended();
        // An error is a socket that is not connected, any more or yet.
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
        let limit = match limit.map(|limit| limit.saturating_sub(start.elapsed())) {
            Some(left) if left.is_zero() => return Err(ErrorKind::TimedOut.into()),
            Some(left) if index + 1 < addresses.len() => Some(left / 2),
            left => left,
        };
        match connect(&own, *address, limit) {
            Ok(()) => return Ok(own),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Connects within the limit, or until the socket is shut down, whenever that happens.
fn connect(own: &OwnSocket, address: SocketAddr, limit: Option<Duration>) -> io::Result<()> {
    own.socket().set_nonblocking(true)?;
    match own.socket().connect(&address.into()) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => wait_for_connection(own, limit)?,
        result => result?,
    }
    own.socket().set_nonblocking(false)
}

fn wait_for_connection(own: &OwnSocket, limit: Option<Duration>) -> io::Result<()> {
    let start = Instant::now();
    loop {
        // Looked at only now that a shutdown has something to reset: none gets lost.
        if own.is_ended() {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        let left = limit.map(|limit| limit.saturating_sub(start.elapsed()));
        let timeout =
            left.map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() });
        let mut waiting = [PollFd::new(own.socket(), PollFlags::OUT)];
        match poll(&mut waiting, timeout.as_ref()) {
            Ok(0) => return Err(ErrorKind::TimedOut.into()),
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    match own.socket().take_error()? {
        Some(error) => Err(error),
        // Shut down meanwhile: there is no error then, and no connection.
        None => own.socket().peer_addr().map(drop),
    }
}

/// A TCP connection with time limits per read and write.
pub(super) struct TcpTransport {
    /// Shared weakly with the handle that shuts the socket down while a read blocks on it.
    socket: Arc<OwnSocket>,
    buffers: LazyBuffers,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
    /// The end of the time for connection, proxy and TLS together. Ureq gives each read of a proxy's response the whole time.
    connect_by: Option<Instant>,
    silence: Silence,
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

    /// The limit of one read or write, also by the time for the whole connection.
    fn within_connect(&self, whole: Timeout, mut one: NextTimeout) -> NextTimeout {
        if let Some(end) = self.connect_by.filter(|_| whole == Timeout::Connect) {
            let left = Limit::Exact(end.saturating_duration_since(Instant::now()));
            if left < one.after {
                (one.after, one.reason) = (left, whole);
            }
        }
        one
    }

    /// With no more time than the stream may be silent. Before there is a stream, connection and headers have their own limits.
    fn within_silence(&self, mut whole: NextTimeout) -> NextTimeout {
        let left = whole.per_read.and_then(|limit| self.silence.left_of(*limit));
        whole.per_read = left.map(Limit::Exact);
        whole
    }
}

impl Transport for TcpTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let timeout = self.within_connect(timeout.reason, timeout.for_write());
        let limit = remaining(&timeout)?;
        if self.write_timeout != limit {
            self.socket.socket().set_write_timeout(limit)?;
            self.write_timeout = limit;
        }
        let output = &self.buffers.output()[..amount];
        self.socket.socket().write_all(output).map_err(|error| timeout_or(error, timeout.reason))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = self.within_connect(timeout.reason, self.within_silence(timeout).for_read());
        let limit = remaining(&timeout)?;
        self.limit_reads(limit)?;
        let start = Instant::now();
        let amount = loop {
            match self.socket.socket().read(self.buffers.input_append_buf()) {
                // Signals must not restart the limit: a profiler sends a hundred a second.
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

    /// A listener whose queue is full accepts no connection, like a host behind a firewall.
    fn silent_listener() -> (socket2::Socket, SocketAddr, Vec<Arc<OwnSocket>>) {
        let listener = socket2::Socket::new(Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let short = Some(Duration::from_millis(200));
        let mut queued = Vec::new();
        while let Ok(own) = connect(&[address], short) {
            queued.push(own);
        }
        (listener, address, queued)
    }

    /// Symptom: a stop that came just before the connection request had no effect, and the connect went on to its limit.
    /// Cause: a socket that does not connect yet cannot be shut down. Fix: the shutdown leaves a mark, which is looked at
    /// once the request is out.
    #[test]
    fn a_connection_that_is_being_made_ends_whenever_it_is_shut_down() {
        let (_listener, address, _queued) = silent_listener();
        for delay in [0, 0, 0, 1, 5, 50].map(Duration::from_millis) {
            let (send, connecting) = std::sync::mpsc::channel();
            let connects = std::thread::spawn(move || {
                let register = |own: &Arc<OwnSocket>| {
                    let sent = send.send(Arc::clone(own)).map_err(io::Error::other);
                    // With no delay, the shutdown is sure to come before the connection request.
                    std::thread::sleep(if delay.is_zero() {
                        Duration::from_millis(50)
                    } else {
                        Duration::ZERO
                    });
                    sent
                };
                connect_any(&[address], Some(Duration::from_secs(30)), &register)
            });
            let own = connecting.recv().unwrap();
            std::thread::sleep(delay);
            let begun = Instant::now();
            own.shutdown();
            assert!(connects.join().unwrap().is_err());
            assert!(begun.elapsed() < Duration::from_secs(10), "{delay:?}: {:?}", begun.elapsed());
        }
    }

    #[test]
    fn a_connection_that_nobody_answers_ends_with_its_limit() {
        let (_listener, address, _queued) = silent_listener();
        let begun = Instant::now();
        let error = connect(&[address], Some(Duration::from_millis(300))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
    }
}
