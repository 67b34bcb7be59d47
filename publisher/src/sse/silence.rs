//! How long a stream has been silent.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// When the wait for the next byte of the stream began, for the layer that waits for bytes of the socket.
///
/// Those of chunk sizes, trailers, TLS records and compression are not of the stream: they must not restart the limit, or a
/// server could hold a client for ever without sending anything.
#[derive(Debug, Clone, Default)]
pub(super) struct Silence(Arc<Mutex<Option<Instant>>>);

impl Silence {
    /// A wait for the next byte of the stream begins.
    pub(super) fn begins(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// What is left of a limit. The whole of it at first, so that in a usual stream it is always the same, and the socket
    /// need not be told each time; `None` before there is a stream.
    pub(super) fn left_of(&self, limit: Duration) -> Option<Duration> {
        let elapsed = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?.elapsed();
        Some(if elapsed < limit / 8 { limit } else { limit.saturating_sub(elapsed) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_used_up_once_and_not_anew_for_each_byte() {
        let silence = Silence::default();
        let limit = Duration::from_secs(40);
        assert_eq!(silence.left_of(limit), None);
        silence.begins();
        assert_eq!(silence.left_of(limit), Some(limit));
        let Some(begun) = Instant::now().checked_sub(Duration::from_secs(30)) else { return };
        *silence.0.lock().unwrap() = Some(begun);
        let left = silence.left_of(limit).unwrap();
        assert!((Duration::from_secs(1)..=Duration::from_secs(10)).contains(&left), "{left:?}");
        assert_eq!(silence.left_of(Duration::from_secs(20)), Some(Duration::ZERO));
    }
}
