//! What all clones and handles of one reader share, and the way of a read that the fast path does not settle.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use vexil_format::{Current, FileId, Hashed, OpenError, boot, copy_current};

use crate::attached::Attached;
use crate::options::Options;
use crate::snapshot::Snapshot;
use crate::source::{Overtaken, Source};

/// Attempts on live memory before a read answers from a copy.
const ATTEMPTS: usize = 8;

/// Copies that are tried before a read answers from the last snapshot that was copied.
const COPIES: usize = 64;

/// How often a reader that has no good file looks whether there is one, at most.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// For how long the memory of a file that was left stays, so that a thread in the middle of a read finds it.
const KEEP_OLD: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) current: Current<Attached>,
    pub(crate) path: PathBuf,
    pub(crate) options: Options,
    /// Coarse time of the last look at the path, in milliseconds.
    looked_at: AtomicU64,
    /// Coarse time of the last move to another file, in milliseconds; 0 if its memory has been given back.
    moved_at: AtomicU64,
    /// The newest copy, with its stamp. Only ever tried, never waited for: a thread may be lost in a fork while it
    /// holds it.
    pub(crate) copied: Mutex<Option<(u64, Arc<Snapshot>)>>,
}

impl Shared {
    pub(crate) fn new(path: &Path, options: &Options, first: Attached) -> Shared {
        Shared {
            current: Current::new(first),
            path: path.to_owned(),
            options: options.clone(),
            looked_at: AtomicU64::new(0),
            moved_at: AtomicU64::new(0),
            copied: Mutex::new(None),
        }
    }

    /// Reads from wherever the answer is now. `read` is called again whenever it was overtaken.
    #[cold]
    #[inline(never)]
    pub(crate) fn slow<T>(&self, mut read: impl FnMut(Source<'_>) -> Result<T, Overtaken>) -> Option<T> {
        for _ in 0..ATTEMPTS {
            let attached = self.attached();
            if let Some(archive) = attached.fallback() {
                return read(Source::Copy(archive)).ok();
            }
            let seen = attached.view.observe();
            if seen.base() == 0 {
                // The memory of a file that was left reads as zeros after a while.
                if !std::ptr::eq(attached, self.current.get()) {
                    continue;
                }
                return read(Source::Nothing).ok();
            }
            match read(Source::Live(&attached.view, seen)) {
                Ok(answer) => return Some(answer),
                Err(Overtaken) => {
                    attached.view.refresh_bounds();
                }
            }
        }
        let snapshot = self.copy();
        read(snapshot.source()).ok()
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
        let view = &self.current.get().view;
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

    /// The file to read from now: moves on if this one was superseded, settles it if that became possible.
    pub(crate) fn attached(&self) -> &Attached {
        let attached = self.current.get();
        if attached.view.observe().is_superseded() || (!attached.view.is_live() && self.time_to_look()) {
            if attached.may_settle() {
                attached.settle(self.options.verifies());
            }
            self.follow();
        }
        self.current.get()
    }

    /// Looks where the path leads, and moves there if it is another good file. Generations never go back.
    pub(crate) fn follow(&self) {
        self.release_old();
        let old = self.current.get();
        let Some(id) = FileId::at(&self.path) else { return };
        if Some(id) == old.view.file() {
            return;
        }
        let Ok(new) = self.open() else { return };
        if generation(&new) < generation(old) {
            return;
        }
        if self.current.replace(old, |number| new.numbered(number)) {
            self.moved_at.store(millis().max(1), Relaxed);
        }
    }

    fn open(&self) -> Result<Attached, OpenError> {
        Attached::open(&self.path, self.options.verifies())
    }

    /// A checked copy of the current generation: the one made before if it still is current.
    pub(crate) fn copy(&self) -> Arc<Snapshot> {
        let attached = self.attached();
        let stamp = attached.view.observe().base() + attached.view.tag();
        let live = attached.view.is_live();
        let remembered = self.copied.try_lock().ok().and_then(|copied| copied.clone());
        if let Some((_, snapshot)) = remembered.as_ref().filter(|(of, _)| *of == stamp) {
            return snapshot.clone();
        }
        if !live {
            // Not remembered: the stamp of a file that is not read live says nothing about the copy.
            return Arc::new(match attached.fallback() {
                Some(_) => {
                    Snapshot::of(vexil_format::newest(attached.view.map()).map(|(_, archive)| archive))
                }
                None => Snapshot::of(None),
            });
        }
        for _ in 0..COPIES {
            match copy_current(attached.view.map()) {
                Ok(Some(archive)) => {
                    let stamp = archive.generation().0 * 2 + attached.view.tag();
                    let snapshot = Arc::new(Snapshot::of(Some(archive)));
                    if let Ok(mut copied) = self.copied.try_lock() {
                        *copied = Some((stamp, snapshot.clone()));
                    }
                    return snapshot;
                }
                Ok(None) => return Arc::new(Snapshot::of(None)),
                Err(_) => std::thread::yield_now(),
            }
        }
        remembered.map_or_else(|| Arc::new(Snapshot::of(None)), |(_, snapshot)| snapshot)
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

    fn release_old(&self) {
        let moved_at = self.moved_at.load(Relaxed);
        if moved_at != 0 && millis().saturating_sub(moved_at) > KEEP_OLD.as_millis() as u64 {
            self.moved_at.store(0, Relaxed);
            self.current.each_old(|old| {
                // What is not given back now is given back with the reader.
                let _ = old.view.map().lay_zeros();
            });
        }
    }
}

/// The generation that a file answers.
pub(crate) fn generation(attached: &Attached) -> u64 {
    match attached.fallback() {
        Some(archive) => archive.generation().0,
        None => attached.view.observe().generation().0,
    }
}

fn millis() -> u64 {
    boot::coarse().as_millis() as u64
}
