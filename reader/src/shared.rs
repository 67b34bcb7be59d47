//! What all clones and handles of one reader share, and the reads that the fast path does not settle.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use flagstaff_format::{Damage, FileId, Generation, Hashed, Hit, OpenError, Versions, boot};

use crate::attached::Attached;
use crate::changed_keys::ChangedKeys;
use crate::copy_budget::{current_that_fits, newest_that_fits};
use crate::memo::SharedMemo;
use crate::options::ReaderOptions;
use crate::snapshot::Snapshot;
use crate::source::{Overtaken, Source};

/// Attempts on live memory before a read uses a copy.
const ATTEMPTS: usize = 8;

/// Attempts to copy the current snapshot before a read uses the last one that was copied.
const COPIES: usize = 64;

/// How often a reader that has no good file looks whether there is one, at most.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How often reads look again at a file that was not followed, at most: opening and checking one takes milliseconds.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// For how long the memory of a superseded file is kept, so that a thread in the middle of a read finds it.
const KEEP_OLD: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) current: Versions<Attached>,
    pub(crate) path: PathBuf,
    options: ReaderOptions,
    /// Coarse time of the last look at the path, in milliseconds.
    looked_at: AtomicU64,
    /// Coarse time of the last move to another file, in milliseconds; 0 if its memory has been given back.
    moved_at: AtomicU64,
    /// Inode of the file at the path that was not followed; 0 if there is none.
    refused: AtomicU64,
    /// Coarse time at which it was refused, in milliseconds.
    refused_at: AtomicU64,
    /// See [`crate::Reader::unsettled_reads`].
    pub(crate) unsettled: AtomicU64,
    /// The newest copy.
    copied: SharedMemo<Arc<Snapshot>>,
}

impl Shared {
    pub(crate) fn new(path: &Path, options: &ReaderOptions, first: Attached) -> Shared {
        Shared {
            current: Versions::new(first),
            // A process that changes its directory later still follows its file.
            path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
            options: options.clone(),
            looked_at: AtomicU64::new(0),
            moved_at: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            refused_at: AtomicU64::new(0),
            unsettled: AtomicU64::new(0),
            copied: SharedMemo::new(),
        }
    }

    /// Reads from the file in use, from its fallback, or after some attempts from a copy. `read` is called again whenever it was
    /// overtaken.
    #[cold]
    #[inline(never)]
    pub(crate) fn slow<T>(&self, mut read: impl FnMut(Source<'_>) -> Result<T, Overtaken>) -> Option<T> {
        for _ in 0..ATTEMPTS {
            let attached = self.attached();
            if let Some(copy) = attached.fallback() {
                return read(Source::of(copy)).ok();
            }
            let seen = attached.view.observe();
            if seen.base() == 0 {
                if self.has_left(attached) {
                    continue;
                }
                return read(Source::Nothing).ok();
            }
            match read(Source::Live(&attached.view, seen)) {
                Ok(value) => return Some(value),
                Err(Overtaken) => {
                    attached.view.refresh_bounds();
                }
            }
        }
        let snapshot = self.copy();
        read(Source::of(&snapshot)).ok()
    }

    /// A look-up that the fast path did not settle.
    #[cold]
    pub(crate) fn find(&self, key: &str, hashed: &Hashed) -> Hit {
        self.unsettled.fetch_add(1, Relaxed);
        self.slow(|source| source.find(key, hashed)).unwrap_or(Hit::MISSING)
    }

    /// As [`Shared::slow`], with a first attempt that looks at nothing but the file in use.
    pub(crate) fn quick<T>(&self, mut read: impl FnMut(Source<'_>) -> Result<T, Overtaken>) -> Option<T> {
        let view = &self.here().view;
        let seen = view.observe();
        if !seen.is_superseded()
            && seen.base() != 0
            && let Ok(result) = read(Source::Live(view, seen))
        {
            return Some(result);
        }
        self.slow(read)
    }

    /// A text of the current generation in one attempt: into `stack` if it fits, else into `heap`. `None`: not settled.
    /// `Some(None)`: no such text.
    pub(crate) fn quick_text<'b>(
        &self,
        key: &str,
        hashed: &Hashed,
        wanted: u64,
        stack: &'b mut [u8; 512],
        heap: &'b mut Vec<u8>,
    ) -> Option<Option<&'b str>> {
        let view = &self.here().view;
        let seen = view.observe();
        if seen.is_superseded() || seen.base() == 0 {
            return None;
        }
        let found = view.attempt(seen, key, hashed)?;
        let at = match found.text() {
            Some(at) if found.kind() == wanted => at,
            _ => return Some(None),
        };
        let bytes = view.copy_text(seen, at, stack, heap)?;
        Some(std::str::from_utf8(bytes).ok())
    }

    /// The file in use. The first call in a child of a fork calls [`ReaderOptions::on_fork`].
    fn here(&self) -> &Attached {
        let attached = self.current.get();
        if attached.view.is_new_in_child() {
            self.options.forked();
        }
        attached
    }

    /// The file to read from now: moves on if this one was superseded, settles it if that became possible.
    pub(crate) fn attached(&self) -> &Attached {
        let attached = self.here();
        self.release_old();
        if attached.may_settle() {
            attached.settle(self.options.verifies());
        }
        if attached.view.observe().is_superseded() || (!attached.view.is_live() && self.time_to_look()) {
            self.follow();
        }
        self.current.get()
    }

    /// The current generation.
    pub(crate) fn generation(&self) -> Generation {
        loop {
            let attached = self.attached();
            let generation = attached.generation();
            if generation != 0 || !self.has_left(attached) {
                return Generation(generation);
            }
        }
    }

    /// Looks where the path leads, and moves there if it is another good file with newer flags.
    pub(crate) fn follow(&self) {
        let old = self.current.get();
        let Some(id) = FileId::at(&self.path) else { return };
        if Some(id) == old.view.file() || self.was_just_refused(id) {
            return;
        }
        // Those that were left before this one, so that moves that follow each other quickly do not pile up.
        self.release_all_old();
        match self.open() {
            Ok(new) if new.is_newer_than(old) => {
                // Before the move, so that nobody gives the old memory back at once. Another thread may be faster, but
                // then it has moved at the same time.
                self.moved_at.store(millis().max(1), Relaxed);
                self.current.replace(old, |number| {
                    new.follows(old);
                    new.numbered(number)
                });
            }
            _ => {
                self.refused_at.store(millis(), Relaxed);
                self.refused.store(id.inode, Relaxed);
            }
        }
    }

    /// As [`Shared::follow`], now and then and from a thread that does nothing else: gives old memory back as well.
    pub(crate) fn look(&self) {
        self.here();
        self.release_old();
        self.follow();
    }

    /// As [`Shared::follow`], also if the file at the path was not followed a moment ago.
    pub(crate) fn follow_at_once(&self) {
        self.refused.store(0, Relaxed);
        self.follow();
    }

    fn open(&self) -> Result<Attached, OpenError> {
        Attached::open(&self.path, self.options.verifies())
    }

    /// A checked copy of the current generation: the one made before if it still is current.
    pub(crate) fn copy(&self) -> Arc<Snapshot> {
        for _ in 0..COPIES {
            let attached = self.attached();
            if let Some(copy) = attached.fallback() {
                return copy.clone();
            }
            let stamp = attached.view.stamp(attached.view.observe().generation());
            if let Some(copy) = stamp.and_then(|stamp| self.copied.get(stamp)) {
                return copy;
            }
            if let Some(copy) = self.patched(attached) {
                return copy;
            }
            let Some(copied) = current_that_fits(attached.view.map()) else { break };
            match copied {
                Ok(Some(archive)) => {
                    let stamp = attached.view.stamp(archive.generation());
                    let copy = Arc::new(Snapshot::of(Some(archive)));
                    return match stamp {
                        Some(stamp) => self.copied.remember(stamp, copy),
                        None => copy,
                    };
                }
                Ok(None) if self.has_left(attached) => {}
                Ok(None) => return Arc::new(Snapshot::of(None)),
                Err(Damage::Overtaken) => std::thread::yield_now(),
                Err(_) => break,
            }
        }
        // The current snapshot was damaged under way, outruns every copy, or has no room in memory. An older one is better than none.
        let attached = self.current.get();
        let in_file = newest_that_fits(attached.view.map());
        // Stamps and not generations: a file that was made later may have lower ones, and its flags are newer all the same.
        // Views without a stamp are newer than all that have one.
        let stamp = in_file.as_ref().map_or(Some(0), |archive| attached.view.stamp(archive.generation()));
        match self.copied.latest() {
            Some((of, copy)) if stamp.is_some_and(|stamp| of >= stamp) => copy,
            _ => Arc::new(Snapshot::of(in_file)),
        }
    }

    /// The last copy with what has changed since then, if the change feed of its file knows that.
    fn patched(&self, attached: &Attached) -> Option<Arc<Snapshot>> {
        let (of, before) = self.copied.latest()?;
        let (view, seen) = (&attached.view, attached.view.observe());
        // Of this file, and not of one that had the same generation.
        if view.stamp(before.generation()) != Some(of) {
            return None;
        }
        let changed = view.changed_since(seen, before.generation())?.ok()?;
        let copy = Arc::new(before.patched(changed)?);
        Some(self.copied.remember(view.stamp(seen.generation())?, copy))
    }

    /// The keys that may have changed since a generation that this reader has seen.
    pub(crate) fn changed_keys(&self, since: Generation) -> ChangedKeys {
        let unknown = |attached: &Attached| ChangedKeys::unknown(Generation(attached.generation()));
        for _ in 0..ATTEMPTS {
            let attached = self.attached();
            if self.moved_at.load(Relaxed) != 0 {
                self.current.each_old(|old| attached.follows(old));
            }
            if !attached.is_first_file_with(since) {
                return unknown(attached);
            }
            if attached.fallback().is_some() {
                let mut none = unknown(attached);
                none.keys = (none.generation == since).then(Vec::new);
                return none;
            }
            let seen = attached.view.observe();
            if seen.base() == 0 && self.has_left(attached) {
                continue;
            }
            match attached.view.changed_since(seen, since) {
                Some(changed) => return ChangedKeys::of(seen.generation(), changed.ok()),
                None => {
                    attached.view.refresh_bounds();
                }
            }
        }
        unknown(self.current.get())
    }

    /// Whether another file is in use by now. The memory of a file that was left reads as zeros after a while, so that
    /// "nothing published" is to be believed only of the file in use.
    fn has_left(&self, attached: &Attached) -> bool {
        !std::ptr::eq(attached, self.current.get())
    }

    fn time_to_look(&self) -> bool {
        let now = millis();
        let before = self.looked_at.load(Relaxed);
        if now.wrapping_sub(before) < LOOK_EVERY.as_millis() as u64 {
            return false;
        }
        self.looked_at.store(now, Relaxed);
        true
    }

    fn was_just_refused(&self, id: FileId) -> bool {
        self.refused.load(Relaxed) == id.inode
            && millis().wrapping_sub(self.refused_at.load(Relaxed)) < ASK_AGAIN.as_millis() as u64
    }

    fn release_old(&self) {
        let moved_at = self.moved_at.load(Relaxed);
        if moved_at != 0 && millis().saturating_sub(moved_at) > KEEP_OLD.as_millis() as u64 {
            // Only the move that was seen: one made meanwhile has its own time, and memory that somebody may just read.
            if self.moved_at.compare_exchange(moved_at, 0, Relaxed, Relaxed).is_err() {
                return;
            }
            self.release_all_old();
        }
    }

    fn release_all_old(&self) {
        let current = self.current.get();
        self.current.each_old(|old| {
            // Its words are zeros from now on.
            current.follows(old);
            // What is not given back now is given back with the reader.
            let _ = old.view.release();
        });
    }
}

fn millis() -> u64 {
    boot::coarse().as_millis() as u64
}

#[cfg(test)]
mod tests {
    use flagstaff_format::{Archive, Facts, Flag, Value, Writer, WriterOptions};

    use super::*;
    use crate::reader::Reader;

    /// Symptom: none was seen. A handle that was not read while its reader followed 8,192 files took a value of then for one of now,
    /// where generations had begun again: the tag of a file came again after so many. Fix: the numbers end, and what is read
    /// behind the last one is not remembered.
    #[test]
    fn a_handle_and_a_copy_that_slept_through_8192_moves_return_the_flags_of_now() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, value| {
            let path = folder.path().join(name);
            let mut writer = Writer::open(&path, &WriterOptions::default()).unwrap().writer;
            let flags = [
                Flag { key: "number".into(), value: Value::I64(value) },
                Flag { key: "on".into(), value: Value::Bool(value % 2 == 1) },
                Flag { key: "text".into(), value: Value::String(value.to_string().into()) },
            ];
            writer.publish(&mut Archive::build(flags, Generation(1), Facts::default()).unwrap()).unwrap();
            path
        };
        let attached = |path: &Path| Attached::open(path, ReaderOptions::default().verifies()).unwrap();
        let first = file("first", 1);
        let shared = Arc::new(Shared::new(&first, &ReaderOptions::default(), attached(&first).numbered(5)));
        let reader = Reader { shared: shared.clone() };
        let (number, on, text) =
            (reader.number_flag("number"), reader.bool_flag("on"), reader.string_flag("text"));
        for (moves, value) in [(0, 1), (8192 - 1 - 5, 2), (8192, 3), (8193, 4), (3 * 8192, 5)] {
            if moves > 0 {
                // Each generation 1, in a file of its own.
                let next = attached(&file(&moves.to_string(), value)).numbered(5 + moves);
                assert!(shared.current.replace(shared.current.get(), |_| next));
            }
            for _again in 0..2 {
                assert_eq!((number.get(), on.get()), (value as f64, value % 2 == 1), "{moves} moves");
                assert_eq!(*text.get(), *value.to_string(), "{moves} moves");
                let copy = reader.snapshot();
                assert_eq!(copy.get_number("number"), value as f64, "{moves} moves");
            }
        }
    }
}
