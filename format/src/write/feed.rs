//! The publisher's side of the change feed in a file.

use crate::bytes::generation::Generation;
use crate::bytes::layout::word;
use crate::sync::feed::{InFile, Size as _, addition, head_of};
use crate::write::disk;
use crate::write::file::SnapshotFile;

impl SnapshotFile {
    /// Stores what changes with the generation after `current`, while the generation word is odd (F1).
    ///
    /// Errors are ignored: the head is stored last and names its generation, so that readers of a feed that could not be written compare
    /// snapshots.
    pub(crate) fn tell(&self, current: Generation, changed: Option<&[u32]>) {
        let head = self.header.load(word::FEED_HEADS[head_of::<InFile>(current)]);
        let new = addition::<InFile>(head, current, changed);
        let (before_end, from_begin) =
            new.entries.split_at(new.entries.len().min(InFile::ENTRIES - new.start));
        for (at, entries) in [(new.start, before_end), (0, from_begin)] {
            let bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.to_le_bytes()).collect();
            let to = (word::FEED + at) as u64 * 8;
            if !bytes.is_empty() && disk::write(&self.hooks, self.this(), to, &bytes).is_err() {
                return;
            }
        }
        let _ = self.store(word::FEED_HEADS[head_of::<InFile>(current.next())], new.head);
    }
}
