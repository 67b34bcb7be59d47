//! An error message for SIGBUS, which a process gets when a file that it has mapped is truncated.
//!
//! Access to a page beyond the end of a mapped file is SIGBUS, which ends the process without a message. A library leaves that to
//! its program; this program writes what happened, and ends with the exit code of every other failure.
//!
//! # Invariants
//! - B1: the handler only makes system calls: no allocation, no lock, no panic, no unwinding.
//! - B2: the handler ends. It writes only if there is room; if another process takes that room first, the alarm ends this process.

use std::io;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::stdio::stderr;
use signal_hook::consts::SIGBUS;
use signal_hook::low_level::{emulate_default_handler, exit};

use crate::failure::Failure;

const MESSAGE: &[u8] = b"flagstaff: a file was truncated while this process had it mapped, or its disk cannot be read; replace snapshot files with mv, \
never with cp or >, and start the publisher, which makes a new one\n";

/// How long the end waits for room in stderr. Less than the seconds of the alarm.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

const ALARM_SECONDS: u32 = 1;

/// From now on SIGBUS ends this process with the message.
pub(crate) fn explain() -> Result<(), Failure> {
    let action = |signal: &libc::siginfo_t| {
        // Sent by another process, or broken memory: the default action.
        if signal.si_code != libc::BUS_ADRERR {
            let _ = emulate_default_handler(SIGBUS);
        }
        // Without a reader of stderr there is still the exit code.
        let stderr = stderr();
        let mut room = [PollFd::new(&stderr, PollFlags::OUT)];
        if poll(&mut room, Some(&PATIENCE)).is_ok_and(|ready| ready > 0) {
            // SAFETY: sets the default action, which runs no code of this process.
            unsafe { libc::signal(libc::SIGALRM, libc::SIG_DFL) };
            // SAFETY: takes a number.
            unsafe { libc::alarm(ALARM_SECONDS) };
            let _ = rustix::io::write(stderr, MESSAGE);
        }
        exit(1);
    };
    // The handler of the standard library, which looks for overflowing stacks (SIGSEGV here), is called before this one and sets the default
    // action: a second thread that meets the same page meanwhile would end the process without a word.
    // SAFETY: sets the default action, which runs no code of this process.
    unsafe { libc::signal(SIGBUS, libc::SIG_DFL) };
    // SAFETY: B1, B2: a comparison, a few system calls, and an end. `emulate_default_handler` is made for handlers.
    let registered = unsafe { signal_hook_registry::register_sigaction(SIGBUS, action) };
    registered.map(drop).map_err(|source: io::Error| Failure::System { action: "listen for SIGBUS", source })
}
