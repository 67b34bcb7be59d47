//! Messages of a reader process to the demo, one line each.

use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Message {
    /// The first flags are there and measuring begins.
    Ready,
    /// A flip was seen.
    Seen { flip: u64, generation: u64, sent_at: u64, seen_at: u64, on: bool },
    /// A flag that the demo does not change itself has changed; its [`fingerprint`].
    Changed { key: u64, seen_at: u64 },
    /// A burst of reads is over. Nanoseconds per read, of this library and of a private map.
    Burst { reads: u64, nanos: u64, per_read: f64, per_map_read: f64 },
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Ready => f.write_str("ready"),
            Message::Seen { flip, generation, sent_at, seen_at, on } => {
                write!(f, "seen {flip} {generation} {sent_at} {seen_at} {on}")
            }
            Message::Changed { key, seen_at } => write!(f, "changed {key} {seen_at}"),
            Message::Burst { reads, nanos, per_read, per_map_read } => {
                write!(f, "burst {reads} {nanos} {per_read:.2} {per_map_read:.2}")
            }
        }
    }
}

impl Message {
    /// Parses a line; `None` if it is not a message.
    pub(super) fn parse(line: &str) -> Option<Message> {
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        Some(match words[..] {
            ["ready"] => Message::Ready,
            ["seen", flip, generation, sent_at, seen_at, on] => Message::Seen {
                flip: flip.parse().ok()?,
                generation: generation.parse().ok()?,
                sent_at: sent_at.parse().ok()?,
                seen_at: seen_at.parse().ok()?,
                on: on.parse().ok()?,
            },
            ["changed", key, seen_at] => {
                Message::Changed { key: key.parse().ok()?, seen_at: seen_at.parse().ok()? }
            }
            ["burst", reads, nanos, per_read, per_map_read] => Message::Burst {
                reads: reads.parse().ok()?,
                nanos: nanos.parse().ok()?,
                per_read: per_read.parse().ok()?,
                per_map_read: per_map_read.parse().ok()?,
            },
            _ => return None,
        })
    }
}

/// The hash of a key, the same in all processes of the demo, which are one program: a key may contain spaces and line ends, a message
/// may not.
pub(super) fn fingerprint(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(key.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        for message in [
            Message::Ready,
            Message::Seen { flip: 1, generation: 2, sent_at: 3, seen_at: 4, on: true },
            Message::Changed { key: u64::MAX, seen_at: 6 },
            Message::Burst { reads: 1, nanos: 2, per_read: 3.25, per_map_read: 4.5 },
        ] {
            assert_eq!(Message::parse(&message.to_string()), Some(message));
        }
        assert_eq!(Message::parse("seen 1 2"), None);
    }
}
