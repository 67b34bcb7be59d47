//! Kinds of file systems: where flags can be shared, and where not.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statfs, statvfs};

/// A family of file systems with the same limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// A disk of this host.
    Local,
    /// Memory of this host.
    Memory,
    /// Layers, as in containers.
    Overlay,
    /// Files of another host.
    Network,
    /// A program of this host, or the host of a virtual machine.
    Foreign,
    /// Without owners and modes.
    NoModes,
    /// Read-only by design.
    ReadOnly,
    /// A kind that is not in this list.
    Unknown,
}

/// The numbers of `statfs` (`linux/magic.h` and the file systems' own sources) with names and families.
const KINDS: [(u64, &str, Family); 40] = [
    (0xef53, "ext4", Family::Local),
    (0x5846_5342, "xfs", Family::Local),
    (0x9123_683e, "btrfs", Family::Local),
    (0xf2f5_2010, "f2fs", Family::Local),
    (0x2fc1_2fc1, "zfs", Family::Local),
    (0xca45_1a4e, "bcachefs", Family::Local),
    (0x3153_464a, "jfs", Family::Local),
    (0x3434, "nilfs", Family::Local),
    (0xf15f, "ecryptfs", Family::Local),
    (0x5265_4973, "reiserfs", Family::Local),
    (0x0102_1994, "tmpfs", Family::Memory),
    (0x8584_58f6, "ramfs", Family::Memory),
    (0x9584_58f6, "hugetlbfs", Family::Memory),
    (0x794c_7630, "overlay", Family::Overlay),
    (0x6175_6673, "aufs", Family::Overlay),
    (0x6969, "nfs", Family::Network),
    (0xff53_4d42, "cifs", Family::Network),
    (0xfe53_4d42, "smb2", Family::Network),
    (0x517b, "smb", Family::Network),
    (0x5346_414f, "afs", Family::Network),
    (0x6b41_4653, "kafs", Family::Network),
    (0x7375_7245, "coda", Family::Network),
    (0x564c, "ncp", Family::Network),
    (0x00c3_6400, "ceph", Family::Network),
    (0x0bd0_0bd0, "lustre", Family::Network),
    (0x4750_4653, "gpfs", Family::Network),
    (0x1983_0326, "beegfs", Family::Network),
    (0x0116_1970, "gfs2", Family::Network),
    (0x7461_636f, "ocfs2", Family::Network),
    (0x6573_5546, "fuse", Family::Foreign),
    (0x0102_1997, "9p", Family::Foreign),
    (0x786f_4256, "vboxsf", Family::Foreign),
    (0xbacb_acbc, "vmhgfs", Family::Foreign),
    (0x4d44, "vfat", Family::NoModes),
    (0x2011_bab0, "exfat", Family::NoModes),
    (0x5346_544e, "ntfs", Family::NoModes),
    (0x7366_746e, "ntfs3", Family::NoModes),
    (0x7371_7368, "squashfs", Family::ReadOnly),
    (0xe0f5_e1e2, "erofs", Family::ReadOnly),
    (0x9660, "iso9660", Family::ReadOnly),
];

/// A file system, as far as the system tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileSystem {
    /// The name of the mount if it is known (`fuse.sshfs`), else of the kind.
    pub name: String,
    /// What is known of its kind.
    pub family: Family,
    /// Where it is mounted, if that is known.
    pub mounted_at: Option<PathBuf>,
    /// Whether this mount cannot be written to.
    pub is_read_only: bool,
    /// Bytes that this user may still write.
    pub free: u64,
}

impl FileSystem {
    /// The file system of a path.
    pub fn of(path: &Path) -> io::Result<FileSystem> {
        let path = path.canonicalize()?;
        let (number, state) = (statfs(&path)?.f_type as u64 & 0xffff_ffff, statvfs(&path)?);
        let (kind, family) = kind(number);
        let mount = mount_of(&path, &fs::read_to_string("/proc/self/mountinfo").unwrap_or_default());
        let (name, mounted_at) = match mount {
            Some((name, mounted_at)) => (name, Some(mounted_at)),
            None => (kind.map_or_else(|| format!("type {number:#x}"), str::to_owned), None),
        };
        Ok(FileSystem {
            name,
            family,
            mounted_at,
            is_read_only: state.f_flag.contains(StatVfsMountFlags::RDONLY),
            free: state.f_bavail * state.f_frsize,
        })
    }
}

impl Family {
    /// The family of a path's file system.
    pub fn of(path: &Path) -> io::Result<Family> {
        Ok(FileSystem::of(path)?.family)
    }

    /// What works there and what does not; `None`: everything works as far as is known.
    pub fn limits(self) -> Option<&'static str> {
        match self {
            Family::Local => None,
            Family::Memory => Some("in memory: everything works, and nothing is left after a reboot"),
            Family::Overlay => Some(
                "layers: works for files that are created there. A snapshot file in a lower layer (an image) is copied when a \
                 publisher opens it: readers that opened it before never see a change. Put it on a volume",
            ),
            Family::Network => Some(
                "files of another host: processes of one host share memory; those of different hosts do not, see changes late or \
                 never, and may both become the publisher. Use a local directory on each host",
            ),
            Family::Foreign => Some(
                "files served by a program or by another machine: what is shared depends on that program, and may change with its options \
                 (shared mappings, caching, locks). Trust only a `torture` report made with the same mount options; better use a \
                 local directory, such as one below /run or /dev/shm",
            ),
            Family::NoModes => Some(
                "without owners and modes: files may count as writable by everybody, which readers refuse, and are not sparse, so \
                 that a snapshot file takes 257 MiB",
            ),
            Family::ReadOnly => {
                Some("read-only: readers can use an existing snapshot file; nothing can be published")
            }
            Family::Unknown => Some(
                "an unknown kind of file system: trust only a `torture` report made with the same mount options",
            ),
        }
    }
}

fn kind(number: u64) -> (Option<&'static str>, Family) {
    let found = KINDS.iter().find(|(known, ..)| *known == number);
    found.map_or((None, Family::Unknown), |(_, name, family)| (Some(name), *family))
}

/// Name and directory of the mount that a path is in: the last one of those with the longest directory, from `/proc/self/mountinfo`.
fn mount_of(path: &Path, mounts: &str) -> Option<(String, PathBuf)> {
    let mut best: Option<(String, PathBuf)> = None;
    for line in mounts.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let (Some(place), Some(name)) = (left.split(' ').nth(4), right.split(' ').next()) else { continue };
        let place = unescape(place);
        let is_longer =
            best.as_ref().is_none_or(|(_, best)| best.as_os_str().len() <= place.as_os_str().len());
        if path.starts_with(&place) && is_longer {
            best = Some((name.to_owned(), place));
        }
    }
    best
}

/// `mountinfo` writes spaces and the like as a backslash and three octal digits.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, left @ ..] = rest {
        let octal = left.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()).filter(|_| *first == b'\\') {
            Some(byte) => {
                bytes.push(byte);
                rest = &left[3..];
            }
            None => {
                bytes.push(*first);
                rest = left;
            }
        }
    }
    PathBuf::from(std::ffi::OsStr::from_bytes(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_that_share_with_nobody_else_are_known_by_number() {
        for (number, expected) in
            [(0x6969, Family::Network), (0x6573_5546, Family::Foreign), (0x794c_7630, Family::Overlay)]
        {
            assert_eq!(kind(number).1, expected);
            assert!(expected.limits().is_some());
        }
        assert_eq!(kind(1), (None, Family::Unknown));
        assert_eq!((kind(0xef53).1, Family::Local.limits()), (Family::Local, None));
        let mut numbers = KINDS.map(|(number, ..)| number).to_vec();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), KINDS.len());
    }

    #[test]
    fn a_path_is_in_the_longest_mount_that_was_made_last() {
        let mounts = "1 0 8:1 / / rw - ext4 /dev/sda rw\n\
                      2 1 0:5 / /mnt/a\\040b rw - tmpfs tmpfs rw\n\
                      3 2 0:6 / /mnt/a\\040b rw shared:1 - fuse.sshfs host:/ rw\n\
                      4 1 0:7 / /mn rw - xfs /dev/sdb rw";
        let of = |path: &str| mount_of(Path::new(path), mounts).map(|(name, _)| name);
        assert_eq!(of("/mnt/a b/c").as_deref(), Some("fuse.sshfs"));
        assert_eq!(of("/mnt/x").as_deref(), Some("ext4"));
        assert_eq!(mount_of(Path::new("/x"), ""), None);
    }

    #[test]
    fn the_file_system_of_a_temporary_folder_can_be_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let found = FileSystem::of(folder.path()).unwrap();
        assert!(!found.is_read_only && found.free > 0 && !found.name.is_empty(), "{found:?}");
    }
}
