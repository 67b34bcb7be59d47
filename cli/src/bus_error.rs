//! The end of a program that has a file mapped which somebody made shorter.
//!
//! Whoever touches a page behind the end of a mapped file gets SIGBUS, which ends the process without a word. A library leaves that to
//! its program; this program says what was done to it, and ends with the exit code of every other failure.
//!
//! # Invariants
//! - B1: what runs in the handler calls the kernel and nothing else: no allocation, no lock, no panic, no unwinding.
//! - B2: it ends. It writes only where there is room. If somebody else takes that room in between, the alarm ends the process.

use std::io;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::stdio::stderr;
use signal_hook::consts::SIGBUS;
use signal_hook::low_level::{emulate_default_handler, exit};

use crate::failure::Failure;

const MESSAGE: &[u8] = b"flagstaff: a file was made shorter while this process had it mapped, or its disk cannot be read; replace snapshot files with mv, \
never with cp or >, and start the publisher, which makes a new one\n";

/// How long the end waits for somebody who reads stderr. Less than the seconds of the alarm.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

const ALARM_SECONDS: u32 = 1;

/// Puts the message in the place of the silent end.
pub(crate) fn explain() -> Result<(), Failure> {
    let action = |signal: &libc::siginfo_t| {
        // Sent by somebody, or broken memory: not what this is about.
        if signal.si_code != libc::BUS_ADRERR {
            let _ = emulate_default_handler(SIGBUS);
        }
        // Without a stderr, or anybody who reads it, the exit code has to do.
        let stderr = stderr();
        let mut room = [PollFd::new(&stderr, PollFlags::OUT)];
        if poll(&mut room, Some(&PATIENCE)).is_ok_and(|ready| ready > 0) {
            // SAFETY: sets a number of the process, and an action that needs no code.
            unsafe { libc::signal(libc::SIGALRM, libc::SIG_DFL) };
            // SAFETY: takes a number.
            unsafe { libc::alarm(ALARM_SECONDS) };
            let _ = rustix::io::write(stderr, MESSAGE);
        }
        exit(1);
    };
    // SAFETY: B1, B2: a comparison, a few system calls, and an end. `emulate_default_handler` is made for handlers.
    let registered = unsafe { signal_hook_registry::register_sigaction(SIGBUS, action) };
    registered.map(drop).map_err(|source: io::Error| Failure::System { action: "listen for SIGBUS", source })
}
