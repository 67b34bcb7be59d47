//! The thread that writes the history, so that neither a publish nor a command waits for it.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use flagstaff_format::Archive;

use super::audit::{self, Line};
use super::entry::{Cause, HistoryEntry};
use super::members::Members;
use super::shelf::Shelf;
use crate::options::ThreadLog;
use crate::outcome::Changes;
use crate::side_files::SideFiles;

/// Time between two entries of what the source publishes, at least.
const EVERY: Duration = Duration::from_secs(1);

/// So many times as long as an entry took, nothing is done: a hundredth of one processor at most.
const REST: u32 = 100;

/// The longest rest.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// Bytes of an archive that is kept at most: larger ones take too much memory a second time. Of those there is a line in the audit log alone.
pub(crate) const MOST_ARCHIVE: usize = 16 << 20;

/// What waits for the disk at most. The oldest goes first.
const MOST_WAITING: usize = 64;

/// What waits to be written.
#[derive(Debug)]
pub(crate) struct History {
    /// Entries to keep; 0: there is no history.
    most: usize,
    /// Who publishes when nobody gave a command.
    source: String,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Item>,
    /// Why the next snapshot comes, if not from the source.
    cause: Option<Cause>,
    stop: bool,
}

#[derive(Debug)]
struct Item {
    at: u64,
    cause: Cause,
    publishes: u64,
    /// `None`: the newest.
    archive: Option<Arc<Archive>>,
    is_snapshot: bool,
}

impl History {
    pub(crate) fn new(most: usize, source: &str) -> History {
        History { most, source: source.to_owned(), queue: Mutex::default(), changed: Condvar::new() }
    }

    /// Who publishes when nobody gave a command.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// What is published until the result is dropped is there for this cause. `newest` gives what readers have so far.
    pub(crate) fn because(&self, cause: Cause, newest: impl FnOnce() -> Option<Archive>) -> Because<'_> {
        if self.most > 0 {
            let mut queue = self.queue();
            // What was published before would be overlooked.
            if let Some(last) =
                queue.waiting.back_mut().filter(|last| last.is_snapshot && last.archive.is_none())
            {
                last.archive = newest().map(Arc::new);
            }
            queue.cause = Some(cause);
        }
        Because(self)
    }

    /// Readers have a new snapshot.
    pub(crate) fn published(&self, archive: &Arc<Archive>) {
        if self.most == 0 {
            return;
        }
        let at = flagstaff_format::unix_micros();
        let mut queue = self.queue();
        let is_snapshot = archive.bytes().len() <= MOST_ARCHIVE;
        let archive = queue.cause.as_ref().filter(|_| is_snapshot).map(|_| archive.clone());
        let cause = queue.cause.clone().unwrap_or_else(|| Cause::new("published", &self.source));
        match queue.waiting.back_mut() {
            // The archive stays the publisher's own, which changes it in place.
            Some(last)
                if archive.is_none()
                    && last.archive.is_none()
                    && last.publishes > 0
                    && last.cause == cause =>
            {
                (last.at, last.publishes, last.is_snapshot) = (at, last.publishes + 1, is_snapshot);
                return;
            }
            _ => queue.push(Item { at, cause, publishes: 1, archive, is_snapshot }),
        }
        drop(queue);
        self.changed.notify_one();
    }

    /// Something happened that readers do not see.
    pub(crate) fn happened(&self, cause: Cause) {
        if self.most > 0 {
            let at = flagstaff_format::unix_micros();
            self.queue().push(Item { at, cause, publishes: 0, archive: None, is_snapshot: false });
            self.changed.notify_one();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // It is whole at every step.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, not_before: Instant) -> Option<Item> {
        let mut queue = self.queue();
        loop {
            let left = not_before.saturating_duration_since(Instant::now());
            let can_wait = |item: &Item| item.is_snapshot && item.archive.is_none();
            let is_due = match queue.waiting.front() {
                None => false,
                Some(first) => queue.stop || left.is_zero() || !can_wait(first) || queue.waiting.len() > 1,
            };
            if is_due || queue.stop {
                return queue.waiting.pop_front();
            }
            queue = match queue.waiting.is_empty() {
                true => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
                false => self.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }
}

impl Queue {
    fn push(&mut self, item: Item) {
        if self.waiting.len() >= MOST_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(item);
    }
}

/// See [`History::because`].
#[must_use]
pub(crate) struct Because<'a>(&'a History);

impl Drop for Because<'_> {
    fn drop(&mut self) {
        self.0.queue().cause = None;
    }
}

/// The thread.
#[derive(Debug)]
pub(crate) struct Keeper {
    history: Arc<History>,
    /// Behind a lock to be `Sync`; only the owner waits on it.
    ended: Mutex<Receiver<()>>,
}

impl Keeper {
    /// `newest` gives what readers have, as long as there is a publisher.
    pub(crate) fn start(
        history: Arc<History>,
        side_files: SideFiles,
        log: ThreadLog,
        newest: impl Fn() -> Option<Archive> + Send + 'static,
    ) -> io::Result<Keeper> {
        let (done, ended) = mpsc::channel();
        let of_thread = history.clone();
        let mut shelf =
            Writing { shelf: Shelf::of(&side_files), side_files, most: history.most, complained: false };
        if history.most > 0 {
            thread::Builder::new().name("flag-history".to_owned()).spawn(move || {
                let mut not_before = Instant::now();
                while let Some(item) = of_thread.next(not_before) {
                    let begun = Instant::now();
                    log.run(|| shelf.write(item, &newest));
                    let took = begun.elapsed();
                    not_before = Instant::now() + (took * REST).clamp(EVERY, LONGEST_REST);
                }
                // Nobody listens if the wait for this was given up.
                let _ = done.send(());
            })?;
        }
        Ok(Keeper { history, ended: Mutex::new(ended) })
    }

    /// Writes what is left and ends, or gives up waiting for a disk that hangs.
    pub(crate) fn stop(&self, patience: Duration) {
        self.history.queue().stop = true;
        self.history.changed.notify_one();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(patience) {
            tracing::warn!("the disk did not take the last part of the history in time");
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.history.queue().stop = true;
        self.history.changed.notify_one();
    }
}

/// What the thread works on.
struct Writing {
    shelf: Shelf,
    side_files: SideFiles,
    most: usize,
    complained: bool,
}

impl Writing {
    fn write(&mut self, item: Item, newest: &impl Fn() -> Option<Archive>) {
        match self.try_write(item, newest) {
            Ok(()) => self.complained = false,
            Err(error) => {
                if !std::mem::replace(&mut self.complained, true) {
                    let path = self.shelf.directory().display();
                    tracing::warn!(%error, %path, "history is not kept; flags are published all the same");
                }
            }
        }
    }

    fn try_write(&self, item: Item, newest: &impl Fn() -> Option<Archive>) -> io::Result<()> {
        let Item { at, cause, publishes, archive, is_snapshot } = item;
        let time = humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_micros(at)).to_string();
        let archive = if is_snapshot { archive.or_else(|| newest().map(Arc::new)) } else { None };
        let Some(archive) = archive else {
            return audit::append(&self.side_files, &Line { time, cause: &cause, snapshot: None });
        };
        let (members, generation, count) = (Members::of(&archive), archive.generation().0, archive.len());
        // Large, and not needed any more.
        drop(archive);
        let last = self.shelf.numbers()?.last().copied();
        let before =
            last.map(|number| self.shelf.open(number).and_then(|before| members.changes_since(before)));
        let changes = match before {
            Some(Ok(changes)) if changes == Changes::default() => {
                // A publisher that starts, or there and back within a second.
                return match cause.uid {
                    Some(_) => audit::append(&self.side_files, &Line { time, cause: &cause, snapshot: None }),
                    None => Ok(()),
                };
            }
            Some(Ok(changes)) => changes,
            // The one before is damaged, or there is none.
            _ => members.changes_since(io::empty())?,
        };
        let number = last.unwrap_or_default() + 1;
        let entry =
            HistoryEntry { number, published_at: at, generation, flags: count, publishes, cause, changes };
        self.shelf.put(number, &members.pack(&entry)?, self.most)?;
        let changes = &entry.changes;
        let snapshot = audit::Snapshot { number, generation, flags: count, publishes, changes };
        audit::append(&self.side_files, &Line { time, cause: &entry.cause, snapshot: Some(snapshot) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use flagstaff_format::{Facts, Flag, Generation, Value};

    fn archive(n: i64) -> Archive {
        let flags = vec![Flag { key: "n".into(), value: Value::I64(n) }];
        Archive::build(flags, Generation(n as u64), Facts::default()).unwrap()
    }

    /// What the source said just before a command is there as well, and of many publishes in a row the last one.
    #[test]
    fn what_was_published_before_a_command_and_by_it_are_entries_and_a_burst_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let snapshot = folder.path().join("flags.flagstaff");
        std::fs::write(&snapshot, "").unwrap();
        let side_files = SideFiles::new(&snapshot);
        let history = Arc::new(History::new(3, "a test"));
        for n in 1..=10 {
            history.published(&Arc::new(archive(n)));
        }
        let because = history.because(Cause::new("overridden", "somebody"), || Some(archive(10)));
        history.published(&Arc::new(archive(11)));
        drop(because);
        history.published(&Arc::new(archive(12)));
        history.happened(Cause::new("held", "a test"));
        let keeper = Keeper::start(history, side_files.clone(), ThreadLog::On, || Some(archive(12))).unwrap();
        keeper.stop(Duration::from_secs(60));
        let shelf = Shelf::of(&side_files);
        assert_eq!(shelf.numbers().unwrap(), [1, 2, 3]);
        let all = [1, 2, 3].map(|number| shelf.read(number).unwrap());
        assert_eq!(all.clone().map(|one| one.entry.publishes), [10, 1, 1]);
        assert_eq!(all.clone().map(|one| one.entry.cause.event), ["published", "overridden", "published"]);
        assert_eq!(all.map(|one| one.flags), [10, 11, 12].map(|n| format!("{{\n\"n\":{n}\n}}\n")));
        let audit = std::fs::read_to_string(side_files.path("audit")).unwrap();
        assert_eq!(audit.lines().count(), 4, "{audit}");
        assert!(audit.lines().last().unwrap().contains("held"), "{audit}");
    }
}
