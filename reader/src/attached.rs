//! One file that a reader is attached to, and how far its content is trusted.
//!
//! A file is read live once its current snapshot was checked in this boot of the machine. Until then its view has no
//! bounds, so that every read leaves the fast path and reads a copy of the newest good snapshot in it. So flags are there after a
//! reboot (a cold cache) and with a damaged slot, before a publisher comes.

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};

use flagstaff_format::{BootId, Damage, Generation, OpenError, View, check_current, open_view};

use crate::copy_budget::newest_that_fits;
use crate::options::Verify;
use crate::snapshot::Snapshot;

#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) view: View,
    /// The newest good snapshot of a file that is not read live. Set before the file is shared between threads, so that
    /// nobody ever waits for it.
    fallback: OnceLock<Arc<Snapshot>>,
    /// Twice the generation whose slot was found damaged, so that the next one is looked at and this one not again.
    damaged: AtomicU64,
    /// Generations from here on were seen in no file before this one. Below, generations of two files may have had the same number.
    first: AtomicU64,
}

impl AsRef<View> for Attached {
    #[inline(always)]
    fn as_ref(&self) -> &View {
        &self.view
    }
}

impl Attached {
    /// A reader without a file.
    pub(crate) fn nothing() -> Attached {
        let attached = Attached::of(View::nothing());
        attached.fall_back();
        attached
    }

    /// Opens and settles the file at `path`.
    pub(crate) fn open(path: &Path, verify: Verify) -> Result<Attached, OpenError> {
        let attached = Attached::of(open_view(path)?);
        attached.settle(verify);
        Ok(attached)
    }

    /// Whether a reader of `old` may move here. Generations do not go back, with one exception: where a publisher could not find the
    /// file of before (it was removed on a file system without hard links), it begins at generation 1, in a file that was made later.
    /// Its flags are the newer ones.
    pub(crate) fn is_newer_than(&self, old: &Attached) -> bool {
        let made_later = || match (self.view.header(), old.view.header()) {
            (Some(header), Some(before)) => self.generation() > 0 && header.is_later_than(before),
            _ => self.generation() > 0,
        };
        self.generation() >= old.generation() || made_later()
    }

    /// Gives the view a number of its own among those of its reader.
    pub(crate) fn numbered(self, number: usize) -> Attached {
        Attached { view: self.view.with_tag(number), ..self }
    }

    /// Takes note of what was seen in a file before this one. It may go on for as long as somebody reads it.
    pub(crate) fn follows(&self, old: &Attached) {
        self.first.fetch_max((old.generation() + 1).max(old.first.load(Relaxed)), Relaxed);
    }

    /// Whether a generation that the reader has seen can only be one of this file.
    pub(crate) fn is_first_file_with(&self, generation: Generation) -> bool {
        generation.0 >= self.first.load(Relaxed)
    }

    fn of(view: View) -> Attached {
        Attached {
            view,
            fallback: OnceLock::new(),
            damaged: AtomicU64::new(u64::MAX),
            first: AtomicU64::new(0),
        }
    }

    /// The copy to read from, if the file is not read live. It is empty if there is no good snapshot at all.
    pub(crate) fn fallback(&self) -> Option<&Arc<Snapshot>> {
        if self.view.is_live() { None } else { self.fallback.get() }
    }

    /// The generation that reads are of; 0 if there is none.
    pub(crate) fn generation(&self) -> u64 {
        // A file without a good snapshot has none, whatever its generation word says.
        self.fallback().map_or_else(|| self.view.observe().generation(), |copy| copy.generation()).0
    }

    /// Whether another generation than the damaged one has come.
    pub(crate) fn may_settle(&self) -> bool {
        !self.view.is_live()
            && self.is_of_this_boot()
            && self.view.observe().base() != self.damaged.load(Relaxed)
    }

    /// Decides whether the file is read live.
    pub(crate) fn settle(&self, verify: Verify) {
        if self.is_of_this_boot() {
            let base = self.view.observe().base();
            if self.is_good(verify) {
                self.view.refresh_bounds();
                return;
            }
            self.damaged.store(base, Relaxed);
        }
        self.fall_back();
    }

    pub(crate) fn is_of_this_boot(&self) -> bool {
        self.view.header().is_some_and(|header| header.boot.may_be(BootId::current()))
    }

    fn is_good(&self, verify: Verify) -> bool {
        let map = self.view.map();
        match verify {
            Verify::Header => true,
            Verify::Checksum => match check_current(map) {
                Ok(Some(_)) => true,
                // A good snapshot in the file was published, so that the generation word must be damaged.
                Ok(None) => newest_that_fits(map).is_none(),
                // A publisher overwrites it faster than it can be checked, so it is not a damaged remainder on the disk.
                Err(Damage::Overtaken) => true,
                Err(_) => false,
            },
        }
    }

    fn fall_back(&self) {
        self.fallback.get_or_init(|| Arc::new(Snapshot::of(newest_that_fits(self.view.map()))));
    }
}
