//! Signals to a running publisher.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::{emulate_default_handler, signal_name};
use vexil_publisher::lock::Cancel;
use vexil_publisher::sse::Stopper;

use crate::failure::Failure;
use crate::service_manager;

/// What the signals act on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Control {
    /// Ends the wait for the lock.
    pub(crate) cancel: Cancel,
    /// Ends the present turn of the source.
    turn: Arc<Mutex<Stopper>>,
    ending: Arc<AtomicBool>,
}

impl Control {
    /// Whether the process is to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    /// The handle that stops the next turn of the source.
    pub(crate) fn next_turn(&self) -> Stopper {
        let mut turn = self.turn();
        // A stop that comes between two turns counts for the next one.
        if !self.is_ending() {
            *turn = Stopper::new();
        }
        turn.clone()
    }

    fn end(&self) {
        let turn = self.turn();
        self.ending.store(true, Ordering::Release);
        self.cancel.cancel();
        turn.stop();
    }

    fn turn(&self) -> std::sync::MutexGuard<'_, Stopper> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts to listen. SIGTERM and SIGINT end the process cleanly, a second one at once. SIGHUP connects anew, which also
/// reads a key file again.
pub(crate) fn listen(control: &Control) -> Result<(), Failure> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])
        .map_err(|source| Failure::System { action: "listen for signals", source })?;
    let control = control.clone();
    let handle = move || {
        for signal in signals.forever() {
            let name = signal_name(signal).unwrap_or("a signal");
            match signal {
                SIGHUP if !control.is_ending() => {
                    tracing::info!("connects anew after {name}");
                    control.turn().stop();
                }
                SIGHUP => {}
                _ if control.is_ending() => {
                    // It does not return for these signals.
                    let _ = emulate_default_handler(signal);
                }
                _ => {
                    tracing::info!("stops after {name}");
                    service_manager::notify("STOPPING=1");
                    control.end();
                }
            }
        }
    };
    thread::Builder::new()
        .name("vexil-signals".to_owned())
        .spawn(handle)
        .map(drop)
        .map_err(|source| Failure::System { action: "start a thread", source })
}
