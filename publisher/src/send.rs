//! The other end of the inbox: gives a command to whoever publishes, or does it as the publisher if there is none.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::OpenError;
use crate::identity::Identity;
use crate::local::{Command, Done, Held, Inbox, Now, Override, Overrides, Request, SideFiles, Term};
use crate::lock::LockError;
use crate::options::PublisherOptions;
use crate::publisher::Publisher;
use crate::snapshot_location::behind_links;

/// Pause between two looks for the answer, and between two tries to be the publisher.
const LOOK_EVERY: Duration = Duration::from_millis(2);
const TRY_EVERY: Duration = Duration::from_millis(250);

/// How long an answer may take after a publisher has taken the command.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no snapshot file, so there is nothing to command.
    #[error("there is no snapshot file {}", .0.display())]
    Missing(PathBuf),
    /// What is there is no snapshot that this program can use.
    #[error(transparent)]
    Snapshot(flagstaff_format::OpenError),
    /// The command cannot be given.
    #[error("cannot give a command to the publisher of {}", path.display())]
    Inbox {
        /// The snapshot file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The publisher refused it.
    #[error("{0}")]
    Refused(String),
    /// The publisher did not look for it.
    #[error(
        "the publisher did not take the command within {} s, and nothing was done; is it stopped, or of a version without commands?",
        patience.as_secs()
    )]
    NotTaken {
        /// How long it was waited for.
        patience: Duration,
    },
    /// It took the command and said nothing.
    #[error("the publisher took the command and did not answer; look with `flagstaff status` what it did")]
    NoAnswer,
    /// There is no publisher, and this process cannot be one.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// The payload that the guard holds, without asking the publisher.
///
/// # Errors
/// If its file cannot be read, or belongs to somebody who may not publish.
pub fn held_of(snapshot: &Path) -> io::Result<Option<Held>> {
    Held::read(&SideFiles::new(&behind_links(snapshot)))
}

/// Flags that are overridden, without asking the publisher: those included that are over and still there because none lives.
///
/// # Errors
/// As [`held_of`].
pub fn overrides_of(snapshot: &Path) -> io::Result<Vec<Override>> {
    Ok(Overrides::read(&SideFiles::new(&behind_links(snapshot)))?.overrides)
}

/// Gives a command to the publisher of a snapshot file and waits for what became of it. Without a publisher, this process is one for a
/// moment; [`Done::has_publisher`] says so.
///
/// # Errors
/// [`CommandError`]. Except after [`CommandError::NoAnswer`], nothing was done or all that the message says.
pub fn send(snapshot: &Path, command: Command, who: &str, patience: Duration) -> Result<Done, CommandError> {
    let path = behind_links(snapshot);
    let view = flagstaff_format::open_view(&path).map_err(|error| match error {
        flagstaff_format::OpenError::Missing { path } => CommandError::Missing(path),
        other => CommandError::Snapshot(other),
    })?;
    let header = view.header().ok_or_else(|| CommandError::Missing(path.clone()))?;
    let identity = header.identity;
    let failed = |source| CommandError::Inbox { path: path.clone(), source };
    let side_files = SideFiles::new(&path);
    let inbox = Inbox::of(&side_files);
    let request = Request { who: who.to_owned(), wait: Term::starting(&Now::read(), patience), command };
    let id = inbox.post(&side_files, &request).map_err(failed)?;
    let options = PublisherOptions::default().identity(Identity::of_bytes(identity));
    let (start, mut try_at, mut is_taken) = (Instant::now(), Duration::ZERO, false);
    let mut is_alone = false;
    loop {
        if let Some(answer) = inbox.collect(&id) {
            let done = answer.map_err(CommandError::Refused)?;
            return Ok(Done { has_publisher: !is_alone, ..done });
        }
        if is_alone && !is_taken {
            // It was opened, and looks into the inbox as it starts.
            is_taken = !inbox.withdraw(&id);
            if !is_taken {
                return Err(CommandError::NotTaken { patience });
            }
        }
        let waited = start.elapsed();
        if !is_taken && waited >= patience {
            is_taken = !inbox.withdraw(&id);
            if !is_taken {
                return Err(CommandError::NotTaken { patience });
            }
        }
        if waited >= patience + LAST_WAIT {
            return Err(CommandError::NoAnswer);
        }
        if !is_alone && waited >= try_at {
            try_at = waited + TRY_EVERY;
            match Publisher::open(&path, &options) {
                Ok(publisher) => {
                    is_alone = true;
                    drop(publisher);
                    continue;
                }
                Err(OpenError::Lock(LockError::Held { .. })) => {}
                Err(error) if inbox.withdraw(&id) => return Err(error.into()),
                // Somebody took it.
                Err(_) => {}
            }
        }
        thread::sleep(LOOK_EVERY);
    }
}
