//! From a payload to the file.
//!
//! A payload that the file could not take is tried again by the heartbeat thread. Meanwhile the file says that readers are behind. It also
//! says so after a payload that is refused for what is in it; nothing is tried again then, because the same bytes are always refused.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use flagstaff_format::counters::{Event, Phase};
use flagstaff_format::{Archive, Facts, FailureKind, Generation, Hint, LinkState, status};
use xxhash_rust::xxh3::xxh3_128;

use crate::error::PublishError;
use crate::failure_kind;
use crate::feed::{Feed, Last, Waiting};
use crate::kept::{Kept, facts_of};
use crate::local::{Origin, Suspicion};
use crate::outcome::{Changes, Outcome};
use crate::payload::{self, Edit};
use crate::shared::Shared;

/// Bytes of a payload whose archive shall not stand in memory beside the one before.
const LARGE: usize = 512 * 1024;

impl Shared {
    fn feed(&self) -> MutexGuard<'_, Feed> {
        // It is whole at every step.
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes a payload, or keeps it if the file cannot take it now. The caller holds the lock.
    pub(crate) fn publish(
        &self,
        payload: &str,
        published_at: u64,
        origin: Origin,
    ) -> Result<Outcome, PublishError> {
        let mut feed = self.feed();
        let result = self.put(&mut feed, payload, published_at, origin);
        // What is made here says nothing about the payload that is held.
        feed.held &= origin == Origin::Here
            || matches!(&result, Err(PublishError::Payload(_) | PublishError::Build(_)));
        feed.has_begun = true;
        match result.as_ref().map_err(|error| (error, failure_kind::of_publish(error))) {
            Ok(outcome) => {
                (feed.waiting, feed.refused) = (None, None);
                self.count(outcome);
            }
            Err((PublishError::File(_), Some(why))) => {
                feed.waiting = Some(Waiting::new(payload, published_at, why));
                feed.refused = None;
            }
            Err((PublishError::Held(_), _)) => {
                feed.held = true;
                self.counted.add(Event::Held, 1);
            }
            // A waiting payload stays: it is good, and newer than what readers have.
            Err((_, why)) => {
                feed.refused = why;
                self.counted.add(Event::Refused, 1);
            }
        }
        if let Err(error) = &result {
            self.record_failure(error);
        }
        self.record_behind(&feed);
        result
    }

    /// The guard holds a payload that is not to be published now.
    pub(crate) fn hold(&self, why: Suspicion) -> PublishError {
        let mut feed = self.feed();
        (feed.held, feed.has_begun) = (true, true);
        self.counted.add(Event::Held, 1);
        let error = PublishError::Held(Box::new(why));
        self.record_failure(&error);
        self.record_behind(&feed);
        error
    }

    /// Publishes the flags of another file as they are.
    pub(crate) fn take_over(&self, archive: &mut Archive) -> Result<(), PublishError> {
        let mut feed = self.feed();
        feed.kept = None;
        let mut writer = self.writer();
        writer.publish(archive)?;
        self.last.set(Some(Last::of(archive)));
        Ok(())
    }

    /// A payload came that is refused before it can be looked at.
    pub(crate) fn refuse(&self, why: FailureKind) {
        let mut feed = self.feed();
        (feed.has_begun, feed.refused) = (true, Some(why));
        self.record_behind(&feed);
    }

    /// Records whether the guard holds the newest payload.
    pub(crate) fn holds(&self, held: bool) {
        self.feed().held = held;
    }

    /// The newest text that was published, or waits for the file.
    pub(crate) fn newest_text(&self) -> Option<String> {
        let feed = self.feed();
        let waiting = feed.waiting.as_ref().map(|waiting| waiting.payload.clone());
        waiting.or_else(|| self.last.last().as_ref()?.text().map(str::to_owned))
    }

    /// Whether a payload waits for the file.
    pub(crate) fn has_waiting(&self) -> bool {
        self.feed().waiting.is_some()
    }

    /// The outcome of a payload that was tried again; returned once. Waits for nothing: `None` while one is being tried.
    pub(crate) fn take_caught_up(&self) -> Option<Outcome> {
        self.feed.try_lock().ok()?.caught_up.take()
    }

    /// Records the state of the link to the source. The same state again does not make it younger.
    pub(crate) fn set_link(&self, state: LinkState) {
        let mut feed = self.feed();
        feed.link = Some(state);
        self.record_link(&feed);
    }

    /// Tries a waiting payload again, if it is time, and writes status words again that the file lacks: a file system that takes nothing
    /// lost them, or another file lies at the path by now.
    pub(crate) fn catch_up(&self) {
        // A publish is under way.
        let Ok(mut feed) = self.feed.try_lock() else { return };
        self.forget_what_was_lost(&mut feed);
        if let Some(waiting) = feed.waiting.take_if(|waiting| waiting.again_at <= Instant::now()) {
            match self.put(&mut feed, &waiting.payload, waiting.published_at, Origin::Here) {
                Ok(outcome) => {
                    self.count(&outcome);
                    tracing::info!("the snapshot file can be written again");
                    feed.caught_up = Some(outcome);
                }
                Err(error) => {
                    self.record_failure(&error);
                    feed.waiting = failure_kind::of_publish(&error).map(|why| waiting.failed_again(why));
                }
            }
        }
        self.record_behind(&feed);
        if self.is_started.load(Ordering::Acquire) {
            self.record_start();
            self.record_link(&feed);
        }
    }

    fn put(
        &self,
        feed: &mut Feed,
        payload: &str,
        published_at: u64,
        origin: Origin,
    ) -> Result<Outcome, PublishError> {
        let start = Instant::now();
        let digest = xxh3_128(payload.as_bytes());
        let payload_digest = [digest as u64, (digest >> 64) as u64];
        self.forget_what_was_lost(feed);
        if self.last.is(payload_digest, payload) {
            // Asked for, not remembered: a file that was recreated since then has a higher one.
            return Ok(Outcome::Unchanged { generation: self.writer().generation() });
        }
        let facts = facts_of(payload, payload_digest, published_at, self.identity);
        if let Some(kept) = feed.kept.take() {
            let edit = self.last.edit(&kept, payload, &self.limits);
            let passes = |edit: &Edit<'_>| {
                origin == Origin::Here || self.local.lets_pass(edit.changes.len(), kept.archive.len())
            };
            if let Some(edit) = edit.filter(passes) {
                return self.put_edit(feed, kept, &edit, facts, payload, start);
            }
            feed.kept = Some(kept);
        }
        self.put_whole(feed, facts, payload, start, origin)
    }

    /// Changes the archive in place. It is kept again only when readers have it: after a publish that failed the next one is built whole.
    fn put_edit(
        &self,
        feed: &mut Feed,
        mut kept: Kept,
        edit: &Edit<'_>,
        facts: Facts,
        payload: &str,
        start: Instant,
    ) -> Result<Outcome, PublishError> {
        let before = kept.archive.generation();
        let is_taken_back = Arc::get_mut(&mut kept.archive).is_none() && self.checkpointer.lend();
        let places = kept.change(edit, facts);
        let archive = Arc::make_mut(&mut kept.archive);
        let generation = self
            .write(archive, payload, edit.first_byte(), Some((before, &places)), start)
            .inspect_err(|_| self.offer_current(is_taken_back))?;
        let took = start.elapsed();
        let archive = kept.archive.clone();
        feed.kept = Some(kept);
        // Otherwise the file was recreated meanwhile, perhaps with other flags than those of this archive before.
        let changes = (generation == before.next()).then(|| Changes::at(&archive, &places));
        Ok(self.published(archive, took, changes))
    }

    /// Decodes and builds all of a payload.
    fn put_whole(
        &self,
        feed: &mut Feed,
        facts: Facts,
        payload: &str,
        start: Instant,
        origin: Origin,
    ) -> Result<Outcome, PublishError> {
        let members = payload::members(payload, &self.limits)?;
        let hint = match feed.kept.take() {
            Some(kept) => Some(Hint::of(&*kept.archive)),
            None => self.writer().hint(),
        };
        // Memory for one large archive at a time.
        let is_taken_back = payload.len() >= LARGE && self.checkpointer.take_back();
        let (archive, positions) = Kept::build(&members, hint, facts)
            .map_err(PublishError::from)
            .and_then(|(mut archive, positions)| {
                if origin == Origin::Source {
                    self.local.check(&self.writer(), &archive)?;
                }
                self.write(&mut archive, payload, 0, None, start)?;
                Ok((Arc::new(archive), positions))
            })
            .inspect_err(|_| self.offer_current(is_taken_back))?;
        let took = start.elapsed();
        feed.kept = positions.map(|positions| Kept::of(archive.clone(), positions));
        Ok(self.published(archive, took, None))
    }

    /// Publishes an archive, of a payload that begins with as many bytes of the one before as `same` says. `changes`: the
    /// places at which it differs from a generation, if they are known.
    fn write(
        &self,
        archive: &mut Archive,
        payload: &str,
        same: usize,
        changes: Option<(Generation, &[u32])>,
        start: Instant,
    ) -> Result<Generation, PublishError> {
        let mut writer = self.writer();
        if writer.damage().is_some() {
            // Readers that trust the damaged header are led to a whole file first.
            self.supersede(&mut writer)?;
        }
        let built = Instant::now();
        let generation = writer.publish_changes(archive, changes)?;
        self.counted.payload_is_of(payload.len());
        self.counted.took(Phase::Build, built.saturating_duration_since(start));
        self.counted.took(Phase::Store, built.elapsed());
        // While the writer is locked: whoever recreates the file takes this for its content.
        self.last.follow(archive, payload, same);
        Ok(generation)
    }

    /// Readers have an archive. `changes`: what it changes, if that is known.
    fn published(&self, archive: Arc<Archive>, took: Duration, changes: Option<Changes>) -> Outcome {
        let changes =
            changes.unwrap_or_else(|| Changes::between(self.writer().previous().as_ref(), &archive));
        let (generation, flags, archive_bytes) = (archive.generation(), archive.len(), archive.bytes().len());
        self.history.published(&archive);
        self.checkpointer.offer(archive);
        Outcome::Published { generation, flags, archive_bytes, took, changes }
    }

    /// What was taken back from the checkpoint thread goes there again, as it stands in the file.
    fn offer_current(&self, is_taken_back: bool) {
        if is_taken_back && let Some(current) = self.writer().current() {
            self.checkpointer.offer(Arc::new(current));
        }
    }

    /// A recreated file may hold older flags than were published last, or none, if those were damaged and their payload is not
    /// at hand: then the same payload is not "unchanged", and readers are behind until one comes.
    fn forget_what_was_lost(&self, feed: &mut Feed) {
        // The heartbeat thread holds the writer while it recreates a file and records that.
        let writer = self.writer();
        if self.superseded.swap(false, Ordering::AcqRel) {
            let current = writer.current();
            let last = self.last.last().as_ref().map(|last| last.digest);
            if current.map(|archive| archive.facts().payload_digest) != last {
                self.last.set(None);
                feed.refused = feed.refused.or(Some(FailureKind::Disk)).filter(|_| feed.has_begun);
            }
        }
    }

    fn count(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Published { changes, .. } => {
                self.counted.add(Event::Published, 1);
                let Changes { added, removed, changed } = changes;
                let flags = added.count + removed.count + changed.count;
                self.counted.add(Event::FlagChanged, flags as u64);
            }
            Outcome::Unchanged { .. } => self.counted.add(Event::Unchanged, 1),
        }
    }

    fn record_failure(&self, error: &PublishError) {
        if let Some(kind) = failure_kind::of_publish(error) {
            self.failed(&self.writer(), kind);
        }
    }

    fn record_behind(&self, feed: &Feed) {
        if feed.has_begun {
            status::set_behind(self.writer().status_words(), feed.behind());
        }
    }

    fn record_link(&self, feed: &Feed) {
        let writer = self.writer();
        if let Some(state) =
            feed.link.filter(|state| status::read(writer.status_words().map()).link != *state)
        {
            status::set_link(writer.status_words(), state);
        }
    }

    fn record_start(&self) {
        let writer = self.writer();
        if status::read(writer.status_words().map()).uptime.is_none() {
            status::set_started(writer.status_words());
        }
    }
}
