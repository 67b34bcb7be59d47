//! The flags that the change feed names, read within one observed generation.

use crate::bytes::frame::Frame;
use crate::bytes::generation::Generation;
use crate::bytes::layout::{Area, overflow_word, word};
use crate::bytes::record::{Hit, KeyOf, RECORD_WORDS, TextAt};
use crate::read::view::View;
use crate::sync::feed::{self, InFile, Lost, head_of};
use crate::sync::protocol::Observed;

/// A flag that may have changed, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NowHolds {
    /// Its key.
    pub key: String,
    /// Its value, if that is no text; its kind.
    pub hit: Hit,
    /// Its text, if it has one.
    pub text: Option<String>,
}

/// All flags that may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangedFlags {
    /// The frame of the observed generation.
    pub frame: Frame,
    /// The flags, in no order.
    pub flags: Vec<NowHolds>,
}

impl View {
    /// The flags that may have changed from generation `from` of this file to the observed one. No other flag has changed.
    /// `None`: overtaken, or outside of the bounds (then [`View::refresh_bounds`] may help).
    ///
    /// # Errors
    /// [`Lost`], if the feed does not know: compare snapshots.
    pub fn changed_since(&self, seen: Observed, from: Generation) -> Option<Result<ChangedFlags, Lost>> {
        let changed = self.read_changed(seen, from);
        // Also of an error: what was loaded may be torn.
        if self.still_valid(seen) { changed.transpose() } else { None }
    }

    fn read_changed(&self, seen: Observed, from: Generation) -> Result<Option<ChangedFlags>, Lost> {
        let (map, slot, current) = (self.map(), seen.slot(), seen.generation());
        let head = map.load(word::FEED_HEADS[head_of::<InFile>(current)]);
        let places = feed::changed::<InFile>(head, |at| map.load(word::FEED + at), current, from)?;
        let start = Area::Slot(slot).word();
        let frame = Frame::parse(&std::array::from_fn(|i| map.load(start + i)))
            .ok()
            .filter(|frame| frame.generation == current)
            .ok_or(Lost::NoFeed)?;
        let mut flags = Vec::with_capacity(places.len());
        // No word belongs to two texts, so that a file that says otherwise takes no more memory than its archive.
        let mut left = frame.archive_bytes as usize;
        for place in places {
            match self.flag_at(slot, &frame, place as usize, &mut left) {
                Some(Some(flag)) => flags.push(flag),
                Some(None) => return Err(Lost::NoFeed),
                None => return Ok(None),
            }
        }
        Ok(Some(ChangedFlags { frame, flags }))
    }

    /// The flag at a place. `None`: outside of the bounds. `Some(None)`: none, or damage made it none.
    fn flag_at(
        &self,
        slot: usize,
        frame: &Frame,
        place: usize,
        left: &mut usize,
    ) -> Option<Option<NowHolds>> {
        let start = match place.checked_sub(frame.places) {
            None => place * RECORD_WORDS,
            Some(number) => overflow_word(frame.places) + number * RECORD_WORDS,
        };
        let mut record = [0; RECORD_WORDS];
        for (i, word) in record.iter_mut().enumerate() {
            *word = self.word(slot, start + i)?;
        }
        let (hit, of) = (Hit::of(&record), KeyOf(&record));
        if !hit.is_present() || place >= frame.places + frame.overflow {
            return Some(None);
        }
        let middle = match of.middle() {
            Some(at) => self.bytes_at(slot, at, left)?,
            None => Vec::new(),
        };
        let text = match hit.text() {
            Some(at) => Some(self.bytes_at(slot, at, left)?),
            None => None,
        };
        let whole = || {
            let key = String::from_utf8(of.assemble(&middle)?).ok()?;
            Some(NowHolds { key, hit, text: text.map(String::from_utf8).transpose().ok()? })
        };
        Some(whole())
    }

    fn bytes_at(&self, slot: usize, at: TextAt, left: &mut usize) -> Option<Vec<u8>> {
        if !at.fits(self.bound(slot) as usize) {
            return None;
        }
        *left = left.checked_sub(at.words() * 8)?;
        let mut bytes = Vec::new();
        // Without memory for it there is no answer; the process is not aborted.
        bytes.try_reserve_exact(at.words() * 8).ok()?;
        for i in 0..at.words() {
            bytes.extend_from_slice(&self.word(slot, at.word + i)?.to_le_bytes());
        }
        bytes.truncate(at.bytes);
        Some(bytes)
    }
}
