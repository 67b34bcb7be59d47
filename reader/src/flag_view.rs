//! Many flags of one generation.

use std::cell::Cell;

use flagstaff_format::{FlagKey, Hashed, Hit, kind};

use crate::reader::Reader;
use crate::source::{Overtaken, Source};

/// The flags of one generation, for the time of a [`Reader::read`].
#[derive(Debug)]
pub struct FlagView<'a> {
    source: Source<'a>,
    overtaken: Cell<bool>,
}

impl Reader {
    /// Reads many flags of one generation: `f` gets a view on which all getters answer from the same snapshot.
    ///
    /// `f` is called again if two publishes began while it ran; what it answered then is thrown away, and what it was
    /// given after that moment were defaults. After 8 tries it runs on a copy. So it should read and return values and
    /// have no other effect.
    pub fn read<T>(&self, mut f: impl FnMut(&FlagView<'_>) -> T) -> T {
        let answer = self.shared.slow(|source| {
            let view = FlagView { source, overtaken: Cell::new(false) };
            let answer = f(&view);
            if view.overtaken.get() { Err(Overtaken) } else { Ok(answer) }
        });
        match answer {
            Some(answer) => answer,
            // `slow` ends on a copy, which nobody overtakes; this is for the compiler.
            None => f(&FlagView { source: Source::Nothing, overtaken: Cell::new(false) }),
        }
    }
}

impl FlagView<'_> {
    /// A boolean; `false` by default.
    #[must_use]
    pub fn get_bool(&self, key: impl FlagKey) -> bool {
        self.get_bool_or(key, false)
    }

    /// A boolean, or `default`.
    #[must_use]
    pub fn get_bool_or(&self, key: impl FlagKey, default: bool) -> bool {
        self.find(key).bool().unwrap_or(default)
    }

    /// A number; `0.0` by default.
    #[must_use]
    pub fn get_number(&self, key: impl FlagKey) -> f64 {
        self.get_number_or(key, 0.0)
    }

    /// A number, or `default`.
    #[must_use]
    pub fn get_number_or(&self, key: impl FlagKey, default: f64) -> f64 {
        self.find(key).number().unwrap_or(default)
    }

    /// An exact integer; `0` by default.
    #[must_use]
    pub fn get_i64(&self, key: impl FlagKey) -> i64 {
        self.get_i64_or(key, 0)
    }

    /// An exact integer, or `default`.
    #[must_use]
    pub fn get_i64_or(&self, key: impl FlagKey, default: i64) -> i64 {
        self.find(key).i64().unwrap_or(default)
    }

    /// An exact integer that is not negative; `0` by default.
    #[must_use]
    pub fn get_u64(&self, key: impl FlagKey) -> u64 {
        self.get_u64_or(key, 0)
    }

    /// An exact integer that is not negative, or `default`.
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
        self.text(key, kind::STRING).unwrap_or_else(|| default.to_owned())
    }

    /// The text of an object or array; `None` if it is missing or a scalar.
    #[must_use]
    pub fn get_json_text(&self, key: impl FlagKey) -> Option<String> {
        self.text(key, kind::JSON)
    }

    fn find(&self, key: impl FlagKey) -> Hit {
        let key = key.text();
        self.settle(self.source.find(key, &Hashed::new(key.as_bytes())), Hit::MISSING)
    }

    fn text(&self, key: impl FlagKey, wanted: u64) -> Option<String> {
        let key = key.text();
        self.settle(self.source.text_of(key, &Hashed::new(key.as_bytes()), wanted, str::to_owned), None)
    }

    fn settle<T>(&self, answer: Result<T, Overtaken>, default: T) -> T {
        answer.unwrap_or_else(|Overtaken| {
            self.overtaken.set(true);
            default
        })
    }
}
