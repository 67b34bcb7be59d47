//! Texts of up to 64 bytes, read on the fast path: most strings.

use crate::bytes::key::Hashed;
use crate::bytes::record::Hit;
use crate::read::fast_path::FastPath;

/// Room for a text of up to 64 bytes, in the words in which it is loaded from shared memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShortText([[u8; 8]; 8]);

impl FastPath<'_> {
    /// Reads a text of kind `wanted` into `room` in one attempt. `None`: not settled, or a longer text. `Some(None)`: no such text.
    #[inline(always)]
    pub(crate) fn short_text<'b>(
        self,
        key: &Hashed,
        wanted: u64,
        room: &'b mut ShortText,
    ) -> Option<Option<&'b str>> {
        self.short_text_if(key, |hit| hit.kind() == wanted, room).map(|(_, text)| text)
    }

    /// As [`FastPath::short_text`], of any kind, with what was found.
    #[inline(always)]
    pub(crate) fn short_value<'b>(
        self,
        key: &Hashed,
        room: &'b mut ShortText,
    ) -> Option<(Hit, Option<&'b str>)> {
        self.short_text_if(key, |_| true, room)
    }

    #[inline(always)]
    fn short_text_if<'b>(
        self,
        key: &Hashed,
        is_wanted: impl FnOnce(Hit) -> bool,
        room: &'b mut ShortText,
    ) -> Option<(Hit, Option<&'b str>)> {
        let seen = self.observe();
        // Where the text is must be known to be right before it is copied, so the generation is checked before and after the copy.
        let found = self.probe_in(seen, key)?;
        let at = match found.text() {
            Some(at) if is_wanted(found) => at,
            _ => return Some((found, None)),
        };
        let copied = self.copy(seen, at.word, room.0.get_mut(..at.words())?);
        if !copied || !self.still_valid(seen) {
            return None;
        }
        // Only damage makes it no text.
        let text = room.0.as_flattened().get(..at.bytes).and_then(|bytes| std::str::from_utf8(bytes).ok());
        Some((found, text))
    }
}
