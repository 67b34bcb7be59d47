//! Texts of up to 64 bytes, read on the fast path: most strings.

use crate::bytes::key::Hashed;
use crate::read::fast_path::FastPath;

/// Room for a text of up to 64 bytes, as words of shared memory come.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShortText([[u8; 8]; 8]);

impl FastPath<'_> {
    /// Reads a text of kind `wanted` in one attempt into `room`. `None`: not settled, or a longer text. `Some(None)`: no such text.
    #[inline(always)]
    pub(crate) fn short_text<'b>(
        self,
        key: &Hashed,
        wanted: u64,
        room: &'b mut ShortText,
    ) -> Option<Option<&'b str>> {
        let seen = self.observe();
        // Checked in there, because where the text stands must be right before it is read, and again behind it.
        let found = self.probe_in(seen, key)?;
        let at = match found.text() {
            Some(at) if found.kind() == wanted => at,
            _ => return Some(None),
        };
        let copied = self.copy(seen, at.word, room.0.get_mut(..at.words())?);
        if !copied || !self.still_valid(seen) {
            return None;
        }
        // Only damage makes it no text.
        Some(room.0.as_flattened().get(..at.bytes).and_then(|bytes| std::str::from_utf8(bytes).ok()))
    }
}
