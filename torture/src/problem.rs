//! The error that ends a check.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use flagstaff_publisher::with_causes;

/// Ends a check early, with what was found in the words of `format!`.
macro_rules! fail {
    ($($words:tt)*) => { return Err($crate::problem::Problem::Found(format!($($words)*))) };
}
pub(crate) use fail;

/// Why a check ended early. It is a finding: where this cannot be done, Flagstaff does not work either.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A process could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A process did not write the expected line.
    #[error("expected a line {expected:?} within {} s; output of the process: {said}", within.as_secs_f64())]
    Silent {
        /// The expected start of the line.
        expected: String,
        /// The time that it was given.
        within: Duration,
        /// Its whole output.
        said: String,
    },
    /// A process did not end.
    #[error("a process did not end within {} s; its output: {said}", within.as_secs_f64())]
    DoesNotEnd {
        /// The time that it was given.
        within: Duration,
        /// Its whole output.
        said: String,
    },
    /// A file could not be used.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// The action, as in "cannot open".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A publisher could not start.
    #[error("a publisher cannot start: {0}")]
    Publisher(#[from] flagstaff_publisher::OpenError),
    /// A payload was not published.
    #[error("a publisher cannot publish: {0}")]
    Publish(#[from] flagstaff_publisher::PublishError),
    /// The last checkpoint could not be written.
    #[error("a publisher cannot close its file: {0}")]
    Close(#[from] flagstaff_publisher::CloseError),
    /// A reader could not open the file.
    #[error("a reader cannot start: {0}")]
    Reader(#[from] flagstaff_reader::OpenError),
    /// Anything else, in words.
    #[error("{0}")]
    Found(String),
}

impl Problem {
    /// For `map_err` on a file operation.
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
