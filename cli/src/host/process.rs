//! A process, as the kernel describes it to every user.

use std::time::Duration;

use flagstaff_format::boot;
use nix::unistd::{Uid, User};
use procfs::WithCurrentSystemInfo as _;
use serde::Serialize;

use super::command;
use crate::show;

/// A process. `None`: the kernel does not tell this user.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) uid: Option<u32>,
    /// Name of the user; the number if it has none.
    pub(crate) user: Option<String>,
    /// Command line without secrets; the short name if it cannot be seen.
    pub(crate) command: String,
    /// Seconds since its start.
    pub(crate) uptime: Option<f64>,
    /// Resident memory, shared pages included.
    pub(crate) rss_bytes: u64,
    /// Processor time since its start, in seconds.
    pub(crate) cpu_seconds: f64,
}

impl Process {
    /// `None` if there is no such process, or it has just ended.
    pub(crate) fn of(pid: u32) -> Option<Process> {
        let process = procfs::process::Process::new(i32::try_from(pid).ok()?).ok()?;
        let stat = process.stat().ok()?;
        let uid = process.status().ok().map(|status| status.euid);
        let arguments = process.cmdline().unwrap_or_default();
        let ticks = procfs::ticks_per_second() as f64;
        let started = Duration::try_from_secs_f64(stat.starttime as f64 / ticks).ok()?;
        Some(Process {
            pid,
            uid,
            user: uid.map(user_name),
            command: if arguments.is_empty() {
                format!("[{}]", show::harmless(&stat.comm))
            } else {
                command::line(&arguments)
            },
            // Both count from the boot, sleep of the machine included, as this process's time namespace shows it.
            uptime: boot::in_namespace().checked_sub(started).map(|age| age.as_secs_f64()),
            rss_bytes: stat.rss_bytes().get(),
            cpu_seconds: (stat.utime + stat.stime) as f64 / ticks,
        })
    }
}

/// Name of a user; the number if there is none.
pub(crate) fn user_name(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| uid.to_string(), |user| user.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_described_and_one_that_is_not_there_is_not() {
        let this = Process::of(std::process::id()).unwrap();
        assert_eq!(this.uid, Some(rustix::process::geteuid().as_raw()));
        assert!(this.user.is_some_and(|user| !user.is_empty()));
        assert!(this.rss_bytes > 0 && this.command.contains("flagstaff"), "{}", this.command);
        assert!(this.uptime.is_some_and(|age| (0.0..3600.0).contains(&age)), "{:?}", this.uptime);
        // Larger than any process id that the kernel gives.
        assert_eq!(Process::of(i32::MAX as u32), None);
    }
}
