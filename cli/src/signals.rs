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

/// How long a source may take to stop. Only a name lookup or a TCP connect without a reply takes longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// State that the signals change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Control {
    /// Stopped when the process has to end: ends the wait for the lock.
    pub(crate) ending: Stopper,
    /// Ends the present run of the source.
    run: Arc<Mutex<Stopper>>,
    /// Stopped when the source is not running any more.
    source_left: Stopper,
}

impl Control {
    /// Whether the process has to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.is_stopped()
    }

    /// The handle that stops the next run of the source.
    pub(crate) fn next_run(&self) -> Stopper {
        let mut run = self.run();
        // A stop between two runs counts for the next one.
        if !self.is_ending() {
            *run = Stopper::new();
        }
        run.clone()
    }

    /// The source has stopped: what follows may take longer than [`PATIENCE`].
    pub(crate) fn source_left(&self) {
        self.source_left.stop();
    }

    fn end(&self) {
        let run = self.run();
        self.ending.stop();
        run.stop();
    }

    fn run(&self) -> std::sync::MutexGuard<'_, Stopper> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts to listen. SIGTERM and SIGINT end the process cleanly, a second one immediately. SIGHUP connects again, which also reads
/// a key file again.
pub(crate) fn listen(control: &Control) -> Result<(), Failure> {
    second_ends_at_once()?;
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(cannot_listen)?;
    let control = control.clone();
    let handle = move || {
        for signal in signals.forever() {
            let name = signal_name(signal).unwrap_or("a signal");
            match signal {
                SIGHUP if !control.is_ending() => {
                    tracing::info!("connects again after {name}");
                    control.run().stop();
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

/// From now on a second SIGTERM or SIGINT ends the process in its handler, even if the clean end after the first one hangs.
pub(crate) fn second_ends_at_once() -> Result<(), Failure> {
    let has_one = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // Handlers run in this order: the first one sees what the second one has set at the signal before.
        flag::register_conditional_default(signal, has_one.clone()).map_err(cannot_listen)?;
        flag::register(signal, has_one.clone()).map_err(cannot_listen)?;
    }
    Ok(())
}

fn cannot_listen(source: std::io::Error) -> Failure {
    Failure::System { action: "listen for signals", source }
}

/// Ends the process if the source does not stop in time. Only the mark of a clean stop is lost: a publisher may die at any instant,
/// and while a connection is being made there is nothing new to write to the disk.
fn watch_over(source_left: Stopper) {
    let watch = move || {
        if source_left.wait(PATIENCE) == Waited::Elapsed {
            tracing::warn!("a connection attempt does not stop; ends without waiting for it");
            log::finish();
            std::process::exit(0);
        }
    };
    // Without a thread the source stops when its limit for connecting is over.
    let _ = thread::Builder::new().name("flag-stop".to_owned()).spawn(watch);
}
