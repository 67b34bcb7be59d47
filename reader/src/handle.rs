//! Handles: one flag, looked up once per generation.
//!
//! A handle is `Send + Sync`, also in a `static` behind a `LazyLock`. A clone costs two reference counts, shares the reader,
//! and remembers for itself.

use std::sync::Arc;

use flagstaff_format::memo::{BoolMemo, WordMemo};
use flagstaff_format::protocol::Sound;
use flagstaff_format::{Hashed, KeptPointer, kind};

use crate::memo::SharedMemo;
use crate::reader::Reader;
use crate::shared::Shared;
use crate::source::{Overtaken, Source};

/// What every handle has: a reader and a prepared key.
#[derive(Debug)]
pub(crate) struct Handle {
    shared: KeptPointer<Shared>,
    key: Arc<str>,
    hashed: Hashed,
}

impl Handle {
    pub(crate) fn new(reader: &Reader, key: &str) -> Handle {
        Handle::of(&reader.shared, key.into(), Hashed::new(key.as_bytes()))
    }

    fn of(shared: &Arc<Shared>, key: Arc<str>, hashed: Hashed) -> Handle {
        Handle { shared: KeptPointer::of(shared), key, hashed }
    }

    /// The stamp of what is current now.
    #[inline(always)]
    pub(crate) fn stamp(&self) -> u64 {
        self.loose_stamp() & !1
    }

    /// The same with any lowest bit, for a memory that does not look at it.
    #[inline(always)]
    fn loose_stamp(&self) -> u64 {
        self.shared.raw_stamp()
    }

    /// Reads the flag, and the stamp of the snapshot that it came from.
    pub(crate) fn look<T>(
        &self,
        read: impl Fn(Source<'_>, &str, &Hashed) -> Result<T, Overtaken>,
    ) -> Option<(T, Option<u64>)> {
        // The reader moves on first, if it has to. Should it move once more before the value is read, the stamps differ, and the next look comes here.
        let shared = self.shared.holder();
        shared.attached();
        self.shared.renew();
        shared.slow(|source| Ok((read(source, &self.key, &self.hashed)?, source.stamp())))
    }
}

impl Clone for Handle {
    fn clone(&self) -> Handle {
        Handle::of(self.shared.holder(), self.key.clone(), self.hashed)
    }
}

/// A boolean flag, remembered with its generation: reading it again is one load and a compare.
///
/// ```no_run
/// use std::sync::LazyLock;
/// use flagstaff_reader::{BoolFlag, Reader};
///
/// static FLAGS: LazyLock<Reader> = LazyLock::new(|| Reader::attach("/run/flags.flagstaff"));
/// static CHECKOUT: LazyLock<BoolFlag> = LazyLock::new(|| FLAGS.bool_flag("new-checkout"));
///
/// if CHECKOUT.get() {
///     println!("the new checkout");
/// }
/// ```
#[derive(Debug, Clone)]
pub struct BoolFlag {
    handle: Handle,
    default: bool,
    memo: BoolMemo,
}

impl BoolFlag {
    /// The value now.
    #[inline]
    #[must_use]
    pub fn get(&self) -> bool {
        match self.memo.get(self.handle.loose_stamp()) {
            Some(value) => value,
            None => self.refresh(),
        }
    }

    #[cold]
    #[inline(never)]
    fn refresh(&self) -> bool {
        let found = self.handle.look(|source, key, hashed| source.find(key, hashed));
        let value = found.and_then(|(found, _)| found.bool()).unwrap_or(self.default);
        if let Some((_, Some(stamp))) = found {
            self.memo.set(stamp, value);
        }
        value
    }
}

/// A number flag, remembered with its generation.
#[derive(Debug, Clone)]
pub struct NumberFlag {
    handle: Handle,
    default: f64,
    memo: WordMemo,
}

impl NumberFlag {
    /// The value now.
    #[inline]
    #[must_use]
    pub fn get(&self) -> f64 {
        match self.memo.get::<Sound>(self.handle.stamp()) {
            Some(bits) => f64::from_bits(bits),
            None => self.refresh(),
        }
    }

    #[cold]
    #[inline(never)]
    fn refresh(&self) -> f64 {
        let found = self.handle.look(|source, key, hashed| source.find(key, hashed));
        let value = found.and_then(|(found, _)| found.number()).unwrap_or(self.default);
        if let Some((_, Some(stamp))) = found {
            self.memo.set::<Sound>(stamp, value.to_bits());
        }
        value
    }
}

/// A string flag, copied once per generation and shared.
#[derive(Debug, Clone)]
pub struct StringFlag {
    handle: Handle,
    default: Arc<str>,
    memo: SharedMemo<Arc<str>>,
}

impl StringFlag {
    /// The value now.
    #[must_use]
    pub fn get(&self) -> Arc<str> {
        if let Some(value) = self.memo.get(self.handle.stamp()) {
            return value;
        }
        let found = self.handle.look(|source, key, hashed| {
            source.text_of(key, hashed, kind::STRING, |text| Arc::<str>::from(text))
        });
        let Some((value, stamp)) = found else { return self.default.clone() };
        let value = value.unwrap_or_else(|| self.default.clone());
        match stamp {
            Some(stamp) => self.memo.remember(stamp, value),
            None => value,
        }
    }
}

impl Reader {
    /// A handle to a boolean flag; `false` by default.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// let checkout = flags.bool_flag("new-checkout");
    /// let is_on: bool = checkout.get();
    /// ```
    #[must_use]
    pub fn bool_flag(&self, key: &str) -> BoolFlag {
        self.bool_flag_or(key, false)
    }

    /// A handle to a boolean flag with a default.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// assert!(flags.bool_flag_or("no-such-flag", true).get());
    /// ```
    #[must_use]
    pub fn bool_flag_or(&self, key: &str, default: bool) -> BoolFlag {
        BoolFlag { handle: Handle::new(self, key), default, memo: BoolMemo::new() }
    }

    /// A handle to a number flag; `0.0` by default.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// let sample_rate = flags.number_flag("sample-rate");
    /// let value: f64 = sample_rate.get();
    /// ```
    #[must_use]
    pub fn number_flag(&self, key: &str) -> NumberFlag {
        self.number_flag_or(key, 0.0)
    }

    /// A handle to a number flag with a default.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// assert_eq!(flags.number_flag_or("no-such-flag", 0.25).get(), 0.25);
    /// ```
    #[must_use]
    pub fn number_flag_or(&self, key: &str, default: f64) -> NumberFlag {
        NumberFlag { handle: Handle::new(self, key), default, memo: WordMemo::new() }
    }

    /// A handle to a string flag; empty by default.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// let theme = flags.string_flag("theme");
    /// let value: std::sync::Arc<str> = theme.get();
    /// ```
    #[must_use]
    pub fn string_flag(&self, key: &str) -> StringFlag {
        self.string_flag_or(key, "")
    }

    /// A handle to a string flag with a default.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// assert_eq!(&*flags.string_flag_or("no-such-flag", "light").get(), "light");
    /// ```
    #[must_use]
    pub fn string_flag_or(&self, key: &str, default: &str) -> StringFlag {
        StringFlag { handle: Handle::new(self, key), default: default.into(), memo: SharedMemo::new() }
    }
}
