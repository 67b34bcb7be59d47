//! From a payload to the file, and what is kept of one that the file could not take.
//!
//! A source sends a payload once. If a full disk drops it, readers keep old flags until the source changes again, so it is kept, the
//! newest alone, and tried again from time to time (the heartbeat thread does that) until readers see it or a newer one comes. Meanwhile
//! the file says that readers are behind. So it does after a payload that is refused for what is in it; nothing is tried
//! again then, because the same bytes are refused for ever.
//!
//! The payload that was published last is kept too: the file can lose it (somebody writes over it, or cuts it off), and a source says
//! it once.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use flagstaff_format::{Archive, Facts, FailureKind, Generation, LinkState, status};
use xxhash_rust::xxh3::xxh3_128;

use crate::changes::Changes;
use crate::error::PublishError;
use crate::failure_kind;
use crate::heartbeat::Shared;
use crate::payload::{self, Limits, Members};
use crate::publisher::Outcome;

/// Pause before the first new try. It doubles with each one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Bytes of a payload whose archive shall not stand in memory beside the one before.
const LARGE: usize = 512 * 1024;

/// The longest pause: so long, and the time between two heartbeats, flags may stay away after there is space.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What came from the source.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    /// The newest payload that the file could not take.
    waiting: Option<Waiting>,
    /// Why a payload, newer than that, was refused for good; or why readers lost the newest.
    refused: Option<FailureKind>,
    /// A payload has come. Before, what the file says is what a publisher before this one said.
    has_begun: bool,
    /// What came of a payload that was tried again.
    caught_up: Option<Outcome>,
    /// What the link to the source is said to be.
    link: Option<LinkState>,
}

/// What was published last, behind a lock of its own: the feed is held for as long as a payload takes.
#[derive(Debug)]
pub(crate) struct LastPayload(Mutex<Option<Last>>);

/// Not its archive, which is larger than the text.
#[derive(Debug)]
struct Last {
    digest: [u64; 2],
    /// `None` for the flags of a publisher before this one, until the source says them again.
    payload: Option<String>,
    published_at: u64,
}

#[derive(Debug)]
struct Waiting {
    payload: String,
    published_at: u64,
    why: FailureKind,
    pause: Duration,
    again_at: Instant,
}

impl Last {
    fn of(archive: &Archive) -> Last {
        let facts = archive.facts();
        Last { digest: facts.payload_digest, payload: None, published_at: facts.published_at }
    }
}

fn facts_of(payload: &str, digest: [u64; 2], published_at: u64, identity: [u8; 32]) -> Facts {
    let mut facts = Facts::default();
    facts.published_at = published_at;
    facts.identity = identity;
    facts.payload_bytes = payload.len() as u64;
    facts.payload_digest = digest;
    facts
}

impl Waiting {
    fn new(payload: &str, published_at: u64, why: FailureKind) -> Waiting {
        let again_at = Instant::now() + FIRST_PAUSE;
        Waiting { payload: payload.to_owned(), published_at, why, pause: FIRST_PAUSE, again_at }
    }

    fn failed_again(self, why: FailureKind) -> Waiting {
        let pause = (self.pause * 2).min(LONGEST_PAUSE);
        Waiting { why, pause, again_at: Instant::now() + pause, ..self }
    }
}

impl LastPayload {
    /// What a publisher starts with that goes on with `snapshot`.
    pub(crate) fn of(snapshot: Option<&Archive>) -> LastPayload {
        LastPayload(Mutex::new(snapshot.map(Last::of)))
    }

    fn last(&self) -> MutexGuard<'_, Option<Last>> {
        // It is whole at every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, last: Option<Last>) {
        *self.last() = last;
    }

    /// Whether this is the payload of before.
    fn is(&self, digest: [u64; 2], payload: &str) -> bool {
        match &mut *self.last() {
            Some(last) if last.digest == digest => {
                last.payload.get_or_insert_with(|| payload.to_owned());
                true
            }
            _ => false,
        }
    }

    /// What is to stand in a file that is made anew, of which `found` is what the old one still has.
    pub(crate) fn or(&self, found: Option<Archive>, limits: &Limits, identity: [u8; 32]) -> Option<Archive> {
        let last = self.last();
        let Some(Last { digest, payload: Some(payload), published_at }) = &*last else { return found };
        if found.as_ref().is_some_and(|found| found.facts().payload_digest == *digest) {
            return found;
        }
        // It was good when it was published.
        let Ok(members) = payload::members(payload, limits) else { return found };
        let facts = facts_of(payload, *digest, *published_at, identity);
        Archive::build_of(members, Generation(1), facts).ok().or(found)
    }
}

impl Feed {
    /// Why readers do not see the newest payload.
    fn behind(&self) -> Option<FailureKind> {
        self.waiting.as_ref().map(|waiting| waiting.why).or(self.refused)
    }
}

impl Shared {
    fn feed(&self) -> MutexGuard<'_, Feed> {
        // It is whole at every step.
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes a payload, or keeps it if the file cannot take it now. The caller holds the lock.
    pub(crate) fn publish(&self, payload: &str, published_at: u64) -> Result<Outcome, PublishError> {
        let mut feed = self.feed();
        let result = self.put(&mut feed, payload, published_at);
        feed.has_begun = true;
        match result.as_ref().map_err(|error| (error, failure_kind::of_publish(error))) {
            Ok(_) => (feed.waiting, feed.refused) = (None, None),
            Err((PublishError::File(_), Some(why))) => {
                feed.waiting = Some(Waiting::new(payload, published_at, why));
                feed.refused = None;
            }
            // What waits is newer than what readers have, and good.
            Err((_, why)) => feed.refused = why,
        }
        if let Err(error) = &result {
            self.say_failure(error);
        }
        self.say_behind(&feed);
        result
    }

    /// Publishes the flags of another file as they are.
    pub(crate) fn take_over(&self, archive: &mut Archive) -> Result<(), PublishError> {
        let _feed = self.feed();
        let mut writer = self.writer();
        writer.publish(archive)?;
        self.last.set(Some(Last::of(archive)));
        Ok(())
    }

    /// A payload came that is refused before it can be looked at.
    pub(crate) fn refuse(&self, why: FailureKind) {
        let mut feed = self.feed();
        (feed.has_begun, feed.refused) = (true, Some(why));
        self.say_behind(&feed);
    }

    /// Whether a payload waits for the file.
    pub(crate) fn has_waiting(&self) -> bool {
        self.feed().waiting.is_some()
    }

    /// What came of a payload that was tried again; told once. Waits for nothing: it is told later if it is being tried just now.
    pub(crate) fn take_caught_up(&self) -> Option<Outcome> {
        self.feed.try_lock().ok()?.caught_up.take()
    }

    /// Says in which state the link to the source is. The same state again does not make it younger.
    pub(crate) fn set_link(&self, state: LinkState) {
        let mut feed = self.feed();
        feed.link = Some(state);
        self.say_link(&feed);
    }

    /// Tries a payload again that waits, if it is time, and says again in the file what it does not say: words do not reach a file
    /// system that takes nothing, or another file may stand at the path by now.
    pub(crate) fn catch_up(&self) {
        // Somebody publishes just now.
        let Ok(mut feed) = self.feed.try_lock() else { return };
        self.forget_what_was_lost(&mut feed);
        if let Some(waiting) = feed.waiting.take_if(|waiting| waiting.again_at <= Instant::now()) {
            match self.put(&mut feed, &waiting.payload, waiting.published_at) {
                Ok(outcome) => {
                    tracing::info!("the snapshot file can be written again");
                    feed.caught_up = Some(outcome);
                }
                Err(error) => {
                    self.say_failure(&error);
                    feed.waiting = failure_kind::of_publish(&error).map(|why| waiting.failed_again(why));
                }
            }
        }
        self.say_behind(&feed);
        if self.is_started.load(Ordering::Acquire) {
            self.say_start();
            self.say_link(&feed);
        }
    }

    fn put(&self, feed: &mut Feed, payload: &str, published_at: u64) -> Result<Outcome, PublishError> {
        let start = Instant::now();
        let digest = xxh3_128(payload.as_bytes());
        let payload_digest = [digest as u64, (digest >> 64) as u64];
        self.forget_what_was_lost(feed);
        if self.last.is(payload_digest, payload) {
            // Asked for, not remembered: a file that was made anew since then has a higher one.
            return Ok(Outcome::Unchanged { generation: self.writer().generation() });
        }
        let members = payload::members(payload, &self.limits)?;
        // There is memory for one large archive.
        let is_taken_back = payload.len() >= LARGE && self.checkpointer.take_back();
        let facts = facts_of(payload, payload_digest, published_at, self.identity);
        let (archive, generation) = self.build(members, facts, payload).inspect_err(|_| {
            if is_taken_back && let Some(current) = self.writer().current() {
                self.checkpointer.offer(Arc::new(current));
            }
        })?;
        let took = start.elapsed();

        let changes = Changes::between(self.writer().previous().as_ref(), &archive);
        tracing::info!(%generation, flags = archive.len(), %changes, ?took, "published");
        let (flags, archive_bytes) = (archive.len(), archive.bytes().len());
        self.checkpointer.offer(Arc::new(archive));
        Ok(Outcome::Published { generation, flags, archive_bytes, took, changes })
    }

    fn build(
        &self,
        members: Members<'_>,
        facts: Facts,
        payload: &str,
    ) -> Result<(Archive, Generation), PublishError> {
        let mut archive = Archive::build_of(members, Generation(1), facts)?;
        let mut writer = self.writer();
        if writer.damage().is_some() {
            // Readers that trust the damaged header are led to a whole file first.
            self.supersede(&mut writer)?;
        }
        let generation = writer.publish(&mut archive)?;
        // While the writer is locked: who makes the file anew takes what is remembered here for what was in it.
        self.last.set(Some(Last { payload: Some(payload.to_owned()), ..Last::of(&archive) }));
        Ok((archive, generation))
    }

    /// A file that was made anew may hold older flags than were published last, or none, if those were damaged and their payload is not
    /// at hand: then the same payload is not "unchanged", and readers are behind until one comes.
    fn forget_what_was_lost(&self, feed: &mut Feed) {
        // The heartbeat thread holds the writer while it makes a file anew and says so.
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

    fn say_failure(&self, error: &PublishError) {
        if let Some(kind) = failure_kind::of_publish(error) {
            status::set_failure(self.writer().status_words(), kind);
        }
    }

    fn say_behind(&self, feed: &Feed) {
        if feed.has_begun {
            status::set_behind(self.writer().status_words(), feed.behind());
        }
    }

    fn say_link(&self, feed: &Feed) {
        let writer = self.writer();
        if let Some(state) =
            feed.link.filter(|state| status::read(writer.status_words().map()).link != *state)
        {
            status::set_link(writer.status_words(), state);
        }
    }

    fn say_start(&self) {
        let writer = self.writer();
        if status::read(writer.status_words().map()).uptime.is_none() {
            status::set_started(writer.status_words());
        }
    }
}
