//! The end of a program that has a file mapped which somebody made shorter.
//!
//! Whoever touches a page behind the end of a mapped file gets SIGBUS, which ends the process without a word. A library leaves that to
//! its program; this program says what was done to it, and ends with the exit code of every other failure.
//!
//! # Invariant
//! B1: what runs in the handler calls the kernel and nothing else: no allocation, no lock, no panic, no unwinding.

use std::io;

use rustix::stdio::stderr;
use signal_hook::consts::SIGBUS;
use signal_hook::low_level::{emulate_default_handler, exit};

use crate::failure::Failure;

const MESSAGE: &[u8] = b"vexil: a file was made shorter while this process had it mapped, or its disk cannot be read; replace snapshot files with mv, \
never with cp or >, and start the publisher, which makes a new one\n";

/// Puts the message in the place of the silent end.
pub(crate) fn explain() -> Result<(), Failure> {
    let action = |signal: &libc::siginfo_t| {
        // Sent by somebody, or broken memory: not what this is about.
        if signal.si_code != libc::BUS_ADRERR {
            let _ = emulate_default_handler(SIGBUS);
        }
        // Without a stderr the exit code has to do.
        let _ = rustix::io::write(stderr(), MESSAGE);
        exit(1);
    };
    // SAFETY: B1: a comparison, a write, and an end. `emulate_default_handler` is made for handlers.
    let registered = unsafe { signal_hook_registry::register_sigaction(SIGBUS, action) };
    registered.map(drop).map_err(|source: io::Error| Failure::System { action: "listen for SIGBUS", source })
}
