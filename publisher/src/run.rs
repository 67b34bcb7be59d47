//! From a source to a publisher, until stopped.

use std::path::PathBuf;

use flagstaff_format::{FailureKind, LinkState};

use crate::error::{PublishError, RunError};
use crate::failure_kind;
use crate::notice::{Notice, Refusals};
use crate::outcome::Outcome;
use crate::payload::{DEFAULT_POLL_INTERVAL, FileEvent, WatchedFile};
use crate::publisher::Publisher;
use crate::sse::{Endpoint, EventStream, Failure, Signal};
use crate::stopper::{Stopper, Waited};

/// Where flags come from.
#[derive(Debug)]
#[non_exhaustive]
pub enum Source {
    /// A stream over HTTP.
    Stream(Box<Endpoint>),
    /// A JSON file that is read again when it changes.
    File(PathBuf),
}

/// Publishes from `source` until `stopper` is used. `notice` is called in this thread with what happens, which it should log.
///
/// ```no_run
/// use flagstaff_publisher::sse::{ApiKeySource, Endpoint};
/// use flagstaff_publisher::{Publisher, PublisherOptions, Source, Stopper, run};
///
/// let mut publisher = Publisher::open("/run/flags.flagstaff", &PublisherOptions::default())?;
/// let endpoint = Endpoint::new("https://api.soasap.com", ApiKeySource::File("/run/secrets/flags".into()))?;
/// // Another thread, such as one that waits for signals, calls `stop` on a clone of it.
/// let stopper = Stopper::new();
/// run(&mut publisher, Source::Stream(Box::new(endpoint)), &stopper, &mut |notice| notice.log())?;
/// publisher.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`RunError::LockLost`], if somebody removed the lock file. Nothing else ends it.
pub fn run(
    publisher: &mut Publisher,
    source: Source,
    stopper: &Stopper,
    notice: &mut dyn FnMut(Notice<'_>),
) -> Result<(), RunError> {
    publisher.stop_on_loss(stopper);
    match source {
        Source::Stream(endpoint) => stream(publisher, *endpoint, stopper, notice),
        Source::File(path) => file(publisher, path, stopper, notice),
    }
    publisher.waits();
    if publisher.has_lost_lock() {
        return Err(RunError::LockLost { path: publisher.lock_path().to_owned() });
    }
    Ok(())
}

fn stream(
    publisher: &mut Publisher,
    endpoint: Endpoint,
    stopper: &Stopper,
    notice: &mut dyn FnMut(Notice<'_>),
) {
    let url = endpoint.base_url().to_owned();
    let mut stream = EventStream::new(endpoint, stopper.clone());
    let mut refusals = Refusals::default();
    let mut skipped: Vec<String> = Vec::new();
    loop {
        publisher.waits();
        let signal = stream.next();
        publisher.works();
        publisher.failpoint(failpoint_of(&signal));
        tell_caught_up(publisher, notice);
        match signal {
            Signal::Connecting => publisher.set_link(LinkState::Connecting),
            Signal::Open => {
                notice(Notice::Connected { url: &url });
                publisher.connected();
                publisher.set_link(LinkState::Open);
                publisher.touch();
            }
            // Each event replaces all flags, so one with others behind it is out of date already, unless the last one is refused.
            Signal::Event(event) if stream.pending_events() > 0 => skipped.push(event.data),
            Signal::Event(event) => {
                publisher.touch();
                publish_burst(publisher, &skipped, &event.data, &mut refusals, notice);
                skipped.drain(..).for_each(|data| stream.recycle(data));
                stream.recycle(event.data);
            }
            Signal::Failed { failure, retry_in } => {
                // 204 may end by itself, but the pause is long, and whoever looks should see that it was asked for.
                let is_slow = matches!(failure, Failure::NoContent) || !failure.is_transient();
                let state = if is_slow { LinkState::Refused } else { LinkState::Retrying };
                publisher.set_link(state);
                if let Some(kind) = failure_kind::of_stream(&failure) {
                    publisher.set_failure(kind);
                    if matches!(failure, Failure::EventTooLarge { .. }) {
                        publisher.refuse(kind);
                    }
                }
                notice(Notice::Lost { url: &url, failure: &failure, retry_in });
            }
            Signal::Stopped => return,
            _ => publisher.touch(),
        }
    }
}

/// The name of a signal for an observer.
fn failpoint_of(signal: &Signal) -> &'static str {
    match signal {
        Signal::Connecting => "stream: connect",
        Signal::Open => "stream: open",
        Signal::Event(_) => "stream: event",
        Signal::Failed { .. } => "stream: lost",
        Signal::Stopped => "stream: stopped",
        Signal::Alive => "stream: bytes",
    }
}

fn file(publisher: &mut Publisher, path: PathBuf, stopper: &Stopper, notice: &mut dyn FnMut(Notice<'_>)) {
    let mut watched = WatchedFile::new(path, publisher.limits());
    let mut refusals = Refusals::default();
    publisher.set_link(LinkState::Connecting);
    loop {
        publisher.works();
        tell_caught_up(publisher, notice);
        match watched.poll() {
            FileEvent::Changed(content) => {
                publisher.set_link(LinkState::Open);
                publisher.touch();
                publish(publisher, &content, &mut refusals, notice);
            }
            FileEvent::Failed(error) => {
                publisher.set_link(LinkState::Retrying);
                publisher.set_failure(failure_kind::of_source(&error));
                notice(Notice::Unreadable(&error));
            }
            FileEvent::Unchanged => {
                publisher.set_link(LinkState::Open);
                publisher.touch();
            }
            _ => {}
        }
        publisher.waits();
        if stopper.wait(DEFAULT_POLL_INTERVAL) == Waited::Stopped {
            return;
        }
    }
}

/// A payload that waited for the file got there.
fn tell_caught_up(publisher: &Publisher, notice: &mut dyn FnMut(Notice<'_>)) {
    if let Some(outcome) = publisher.take_caught_up() {
        notice(Notice::Payload(&outcome));
    }
}

/// Publishes the last of the payloads that came at once. If that is refused, readers get the newest good one before it, and the
/// file says that they are behind.
fn publish_burst(
    publisher: &mut Publisher,
    skipped: &[String],
    last: &str,
    refusals: &mut Refusals,
    notice: &mut dyn FnMut(Notice<'_>),
) {
    if let Some(why) = publish(publisher, last, refusals, notice)
        && skipped.iter().rev().any(|payload| publish(publisher, payload, refusals, notice).is_none())
    {
        publisher.refuse(why);
    }
}

/// Returns why a payload is refused for what is in it. `None`: it was published, or is kept until it can be.
fn publish(
    publisher: &mut Publisher,
    payload: &str,
    refusals: &mut Refusals,
    notice: &mut dyn FnMut(Notice<'_>),
) -> Option<FailureKind> {
    // With a full disk, each event of a busy source would be another line in the log.
    let file_fails = publisher.has_waiting();
    match publisher.publish(payload) {
        Ok(outcome) => {
            if matches!(outcome, Outcome::Published { .. }) && file_fails {
                notice(Notice::Recovered);
            }
            notice(Notice::Payload(&outcome));
            None
        }
        Err(error) => {
            let not_shown = match &error {
                PublishError::File(_) => (!file_fails).then_some(0),
                _ => refusals.count(),
            };
            notice(Notice::Refused { error: &error, not_shown });
            let is_final = matches!(error, PublishError::Payload(_) | PublishError::Build(_));
            failure_kind::of_publish(&error).filter(|_| is_final)
        }
    }
}
