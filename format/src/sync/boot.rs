//! The id of this boot of the machine, and the clock that counts from it.

use std::fs::{self, File};
use std::io::Read;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::sync::fork::Epoch;

/// The id of a boot of a machine; all zero where it is unknown.
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
        // Read outside of the lock: if another thread held it at a fork, the child would wait for ever.
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

/// Time since boot as the host counts it, time asleep included. It never jumps, unlike the wall clock, and it is the same for all
/// processes of a host, whatever time namespace they are in: times in a file are in this clock.
#[must_use]
pub fn now() -> Duration {
    by_the_host(in_namespace(), offset())
}

/// Time since boot as the kernel shows it to this process, in files under `/proc` too. A time namespace shifts it.
#[must_use]
pub fn in_namespace() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

fn by_the_host(here: Duration, offset: i64) -> Duration {
    let distance = Duration::from_nanos(offset.unsigned_abs());
    if offset > 0 { here.saturating_sub(distance) } else { here.saturating_add(distance) }
}

/// Nanoseconds by which the boot clock of this process is ahead of the host's. Read once, and once more in each child of a fork, which
/// may be in another namespace than its parent.
fn offset() -> i64 {
    /// Number of the epoch in which `OFFSET` was found. The offset is stored before it, so whoever sees the one sees the other, and
    /// threads that come here together find the same.
    static FOUND_IN: AtomicU64 = AtomicU64::new(0);
    static OFFSET: AtomicI64 = AtomicI64::new(0);
    let epoch = Epoch::now().number();
    if FOUND_IN.load(Acquire) == epoch {
        return OFFSET.load(Relaxed);
    }
    let offset = read_offset().unwrap_or(0);
    OFFSET.store(offset, Relaxed);
    FOUND_IN.store(epoch, Release);
    offset
}

/// `None` where it is not known: no /proc, no time namespaces in this kernel, or a process inside of one that has made another one for
/// its children and not gone into it. Then no correction is made.
fn read_offset() -> Option<i64> {
    let own = fs::read_link("/proc/self/ns/time").ok()?;
    if own.as_os_str() == HOST {
        return Some(0);
    }
    // The file of offsets tells those of the children's namespace, which may be another one.
    if own != fs::read_link("/proc/self/ns/time_for_children").ok()? {
        return None;
    }
    boottime_offset(&fs::read_to_string("/proc/self/timens_offsets").ok()?)
}

/// The host's time namespace: its number is fixed in the kernel (`TIME_NS_INIT_INO`).
const HOST: &str = "time:[4026531834]";

/// From lines of a clock, seconds and nanoseconds. They count from the host's clock also in a namespace inside of another one.
fn boottime_offset(text: &str) -> Option<i64> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        // Linux 5.6 has the clock's number there.
        if !matches!(words.next()?, "boottime" | "7") {
            return None;
        }
        let (seconds, nanos): (i64, i64) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
    })
}

/// A clock that is a few milliseconds coarse and costs a few nanoseconds, for distances within one process: it is that of the
/// process's namespace.
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
    fn the_offset_of_the_boot_clock_is_the_one_that_the_kernel_prints_and_is_taken_off() {
        let text =
            |seconds: i64| format!("monotonic        5000         7\nboottime    {seconds:>9} 250000000\n");
        assert_eq!(boottime_offset(&text(1_000_000)), Some(1_000_000_250_000_000));
        assert_eq!(boottime_offset(&text(-1000)), Some(-999_750_000_000), "nanoseconds count forward");
        assert_eq!(boottime_offset("1 5 0\n7 6 0\n"), Some(6_000_000_000), "Linux 5.6");
        for nothing in ["", "boottime", "boottime x 0", "boottime 99999999999 0", "monotonic 1 0"] {
            assert_eq!(boottime_offset(nothing), None, "{nothing:?}");
        }
        let here = Duration::from_secs(5000);
        assert_eq!(by_the_host(here, 3_000_000_000), Duration::from_secs(4997));
        assert_eq!(by_the_host(here, -3_000_000_000), Duration::from_secs(5003));
        assert_eq!(by_the_host(here, i64::MAX), Duration::ZERO);
    }

    #[test]
    fn an_unknown_boot_may_be_any() {
        assert!(BootId([1, 2]).may_be(BootId::default()));
        assert!(!BootId([1, 2]).may_be(BootId([1, 3])));
    }
}
