//! The `retry` field: read digit by digit, so that a long value needs no buffer.

use std::time::Duration;

/// Shortest delay that a `retry` field can ask for.
pub const RETRY_MIN: Duration = Duration::from_millis(100);
/// Longest delay that a `retry` field can ask for.
pub const RETRY_MAX: Duration = Duration::from_secs(60);

/// The value as far as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    Empty,
    Milliseconds(u64),
    Invalid,
}

impl Retry {
    /// With one more byte of the value.
    pub(super) fn push(self, byte: u8) -> Retry {
        match (self, byte) {
            (Retry::Empty, b'0'..=b'9') => Retry::Milliseconds(u64::from(byte - b'0')),
            (Retry::Milliseconds(sum), b'0'..=b'9') => {
                Retry::Milliseconds(sum.saturating_mul(10).saturating_add(u64::from(byte - b'0')))
            }
            _ => Retry::Invalid,
        }
    }

    /// The delay, clamped; `None` unless the value was all digits.
    pub(super) fn delay(self) -> Option<Duration> {
        match self {
            Retry::Milliseconds(sum) => Some(Duration::from_millis(sum).clamp(RETRY_MIN, RETRY_MAX)),
            Retry::Empty | Retry::Invalid => None,
        }
    }
}
