//! Health and metrics over HTTP: of `run --listen`, and of `exporter` for files that others publish, such as the workers of an application.
//!
//! Everything comes from the files, where the counters of a publisher are too, and from the kernel's tables: a publisher pays nothing
//! for being asked, and it does not matter which process it is.

mod metrics;
mod processes;
mod routes;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use clap::Args;
use flagstaff_reader::Reader;
use flagstaff_server::Endpoint;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::Failure;
use crate::snapshot_args::SnapshotArgs;
use crate::{output, service_manager, signals};
use processes::Processes;

const EXAMPLES: &str = "\
Paths:
  /healthz   200 while this process works; of `run --listen` 503 if its publisher hangs
  /readyz    200 if the flags of all files are fresh, else 503 and why
  /metrics   OpenMetrics text, for Prometheus

Examples:
  flagstaff exporter --file /run/app/flags.flagstaff
  flagstaff exporter /run/a.flagstaff /run/b.flagstaff --listen 0.0.0.0:9100
  curl http://127.0.0.1:9100/metrics";

/// Serve health and metrics of snapshot files that other processes publish
///
/// For hosts where an application publishes by itself (an elected client). It only reads: the counters of the publisher are in the
/// file. `flagstaff run --listen` does the same for its own file. A file that does not exist yet is waited for.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Exporter {
    /// Snapshot files. Without any, the one of --file or of the API key
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Address and port to listen on; port 0 takes a free one. The address is printed on stdout
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9100")]
    listen: SocketAddr,

    #[command(flatten)]
    snapshot: SnapshotArgs,
}

impl Exporter {
    pub(crate) fn run(self) -> Result<(), Failure> {
        signals::second_ends_at_once()?;
        let mut stops = Signals::new([SIGTERM, SIGINT])
            .map_err(|source| Failure::System { action: "listen for signals", source })?;
        let readers = if self.files.is_empty() {
            vec![self.snapshot.attach()?]
        } else {
            self.files.iter().map(Reader::attach).collect()
        };
        let endpoint = start(self.listen, readers, None)?;
        service_manager::notify("READY=1\nSTATUS=serving health and metrics");
        output::line(&format!("http://{}", endpoint.address()))?;
        stops.forever().next();
        service_manager::notify("STOPPING=1");
        Ok(())
    }
}

/// Serves health and metrics of these files, until the result is dropped. `publishes`: whether this process is their publisher now, if it
/// may become that; it is live then only if the publisher shows a sign of life.
pub(crate) fn start(
    listen: SocketAddr,
    readers: Vec<Reader>,
    publishes: Option<Arc<AtomicBool>>,
) -> Result<Endpoint, Failure> {
    let processes = Arc::new(Processes::new(readers.iter().map(|reader| reader.path().to_owned())));
    let looks_at = Arc::downgrade(&processes);
    // Looking at all processes of a host takes a while: nobody who asks waits for it.
    thread::Builder::new()
        .name("flag-processes".to_owned())
        .spawn(move || processes::look_until_dropped(&looks_at))
        .map_err(|source| Failure::System { action: "start a thread", source })?;
    Ok(Endpoint::start(listen, routes::router(readers, processes, publishes))?)
}
