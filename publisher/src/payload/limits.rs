//! How much a payload may be.

/// Bytes of a payload that are accepted unless told otherwise: 5 MiB, the cap of the service's own SDK.
pub const DEFAULT_MAX_PAYLOAD: usize = 5 * 1024 * 1024;

/// Levels of nesting that are accepted. The root object is level 1.
///
/// Not a setting: a flag's value may have 127 levels, and that is what `serde_json` parses on the reader's side. More
/// would be published, and getters would then return the default.
pub const MAX_DEPTH: usize = 128;

/// Limits for one payload.
///
/// ```
/// use flagstaff_publisher::payload::Limits;
///
/// let small = Limits::default().max_payload(64 * 1024);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Limits {
    max_payload: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_payload: DEFAULT_MAX_PAYLOAD }
    }
}

impl Limits {
    /// Sets the largest payload in bytes. The default is [`DEFAULT_MAX_PAYLOAD`], so that both clients of the service
    /// accept the same payloads.
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.max_payload = bytes;
        self
    }

    pub(super) fn payload_bytes(self) -> usize {
        self.max_payload
    }
}
