//! JSON flags as your own types.

use std::marker::PhantomData;
use std::sync::Arc;

use flagstaff_format::kind;
use serde::de::DeserializeOwned;

use crate::handle::Handle;
use crate::memo::SharedMemo;
use crate::reader::Reader;

impl Reader {
    /// A handle to a JSON flag, parsed once per generation.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// let limits = flags.json_flag::<Vec<u32>>("limits");
    /// let parsed: Option<std::sync::Arc<Vec<u32>>> = limits.get();
    /// ```
    #[must_use]
    pub fn json_flag<T: DeserializeOwned>(&self, key: &str) -> JsonFlag<T> {
        JsonFlag { handle: Handle::new(self, key), memo: SharedMemo::new(), parsed: PhantomData }
    }
}

/// A JSON flag, parsed once per generation and shared. A clone parses for itself.
#[derive(Debug)]
pub struct JsonFlag<T> {
    handle: Handle,
    memo: SharedMemo<Option<Arc<T>>>,
    parsed: PhantomData<fn() -> T>,
}

impl<T> Clone for JsonFlag<T> {
    fn clone(&self) -> JsonFlag<T> {
        JsonFlag { handle: self.handle.clone(), memo: SharedMemo::new(), parsed: PhantomData }
    }
}

impl<T: DeserializeOwned> JsonFlag<T> {
    /// The value now; `None` if the flag is missing, a scalar, or no `T`.
    #[must_use]
    pub fn get(&self) -> Option<Arc<T>> {
        if let Some(value) = self.memo.get(self.handle.stamp()) {
            return value;
        }
        let (text, stamp) =
            self.handle.look(|source, key, hashed| source.text_of(key, hashed, kind::JSON, str::to_owned))?;
        let value = text.and_then(|text| serde_json::from_str(&text).ok()).map(Arc::new);
        match stamp {
            Some(stamp) => self.memo.remember(stamp, value),
            None => value,
        }
    }
}
