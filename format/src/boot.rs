//! Which boot of the machine this is, and the clock that runs through it.

use std::fs::File;
use std::io::Read;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A boot of a machine; all zero where the operating system does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BootId(pub [u64; 2]);

impl BootId {
    /// The boot id of the running system, read once per process.
    #[must_use]
    pub fn current() -> BootId {
        static CURRENT: OnceLock<BootId> = OnceLock::new();
        if let Some(known) = CURRENT.get() {
            return *known;
        }
        // Read outside of the lock: a thread that was lost in a fork while it held it would keep the child for ever.
        let id = read().unwrap_or_default();
        let _ = CURRENT.set(id);
        id
    }

    /// Whether two ids can be of one boot. An unknown id can be of any.
    #[must_use]
    pub fn may_be(self, other: BootId) -> bool {
        self == other || self == BootId::default() || other == BootId::default()
    }
}

/// In one read, since every reader that opens a file waits for this.
fn read() -> Option<BootId> {
    let mut text = [0; 64];
    let bytes =
        File::open("/proc/sys/kernel/random/boot_id").and_then(|mut file| file.read(&mut text)).ok()?;
    parse(std::str::from_utf8(text.get(..bytes)?).ok()?)
}

fn parse(text: &str) -> Option<BootId> {
    let hex: String = text.trim().chars().filter(|c| *c != '-').collect();
    let (high, low) = hex.split_at_checked(16)?;
    Some(BootId([u64::from_str_radix(high, 16).ok()?, u64::from_str_radix(low, 16).ok()?]))
}

/// Time since boot, time asleep included. It never jumps, unlike the wall clock.
#[must_use]
pub fn now() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// A time since boot that is a few milliseconds coarse and costs a few nanoseconds.
#[must_use]
pub fn coarse() -> Duration {
    let time = clock_gettime(ClockId::MonotonicCoarse);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_id_of_this_system_is_known_and_stays() {
        assert_ne!(BootId::current(), BootId::default());
        assert_eq!(BootId::current(), BootId::current());
    }

    #[test]
    fn a_boot_id_is_the_hex_number_that_the_kernel_prints() {
        let id = parse("01234567-89ab-cdef-0000-0000000000ff\n");
        assert_eq!(id, Some(BootId([0x0123_4567_89ab_cdef, 0xff])));
        assert_eq!(parse("nonsense"), None);
    }

    #[test]
    fn an_unknown_boot_may_be_any() {
        assert!(BootId([1, 2]).may_be(BootId::default()));
        assert!(!BootId([1, 2]).may_be(BootId([1, 3])));
    }
}
