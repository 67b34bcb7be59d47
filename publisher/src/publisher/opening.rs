//! Opening a publisher whose lock is held: file and threads, and what was left by whoever published before.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use flagstaff_format::{Archive, Opened, Opening, Writer, WriterOptions, status, unix_micros};

use super::Publisher;
use crate::causes::with_causes;
use crate::checkpointer::Checkpointer;
use crate::counted::Counted;
use crate::error::{OpenError, PublishError};
use crate::feed::{Feed, LastPayload};
use crate::heartbeat::Heartbeat;
use crate::history::{History, Keeper};
use crate::local::Local;
use crate::lock::PublisherLock;
use crate::options::PublisherOptions;
use crate::predecessor::{self, Predecessor};
use crate::shared::Shared;
use crate::side_files::SideFiles;

impl Publisher {
    pub(super) fn with_lock(
        path: &Path,
        asked: &Path,
        options: &PublisherOptions,
        lock: PublisherLock,
    ) -> Result<Publisher, OpenError> {
        let writer = WriterOptions::default().identity(options.identity.bytes()).mode(options.file_mode);
        let writer = writer.link(asked).hooks(options.watch.clone());
        let Opened { writer, snapshot, found, .. } = Writer::open(path, &writer)?;
        report(path, &found, snapshot.as_ref());
        let counted = Arc::new(Counted::of(writer.status_words()));
        let checkpointer = Checkpointer::start(
            writer.checkpoints()?,
            options.checkpoint_every,
            options.thread_log,
            counted.clone(),
        )
        .map_err(OpenError::Thread)?;
        let shared = Arc::new(Shared {
            writer: Mutex::new(writer),
            checkpointer,
            counted,
            lock,
            lock_lost: AtomicBool::new(false),
            stop_on_loss: Mutex::new(None),
            superseded: AtomicBool::new(false),
            is_started: AtomicBool::new(false),
            feed: Mutex::new(Feed::default()),
            last: LastPayload::of(snapshot.as_ref()),
            local: Local::new(path, options.guard),
            history: Arc::new(History::new(options.history, &options.source_name)),
            limits: options.limits,
            identity: options.identity.bytes(),
            working_since: AtomicU64::new(0),
        });
        let heartbeat =
            Some(Heartbeat::start(shared.clone(), options.thread_log).map_err(OpenError::Thread)?);
        let of_keeper = Arc::downgrade(&shared);
        let newest = move || of_keeper.upgrade().and_then(|shared| shared.newest_for_history());
        let keeper = Keeper::start(shared.history.clone(), SideFiles::new(path), options.thread_log, newest)
            .map_err(OpenError::Thread)?;
        options.watch.failpoint("start");
        // Last: an error after it would leave the file with the claim that there is a publisher.
        status::set_started(shared.writer().status_words());
        shared.is_started.store(true, Ordering::Release);
        let mut publisher = Publisher {
            heartbeat,
            keeper: Some(keeper),
            shared,
            path: path.to_owned(),
            options: options.clone(),
        };
        match snapshot {
            // A file that was not stopped cleanly may have newer flags in memory than on the disk.
            Some(snapshot) => publisher.shared.checkpointer.offer(Arc::new(snapshot)),
            None => publisher.import(),
        }
        publisher.shared.start_local();
        Ok(publisher)
    }

    fn import(&mut self) {
        let Some(path) = self.options.import.clone() else { return };
        self.options.watch.failpoint("import");
        let found = match predecessor::find(&path, self.options.identity, &self.options.limits) {
            Ok(Some(found)) => found,
            Ok(None) => return,
            Err(error) => {
                let error = with_causes(&error);
                return tracing::warn!(error, "cache of the SDK was not imported");
            }
        };
        self.options.watch.failpoint("import: the cache is read");
        match found {
            Predecessor::Snapshot(path, archive) => match self.take_over(*archive) {
                Ok(()) => tracing::info!(path = %path.display(), "started from a snapshot of the same key"),
                Err(error) => tracing::warn!(%error, "snapshot of the same key was not taken over"),
            },
            Predecessor::Cache(path, payload, written) => {
                match self.publish_of(&payload, written.unwrap_or_else(unix_micros)) {
                    Ok(_) => tracing::info!(path = %path.display(), "started from the cache of the SDK"),
                    Err(error) => tracing::warn!(%error, "cache of the SDK was not imported"),
                }
            }
        }
    }

    /// Publishes the flags of another file as they are.
    fn take_over(&mut self, mut archive: Archive) -> Result<(), PublishError> {
        self.shared.take_over(&mut archive)?;
        self.shared.checkpointer.offer(Arc::new(archive));
        Ok(())
    }
}

fn report(path: &Path, found: &Opening, snapshot: Option<&Archive>) {
    let path = path.display();
    let flags = snapshot.map_or(0, Archive::len);
    let generation = snapshot.map_or(0, |archive| archive.generation().0);
    match found {
        Opening::Nothing => tracing::info!(%path, "made a new snapshot file"),
        Opening::Good => tracing::info!(%path, generation, flags, "goes on with the snapshot file"),
        Opening::Repaired(damage) => {
            tracing::warn!(%path, damage, generation, flags, "repaired the snapshot file");
        }
        Opening::Superseded(why) => {
            tracing::info!(%path, why, generation, flags, "superseded the snapshot file");
        }
        Opening::PutAside(aside) => {
            tracing::warn!(%path, aside = %aside.display(), "found a file that is no snapshot, put it aside and made a new one");
        }
        _ => {}
    }
}
