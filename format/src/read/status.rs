//! The status words: what the publisher says about itself. Each word is consistent in itself; together they are not a snapshot.

use std::time::Duration;

use crate::bytes::counters::Counters;
use crate::bytes::last_failure::{self, FailureKind, LastFailure};
use crate::bytes::layout::word;
use crate::sync::boot;
use crate::sync::map::Mapping;
use crate::write::header_page::HeaderPage;

/// State of the publisher's link to its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkState {
    /// No publisher has said anything yet, or it stopped cleanly.
    Idle,
    /// A connection is being made.
    Connecting,
    /// The source is connected.
    Open,
    /// The source is lost; it is tried again.
    Retrying,
    /// The source refuses (401, 403, 404, 204): tried again slowly.
    Refused,
}

impl LinkState {
    const fn code(self) -> u64 {
        match self {
            LinkState::Idle => 0,
            LinkState::Connecting => 1,
            LinkState::Open => 2,
            LinkState::Retrying => 3,
            LinkState::Refused => 4,
        }
    }

    const fn from_code(code: u64) -> LinkState {
        match code {
            1 => LinkState::Connecting,
            2 => LinkState::Open,
            3 => LinkState::Retrying,
            4 => LinkState::Refused,
            _ => LinkState::Idle,
        }
    }

    /// The name of the state, in one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            LinkState::Idle => "idle",
            LinkState::Connecting => "connecting",
            LinkState::Open => "open",
            LinkState::Retrying => "retrying",
            LinkState::Refused => "refused",
        }
    }
}

impl std::fmt::Display for LinkState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What the status words say, as of now. Ages are `None` where they are unknown: never written, written in another boot,
/// or ahead of this clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublisherStatus {
    /// State of the link.
    pub link: LinkState,
    /// For how long it has been in this state.
    pub link_age: Option<Duration>,
    /// Since the last sign of life of the source.
    pub contact_age: Option<Duration>,
    /// Since the publisher started; `None` after a clean stop.
    pub uptime: Option<Duration>,
    /// Since the publisher was seen alive.
    pub heartbeat_age: Option<Duration>,
    /// The newest generation known to be on the disk.
    pub durable: u64,
    /// What failed last, also if it works again by now; `None` if nothing failed.
    pub last_failure: Option<LastFailure>,
    /// Why the newest payload of the source is not what readers see, and for how long they have been behind; `None` if they see it.
    pub behind: Option<LastFailure>,
    /// Bytes that the last publish stored into its slot: those of the lines that differed.
    pub last_publish_bytes: u64,
    /// Bytes that the last checkpoint wrote.
    pub last_checkpoint_bytes: u64,
}

/// Reads the status words.
#[must_use]
pub fn read(map: &Mapping) -> PublisherStatus {
    let [link, contact, start, heartbeat, durable, failure, behind] = [
        word::LINK,
        word::LAST_CONTACT,
        word::PUBLISHER_START,
        word::HEARTBEAT,
        word::DURABLE,
        word::LAST_FAILURE,
        word::BEHIND,
    ]
    .map(|at| map.load(at));
    // After the words: a publisher that writes one in between would otherwise be ahead of this clock.
    let now = boot::now();
    let age = |since: Duration| {
        if since.is_zero() { None } else { now.checked_sub(since) }
    };
    let failed = |word| last_failure::decode(word).map(|(kind, at)| LastFailure { kind, age: age(at) });
    PublisherStatus {
        link: LinkState::from_code(link >> 56),
        link_age: age(Duration::from_millis(link & 0x00ff_ffff_ffff_ffff)),
        contact_age: age(Duration::from_nanos(contact)),
        uptime: age(Duration::from_nanos(start)),
        heartbeat_age: age(Duration::from_nanos(heartbeat)),
        durable,
        last_failure: failed(failure),
        behind: failed(behind),
        last_publish_bytes: map.load(word::LAST_PUBLISH),
        last_checkpoint_bytes: map.load(word::LAST_CHECKPOINT),
    }
}

/// Reads the counters.
#[must_use]
pub fn counters(map: &Mapping) -> Counters {
    Counters::of(std::array::from_fn(|at| map.load(word::COUNTERS + at)))
}

/// Writes the state of the link.
pub fn set_link(page: &HeaderPage, state: LinkState) {
    let now = boot::now().as_millis() as u64 & 0x00ff_ffff_ffff_ffff;
    say(page, word::LINK, state.code() << 56 | now);
}

/// Writes what failed just now. It remains until the next failure.
pub fn set_failure(page: &HeaderPage, kind: FailureKind) {
    say(page, word::LAST_FAILURE, last_failure::encode(kind, boot::now()));
}

/// Writes why the newest payload is not what readers see; `None` once they see it. The time is that of the first failure in a row: a
/// newer payload that fails as well does not reset it.
pub fn set_behind(page: &HeaderPage, why: Option<FailureKind>) {
    let said = last_failure::decode(page.load(word::BEHIND));
    let now = boot::now();
    let value =
        why.map_or(0, |kind| last_failure::encode(kind, said.map_or(now, |(_, since)| since.min(now))));
    if value != page.load(word::BEHIND) {
        say(page, word::BEHIND, value);
    }
}

/// Writes how many bytes a publish has stored.
pub(crate) fn set_published(page: &HeaderPage, bytes: u64) {
    if bytes != page.load(word::LAST_PUBLISH) {
        say(page, word::LAST_PUBLISH, bytes);
    }
}

/// Writes how many bytes a checkpoint has written.
pub(crate) fn set_checkpoint(page: &HeaderPage, bytes: u64) {
    say(page, word::LAST_CHECKPOINT, bytes);
}

/// Writes that the source gave a sign of life just now.
pub fn touch_contact(page: &HeaderPage) {
    say(page, word::LAST_CONTACT, boot::now().as_nanos() as u64);
}

/// Writes that the publisher is alive.
pub fn beat(page: &HeaderPage) {
    say(page, word::HEARTBEAT, boot::now().as_nanos() as u64);
}

/// Writes that a publisher starts.
pub fn set_started(page: &HeaderPage) {
    set_since(page, boot::now().as_nanos() as u64);
}

/// Writes that the publisher stops cleanly.
pub fn set_stopped(page: &HeaderPage) {
    set_since(page, 0);
}

fn set_since(page: &HeaderPage, since: u64) {
    say(page, word::PUBLISHER_START, since);
    say(page, word::HEARTBEAT, since);
    set_link(page, LinkState::Idle);
}

/// Copies the status words and the counters to a new file of the same publisher, except for the durable generation and what was written,
/// which are each file's own.
pub(crate) fn carry_over(from: &HeaderPage, to: &HeaderPage) {
    for at in [
        word::LINK,
        word::LAST_CONTACT,
        word::PUBLISHER_START,
        word::HEARTBEAT,
        word::LAST_FAILURE,
        word::BEHIND,
    ] {
        say(to, at, from.load(at));
    }
    let _ = to.set_counters(&counters(from.map()));
}

/// Errors are ignored: if the file cannot be written, the heartbeat stops as well, and so readers see that the publisher is gone.
fn say(page: &HeaderPage, at: usize, value: u64) {
    let _ = page.write(at, value);
}
