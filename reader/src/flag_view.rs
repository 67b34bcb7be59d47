//! Many flags of one generation.

use std::cell::Cell;

use flagstaff_format::{FlagKey, Hashed, Hit, Value, kind};

use crate::getters::getters;
use crate::reader::Reader;
use crate::source::{Overtaken, Source};

/// The flags of one generation, for the time of a [`Reader::read`]. It has the getters of the reader.
#[derive(Debug)]
pub struct FlagView<'a> {
    source: Source<'a>,
    overtaken: Cell<bool>,
}

impl Reader {
    /// Reads many flags of one generation: `f` gets a view whose getters all read the same snapshot.
    ///
    /// `f` is called again if two publishes began while it ran. What it returned then is dropped, and what it was given after that
    /// moment were defaults. After 8 tries it runs on a copy. So it should read and return values, and have no other effect.
    ///
    /// For several flags of one type see [`Reader::get_bools`] and those beside it.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// let (is_on, limit) = flags.read(|flags| (flags.get_bool("cart"), flags.get_u64_or("cart-limit", 50)));
    /// ```
    #[inline]
    pub fn read<T>(&self, mut f: impl FnMut(&FlagView<'_>) -> T) -> T {
        let result = self.shared.quick(|source| {
            let view = FlagView { source, overtaken: Cell::new(false) };
            let result = f(&view);
            if view.overtaken.get() { Err(Overtaken) } else { Ok(result) }
        });
        match result {
            Some(result) => result,
            // `slow` ends on a copy, which nobody overtakes; this is for the compiler.
            None => f(&FlagView { source: Source::Nothing, overtaken: Cell::new(false) }),
        }
    }

    /// Several boolean flags of one generation; `false` for each that is missing or no boolean.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// let [is_new_cart, is_new_checkout] = flags.get_bools(["new-cart", "new-checkout"]);
    /// ```
    #[inline]
    #[must_use]
    pub fn get_bools<const N: usize>(&self, keys: [impl FlagKey; N]) -> [bool; N] {
        match self.shared.current.probe_bools(&keys, false) {
            Some(values) => values,
            None => self.read(|flags| keys.each_ref().map(|key| flags.get_bool(key))),
        }
    }

    /// As [`Reader::get_bools`], for a number of keys that is not known when the program is compiled.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// let keys: Vec<String> = (1..=3).map(|number| format!("variant-{number}")).collect();
    /// let are_on: Vec<bool> = flags.get_bools_of(&keys);
    /// ```
    #[must_use]
    pub fn get_bools_of(&self, keys: &[impl FlagKey]) -> Vec<bool> {
        self.read(|flags| {
            let mut values = Vec::with_capacity(keys.len());
            let (chunks, rest) = keys.as_chunks::<CHUNK>();
            chunks.iter().for_each(|keys| values.extend(flags.bools(keys)));
            values.extend(rest.iter().map(|key| flags.get_bool(key)));
            values
        })
    }

    /// Several number flags of one generation; `0.0` for each that is missing or no number.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// let [low, high] = flags.get_numbers(["price.low", "price.high"]);
    /// ```
    #[inline]
    #[must_use]
    pub fn get_numbers<const N: usize>(&self, keys: [impl FlagKey; N]) -> [f64; N] {
        match self.shared.current.probe_many(&keys) {
            Some(hits) => hits.map(|hit| hit.number().unwrap_or(0.0)),
            None => self.read(|flags| keys.each_ref().map(|key| flags.get_number(key))),
        }
    }

    /// Several string flags of one generation; an empty one for each that is missing or no string.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// let [theme, language] = flags.get_strings(["theme", "language"]);
    /// ```
    #[must_use]
    pub fn get_strings<const N: usize>(&self, keys: [impl FlagKey; N]) -> [String; N] {
        self.read(|flags| keys.each_ref().map(|key| flags.get_string(key)))
    }

    /// Several flags of any type, of one generation; `None` for each that is missing.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// let [cart, limit] = flags.get_many(["new-cart", "cart-limit"]);
    /// ```
    #[must_use]
    pub fn get_many<const N: usize>(&self, keys: [impl FlagKey; N]) -> [Option<Value<'static>>; N] {
        self.read(|flags| flags.values(&keys))
    }

    /// As [`Reader::get_many`], for a number of keys that is not known when the program is compiled.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// let keys = ["new-cart", "cart-limit"].to_vec();
    /// for (key, value) in keys.iter().zip(flags.get_many_of(&keys)) {
    ///     println!("{key}: {value:?}");
    /// }
    /// ```
    #[must_use]
    pub fn get_many_of(&self, keys: &[impl FlagKey]) -> Vec<Option<Value<'static>>> {
        self.read(|flags| {
            let mut values = Vec::with_capacity(keys.len());
            let (chunks, rest) = keys.as_chunks::<CHUNK>();
            chunks.iter().for_each(|keys| values.extend(flags.values(keys)));
            values.extend(rest.iter().map(|key| flags.get(key)));
            values
        })
    }
}

/// Keys that are looked up together.
const CHUNK: usize = 16;

getters! {
    FlagView<'_>,
    json: Option<String>,
    value: Option<Value<'static>>,
    begin: "# flagstaff_reader::Reader::attach(\"flags.flagstaff\").read(|flags| {",
    end: "# });"
}

impl FlagView<'_> {
    #[inline(always)]
    fn bool_or(&self, key: impl FlagKey, default: bool) -> bool {
        if let Source::Live(view, seen) = self.source
            && let Some(hashed) = key.prepared()
            && let Some(value) = view.probe_bool_in(seen, &hashed, default)
        {
            return value;
        }
        self.find_other(&key).bool().unwrap_or(default)
    }

    #[inline(always)]
    fn find(&self, key: impl FlagKey) -> Hit {
        if let Source::Live(view, seen) = self.source
            && let Some(hashed) = key.prepared()
            && let Some(hit) = view.probe_in(seen, &hashed)
        {
            return hit;
        }
        self.find_other(&key)
    }

    #[inline(never)]
    fn find_other(&self, key: &impl FlagKey) -> Hit {
        self.look_up(key, |source, key, hashed| source.find(key, hashed)).unwrap_or(Hit::MISSING)
    }

    fn bools<const N: usize>(&self, keys: &[impl FlagKey; N]) -> [bool; N] {
        if let Source::Live(view, seen) = self.source
            && let Some(values) = view.probe_bools_in(seen, keys, false)
        {
            return values;
        }
        keys.each_ref().map(|key| self.get_bool(key))
    }

    fn values<const N: usize>(&self, keys: &[impl FlagKey; N]) -> [Option<Value<'static>>; N] {
        if let Source::Live(view, seen) = self.source
            && let Some(hits) = view.probe_many_in(seen, keys)
        {
            return hits.map(|hit| self.take(self.source.value_of(hit)).flatten());
        }
        keys.each_ref().map(|key| self.get(key))
    }

    fn string(&self, key: impl FlagKey, wanted: u64) -> Option<String> {
        self.look_up(key, |source, key, hashed| source.text_of(key, hashed, wanted, str::to_owned)).flatten()
    }

    fn text_with<T>(&self, key: impl FlagKey, wanted: u64, f: impl FnOnce(Option<&str>) -> T) -> T {
        f(self.string(key, wanted).as_deref())
    }

    fn json_text(&self, key: impl FlagKey) -> Option<String> {
        self.string(key, kind::JSON)
    }

    fn value(&self, key: impl FlagKey) -> Option<Value<'static>> {
        self.look_up(key, |source, key, hashed| source.value(key, hashed)).flatten()
    }

    /// `None` if a publisher overtook this: the whole read is then done again.
    fn look_up<T>(
        &self,
        key: impl FlagKey,
        read: impl FnOnce(Source<'_>, &str, &Hashed) -> Result<T, Overtaken>,
    ) -> Option<T> {
        let text = key.text();
        let result = match key.remembered() {
            Some(hashed) => read(self.source, text, hashed),
            None => read(self.source, text, &Hashed::new(text.as_bytes())),
        };
        self.take(result)
    }

    fn take<T>(&self, result: Result<T, Overtaken>) -> Option<T> {
        self.overtaken.set(self.overtaken.get() | result.is_err());
        result.ok()
    }
}
