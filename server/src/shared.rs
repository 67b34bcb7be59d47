//! Large texts to send: one shared copy, handed to connections in small pieces.
//!
//! A connection whose client does not read holds a few pieces and a reference to the text. Texts that are no longer current have a common
//! bound: beyond it the oldest is freed, and connections that are still sending it are closed.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::body::Bytes;
use tokio::sync::Semaphore;

/// Bytes that are handed to a connection at once, as a copy.
pub(crate) const PIECE: usize = 16 * 1024;

/// Bytes of outdated texts that somebody still reads, of all servers of this process. Enough for the whole history once.
const MOST_OLD: usize = 48 * 1024 * 1024;

/// Bytes that a connection gets in one turn: what it may have waiting.
const TURN: usize = 4 * PIECE;

/// Connections of this process that may continue between two polls of the sockets; others wait in order. A connection that waits for its
/// client does not count: its body is not polled until there is room for a piece.
static TURNS: Semaphore = Semaphore::const_new(8);

/// Texts that may be freed, the oldest first.
static OLD: Mutex<VecDeque<Weak<Text>>> = Mutex::new(VecDeque::new());

/// A text that may have been freed. Clones refer to the same one.
#[derive(Debug, Clone)]
pub(crate) struct Shared(Arc<Text>);

/// A reference that does not keep the text.
#[derive(Debug, Clone, Default)]
pub(crate) struct WeakShared(Weak<Text>);

#[derive(Debug)]
struct Text {
    bytes: Mutex<Option<Bytes>>,
    len: usize,
}

/// A text that was freed while somebody read it.
#[derive(Debug, thiserror::Error)]
#[error("client read so slowly that what it was reading is gone")]
pub(crate) struct Gone;

impl Shared {
    pub(crate) fn new(bytes: impl Into<Bytes>) -> Shared {
        let bytes = bytes.into();
        Shared(Arc::new(Text { len: bytes.len(), bytes: Mutex::new(Some(bytes)) }))
    }

    /// A text that lives only as long as somebody reads it.
    pub(crate) fn passing(bytes: impl Into<Bytes>) -> Shared {
        let shared = Shared::new(bytes);
        shared.is_old();
        shared
    }

    /// A text that could not be made: connections that read it are closed.
    pub(crate) fn gone() -> Shared {
        Shared(Arc::new(Text { len: 1, bytes: Mutex::new(None) }))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len
    }

    #[cfg(test)]
    pub(crate) fn is_same(&self, other: &Shared) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn weak(&self) -> WeakShared {
        WeakShared(Arc::downgrade(&self.0))
    }

    /// Marks it as outdated: from now on it may be freed.
    pub(crate) fn is_old(&self) {
        let mut old = OLD.lock().unwrap_or_else(PoisonError::into_inner);
        old.retain(|text| text.upgrade().is_some_and(|text| text.is_there()));
        old.push_back(Arc::downgrade(&self.0));
        let mut bytes = old.iter().filter_map(Weak::upgrade).map(|text| text.len).sum::<usize>();
        // The newest is kept in any case.
        while bytes > MOST_OLD && old.len() > 1 {
            if let Some(text) = old.pop_front().and_then(|text| text.upgrade()) {
                bytes -= text.len;
                text.give_up();
            }
        }
    }

    fn copy(&self, range: Range<usize>) -> Result<Bytes, Gone> {
        let bytes = self.0.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let piece = bytes.as_ref().and_then(|bytes| bytes.get(range)).ok_or(Gone)?;
        Ok(Bytes::copy_from_slice(piece))
    }
}

impl WeakShared {
    pub(crate) fn get(&self) -> Option<Shared> {
        self.0.upgrade().filter(|text| text.is_there()).map(Shared)
    }
}

impl Text {
    fn is_there(&self) -> bool {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn give_up(&self) {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// What is still to be sent, in order.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    parts: VecDeque<(Shared, Range<usize>)>,
    /// Bytes that were handed out since the others had their turn.
    of_turn: usize,
}

impl Pieces {
    /// Adds a small text.
    pub(crate) fn text(&mut self, text: impl Into<Bytes>) {
        self.all(Shared::new(text));
    }

    pub(crate) fn all(&mut self, text: Shared) {
        let range = 0..text.len();
        self.part(text, range);
    }

    pub(crate) fn part(&mut self, text: Shared, range: Range<usize>) {
        if range.start < range.end {
            if self.parts.is_empty() {
                // The first piece comes at once, which is all of a small text. Hundreds may begin at the same moment.
                self.of_turn = self.of_turn.max(TURN - PIECE);
            }
            self.parts.push_back((text, range));
        }
    }

    /// Bytes that are left.
    pub(crate) fn len(&self) -> usize {
        self.parts.iter().map(|(_, range)| range.len()).sum()
    }

    /// The next piece; `None` at the end.
    ///
    /// After some pieces all other connections have a turn: megabytes at once would delay small responses, and hundreds of such
    /// connections would do so for seconds.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, Gone>> {
        if self.of_turn >= TURN {
            self.of_turn = 0;
            // It is never closed.
            let _turn = TURNS.acquire().await;
            tokio::task::yield_now().await;
        }
        let (text, range) = self.parts.front_mut()?;
        let end = range.end.min(range.start + PIECE);
        let piece = text.copy(range.start..end);
        self.of_turn += end - range.start;
        range.start = end;
        if range.start >= range.end {
            self.parts.pop_front();
        }
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_in_pieces_and_is_whole() {
        let text: String = (0..10_000).map(|n| format!("{n} ")).collect();
        let mut pieces = Pieces::default();
        pieces.text("begin ");
        pieces.part(Shared::new(text.clone()), 2..text.len());
        let (expected, mut found) = (format!("begin {}", &text[2..]), Vec::new());
        assert_eq!(pieces.len(), expected.len());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        while let Some(piece) = runtime.block_on(pieces.next()) {
            let piece = piece.unwrap();
            assert!(piece.len() <= PIECE);
            found.extend_from_slice(&piece);
        }
        assert_eq!(String::from_utf8(found).unwrap(), expected);
    }

    #[test]
    fn of_too_many_old_texts_the_oldest_are_given_up_and_the_newest_never() {
        let texts: Vec<_> = (0..4).map(|_| Shared::passing(vec![b'x'; MOST_OLD / 3])).collect();
        assert!(texts[0].copy(0..1).is_err() && texts[0].weak().get().is_none());
        assert!(texts[3].copy(0..1).is_ok() && texts[3].weak().get().is_some());
        let large = Shared::passing(vec![b'x'; MOST_OLD + 1]);
        assert!(texts[3].copy(0..1).is_err() && large.copy(0..1).is_ok());
    }
}
