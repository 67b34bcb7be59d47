//! One file that a reader is attached to, and how far its content is trusted.
//!
//! A file is read live once its current snapshot was checked in this boot of the machine. Until then its view has no
//! bounds, so that every read leaves the fast path, and answers come from a copy of the newest good snapshot in it. This
//! is how a cold cache is served after a reboot, and how a damaged slot is survived, before a publisher comes.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use vexil_format::{Archive, BootId, Damage, OpenError, View, check_current, newest, open_view};

use crate::options::Verify;

#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) view: View,
    /// The newest good snapshot of a file that is not read live.
    fallback: OnceLock<Option<Archive>>,
    /// Twice the generation whose slot was found damaged, so that the next one is looked at and this one not again.
    damaged: AtomicU64,
}

impl Attached {
    /// A reader without a file.
    pub(crate) fn nothing() -> Attached {
        Attached::of(View::nothing())
    }

    /// Opens and settles the file at `path`.
    pub(crate) fn open(path: &Path, verify: Verify) -> Result<Attached, OpenError> {
        let attached = Attached::of(open_view(path)?);
        attached.settle(verify);
        Ok(attached)
    }

    /// Gives the view a number of its own among those of its reader.
    pub(crate) fn numbered(self, number: usize) -> Attached {
        Attached { view: self.view.with_tag(number), ..self }
    }

    fn of(view: View) -> Attached {
        Attached { view, fallback: OnceLock::new(), damaged: AtomicU64::new(u64::MAX) }
    }

    /// The copy to answer from, if the file is not read live.
    pub(crate) fn fallback(&self) -> Option<&Archive> {
        if self.view.is_live() { None } else { self.fallback.get()?.as_ref() }
    }

    /// Whether a newer generation than the damaged one has come.
    pub(crate) fn may_settle(&self) -> bool {
        !self.view.is_live()
            && self.is_of_this_boot()
            && self.view.observe().base() != self.damaged.load(Relaxed)
    }

    /// Decides whether the file is read live.
    pub(crate) fn settle(&self, verify: Verify) {
        if self.is_of_this_boot() {
            let base = self.view.observe().base();
            match check(&self.view, verify) {
                Ok(()) => {
                    self.view.refresh_bounds();
                    return;
                }
                Err(_) => self.damaged.store(base, Relaxed),
            }
        }
        self.fallback.get_or_init(|| newest(self.view.map()).map(|(_, archive)| archive));
    }

    pub(crate) fn is_of_this_boot(&self) -> bool {
        self.view.header().is_some_and(|header| header.boot.may_be(BootId::current()))
    }
}

fn check(view: &View, verify: Verify) -> Result<(), Damage> {
    match verify {
        Verify::Header => Ok(()),
        Verify::Checksum => check_current(view.map()).map(drop),
    }
}
