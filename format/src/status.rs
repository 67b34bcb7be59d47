//! The status words: what the publisher says about itself. Each word is whole, the set of them is not.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::boot;
use crate::last_failure::{self, FailureKind, LastFailure};
use crate::layout::word;
use crate::map::{Mapping, WritableMapping};

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

    /// One word for people and machines.
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
    /// What failed last, also if all is well by now; `None` if nothing did.
    pub last_failure: Option<LastFailure>,
}

/// Reads the status words.
#[must_use]
pub fn read(map: &Mapping) -> PublisherStatus {
    let [link, contact, start, heartbeat, durable, failure] = [
        word::LINK,
        word::LAST_CONTACT,
        word::PUBLISHER_START,
        word::HEARTBEAT,
        word::DURABLE,
        word::LAST_FAILURE,
    ]
    .map(|at| map.load(at));
    // After the words: a publisher that writes one in between would otherwise be ahead of this clock.
    let now = boot::now();
    let age = |since: Duration| {
        if since.is_zero() { None } else { now.checked_sub(since) }
    };
    PublisherStatus {
        link: LinkState::from_code(link >> 56),
        link_age: age(Duration::from_millis(link & 0x00ff_ffff_ffff_ffff)),
        contact_age: age(Duration::from_nanos(contact)),
        uptime: age(Duration::from_nanos(start)),
        heartbeat_age: age(Duration::from_nanos(heartbeat)),
        durable,
        last_failure: last_failure::decode(failure).map(|(kind, at)| LastFailure { kind, age: age(at) }),
    }
}

/// Says in which state the link is from now on.
pub fn set_link(map: &WritableMapping, state: LinkState) {
    let now = boot::now().as_millis() as u64 & 0x00ff_ffff_ffff_ffff;
    map.store(word::LINK, state.code() << 56 | now, Relaxed);
}

/// Says what failed just now. It stays until something else fails, or the same once more.
pub fn set_failure(map: &WritableMapping, kind: FailureKind) {
    map.store(word::LAST_FAILURE, last_failure::encode(kind, boot::now()), Relaxed);
}

/// Says that the source gave a sign of life just now.
pub fn touch_contact(map: &WritableMapping) {
    map.store(word::LAST_CONTACT, boot::now().as_nanos() as u64, Relaxed);
}

/// Says that the publisher is alive.
pub fn beat(map: &WritableMapping) {
    map.store(word::HEARTBEAT, boot::now().as_nanos() as u64, Relaxed);
}

/// Says that a publisher starts.
pub fn set_started(map: &WritableMapping) {
    set_since(map, boot::now().as_nanos() as u64);
}

/// Says that the publisher stops cleanly.
pub fn set_stopped(map: &WritableMapping) {
    set_since(map, 0);
}

fn set_since(map: &WritableMapping, since: u64) {
    map.store(word::PUBLISHER_START, since, Relaxed);
    map.store(word::HEARTBEAT, since, Relaxed);
    set_link(map, LinkState::Idle);
}

/// Takes over what a publisher said about itself in a file that it moves away from. What is on the disk is each file's own.
pub(crate) fn carry_over(from: &Mapping, to: &WritableMapping) {
    for at in [word::LINK, word::LAST_CONTACT, word::PUBLISHER_START, word::HEARTBEAT, word::LAST_FAILURE] {
        to.store(at, from.load(at), Relaxed);
    }
}
