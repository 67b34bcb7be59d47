//! What a reader knows about its file and its publisher.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flagstaff_format::layout::{Area, word};
use flagstaff_format::{
    Counters, FileId, Frame, Generation, LastFailure, LinkState, Mapping, frame_of, status,
};

use crate::attached::Attached;
use crate::reader::Reader;

/// A publisher that has not been seen for longer than this is taken for gone. It shows itself every second.
const SEEN_ALIVE: Duration = Duration::from_secs(3);

/// The publisher, as far as its file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublisherState {
    /// Seen within the last 3 seconds.
    Alive,
    /// Stopped cleanly, or never started in this file.
    Stopped,
    /// Not seen for longer: it was killed, or gets no processor time.
    Gone,
}

/// Where the path leads, compared with the file that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathState {
    /// To that file.
    Same,
    /// Nowhere.
    Missing,
    /// To a file that this reader cannot or will not follow: not readable, not a snapshot, or older.
    Stuck,
}

/// State of the file, the publisher and its source, as of now. Ages come from a clock that neither jumps nor stops in suspend; an age that
/// cannot be known is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The generation that reads are of; [`Generation::NONE`] if nothing has been published.
    pub generation: Generation,
    /// When its payload was published first.
    pub published_at: Option<SystemTime>,
    /// Number of flags.
    pub flags: u64,
    /// Bytes of its archive.
    pub archive_bytes: u64,
    /// Since the publisher last heard from its source.
    pub contact_age: Option<Duration>,
    /// State of the link between publisher and source.
    pub link: LinkState,
    /// For how long the link has been in this state.
    pub link_age: Option<Duration>,
    /// Whether a publisher is there.
    pub publisher: PublisherState,
    /// Since the publisher started.
    pub publisher_uptime: Option<Duration>,
    /// What failed last on the publisher's side. It remains after recovery until the next failure or reboot. `None` if nothing failed
    /// in this boot.
    pub last_failure: Option<LastFailure>,
    /// Why reads do not see the newest payload that the publisher got from its source, and for how long: it was refused, or there is no
    /// space for it. `None` if they see it.
    pub behind: Option<LastFailure>,
    /// The newest generation known to be on the disk.
    pub durable: Generation,
    /// Bytes that the last publish stored into the file: those of the lines that differed, which follow what changed.
    pub last_publish_bytes: u64,
    /// Bytes that the last checkpoint wrote: all of a snapshot.
    pub last_checkpoint_bytes: u64,
    /// Whether flags come from a cold cache: a file of another boot, or one whose current snapshot is damaged.
    pub is_cold: bool,
    /// Where the path leads.
    pub path: PathState,
}

impl Status {
    /// Whether flags may be out of date: no publisher, no open link, a newer payload that did not get into the file, or a cold cache.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        let is_linked = self.publisher == PublisherState::Alive && self.link == LinkState::Open;
        self.is_cold || self.behind.is_some() || !is_linked
    }
}

impl Reader {
    /// What the publishers of the file have done so far, for metrics: payloads, failures, durations. They are written about twice a
    /// second, and belong to the file: the next publisher goes on counting.
    ///
    /// ```
    /// use flagstaff_reader::counters::Event;
    ///
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// println!("{} payloads were published", flags.counters().count(Event::Published));
    /// ```
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.follow_at_once();
        status::counters(self.shared.attached().view.map())
    }

    /// The state of file, publisher and link. Looks at the path, and moves to another file if one is there. Takes a few
    /// microseconds.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// let status = flags.status();
    /// if status.is_stale() {
    ///     eprintln!("flags may be out of date: publisher {:?}, link {}", status.publisher, status.link);
    /// }
    /// ```
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.follow_at_once();
        let attached = self.shared.attached();
        let map = attached.view.map();
        let (generation, frame) = current_frame(attached);
        // Times of another boot say nothing on this one's clock.
        let words =
            if attached.is_of_this_boot() { status::read(map) } else { status::read(&Mapping::nothing()) };
        let publisher = match words.heartbeat_age {
            _ if words.uptime.is_none() => PublisherState::Stopped,
            Some(age) if age <= SEEN_ALIVE => PublisherState::Alive,
            _ => PublisherState::Gone,
        };
        Status {
            generation,
            published_at: frame.and_then(|f| UNIX_EPOCH.checked_add(Duration::from_micros(f.published_at))),
            flags: frame.map_or(0, |f| f.flags),
            archive_bytes: frame.map_or(0, |f| f.archive_bytes),
            contact_age: words.contact_age,
            link: words.link,
            link_age: words.link_age,
            publisher,
            publisher_uptime: words.uptime,
            last_failure: words.last_failure,
            behind: words.behind,
            durable: Generation(map.load(word::DURABLE)),
            last_publish_bytes: map.load(word::LAST_PUBLISH),
            last_checkpoint_bytes: map.load(word::LAST_CHECKPOINT),
            is_cold: attached.view.file().is_some() && !attached.view.is_live(),
            path: match FileId::at(&self.shared.path) {
                None => PathState::Missing,
                id if id == attached.view.file() => PathState::Same,
                _ => PathState::Stuck,
            },
        }
    }
}

/// The generation that is read now and the frame of its snapshot; `None` if publishes overtake every look at it.
fn current_frame(attached: &Attached) -> (Generation, Option<Frame>) {
    if let Some(copy) = attached.fallback() {
        return (copy.generation(), copy.frame().copied());
    }
    let mut generation = Generation::NONE;
    for _ in 0..64 {
        generation = attached.view.observe().generation();
        let frame = frame_of(attached.view.map(), Area::Slot(generation.slot() as usize)).ok();
        if let Some(frame) = frame.filter(|frame| frame.generation == generation) {
            return (generation, Some(frame));
        }
        if generation.is_none() {
            break;
        }
    }
    (generation, None)
}
