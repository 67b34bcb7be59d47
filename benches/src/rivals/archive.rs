//! rkyv's own hash map, read in place.
#![allow(unsafe_code, reason = "unchecked access to an archive is rkyv's way to read in constant time")]

use std::collections::HashMap;

use rkyv::collections::swiss_table::ArchivedHashMap;
use rkyv::string::ArchivedString;
use rkyv::util::AlignedVec;

use super::rival::{Effort, Rival, pairs};
use crate::Outcome;

type Archived = ArchivedHashMap<ArchivedString, bool>;

/// An archive that was checked once, when it was made.
pub(crate) struct Archive(AlignedVec);

impl Archive {
    pub(crate) fn new(keys: &[String]) -> Outcome<Archive> {
        let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(&pairs(keys).collect::<HashMap<_, _>>())?;
        let _: &Archived = rkyv::access::<Archived, rkyv::rancor::Error>(&bytes)?;
        Ok(Archive(bytes))
    }
}

impl Rival for Archive {
    const NAME: &str = "rkyv `ArchivedHashMap`, unchecked access";
    const EFFORT: Effort = Effort::SLOW;

    #[inline(always)]
    fn look(&mut self, key: &str) -> Outcome<bool> {
        // SAFETY: `new` checked these very bytes as this type, and nothing changes them.
        let map = unsafe { rkyv::access_unchecked::<Archived>(&self.0) };
        Ok(map.get(key).copied().unwrap_or(false))
    }
}
