//! JSON flags as your own types.

use std::marker::PhantomData;
use std::sync::Arc;

use flagstaff_format::{FlagKey, kind};
use serde::de::DeserializeOwned;

use crate::handle::Handle;
use crate::memo::SharedMemo;
use crate::reader::Reader;

impl Reader {
    /// An object or array as a `T`; `None` if the flag is missing, a scalar, or no `T`.
    #[must_use]
    pub fn get_json<T: DeserializeOwned>(&self, key: impl FlagKey) -> Option<T> {
        self.with_text(key, kind::JSON, |text| serde_json::from_str(text?).ok())
    }

    /// An object or array as a `T`, or `default`.
    #[must_use]
    pub fn get_json_or<T: DeserializeOwned>(&self, key: impl FlagKey, default: T) -> T {
        self.get_json(key).unwrap_or(default)
    }

    /// A handle to a JSON flag, parsed once per generation.
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
