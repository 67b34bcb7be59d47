//! Sockets that a forked child does not keep open.
//!
//! A child inherits every descriptor. While it lives, the service would go on feeding a stream whose reader is dead. So
//! children close these sockets at the fork itself, before any other code of theirs runs.
//!
//! Invariants
//! - I1: between `fork` and its return to the child, only `in_child` runs here. It calls nothing but `close`, which is
//!   allowed there.
//! - I2: `SOCKETS` and the descriptors in it change only while `TAKEN` is set, and `before_fork` takes it too. So a child
//!   finds exactly the sockets that are open, and closes no descriptor that means something else by now.
//! - I3: whoever has `TAKEN` makes one system call and gives it back. A fork waits no longer than that.
//!
//! Limits: [`MOST`] sockets in a process; one more is inherited like any descriptor. `vfork` and `posix_spawn` run no
//! handlers: there the descriptors close at the `exec`.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8};

use socket2::{Domain, Protocol, Socket, Type};

/// Sockets that are kept from children at most: one for each stream.
const MOST: usize = 64;

const FREE: i32 = -1;

static SOCKETS: [AtomicI32; MOST] = [const { AtomicI32::new(FREE) }; MOST];
static TAKEN: AtomicBool = AtomicBool::new(false);
/// 0: no handlers, 1: being installed, 2: installed.
static HANDLERS: AtomicU8 = AtomicU8::new(0);

/// A TCP socket that ends with this process.
#[derive(Debug)]
pub(super) struct OwnSocket {
    socket: ManuallyDrop<Socket>,
    place: Option<usize>,
    ended: AtomicBool,
}

impl OwnSocket {
    pub(super) fn new(domain: Domain) -> io::Result<OwnSocket> {
        let open = || Socket::new(domain, Type::STREAM, Some(Protocol::TCP));
        if !handlers_are_installed() {
            return Ok(OwnSocket::with(open()?, None));
        }
        let turn = Turn::take();
        let socket = open()?;
        let place = SOCKETS.iter().position(|place| place.load(Relaxed) == FREE);
        if let Some(place) = place {
            SOCKETS[place].store(socket.as_raw_fd(), Relaxed);
        }
        drop(turn);
        Ok(OwnSocket::with(socket, place))
    }

    fn with(socket: Socket, place: Option<usize>) -> OwnSocket {
        OwnSocket { socket: ManuallyDrop::new(socket), place, ended: AtomicBool::new(false) }
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Says that nobody wants it any more. Of one that does not connect yet, a shutdown leaves no other trace.
    pub(super) fn mark_ended(&self) {
        self.ended.store(true, SeqCst);
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended.load(SeqCst)
    }
}

impl Drop for OwnSocket {
    fn drop(&mut self) {
        let turn = self.place.map(|place| {
            let turn = Turn::take();
            SOCKETS[place].store(FREE, Relaxed);
            turn
        });
        // SAFETY: it is dropped here only, and never used again.
        unsafe { ManuallyDrop::drop(&mut self.socket) };
        drop(turn);
    }
}

/// The right to change `SOCKETS`. No `Mutex`: a fork takes it in one function and gives it back in two others.
struct Turn;

impl Turn {
    fn take() -> Turn {
        while TAKEN.swap(true, Acquire) {
            std::thread::yield_now();
        }
        Turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TAKEN.store(false, Release);
    }
}

/// Installs the handlers with the first socket. Who comes while another thread does that goes on without: waiting could
/// last for ever in a child that was forked in just that moment.
fn handlers_are_installed() -> bool {
    if HANDLERS.compare_exchange(0, 1, AcqRel, Acquire).is_ok() {
        // SAFETY: I1 for the child's handler; the other two touch atomics only. None of them unwinds.
        let result = unsafe { libc::pthread_atfork(Some(before_fork), Some(in_parent), Some(in_child)) };
        if result == 0 {
            HANDLERS.store(2, Release);
        }
    }
    HANDLERS.load(Acquire) == 2
}

unsafe extern "C" fn before_fork() {
    std::mem::forget(Turn::take());
}

unsafe extern "C" fn in_parent() {
    drop(Turn);
}

unsafe extern "C" fn in_child() {
    for place in &SOCKETS {
        let socket = place.swap(FREE, Relaxed);
        if socket != FREE {
            // SAFETY: I2: the child's copy of an open socket, which nothing in the child uses: its thread is not here.
            unsafe { libc::close(socket) };
        }
    }
    drop(Turn);
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;

    /// Forks while other threads open and close sockets; every child looks at its descriptors and then sleeps.
    #[test]
    fn a_child_that_lives_on_does_not_keep_a_socket_of_its_parent_open() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let own = OwnSocket::new(Domain::IPV4).unwrap();
        own.socket().connect(&address.into()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let busy = AtomicBool::new(true);
        let children: Vec<i32> = std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while busy.load(Relaxed) {
                        drop(OwnSocket::new(Domain::IPV4));
                    }
                });
            }
            let children = (0..20).map(|_| child_that_sleeps()).collect();
            busy.store(false, Relaxed);
            children
        });
        drop(own);
        // Nobody else has it: the end arrives although all children live.
        let end = peer.read(&mut [0]);
        for child in children {
            // SAFETY: this process's own child, which has not been waited for.
            unsafe { libc::kill(child, libc::SIGKILL) };
            // SAFETY: as above; no status is asked for.
            unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
        }
        assert_eq!(end.unwrap(), 0);
    }

    fn child_that_sleeps() -> i32 {
        // SAFETY: the child only sleeps and ends.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            // SAFETY: takes a number.
            unsafe { libc::sleep(30) };
            // SAFETY: ends the process without running anything of the parent's.
            unsafe { libc::_exit(0) };
        }
        child
    }

    #[test]
    fn the_place_of_a_closed_socket_is_free_again() {
        for _ in 0..3 * MOST {
            let socket = OwnSocket::new(Domain::IPV4).unwrap();
            let place = socket.place.unwrap();
            assert_eq!(SOCKETS[place].load(Relaxed), socket.socket().as_raw_fd());
        }
    }
}
