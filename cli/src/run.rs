//! `flagstaff run`: runs a publisher.

use std::path::{PathBuf, absolute};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use flagstaff_publisher::lock::LockError;
use flagstaff_publisher::sse::{Endpoint, StreamOptions};
use flagstaff_publisher::{
    Guard, HISTORY, OpenError, Publisher, PublisherOptions, SnapshotLocation, Source, give_memory_back, run,
};
use flagstaff_reader::Reader;

#[cfg(feature = "metrics")]
use crate::exporter;
use crate::failure::Failure;
use crate::log::Format;
use crate::permissions::Permissions;
use crate::signals::{self, Control};
use crate::snapshot_args::{SnapshotArgs, cannot_publish, make_cache_dir};
use crate::{service_manager, show};

const EXAMPLES: &str = "\
Signals:
  SIGTERM, SIGINT  stop cleanly; a second one ends it immediately
  SIGHUP           connect again, and read --api-key-file again

Examples:
  FLAGSTAFF_API_KEY=... flagstaff run
  flagstaff run --api-key-file /run/secrets/flags --file /run/flags.flagstaff
  flagstaff run --source flags.json --file /run/flags.flagstaff
  flagstaff run --listen 127.0.0.1:9100 --log-format json";

/// Publish until stopped
///
/// Takes the flags from the service's stream, or from a file that is watched, and keeps the snapshot file up to date.
/// While another publisher holds the file, it stands by, and takes over as soon as that one ends.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Run {
    /// Take the flags from this file instead of the service, and again whenever it changes
    #[arg(long, value_name = "FLAGS.json")]
    source: Option<PathBuf>,

    /// If another publisher holds the file, end with exit code 1 instead of standing by
    #[arg(long)]
    no_wait: bool,

    /// Longest time for making a connection
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = show::parse_duration)]
    connect_timeout: Duration,

    /// Longest silence on the stream; the service sends a heartbeat every 15 s
    #[arg(long, value_name = "SECONDS", default_value = "45", value_parser = show::parse_duration)]
    read_timeout: Duration,

    /// PEM file with root certificates to trust instead of those of the system
    #[arg(long, value_name = "PATH")]
    root_certificates: Option<PathBuf>,

    /// Hold a payload that removes all flags, or of 20 or more flags removes more than this share or gives them another type, until
    /// `flagstaff accept` or another payload; or off
    #[arg(long, value_name = "off|SHARE", default_value = "0.5", env = "FLAGSTAFF_GUARD")]
    guard: Guard,

    /// Keep that many of the last snapshots for `flagstaff log` and `flagstaff rollback`, and an audit log. 0: neither
    #[arg(long, value_name = "SNAPSHOTS", default_value_t = HISTORY, env = "FLAGSTAFF_HISTORY")]
    history: usize,

    /// Serve health and metrics on this address and port: /healthz, /readyz, /metrics. Port 0 takes a free one; the log says which
    #[cfg(feature = "metrics")]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<std::net::SocketAddr>,

    /// How the log on stderr is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, env = "FLAGSTAFF_LOG_FORMAT")]
    pub(crate) log_format: Format,

    #[command(flatten)]
    permissions: Permissions,

    #[command(flatten)]
    snapshot: SnapshotArgs,
}

/// Where flags come from. A source can be made of it more than once.
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
        let source_name = match &origin {
            Origin::Stream(endpoint) => endpoint.base_url().to_string(),
            Origin::File(path) => {
                absolute(path).unwrap_or_else(|_no_directory| path.clone()).display().to_string()
            }
        };
        let options = options.guard(self.guard).history(self.history).source_name(source_name);
        let publishes = Arc::new(AtomicBool::new(false));
        #[cfg(feature = "metrics")]
        let _endpoint = self.endpoint(&target, &publishes)?;
        let is_publishing = publishes.clone();
        let attached = Reader::attach(target.path());
        service_manager::report(attached, move || is_publishing.load(Ordering::Relaxed));
        let Some(mut publisher) = self.open(&target, &options, &control)? else { return Ok(()) };
        publishes.store(true, Ordering::Relaxed);
        service_manager::notify("READY=1\nSTATUS=publishing");
        while !control.is_ending() {
            run(&mut publisher, origin.source(), &control.next_run(), &mut |notice| notice.log())?;
        }
        control.source_left();
        // Dropping the publisher waits for the disk.
        Ok(())
    }

    #[cfg(feature = "metrics")]
    fn endpoint(
        &self,
        target: &SnapshotLocation,
        publishes: &Arc<AtomicBool>,
    ) -> Result<Option<flagstaff_server::Endpoint>, Failure> {
        let Some(address) = self.listen else { return Ok(None) };
        let reader = Reader::attach(target.path());
        let endpoint = exporter::start(address, vec![reader], Some(publishes.clone()))?;
        tracing::info!(url = %format!("http://{}", endpoint.address()), "serves health and metrics");
        Ok(Some(endpoint))
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
            Err(error) => return Err(cannot_publish(error, target.path())),
        }
        // A publisher that stands by counts as ready.
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
            Err(error) => Err(cannot_publish(error, target.path())),
        }
    }
}

/// No core file, and nobody but root can read this process's memory and environment, which hold the API key. Best effort: an old
/// kernel or a system call filter may not allow it.
fn keep_memory_private() {
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
