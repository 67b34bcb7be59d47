//! What has changed since an archive was copied, so that the next copy costs what changed.

use std::cmp::Ordering;
use std::sync::Arc;

use flagstaff_format::{ChangedFlags, Frame, Hit, NowHolds, TextAt, TypeCounts, kind};

/// Flags of a patch at most. Then a whole copy is made.
const MOST: usize = 512;

/// Bytes of texts that a patch may have beside an archive, whatever the size of that.
const FREE_BYTES: usize = 64 * 1024;

/// Added to a flag's number in the patch, it stands where the text word of a text in the archive stands. No archive has so many words.
const FIRST: usize = 1 << 31;

/// Flags that are not as they are in the archive, and the frame of their generation.
#[derive(Debug, Default)]
pub(crate) struct Patch {
    frame: Option<Frame>,
    /// Sorted by key. Shared with the patches before, so that what two of them have in common need not be compared.
    flags: Vec<Arc<NowHolds>>,
}

impl Patch {
    pub(crate) fn frame(&self) -> Option<&Frame> {
        self.frame.as_ref()
    }

    /// This one and more. `None` if that is too much beside an archive of so many bytes.
    pub(crate) fn with(&self, changed: ChangedFlags, archive_bytes: usize) -> Option<Patch> {
        let mut flags = self.flags.clone();
        for flag in changed.flags {
            match flags.binary_search_by(|other| other.key.cmp(&flag.key)) {
                Ok(at) => flags[at] = Arc::new(flag),
                Err(at) => flags.insert(at, Arc::new(flag)),
            }
        }
        let bytes: usize = flags.iter().filter_map(|flag| Some(flag.text.as_ref()?.len())).sum();
        let fits = flags.len() <= MOST && bytes <= FREE_BYTES.max(archive_bytes / 2);
        fits.then_some(Patch { frame: Some(changed.frame), flags })
    }

    /// The flag, if it is in here. Its text is that of [`Patch::number`].
    pub(crate) fn find(&self, key: &str) -> Option<Hit> {
        let number = self.flags.binary_search_by(|flag| flag.key.as_str().cmp(key)).ok()?;
        let flag = &self.flags[number];
        Some(match &flag.text {
            Some(_) => {
                Hit { value: ((FIRST + number) as u64) << 32 | flag.hit.value & 0xffff_ffff, ..flag.hit }
            }
            None => flag.hit,
        })
    }

    /// The number of the flag that has this text, if it is one of a patch.
    pub(crate) fn number(at: TextAt) -> Option<usize> {
        at.word.checked_sub(FIRST)
    }

    pub(crate) fn text(&self, number: usize) -> Option<&str> {
        self.flags.get(number)?.text.as_deref()
    }

    /// The keys of flags that are not the same ones in both, sorted.
    pub(crate) fn keys_unlike(&self, other: &Patch) -> Vec<String> {
        let (mut here, mut there) = (self.flags.iter().peekable(), other.flags.iter().peekable());
        let mut keys = Vec::new();
        loop {
            let order = match (here.peek(), there.peek()) {
                (None, None) => return keys,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => a.key.cmp(&b.key),
            };
            let (a, b) = (
                if order.is_le() { here.next() } else { None },
                if order.is_ge() { there.next() } else { None },
            );
            match (a, b) {
                (Some(a), Some(b)) if Arc::ptr_eq(a, b) => {}
                (a, b) => keys.extend(a.or(b).map(|flag| flag.key.clone())),
            }
        }
    }

    /// Corrects the counts of an archive whose flags are found by `before`.
    pub(crate) fn count(&self, mut counts: TypeCounts, before: impl Fn(&str) -> Hit) -> TypeCounts {
        for flag in &self.flags {
            if let Some(count) = of_kind(&mut counts, before(&flag.key)) {
                *count = count.saturating_sub(1);
            }
            if let Some(count) = of_kind(&mut counts, flag.hit) {
                *count += 1;
            }
        }
        counts
    }
}

fn of_kind(counts: &mut TypeCounts, hit: Hit) -> Option<&mut u64> {
    Some(match hit.kind() {
        kind::NULL => &mut counts.nulls,
        kind::FALSE | kind::TRUE => &mut counts.bools,
        kind::I64 | kind::U64 | kind::F64 | kind::HUGE => &mut counts.numbers,
        kind::STRING => &mut counts.strings,
        kind::JSON => &mut counts.jsons,
        _ => return None,
    })
}
