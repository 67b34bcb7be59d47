//! The background: waits for the lock, and publishes when it has it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Release};
use std::thread;
use std::time::{Duration, Instant};

use flagstaff_publisher::lock::LockError;
use flagstaff_publisher::{
    Notice, OpenError, Outcome, Publisher, PublisherOptions, SnapshotLocation, Source, Waited, trim_memory,
};
use flagstaff_reader::{PublisherState, Reader};

use crate::error::CloseError;
use crate::log::Line;
use crate::process::Process;
use crate::report::{ErrorContext, may_pass};
use crate::settings::{Settings, make_cache_dir};
use crate::state::State;

/// How often to look whether somebody else still publishes to a file that cannot be written from here.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long a publisher that was there may be away before flags are taken from the service by this process: a service that
/// is restarted is back by then.
const GRACE: Duration = Duration::from_secs(10);

/// Pause before the same is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Archives from this size on leave memory behind that is worth the time to give it back.
const LARGE: usize = 1 << 20;

/// How long after one, and so how often at most: it holds up every thread of a process with a large heap.
const TRIM_AFTER: Duration = Duration::from_secs(10);

/// Why publishing to a place ended.
enum Left {
    Closed(Result<(), CloseError>),
    /// This process cannot publish there.
    Useless,
}

/// Runs until the client is closed in this process.
pub(crate) fn run(state: &Arc<State>, process: &Process) -> Result<(), CloseError> {
    let settings = &state.settings;
    let in_memory = settings.in_memory_because.clone();
    let is_in_memory = in_memory.is_some();
    if let Some(because) = in_memory {
        state.complain(process, because);
    }
    if let Left::Closed(ending) = publish_to(state, process, &settings.location) {
        return ending;
    }
    if is_in_memory || !wait_for_other_publisher(&settings.location, process) {
        return wait_for_close(process);
    }
    let location = match settings.location_in_memory() {
        Ok(location) => location,
        Err(error) => {
            process.log.push(Line::error("flags are read, but nobody keeps them fresh", &error));
            process.errors.push(ErrorContext::of_disk(false, error));
            return wait_for_close(process);
        }
    };
    process.log.push(Line::Warning(format!("keeps flags in memory, in {}", location.path().display())));
    state.move_to(location.path());
    match publish_to(state, process, &location) {
        Left::Closed(ending) => ending,
        Left::Useless => wait_for_close(process),
    }
}

fn wait_for_close(process: &Process) -> Result<(), CloseError> {
    while process.pause(Duration::from_secs(3600)) {}
    Ok(())
}

/// While somebody else publishes to the file, this process is a reader. False if the client is closed meanwhile.
fn wait_for_other_publisher(location: &SnapshotLocation, process: &Process) -> bool {
    let reader = Reader::attach(location.path());
    let mut seen: Option<Instant> = None;
    loop {
        let status = reader.status();
        if status.publisher == PublisherState::Alive && status.generation.0 > 0 {
            seen = Some(Instant::now());
        } else if seen.is_none_or(|seen| seen.elapsed() > GRACE) {
            return true;
        }
        if !process.pause(LOOK_EVERY) {
            return false;
        }
    }
}

/// Waits for the lock and publishes, again and again.
fn publish_to(state: &Arc<State>, process: &Process, location: &SnapshotLocation) -> Left {
    let options = options(&state.settings, location);
    let mut is_failing = false;
    while !process.is_closing() {
        let opened = match make_cache_dir(location) {
            Ok(()) => Publisher::wait_and_open(location.path(), &options, &process.closing()),
            Err(error) => {
                state.complain(process, ErrorContext::of_disk(false, error));
                return Left::Useless;
            }
        };
        match opened {
            Ok(publisher) => {
                is_failing = false;
                if let Some(ending) = publish(process, &state.settings, location, publisher) {
                    return Left::Closed(ending);
                }
            }
            Err(OpenError::Lock(LockError::Stopped { .. })) => break,
            Err(error) if may_pass(&error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    process.log.push(Line::error("cannot wait for the publisher lock; said once", &error));
                    process.errors.push(ErrorContext::of_open(error));
                }
                process.pause(PAUSE);
            }
            Err(error) => {
                state.complain(process, ErrorContext::of_open(error));
                return Left::Useless;
            }
        }
    }
    Left::Closed(Ok(()))
}

/// Publishes until the client is closed, or, with `None`, until the lock is lost.
fn publish(
    process: &Process,
    settings: &Settings,
    location: &SnapshotLocation,
    mut publisher: Publisher,
) -> Option<Result<(), CloseError>> {
    process.log.push(Line::Info(format!("publishes for this host to {}", location.path().display())));
    let source = Source::Stream(Box::new(settings.endpoint.clone()));
    let trim = Trim::default();
    let mut tell = |notice: Notice<'_>| {
        if let Notice::Payload(Outcome::Published { archive_bytes, .. }) = notice {
            trim.after(*archive_bytes, process);
        }
        if let Some(line) = Line::of_notice(&notice) {
            process.log.push(line);
        }
        if let Some(error) = ErrorContext::of_notice(&notice) {
            process.errors.push(error);
        }
    };
    match flagstaff_publisher::run(&mut publisher, source, &process.next_turn(), &mut tell) {
        // Nothing else stops it but a close.
        Ok(()) => Some(publisher.close().map_err(|error| {
            process.log.push(Line::error("the last flags may be lost at a power failure", &error));
            CloseError::Disk(Arc::new(error))
        })),
        // Somebody removed the lock file. The new one is for whoever is first.
        Err(error) => {
            drop(publisher);
            process.log.push(Line::error("waits for the lock again", &error));
            process.errors.push(ErrorContext::of_disk(true, error));
            process.pause(PAUSE);
            None
        }
    }
}

/// Gives memory back after large payloads. The C library kept 150 MB after forty payloads of 5 MiB without that, and with it
/// 13 to 21.
#[derive(Default)]
struct Trim {
    is_due: Arc<AtomicBool>,
}

impl Trim {
    /// A while later, and not at once: so the last one of a burst is not left out, however long nothing comes after it.
    fn after(&self, archive_bytes: usize, process: &Process) {
        if archive_bytes < LARGE || self.is_due.swap(true, AcqRel) {
            return;
        }
        let (is_due, closing) = (self.is_due.clone(), process.closing());
        let trim = move || {
            if closing.wait(TRIM_AFTER) == Waited::Elapsed {
                // First: a payload that comes during the next line asks for another one.
                is_due.store(false, Release);
                trim_memory();
            }
        };
        if thread::Builder::new().name("flag-trim".to_owned()).spawn(trim).is_err() {
            self.is_due.store(false, Release);
        }
    }
}

fn options(settings: &Settings, location: &SnapshotLocation) -> PublisherOptions {
    let options =
        PublisherOptions::default().identity(location.identity()).import(settings.sdk_cache.as_deref());
    // Memory is no place for what was.
    let is_in_memory = settings.in_memory_because.is_some() || location.path() != settings.location.path();
    let history = if is_in_memory { 0 } else { settings.history };
    let options = options.guard(settings.guard).history(history);
    options.source_name(settings.endpoint.base_url()).watch(settings.watch.clone()).silent_threads()
}
