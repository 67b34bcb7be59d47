//! `flagstaff run`: the publisher.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use flagstaff_publisher::lock::LockError;
use flagstaff_publisher::sse::{Endpoint, StreamOptions};
use flagstaff_publisher::{
    OpenError, Publisher, PublisherOptions, SnapshotLocation, Source, give_memory_back, run,
};

use crate::failure::Failure;
use crate::permissions::Permissions;
use crate::signals::{self, Control};
use crate::snapshot_args::{SnapshotArgs, make_cache_dir};
use crate::{service_manager, show};

const EXAMPLES: &str = "\
Signals:
  SIGTERM, SIGINT  stop cleanly; a second one ends at once
  SIGHUP           connect anew, and read --api-key-file again

Examples:
  FLAGSTAFF_API_KEY=... flagstaff run
  flagstaff run --api-key-file /run/secrets/flags --file /run/flags.flagstaff
  flagstaff run --source flags.json --file /run/flags.flagstaff";

/// Publish until stopped
///
/// Takes the flags from the service's stream, or from a file that is watched, and keeps the snapshot file up to date.
/// Where another publisher holds the file, it stands by and takes over the moment that one ends.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Run {
    /// Take the flags from this file, and again whenever it changes, instead of from the service
    #[arg(long, value_name = "FLAGS.json")]
    source: Option<PathBuf>,

    /// End with exit code 1 instead of standing by if another publisher holds the file
    #[arg(long)]
    no_wait: bool,

    /// Limit for making a connection
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = show::parse_duration)]
    connect_timeout: Duration,

    /// Limit for silence on the stream; the service sends a heartbeat every 15 s
    #[arg(long, value_name = "SECONDS", default_value = "45", value_parser = show::parse_duration)]
    read_timeout: Duration,

    /// PEM file with the only root certificates to trust [default: those of the system]
    #[arg(long, value_name = "PATH")]
    root_certificates: Option<PathBuf>,

    #[command(flatten)]
    permissions: Permissions,

    #[command(flatten)]
    snapshot: SnapshotArgs,
}

/// A source that can be started more than once.
#[derive(Debug)]
enum Origin {
    Stream(Box<Endpoint>),
    File(PathBuf),
}

impl Origin {
    fn source(&self) -> Source {
        match self {
            Origin::Stream(endpoint) => Source::Stream(endpoint.clone()),
            Origin::File(path) => Source::File(path.clone()),
        }
    }
}

impl Run {
    pub(crate) fn run(self) -> Result<(), Failure> {
        give_memory_back();
        keep_memory_private();
        let origin = self.origin()?;
        let target = self.snapshot.target()?;
        make_cache_dir(&target)?;
        let control = Control::default();
        signals::listen(&control)?;
        let options = self.permissions.options().identity(target.identity()).import(target.sdk_cache());
        let Some(mut publisher) = self.open(&target, &options, &control)? else { return Ok(()) };
        service_manager::notify("READY=1\nSTATUS=publishing");
        while !control.is_ending() {
            run(&mut publisher, origin.source(), &control.next_turn(), &mut |notice| notice.log())?;
        }
        control.source_left();
        // Dropping the publisher waits for the disk.
        Ok(())
    }

    fn origin(&self) -> Result<Origin, Failure> {
        if let Some(path) = &self.source {
            return Ok(Origin::File(path.clone()));
        }
        let options =
            StreamOptions::default().connect_timeout(self.connect_timeout).read_timeout(self.read_timeout);
        let options = match &self.root_certificates {
            Some(path) => options.root_certificates(path),
            None => options,
        };
        Ok(Origin::Stream(Box::new(self.snapshot.account.endpoint(options)?)))
    }

    /// Opens the publisher, after a wait for the lock if need be. `None`: stopped while it waited.
    fn open(
        &self,
        target: &SnapshotLocation,
        options: &PublisherOptions,
        control: &Control,
    ) -> Result<Option<Publisher>, Failure> {
        match Publisher::open(target.path(), options) {
            Ok(publisher) => return Ok(Some(publisher)),
            Err(OpenError::Lock(LockError::Held { path })) if !self.no_wait => {
                tracing::info!(lock = %path.display(), "another publisher holds the file; stands by");
            }
            Err(error) => return Err(error.into()),
        }
        // A publisher that stands by is as ready as one can be.
        service_manager::notify("READY=1\nSTATUS=standing by for another publisher");
        match Publisher::wait_and_open(target.path(), options, &control.ending) {
            Ok(publisher) => {
                tracing::info!("took over");
                Ok(Some(publisher))
            }
            Err(OpenError::Lock(LockError::Stopped { .. })) => {
                control.source_left();
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// No core file, and nobody but root reads this process's memory or environment: the API key is in it. Best effort: an old kernel or a
/// filter for system calls may not allow it.
fn keep_memory_private() {
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
