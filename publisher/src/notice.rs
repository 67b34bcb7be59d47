//! What a running publisher tells whoever runs it: one text and one level for every log.

use std::fmt;
use std::mem;
use std::time::{Duration, Instant};

use flagstaff_format::printable;

use crate::causes::with_causes;
use crate::error::PublishError;
use crate::outcome::Outcome;
use crate::payload::ImportError;
use crate::sse::Failure;

/// What happened while a publisher ran. [`run`](crate::run) logs none of it by itself: hand it to [`Notice::log`], or look at it.
///
/// ```
/// # use flagstaff_publisher::{Publisher, PublisherOptions, Source, Stopper, run};
/// # let folder = tempfile::tempdir()?;
/// # let (path, source) = (folder.path().join("flags.flagstaff"), folder.path().join("flags.json"));
/// # std::fs::write(&source, "{}")?;
/// let mut publisher = Publisher::open(&path, &PublisherOptions::default())?;
/// # let stopper = Stopper::new();
/// # stopper.stop();
/// run(&mut publisher, Source::File(source), &stopper, &mut |notice| notice.log())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `Display` is the message with its facts as `name=value`, on one line. Values of flags are not in it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// The stream is open.
    #[non_exhaustive]
    Connected {
        /// The base URL of the service.
        url: &'a str,
    },
    /// A payload was published or found unchanged.
    Payload(&'a Outcome),
    /// The file can be written again.
    Recovered,
    /// A payload was refused, or could not be written.
    #[non_exhaustive]
    Refused {
        /// Why.
        error: &'a PublishError,
        /// How many refusals before this one a log left out; `None` if it leaves this one out too.
        not_shown: Option<u64>,
    },
    /// The stream was lost, or could not be opened.
    #[non_exhaustive]
    Lost {
        /// The base URL of the service.
        url: &'a str,
        /// Why.
        failure: &'a Failure,
        /// Time until the next try.
        retry_in: Duration,
    },
    /// The source file could not be read.
    Unreadable(&'a ImportError),
}

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Level {
    /// As it should be.
    Info,
    /// Trouble that may pass by itself.
    Warning,
    /// Somebody has to change something.
    Error,
}

impl Notice<'_> {
    /// The level for a log; `None` for what would only fill it.
    #[must_use]
    pub fn level(&self) -> Option<Level> {
        Some(match self {
            Notice::Payload(Outcome::Unchanged { .. }) | Notice::Refused { not_shown: None, .. } => {
                return None;
            }
            Notice::Connected { .. } | Notice::Payload(_) | Notice::Recovered => Level::Info,
            // A wrong key, for one, does not pass by itself.
            Notice::Lost { failure, .. } if !failure.is_transient() => Level::Error,
            Notice::Lost { .. } | Notice::Unreadable(_) => Level::Warning,
            Notice::Refused { .. } => Level::Error,
        })
    }

    /// A stable name, for machines.
    const fn event(&self) -> &'static str {
        match self {
            Notice::Connected { .. } => "connected",
            Notice::Payload(Outcome::Published { .. }) => "published",
            Notice::Payload(Outcome::Unchanged { .. }) => "unchanged",
            Notice::Recovered => "recovered",
            Notice::Refused { error: PublishError::File(_), .. } => "waiting",
            Notice::Refused { error: PublishError::Held(_), .. } => "held",
            Notice::Refused { .. } => "refused",
            Notice::Lost { .. } => "lost",
            Notice::Unreadable(_) => "unreadable",
        }
    }

    /// Writes it to the log of this process through `tracing`, if it has a level. Its facts are fields, so that a subscriber can write them for
    /// machines, and `event` is its name there; times are in seconds. As `name=value` behind the message they are what `Display` says.
    pub fn log(&self) {
        let Some(level) = self.level() else { return };
        let event = self.event();
        match self {
            Notice::Connected { url } => tracing::info!(event, url = %printable(url), "stream is open"),
            Notice::Payload(Outcome::Published { generation, flags, took, changes, .. }) => tracing::info!(
                event,
                generation = generation.get(),
                flags,
                took_seconds = took.as_secs_f64(),
                %changes,
                "published"
            ),
            Notice::Lost { url, failure, retry_in } => {
                let error = with_causes(failure);
                let (url, retry_in_seconds) = (printable(url), retry_in.as_secs_f64());
                match level {
                    Level::Error => {
                        tracing::error!(event, %url, retry_in_seconds, "{NO_STREAM}: {}", printable(&error));
                    }
                    _ => tracing::warn!(event, %url, retry_in_seconds, "{NO_STREAM}: {}", printable(&error)),
                }
            }
            _ => match level {
                Level::Info => tracing::info!(event, "{self}"),
                Level::Warning => tracing::warn!(event, "{self}"),
                Level::Error => tracing::error!(event, "{self}"),
            },
        }
    }
}

/// What a lost stream means.
const NO_STREAM: &str = "no stream; serving the last snapshot";

impl fmt::Display for Notice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Connected { url } => write!(f, "stream is open url={}", printable(url)),
            Notice::Payload(Outcome::Published { generation, flags, took, changes, .. }) => {
                write!(f, "published generation={generation} flags={flags} took={took:?} changes={changes}")
            }
            Notice::Payload(Outcome::Unchanged { generation }) => {
                write!(f, "unchanged generation={generation}")
            }
            Notice::Recovered => f.write_str("the snapshot file can be written again"),
            Notice::Refused { error: PublishError::File(error), .. } => {
                let error = with_causes(error);
                let error = printable(&error);
                write!(
                    f,
                    "serving the last snapshot; the new flags are kept and tried again, said once until it works: {error}"
                )
            }
            // Without its cause, which may quote a value.
            Notice::Refused { error, not_shown } => {
                let error = error.to_string();
                write!(f, "serving the last snapshot: {}", printable(&error))?;
                match not_shown {
                    Some(number @ 1..) => write!(f, " not_shown={number}"),
                    _ => Ok(()),
                }
            }
            Notice::Lost { url, failure, retry_in } => {
                let failure = with_causes(failure);
                let (failure, url) = (printable(&failure), printable(url));
                write!(f, "{NO_STREAM}: {failure} url={url} retry_in={retry_in:?}")
            }
            Notice::Unreadable(error) => {
                let error = with_causes(error);
                write!(f, "file of flags cannot be used; serving the last snapshot: {}", printable(&error))
            }
        }
    }
}

/// How often a refusal is shown at most.
const SHOW_EVERY: Duration = Duration::from_secs(1);

/// Decides which refusals a log shows: a source that sends nothing else would fill it.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    shown: Option<Instant>,
    not_shown: u64,
}

impl Refusals {
    /// Counts one more. `Some`: it is to be shown, with the number of those before it that were not.
    pub(crate) fn count(&mut self) -> Option<u64> {
        if self.shown.is_some_and(|shown| shown.elapsed() < SHOW_EVERY) {
            self.not_shown += 1;
            return None;
        }
        self.shown = Some(Instant::now());
        Some(mem::take(&mut self.not_shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(failure: &Failure) -> Notice<'_> {
        Notice::Lost { url: "http://h", failure, retry_in: Duration::from_millis(1500) }
    }

    #[test]
    fn a_lost_stream_is_told_with_its_causes_and_is_an_error_only_if_somebody_must_act() {
        let source = std::io::Error::other("refused").into();
        let failure = Failure::Connect { host: "http://h".to_owned(), source };
        assert_eq!(lost(&failure).level(), Some(Level::Warning));
        let text = lost(&failure).to_string();
        assert!(
            text.starts_with("no stream; serving the last snapshot: cannot connect to http://h"),
            "{text}"
        );
        assert!(text.ends_with(": refused url=http://h retry_in=1.5s"), "{text}");
        let failure = Failure::Status { code: 401, retry_after: None };
        assert_eq!(lost(&failure).level(), Some(Level::Error));
    }

    #[test]
    fn of_refusals_within_a_second_only_the_first_has_a_level() {
        let mut refusals = Refusals::default();
        assert_eq!(refusals.count(), Some(0));
        assert_eq!((refusals.count(), refusals.count()), (None, None));
        refusals.shown = Instant::now().checked_sub(SHOW_EVERY);
        assert_eq!(refusals.count(), Some(2));
        let error = PublishError::Payload(crate::payload::PayloadError::TooLarge { found: 2, limit: 1 });
        let level = |not_shown| Notice::Refused { error: &error, not_shown }.level();
        assert_eq!((level(None), level(Some(2))), (None, Some(Level::Error)));
        assert!(Notice::Refused { error: &error, not_shown: Some(2) }.to_string().ends_with(" not_shown=2"));
    }

    #[test]
    fn a_source_cannot_forge_a_line_of_a_log() {
        let failure = Failure::ContentType { found: Some("a\nINFO all is well".to_owned()) };
        assert!(!lost(&failure).to_string().contains('\n'));
    }
}
