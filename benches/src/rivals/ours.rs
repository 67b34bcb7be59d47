//! `Reader::get_bool`.

use std::path::Path;

use flagstaff_publisher::Publisher;
use flagstaff_reader::Reader;

use super::rival::Rival;
use crate::Outcome;
use crate::flags::{booleans_of, publish};

/// A reader, and the publisher that its file belongs to.
pub(crate) struct Ours {
    reader: Reader,
    _publisher: Publisher,
}

impl Ours {
    /// Publishes the flags, and opens them.
    pub(crate) fn new(folder: &Path, keys: &[String]) -> Outcome<Ours> {
        let path = folder.join("ours.flagstaff");
        let publisher = publish(&path, &booleans_of(keys))?;
        Ok(Ours { reader: Reader::open(&path)?, _publisher: publisher })
    }
}

impl Rival for Ours {
    const NAME: &str = "Flagstaff `get_bool(&str)`";

    #[inline(always)]
    fn look(&mut self, key: &str) -> Outcome<bool> {
        Ok(self.reader.get_bool(key))
    }
}
