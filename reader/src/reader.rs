//! The reader: how it is opened, and the look-ups behind its getters.

use std::borrow::Cow;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use flagstaff_format::{
    FlagKey, Generation, Hashed, Hit, OpenError, ShortText, TypeCounts, Value, kind, type_counts_of_current,
};

use crate::attached::Attached;
use crate::getters::getters;
use crate::options::ReaderOptions;
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// Reads flags from one snapshot file. `Send + Sync`; clones are cheap and share everything.
///
/// Every getter takes a `&str` or a [`Key`](crate::Key). For a flag that is missing or of another type it returns a default:
/// `false`, `0` or `""`, or the one given to the `_or` form.
///
/// - Several flags that must be of one generation: [`Reader::get_bools`], [`Reader::get_many`], or anything else in
///   [`Reader::read`].
/// - One flag that is read all the time: a handle, as [`Reader::bool_flag`] makes it.
/// - All flags: [`Reader::snapshot`].
#[derive(Debug, Clone)]
pub struct Reader {
    pub(crate) shared: Arc<Shared>,
}

impl Reader {
    /// Opens the snapshot at `path`.
    ///
    /// ```no_run
    /// let flags = flagstaff_reader::Reader::open("/run/flags.flagstaff")?;
    /// # Ok::<(), flagstaff_reader::OpenError>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError`], naming path, expectation and remedy: no file, no permission, not a snapshot, another format.
    /// A file whose current snapshot is damaged does open, and is read from the newest good one in it.
    pub fn open(path: impl AsRef<Path>) -> Result<Reader, OpenError> {
        Reader::open_with(path, &ReaderOptions::default())
    }

    /// As [`Reader::open`], with options.
    ///
    /// ```no_run
    /// use flagstaff_reader::{Reader, ReaderOptions, Verify};
    ///
    /// let options = ReaderOptions::new().verify(Verify::Header);
    /// let flags = Reader::open_with("/run/flags.flagstaff", &options)?;
    /// # Ok::<(), flagstaff_reader::OpenError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_with(path: impl AsRef<Path>, options: &ReaderOptions) -> Result<Reader, OpenError> {
        let path = path.as_ref();
        Ok(Reader::of(path, options, Attached::open(path, options.verifies())?))
    }

    /// Attaches to `path` whether or not there is a file: returns defaults until a good one appears, and follows it from
    /// then on. For start-up code that must not fail.
    ///
    /// ```
    /// let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// assert!(flags.generation().is_none() && !flags.get_bool("new-checkout"));
    /// ```
    #[must_use]
    pub fn attach(path: impl AsRef<Path>) -> Reader {
        Reader::attach_with(path, &ReaderOptions::default())
    }

    /// As [`Reader::attach`], with options.
    ///
    /// ```
    /// use flagstaff_reader::{Reader, ReaderOptions};
    ///
    /// let options = ReaderOptions::new().on_fork(|| eprintln!("reading in a child"));
    /// let flags = Reader::attach_with("flags.flagstaff", &options);
    /// ```
    #[must_use]
    pub fn attach_with(path: impl AsRef<Path>, options: &ReaderOptions) -> Reader {
        let path = path.as_ref();
        Reader::open_with(path, options).unwrap_or_else(|_| Reader::of(path, options, Attached::nothing()))
    }

    fn of(path: &Path, options: &ReaderOptions, first: Attached) -> Reader {
        Reader { shared: Arc::new(Shared::new(path, options, first)) }
    }

    /// A copy of all flags of one generation: for iteration, for `&str` that are borrowed, and to keep. It is made once per generation
    /// and shared.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// let snapshot = flags.snapshot();
    /// println!("{} flags in generation {}", snapshot.len(), snapshot.generation());
    /// ```
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.copy()
    }

    /// Number of flags of each type, in the current generation. Nothing is copied.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// let counts = flags.type_counts();
    /// println!("{} booleans, {} strings", counts.bools, counts.strings);
    /// ```
    #[must_use]
    pub fn type_counts(&self) -> TypeCounts {
        let attached = self.shared.attached();
        if attached.fallback().is_none()
            && let Ok(Some(counts)) = type_counts_of_current(attached.view.map())
        {
            return counts;
        }
        self.snapshot().type_counts()
    }

    /// The current generation; [`Generation::NONE`] if nothing has been published.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// let before = flags.generation();
    /// // Later:
    /// if flags.generation() != before {
    ///     println!("flags may have changed");
    /// }
    /// ```
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.shared.generation()
    }

    /// How many keyed reads of this reader and its clones were not settled at the first attempt and done again: the publisher
    /// overtook them, there is no live file, keys with equal hashes, or it was the first read after a fork. For measurements.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// let before = flags.unsettled_reads();
    /// flags.get_bool("new-checkout");
    /// println!("{} reads were repeated", flags.unsettled_reads() - before);
    /// ```
    #[must_use]
    pub fn unsettled_reads(&self) -> u64 {
        self.shared.unsettled.load(Relaxed)
    }

    /// Looks where the path leads, and moves there if it is another good file with newer flags. Reads do so by themselves when the
    /// publisher marked the file that they know; this is for whoever has a thread, and wants to notice files that were put
    /// there without a mark. One `stat` if nothing changed.
    ///
    /// ```no_run
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// loop {
    ///     flags.look_at_path();
    ///     std::thread::sleep(std::time::Duration::from_secs(1));
    /// }
    /// ```
    pub fn look_at_path(&self) {
        self.shared.look();
    }

    /// The path of the snapshot file, absolute.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// println!("flags from {}", flags.path().display());
    /// ```
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }
}

getters! {
    Reader,
    json: Option<String>,
    value: Option<Value<'static>>,
    begin: "# let flags = flagstaff_reader::Reader::attach(\"flags.flagstaff\");",
    end: ""
}

impl Reader {
    #[inline(always)]
    fn bool_or(&self, key: impl FlagKey, default: bool) -> bool {
        if let Some(hashed) = key.prepared()
            && let Some(value) = self.shared.current.probe_bool(&hashed, default)
        {
            return value;
        }
        match key.remembered() {
            Some(hashed) => self.find_hashed(key.text(), hashed).bool().unwrap_or(default),
            None => self.bool_unhashed(key.text(), default),
        }
    }

    /// As `find_unhashed`, with the short way of booleans.
    #[inline(never)]
    fn bool_unhashed(&self, key: &str, default: bool) -> bool {
        let bytes = key.as_bytes();
        if let 49..=64 = key.len()
            && let Some(value) = self.shared.current.probe_bool_one_pair(bytes, default)
        {
            return value;
        }
        self.find_of_other_length(key, &Hashed::new(bytes)).bool().unwrap_or(default)
    }

    #[inline(always)]
    fn find(&self, key: impl FlagKey) -> Hit {
        if let Some(hashed) = key.prepared()
            && let Some(hit) = self.shared.current.probe(&hashed)
        {
            return hit;
        }
        self.find_other(&key)
    }

    /// Keys of other lengths, and reads that the fast path did not settle.
    #[inline(always)]
    fn find_other(&self, key: &impl FlagKey) -> Hit {
        match key.remembered() {
            Some(hashed) => self.find_hashed(key.text(), hashed),
            None => self.find_unhashed(key.text()),
        }
    }

    #[inline(never)]
    fn find_unhashed(&self, key: &str) -> Hit {
        let bytes = key.as_bytes();
        // One pair of windows covers the middle, so that this copy of the code has no loop: half the time of the other.
        if let 49..=64 = key.len() {
            let hashed = Hashed::long(bytes);
            return match self.shared.current.probe_long(bytes, &hashed) {
                Some(hit) => hit,
                None => self.shared.find(key, &hashed),
            };
        }
        self.find_of_other_length(key, &Hashed::new(bytes))
    }

    #[inline(never)]
    fn find_hashed(&self, key: &str, hashed: &Hashed) -> Hit {
        self.find_of_other_length(key, hashed)
    }

    #[inline(always)]
    fn find_of_other_length(&self, key: &str, hashed: &Hashed) -> Hit {
        let hit = match key.len() {
            0..8 => self.shared.current.probe(hashed),
            // Tried before.
            8..=Hashed::INLINE_BYTES => None,
            _ => self.shared.current.probe_long(key.as_bytes(), hashed),
        };
        match hit {
            Some(hit) => hit,
            None => self.shared.find(key, hashed),
        }
    }

    /// A text flag of kind `wanted`, copied out of one generation.
    #[inline]
    fn text_with<T>(&self, key: impl FlagKey, wanted: u64, f: impl FnOnce(Option<&str>) -> T) -> T {
        let mut room = ShortText::default();
        if let Some(hashed) = key.prepared()
            && let Some(text) = self.shared.current.short_text(&hashed, wanted, &mut room)
        {
            return f(text);
        }
        self.any_text_with(key.text(), wanted, f)
    }

    /// Long texts, keys of other lengths, and reads that the fast path did not settle.
    fn any_text_with<T>(&self, key: &str, wanted: u64, f: impl FnOnce(Option<&str>) -> T) -> T {
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

    fn string(&self, key: impl FlagKey, wanted: u64) -> Option<String> {
        self.text_with(key, wanted, |text| text.map(str::to_owned))
    }

    fn json_text(&self, key: impl FlagKey) -> Option<String> {
        self.string(key, kind::JSON)
    }

    fn value(&self, key: impl FlagKey) -> Option<Value<'static>> {
        let mut room = ShortText::default();
        if let Some(hashed) = key.prepared()
            && let Some((hit, text)) = self.shared.current.short_value(&hashed, &mut room)
        {
            let Some(text) = text else { return hit.scalar() };
            let Ok(value) = hit.value_with::<Infallible>(|_| Ok(Some(Cow::Owned(text.to_owned()))));
            return value;
        }
        let key = key.text();
        let hashed = Hashed::new(key.as_bytes());
        self.shared.quick(|source| source.value(key, &hashed)).flatten()
    }
}
