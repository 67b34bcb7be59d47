//! The reader: open, and one getter per type.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use flagstaff_format::{
    FlagKey, Generation, Hashed, Hit, OpenError, ShortText, TypeCounts, Value, kind, type_counts_of_current,
};

use crate::attached::Attached;
use crate::options::ReaderOptions;
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::source::scalar;

/// Reads flags from one snapshot file. `Send + Sync`; clones are cheap and share everything.
///
/// Every getter takes a `&str` or a [`crate::Key`] and answers a default for a flag that is missing or of another type:
/// `false`, `0` or `""`, or the one given to the `_or` form.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(crate) shared: Arc<Shared>,
}

impl Reader {
    /// Opens the snapshot at `path`.
    ///
    /// # Errors
    /// [`OpenError`], naming path, expectation and remedy: no file, no permission, not a snapshot, another format.
    /// A file whose current snapshot is damaged opens, and answers from the newest good one in it.
    pub fn open(path: impl AsRef<Path>) -> Result<Reader, OpenError> {
        Reader::open_with(path, &ReaderOptions::default())
    }

    /// As [`Reader::open`], with options.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_with(path: impl AsRef<Path>, options: &ReaderOptions) -> Result<Reader, OpenError> {
        let path = path.as_ref();
        Ok(Reader::of(path, options, Attached::open(path, options.verifies())?))
    }

    /// Attaches to `path` whether or not there is a file: answers defaults until a good one appears, and follows it from
    /// then on. For start-up code that must not fail.
    #[must_use]
    pub fn attach(path: impl AsRef<Path>) -> Reader {
        Reader::attach_with(path, &ReaderOptions::default())
    }

    /// As [`Reader::attach`], with options.
    #[must_use]
    pub fn attach_with(path: impl AsRef<Path>, options: &ReaderOptions) -> Reader {
        let path = path.as_ref();
        Reader::open_with(path, options).unwrap_or_else(|_| Reader::of(path, options, Attached::nothing()))
    }

    fn of(path: &Path, options: &ReaderOptions, first: Attached) -> Reader {
        Reader { shared: Arc::new(Shared::new(path, options, first)) }
    }

    /// A boolean; `false` by default.
    #[inline]
    #[must_use]
    pub fn get_bool(&self, key: impl FlagKey) -> bool {
        self.get_bool_or(key, false)
    }

    /// A boolean, or `default`.
    #[inline]
    #[must_use]
    pub fn get_bool_or(&self, key: impl FlagKey, default: bool) -> bool {
        if let Some(hashed) = key.prepared()
            && let Some(answer) = self.shared.current.probe_bool(&hashed, default)
        {
            return answer;
        }
        self.find_other(&key).bool().unwrap_or(default)
    }

    /// A number as `f64`; `0.0` by default. Integers above 2^53 are rounded; see [`Reader::get_i64`].
    #[inline]
    #[must_use]
    pub fn get_number(&self, key: impl FlagKey) -> f64 {
        self.get_number_or(key, 0.0)
    }

    /// A number as `f64`, or `default`.
    #[inline]
    #[must_use]
    pub fn get_number_or(&self, key: impl FlagKey, default: f64) -> f64 {
        self.find(key).number().unwrap_or(default)
    }

    /// An exact integer; `0` by default, also for a number with a fraction or exponent.
    #[inline]
    #[must_use]
    pub fn get_i64(&self, key: impl FlagKey) -> i64 {
        self.get_i64_or(key, 0)
    }

    /// An exact integer, or `default`.
    #[inline]
    #[must_use]
    pub fn get_i64_or(&self, key: impl FlagKey, default: i64) -> i64 {
        self.find(key).i64().unwrap_or(default)
    }

    /// An exact integer that is not negative; `0` by default.
    #[inline]
    #[must_use]
    pub fn get_u64(&self, key: impl FlagKey) -> u64 {
        self.get_u64_or(key, 0)
    }

    /// An exact integer that is not negative, or `default`.
    #[inline]
    #[must_use]
    pub fn get_u64_or(&self, key: impl FlagKey, default: u64) -> u64 {
        self.find(key).u64().unwrap_or(default)
    }

    /// A string; empty by default.
    #[must_use]
    pub fn get_string(&self, key: impl FlagKey) -> String {
        self.get_string_or(key, "")
    }

    /// A string, or `default`.
    #[must_use]
    pub fn get_string_or(&self, key: impl FlagKey, default: &str) -> String {
        self.with_str(key, |text| text.unwrap_or(default).to_owned())
    }

    /// Hands a string flag to `f`; `None` if it is missing or no string. `f` is called once. A string of up to 512 bytes
    /// is copied to the stack, so nothing is allocated.
    pub fn with_str<T>(&self, key: impl FlagKey, f: impl FnOnce(Option<&str>) -> T) -> T {
        self.with_text(key, kind::STRING, f)
    }

    /// Any value; `None` if there is no such flag. To tell "missing" from "the default".
    #[must_use]
    pub fn get(&self, key: impl FlagKey) -> Option<Value<'static>> {
        let found = self.find(&key);
        if found.text().is_none() {
            return scalar(found);
        }
        let key = key.text();
        let hashed = Hashed::new(key.as_bytes());
        self.shared.slow(|source| source.value(key, &hashed)).flatten()
    }

    /// All flags of one generation, copied: real `&str`, iteration, any lifetime. Made once per generation and shared.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.copy()
    }

    /// Number of flags of each type, in the current generation. Nothing is copied.
    #[must_use]
    pub fn type_counts(&self) -> TypeCounts {
        let attached = self.shared.attached();
        if attached.fallback().is_none()
            && let Ok(Some(kinds)) = type_counts_of_current(attached.view.map())
        {
            return kinds;
        }
        self.snapshot().type_counts()
    }

    /// The current generation; 0 if nothing has been published.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.shared.generation()
    }

    /// How many keyed reads of this reader and its clones were not settled at the first attempt and done again: the publisher
    /// overtook them, there is no live file, keys with equal hashes, or it was the first read after a fork. For measurements.
    #[must_use]
    pub fn unsettled_reads(&self) -> u64 {
        self.shared.unsettled.load(Relaxed)
    }

    /// Looks where the path leads, and moves there if it is another good file with newer flags. Reads do so by themselves when the
    /// publisher marked the file that they know; this is for whoever has a thread, and wants to notice files that were put
    /// there without a mark. One `stat` if nothing changed.
    pub fn look_at_path(&self) {
        self.shared.look();
    }

    /// The path of the snapshot file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    #[inline(always)]
    pub(crate) fn find(&self, key: impl FlagKey) -> Hit {
        if let Some(hashed) = key.prepared()
            && let Some(found) = self.shared.current.probe(&hashed)
        {
            return found;
        }
        self.find_other(&key)
    }

    /// Keys of other lengths, and reads that the fast path did not settle.
    #[inline(always)]
    fn find_other(&self, key: &impl FlagKey) -> Hit {
        match key.remembered() {
            Some(hashed) => self.find_hashed(key.text(), hashed),
            None => self.find_slow(key.text()),
        }
    }

    #[inline(never)]
    fn find_slow(&self, key: &str) -> Hit {
        // One pair of windows covers the middle, so that this copy of the code has no loop: half the time of the other.
        if let 49..=64 = key.len()
            && let Some(found) = self.shared.current.probe_long(key.as_bytes(), &Hashed::long(key.as_bytes()))
        {
            return found;
        }
        self.find_any(key, &Hashed::new(key.as_bytes()))
    }

    #[inline(never)]
    fn find_hashed(&self, key: &str, hashed: &Hashed) -> Hit {
        self.find_any(key, hashed)
    }

    #[inline(always)]
    fn find_any(&self, key: &str, hashed: &Hashed) -> Hit {
        let current = &self.shared.current;
        let found = match key.len() {
            0..8 => current.probe(hashed),
            8..=Hashed::INLINE_BYTES => None,
            _ => current.probe_long(key.as_bytes(), hashed),
        };
        match found {
            Some(found) => found,
            None => {
                self.shared.unsettled.fetch_add(1, Relaxed);
                self.shared.slow(|source| source.find(key, hashed)).unwrap_or(Hit::MISSING)
            }
        }
    }

    /// A text flag of kind `wanted`, copied out of one generation.
    #[inline]
    pub(crate) fn with_text<T>(
        &self,
        key: impl FlagKey,
        wanted: u64,
        f: impl FnOnce(Option<&str>) -> T,
    ) -> T {
        let mut room = ShortText::default();
        if let Some(hashed) = key.prepared()
            && let Some(text) = self.shared.current.short_text(&hashed, wanted, &mut room)
        {
            return f(text);
        }
        self.with_any_text(key.text(), wanted, f)
    }

    /// Long texts, keys of other lengths, and reads that the fast path did not settle.
    fn with_any_text<T>(&self, key: &str, wanted: u64, f: impl FnOnce(Option<&str>) -> T) -> T {
        let hashed = Hashed::new(key.as_bytes());
        let mut stack = [0; 512];
        let mut heap = Vec::new();
        let text = self.shared.quick_text(key, &hashed, wanted, &mut stack, &mut heap);
        match text {
            Some(text) => f(text),
            None => {
                let copy = self.shared.slow(|source| source.text_of(key, &hashed, wanted, str::to_owned));
                f(copy.flatten().as_deref())
            }
        }
    }
}
