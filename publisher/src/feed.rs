//! What is kept of payloads: the newest that the file could not take, and the one that was published last.
//!
//! A source sends a payload once. If a full disk drops it, readers keep old flags until the source changes again, so it is kept, the
//! newest alone, and tried again from time to time until readers see it or a newer one comes. The payload that was published last is kept
//! too: the file can lose it (somebody overwrites or truncates it), and the source does not send it again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use flagstaff_format::{Archive, FailureKind, Generation, Hint, LinkState};

use crate::kept::{Kept, facts_of};
use crate::outcome::Outcome;
use crate::payload::{self, Edit, Limits};

/// Pause before the first new try. It doubles with each one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause: so long, and the time between two heartbeats, flags may stay away after there is space.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The payloads of the source, and its link.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    /// The newest payload that the file could not take.
    pub(crate) waiting: Option<Waiting>,
    /// Why a payload, newer than that, was refused for good; or why readers lost the newest.
    pub(crate) refused: Option<FailureKind>,
    /// The guard holds the newest.
    pub(crate) held: bool,
    /// A payload has come. Until then the file shows the state that the publisher before this one left.
    pub(crate) has_begun: bool,
    /// The outcome of a payload that was tried again.
    pub(crate) caught_up: Option<Outcome>,
    /// The state of the link to the source.
    pub(crate) link: Option<LinkState>,
    /// The archive that was published last. `None` if it cannot be changed in place, or did not get into the file.
    pub(crate) kept: Option<Kept>,
}

/// What was published last, behind a lock of its own: the feed is held for as long as a payload takes.
#[derive(Debug)]
pub(crate) struct LastPayload(Mutex<Option<Last>>);

/// Not its archive, which is larger than the text.
#[derive(Debug)]
pub(crate) struct Last {
    pub(crate) digest: [u64; 2],
    /// `None` for the flags of the publisher before this one, until the source sends them again.
    payload: Option<String>,
    published_at: u64,
}

/// A payload that the file could not take.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) payload: String,
    pub(crate) published_at: u64,
    why: FailureKind,
    pause: Duration,
    pub(crate) again_at: Instant,
}

impl Last {
    pub(crate) fn of(archive: &Archive) -> Last {
        let facts = archive.facts();
        Last { digest: facts.payload_digest, payload: None, published_at: facts.published_at }
    }

    /// The text that it was made of, if it is known.
    pub(crate) fn text(&self) -> Option<&str> {
        self.payload.as_deref()
    }
}

impl Waiting {
    pub(crate) fn new(payload: &str, published_at: u64, why: FailureKind) -> Waiting {
        let again_at = Instant::now() + FIRST_PAUSE;
        Waiting { payload: payload.to_owned(), published_at, why, pause: FIRST_PAUSE, again_at }
    }

    pub(crate) fn failed_again(self, why: FailureKind) -> Waiting {
        let pause = (self.pause * 2).min(LONGEST_PAUSE);
        Waiting { why, pause, again_at: Instant::now() + pause, ..self }
    }
}

impl LastPayload {
    /// For a publisher that starts with `snapshot`.
    pub(crate) fn of(snapshot: Option<&Archive>) -> LastPayload {
        LastPayload(Mutex::new(snapshot.map(Last::of)))
    }

    pub(crate) fn last(&self) -> MutexGuard<'_, Option<Last>> {
        // It is whole at every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set(&self, last: Option<Last>) {
        *self.last() = last;
    }

    /// `payload` was published, which became this archive. `same`: how many bytes at its start are those of the one before.
    pub(crate) fn follow(&self, archive: &Archive, payload: &str, same: usize) {
        let mut last = self.last();
        let before = last.take().and_then(|last| last.payload).unwrap_or_default();
        let mut text = if before.capacity() / 2 > payload.len() { String::new() } else { before };
        // Pages that are there already are written to, those of the usual change not even that.
        text.truncate(if text.is_char_boundary(same) { same } else { 0 });
        let more = payload.get(text.len()..).unwrap_or_default();
        text.reserve_exact(more.len());
        text.push_str(more);
        *last = Some(Last { payload: Some(text), ..Last::of(archive) });
    }

    /// What `payload` changes in the one that was published last, if that is the one of the archive that is kept.
    pub(crate) fn edit<'a>(&self, kept: &Kept, payload: &'a str, limits: &Limits) -> Option<Edit<'a>> {
        match &*self.last() {
            Some(Last { digest, payload: Some(before), .. })
                if *digest == kept.archive.facts().payload_digest =>
            {
                kept.edit(before, payload, limits)
            }
            _ => None,
        }
    }

    /// Whether this payload was published last.
    pub(crate) fn is(&self, digest: [u64; 2], payload: &str) -> bool {
        match &mut *self.last() {
            Some(last) if last.digest == digest => {
                last.payload.get_or_insert_with(|| payload.to_owned());
                true
            }
            _ => false,
        }
    }

    /// The archive for a recreated file; `found` is what the old file still has.
    pub(crate) fn or(&self, found: Option<Archive>, limits: &Limits, identity: [u8; 32]) -> Option<Archive> {
        let last = self.last();
        let Some(Last { digest, payload: Some(payload), published_at }) = &*last else { return found };
        if found.as_ref().is_some_and(|found| found.facts().payload_digest == *digest) {
            return found;
        }
        // It was good when it was published.
        let Ok(members) = payload::members(payload, limits) else { return found };
        let facts = facts_of(payload, *digest, *published_at, identity);
        let built = Archive::build_of(&members, found.as_ref().map(Hint::of), Generation(1), facts);
        built.ok().map(|(archive, _)| archive).or(found)
    }
}

impl Feed {
    /// Why readers do not see the newest payload.
    pub(crate) fn behind(&self) -> Option<FailureKind> {
        self.waiting
            .as_ref()
            .map(|waiting| waiting.why)
            .or(self.refused)
            .or(self.held.then_some(FailureKind::Held))
    }
}
