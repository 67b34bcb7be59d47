//! Why a check could not go on, or what it found.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use flagstaff_publisher::with_causes;

/// What ends a check. It is a finding: where this cannot be done, Flagstaff does not work either.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A process could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A process did not say what was expected of it.
    #[error("no line {expected:?} within {} s; the process said: {said}", within.as_secs_f64())]
    Silent {
        /// How the line was to start.
        expected: String,
        /// The time that it had.
        within: Duration,
        /// All that it said.
        said: String,
    },
    /// A process did not end.
    #[error("a process did not end within {} s; it said: {said}", within.as_secs_f64())]
    DoesNotEnd {
        /// The time that it had.
        within: Duration,
        /// All that it said.
        said: String,
    },
    /// A file could not be used.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was to be done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A publisher could not start.
    #[error("a publisher cannot start: {0}")]
    Publisher(#[from] flagstaff_publisher::OpenError),
    /// A payload was not published.
    #[error("a publisher cannot publish: {0}")]
    Publish(#[from] flagstaff_publisher::PublishError),
    /// The last checkpoint is missing.
    #[error("a publisher cannot end well: {0}")]
    Close(#[from] flagstaff_publisher::CloseError),
    /// A reader could not open the file.
    #[error("a reader cannot start: {0}")]
    Reader(#[from] flagstaff_reader::OpenError),
    /// Anything else, in words.
    #[error("{0}")]
    Found(String),
}

impl Problem {
    /// For `map_err` on a call on a file.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Problem {
        let path = path.to_owned();
        move |source| Problem::File { action, path, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_causes_of_a_problem_are_named_once() {
        let path = Path::new("/no/such/folder/flags.flagstaff");
        let error =
            flagstaff_publisher::Publisher::open(path, &flagstaff_publisher::PublisherOptions::default())
                .unwrap_err();
        let text = with_causes(&Problem::from(error));
        assert_eq!(text.matches("No such file or directory").count(), 1, "{text}");
    }
}
