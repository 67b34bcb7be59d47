//! The holder of a file lock, from `/proc/locks`.
//!
//! The kernel names the process that took a `flock`, also if one of its threads with its own descriptor table did. Lines of
//! processes in other PID namespaces are left out or have the process id 0.

use std::fs;

use super::mapped::Inode;

/// The holder of a lock, and the processes that wait for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Holder {
    /// `None`: nobody that this process can see.
    pub(crate) pid: Option<u32>,
    /// Processes that wait for it in the kernel.
    pub(crate) waiting: Vec<u32>,
}

/// The holder of an exclusive `flock` on a file. On some file systems the kernel names another device than `stat` does: then `is_it`
/// decides whether a process is the holder.
pub(crate) fn holder_of(file: Inode, is_it: impl Fn(u32) -> bool) -> Holder {
    fs::read_to_string("/proc/locks").map(|text| holder_in(&text, file, is_it)).unwrap_or_default()
}

fn holder_in(text: &str, file: Inode, is_it: impl Fn(u32) -> bool) -> Holder {
    let locks: Vec<Lock> =
        text.lines().filter_map(Lock::parse).filter(|lock| lock.file.number == file.number).collect();
    // One and the same for all locks on one file.
    let device = match locks.iter().find(|lock| lock.file == file) {
        Some(_) => Some(file.device),
        None => locks.iter().find(|lock| lock.is_held && is_it(lock.pid)).map(|lock| lock.file.device),
    };
    let mut holder = Holder::default();
    for lock in locks.iter().filter(|lock| Some(lock.file.device) == device) {
        match lock.pid {
            0 => {}
            pid if lock.is_held => holder.pid = Some(pid),
            pid => holder.waiting.push(pid),
        }
    }
    holder
}

/// One exclusive `flock`, held or waited for.
#[derive(Debug)]
struct Lock {
    is_held: bool,
    pid: u32,
    file: Inode,
}

impl Lock {
    /// `2: FLOCK  ADVISORY  WRITE 1413 fe:00:6054045 0 EOF`; one that waits has `->` behind its number.
    fn parse(line: &str) -> Option<Lock> {
        let mut words = line.split_ascii_whitespace().skip(1).peekable();
        let is_held = words.next_if_eq(&"->").is_none();
        let (kind, _, access) = (words.next()?, words.next()?, words.next()?);
        if (kind, access) != ("FLOCK", "WRITE") {
            return None;
        }
        Some(Lock { is_held, pid: words.next()?.parse().ok()?, file: inode(words.next()?)? })
    }
}

/// `fe:00:6054045`: major and minor number of the device in hexadecimal, number of the inode in decimal.
fn inode(word: &str) -> Option<Inode> {
    let (device, number) = word.rsplit_once(':')?;
    Some(Inode { device: super::mapped::device(device)?, number: number.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDED: &str = "\
1: FLOCK  ADVISORY  WRITE 1413 fe:00:6054045 0 EOF
2: POSIX  ADVISORY  WRITE 77 fe:00:42 0 EOF
3: FLOCK  ADVISORY  READ 78 fe:00:42 0 EOF
4: FLOCK  ADVISORY  WRITE 900 fe:00:42 0 EOF
4: -> FLOCK  ADVISORY  WRITE 901 fe:00:42 0 EOF
4: -> FLOCK  ADVISORY  WRITE 902 fe:00:42 0 EOF
5: FLOCK  ADVISORY  WRITE 555 00:1a:42 0 EOF
6: LEASE  ACTIVE    READ  31 00:2b:9 0 EOF
7: FLOCK  ADVISORY  WRITE 0 <none>:0 0 EOF
8: OFDLCK ADVISORY  READ -1 00:05:4 0 EOF
9: FLOCK  ADVISORY  WRITE 0 fe:00:43 0 EOF
";

    fn file(major: u32, minor: u32, number: u64) -> Inode {
        Inode { device: rustix::fs::makedev(major, minor), number }
    }

    #[test]
    fn the_holder_is_found_among_locks_of_other_kinds_and_files() {
        let nobody = |_| false;
        let found = holder_in(RECORDED, file(0xfe, 0, 42), nobody);
        assert_eq!(found, Holder { pid: Some(900), waiting: vec![901, 902] });
        assert_eq!(holder_in(RECORDED, file(0, 0x1a, 42), nobody).pid, Some(555));
        assert_eq!(holder_in(RECORDED, file(0xfe, 0, 41), nobody), Holder::default());
        assert_eq!(holder_in(RECORDED, file(0xfe, 0, 43), nobody), Holder::default());
    }

    #[test]
    fn another_device_for_the_same_file_is_believed_of_a_process_that_is_known_to_use_it_only() {
        assert_eq!(holder_in(RECORDED, file(0, 99, 42), |_| false), Holder::default());
        assert_eq!(holder_in(RECORDED, file(0, 99, 42), |pid| pid == 555).pid, Some(555));
        let found = holder_in(RECORDED, file(0, 99, 42), |pid| pid == 900);
        assert_eq!(found, Holder { pid: Some(900), waiting: vec![901, 902] });
    }
}
