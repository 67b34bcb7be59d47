//! Signals to a running publisher.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use flagstaff_publisher::{Stopper, Waited};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level::signal_name;

use crate::failure::Failure;
use crate::{log, service_manager};

/// How long a source may take to stop. Only the lookup of a name or a TCP connect that nobody answers takes longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the signals act on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Control {
    /// Stopped when the process is to end: ends the wait for the lock.
    pub(crate) ending: Stopper,
    /// Ends the present turn of the source.
    turn: Arc<Mutex<Stopper>>,
    /// Stopped when no turn of the source is under way any more.
    source_left: Stopper,
}

impl Control {
    /// Whether the process is to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.is_stopped()
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

    /// Says that the source has been left, so that what follows may take its time.
    pub(crate) fn source_left(&self) {
        self.source_left.stop();
    }

    fn end(&self) {
        let turn = self.turn();
        self.ending.stop();
        turn.stop();
    }

    fn turn(&self) -> std::sync::MutexGuard<'_, Stopper> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts to listen. SIGTERM and SIGINT end the process cleanly, a second one at once. SIGHUP connects anew, which also
/// reads a key file again.
pub(crate) fn listen(control: &Control) -> Result<(), Failure> {
    second_ends_at_once()?;
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(cannot_listen)?;
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
                _ => {
                    tracing::info!("stops after {name}");
                    control.end();
                    watch_over(control.source_left.clone());
                    service_manager::notify("STOPPING=1");
                }
            }
        }
    };
    thread::Builder::new()
        .name("flag-signals".to_owned())
        .spawn(handle)
        .map(drop)
        .map_err(|source| Failure::System { action: "start a thread", source })
}

/// From now on a second SIGTERM or SIGINT ends the process in its handler, whatever hangs in the orderly end after the first one.
pub(crate) fn second_ends_at_once() -> Result<(), Failure> {
    let has_one = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // Called in this order: what the second sets, the first sees with the next signal.
        flag::register_conditional_default(signal, has_one.clone()).map_err(cannot_listen)?;
        flag::register(signal, has_one.clone()).map_err(cannot_listen)?;
    }
    Ok(())
}

fn cannot_listen(source: std::io::Error) -> Failure {
    Failure::System { action: "listen for signals", source }
}

/// Ends the process if the source does not let go of it. Nothing is lost by that but the note of a clean stop: a publisher
/// may die at any instant, and while a connection is being made there is nothing new to write to the disk.
fn watch_over(source_left: Stopper) {
    let watch = move || {
        if source_left.wait(PATIENCE) == Waited::Elapsed {
            tracing::warn!("the connection that is being made does not stop; ends without it");
            log::finish();
            std::process::exit(0);
        }
    };
    // Without a thread the source stops when its limit for connecting is over.
    let _ = thread::Builder::new().name("flag-stop".to_owned()).spawn(watch);
}
