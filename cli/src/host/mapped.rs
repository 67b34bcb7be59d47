//! The processes that have a file mapped, from `/proc/<pid>/maps`.
//!
//! On some file systems (btrfs, overlays) the kernel names another device there than `stat` does. So the file is looked up in
//! this process's own maps first: the kernel uses the same name for it in all processes. A file that was superseded keeps its name,
//! followed by ` (deleted)`.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// What the kernel appends to the path of a removed file.
const DELETED: &[u8] = b" (deleted)";

/// A file as the kernel's tables name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inode {
    pub(crate) device: u64,
    pub(crate) number: u64,
}

/// How a process has the file mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Attached {
    /// For writing too.
    Publisher,
    /// For reading.
    Reader,
    /// For reading, an older file of this path, which was superseded or removed: it has not read since.
    Old,
}

/// All processes of the host that have the file mapped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) attached: Vec<(u32, Attached)>,
    /// Number of processes that this user may not inspect.
    pub(crate) hidden: u64,
}

/// Looks at all processes but this one.
pub(crate) fn attached_to(path: &Path) -> Found {
    let (Some(target), Ok(all)) = (Target::of(path), fs::read_dir("/proc")) else {
        return Found::default();
    };
    let mut found = Found::default();
    for pid in all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok()) {
        if pid == std::process::id() {
            continue;
        }
        match target.find_in(pid) {
            Ok(Some(attached)) => found.attached.push((pid, attached)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !is_of_kernel(pid) => {
                found.hidden += 1;
            }
            // Does not have it mapped, or ended meanwhile.
            _ => {}
        }
    }
    found.attached.sort_unstable_by_key(|(pid, attached)| (*attached, *pid));
    found
}

/// Whether a process is known to have the file mapped.
pub(crate) fn is_mapped_by(path: &Path, pid: u32) -> bool {
    Target::of(path).is_some_and(|target| matches!(target.find_in(pid), Ok(Some(_))))
}

/// Kernel threads have no memory of their own, and only root may inspect them.
fn is_of_kernel(pid: u32) -> bool {
    // Its command line is empty; that of a process that may not be inspected is not.
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.is_empty())
}

/// The file to look for.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    inode: Inode,
    path: PathBuf,
}

impl Target {
    fn of(path: &Path) -> Option<Target> {
        let metadata = fs::metadata(path).ok()?;
        let path = path.canonicalize().ok()?;
        let stat = Inode { device: metadata.dev(), number: metadata.ino() };
        let own =
            File::open("/proc/self/maps").ok().and_then(|maps| own_name(BufReader::new(maps), stat, &path));
        Some(Target { inode: own.unwrap_or(stat), path })
    }

    fn find_in(&self, pid: u32) -> io::Result<Option<Attached>> {
        let maps = File::open(format!("/proc/{pid}/maps"))?;
        self.find(BufReader::with_capacity(16 * 1024, maps), || has_other_names(pid))
    }

    /// `has_other_names`: whether the process may know directories by other names.
    fn find(
        &self,
        mut maps: impl BufRead,
        has_other_names: impl Fn() -> bool,
    ) -> io::Result<Option<Attached>> {
        let mut best = None;
        let mut line = Vec::with_capacity(256);
        while maps.read_until(b'\n', &mut line)? > 0 {
            if let Some(found) = Line::parse(&line).and_then(|line| self.judge(&line, &has_other_names)) {
                best = Some(best.map_or(found, |best: Attached| best.min(found)));
            }
            line.clear();
        }
        Ok(best)
    }

    fn judge(&self, line: &Line<'_>, has_other_names: impl Fn() -> bool) -> Option<Attached> {
        if !line.is_shared {
            return None;
        }
        if line.inode == self.inode {
            return Some(if line.is_writable { Attached::Publisher } else { Attached::Reader });
        }
        let old = Path::new(std::ffi::OsStr::from_bytes(line.path.strip_suffix(DELETED)?));
        if line.inode.device != self.inode.device || line.is_writable {
            return None;
        }
        let is_old = old == self.path || (old.file_name() == self.path.file_name() && has_other_names());
        is_old.then_some(Attached::Old)
    }
}

/// Whether a process has a mount namespace of its own, as in a container.
pub(super) fn has_other_names(pid: u32) -> bool {
    let name = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
    name(&pid.to_string()) != name("self")
}

/// The kernel's name of a file that this process has mapped: found by its inode number, or else by its path.
fn own_name(maps: impl BufRead, stat: Inode, path: &Path) -> Option<Inode> {
    let mut by_name = None;
    for line in maps.split(b'\n').map_while(Result::ok) {
        let Some(line) = Line::parse(&line).filter(|line| line.path == path.as_os_str().as_bytes()) else {
            continue;
        };
        if line.inode.number == stat.number {
            return Some(line.inode);
        }
        by_name = Some(line.inode);
    }
    by_name
}

/// A mapping of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    is_shared: bool,
    is_writable: bool,
    inode: Inode,
    pub(super) path: &'a [u8],
}

impl<'a> Line<'a> {
    /// Of a file that is still there.
    pub(super) fn is_of_shared_file(&self) -> bool {
        self.is_shared && !self.path.ends_with(DELETED)
    }

    /// `7f8fdf940000-7f8fdf94a000 r--s 00027000 fe:00 325843     /run/flags.flagstaff`. Parsed without an allocation: a host has
    /// tens of thousands of these lines, and all are read repeatedly.
    pub(super) fn parse(line: &'a [u8]) -> Option<Line<'a>> {
        let mut words = line.splitn(6, |byte| *byte == b' ');
        let access = words.nth(1)?;
        let device = words.nth(1)?;
        let number = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
        // Most lines are memory without a file.
        if number == 0 {
            return None;
        }
        Some(Line {
            is_shared: access.get(3) == Some(&b's'),
            is_writable: access.get(1) == Some(&b'w'),
            inode: Inode { device: self::device(std::str::from_utf8(device).ok()?)?, number },
            path: words.next()?.trim_ascii(),
        })
    }
}

/// `fe:00`: major and minor number, hexadecimal.
pub(super) fn device(text: &str) -> Option<u64> {
    let (major, minor) = text.split_once(':')?;
    let number = |text| u32::from_str_radix(text, 16).ok();
    Some(rustix::fs::makedev(number(major)?, number(minor)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const READER: &str = "\
55d0c0a00000-55d0c0a4f000 r--p 00000000 fe:00 325843                     /usr/bin/app
7f1000000000-7f1010001000 r--s 00000000 00:1a 42                         /run/flagstaff/flags.flagstaff
7f8fdf94c000-7f8fdf94e000 rw-p 00033000 fe:00 42                         /usr/lib/ld-linux-x86-64.so.2
7ffd6cd45000-7ffd6cd66000 rw-p 00000000 00:00 0                          [stack]
";
    const PUBLISHER: &str = "\
7f1000000000-7f1000001000 rw-s 00000000 00:1a 42                         /run/flagstaff/flags.flagstaff
7f1000001000-7f1010001000 r--s 00001000 00:1a 42                         /run/flagstaff/flags.flagstaff
";
    const OLD: &str = "\
7f1000000000-7f1010001000 r--s 00000000 00:1a 41                         /run/flagstaff/flags.flagstaff (deleted)
";
    const OLD_UNDER_ANOTHER_NAME: &str = "\
7f1000000000-7f1010001000 r--s 00000000 00:1a 41                         /flags/flags.flagstaff (deleted)
";
    const OTHERS: &str = "\
7f1000000000-7f1010001000 r--s 00000000 00:1b 42                         /run/flagstaff/flags.flagstaff
7f2000000000-7f2010001000 r--s 00000000 00:1a 41                         /run/flagstaff/other.flagstaff (deleted)
7f3000000000-7f3010001000 r--s 00000000 00:1a 40                         /run/flagstaff/flags.flagstaff.lock
7f4000000000-7f4010001000 r--p 00000000 00:1a 42                         /run/flagstaff/flags.flagstaff
";

    fn inode(device: u32, number: u64) -> Inode {
        Inode { device: rustix::fs::makedev(0, device), number }
    }

    fn find(text: &str) -> Option<Attached> {
        let target = Target { inode: inode(0x1a, 42), path: "/run/flagstaff/flags.flagstaff".into() };
        target.find(text.as_bytes(), || false).unwrap()
    }

    #[test]
    fn readers_publishers_and_those_on_an_old_file_are_told_apart_and_nobody_else_is_taken_for_one() {
        assert_eq!(find(READER), Some(Attached::Reader));
        assert_eq!(find(PUBLISHER), Some(Attached::Publisher));
        assert_eq!(find(OLD), Some(Attached::Old));
        assert_eq!(find(OTHERS), None);
        assert_eq!(find(""), None);
        // For a moment after a move it has both.
        assert_eq!(find(&format!("{OLD}{READER}")), Some(Attached::Reader));
    }

    /// Symptom: a process was listed with an old file that had never been at this path. Cause: it had a removed file of the same
    /// name mapped, from another directory. Fix: the whole path counts, unless the process is in another mount namespace.
    #[test]
    fn a_removed_file_of_the_same_name_in_another_directory_is_none_of_ours_except_in_another_namespace() {
        let target = Target { inode: inode(0x1a, 42), path: "/run/flagstaff/flags.flagstaff".into() };
        let find = |is_elsewhere| target.find(OLD_UNDER_ANOTHER_NAME.as_bytes(), || is_elsewhere).unwrap();
        assert_eq!((find(false), find(true)), (None, Some(Attached::Old)));
    }

    #[test]
    fn the_name_of_a_file_is_what_this_process_sees_it_under() {
        let path = Path::new("/run/flagstaff/flags.flagstaff");
        let name = |device, number| own_name(READER.as_bytes(), inode(device, number), path);
        // As on btrfs: the device of `stat` is not that of the tables.
        assert_eq!(name(0x33, 42), Some(inode(0x1a, 42)));
        // As on old overlays: neither is the number.
        assert_eq!(name(0x33, 7), Some(inode(0x1a, 42)));
        assert_eq!(own_name(READER.as_bytes(), inode(0x1a, 42), Path::new("/run/other")), None);
    }

    #[test]
    fn lines_of_any_other_shape_are_passed_over() {
        for line in [
            "",
            "x",
            "7f1000000000-7f1010001000 r--s",
            "a b c d e f",
            "a r--s 0 zz:00 1 /x",
            "a r--s 0 00:00 -1 /x",
        ] {
            assert_eq!(Line::parse(line.as_bytes()), None, "{line}");
        }
    }
}
