//! The snapshot files of this host: those that processes have mapped, and those in the places where they usually are.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use flagstaff_format::layout::{FILE_BYTES, MAGIC};
use flagstaff_publisher::default_cache_dir;
use rustix::process::geteuid;

use super::mapped::{Line, has_other_names};

/// Every snapshot file that can be found, by its path.
pub(crate) fn snapshots(cache_dir: Option<&Path>) -> Vec<PathBuf> {
    let mut found = mapped();
    for place in places(cache_dir) {
        let entries = fs::read_dir(place).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
        // The second name of a file is hidden.
        found.extend(entries.filter(|path| !is_hidden(path) && is_snapshot(path)));
    }
    // One file by two names counts once.
    let mut seen = BTreeSet::new();
    found
        .into_iter()
        .filter(|path| seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone())))
        .collect()
}

/// The directories that are looked into.
pub(crate) fn places(cache_dir: Option<&Path>) -> Vec<PathBuf> {
    let memory = PathBuf::from(format!("/dev/shm/flagstaff-{}", geteuid().as_raw()));
    let usual = ["/run/flagstaff", "/var/lib/flagstaff", "/var/cache/flagstaff"].map(PathBuf::from);
    cache_dir
        .map(Path::to_owned)
        .into_iter()
        .chain(default_cache_dir())
        .chain([memory])
        .chain(usual)
        .collect()
}

/// What processes have mapped, of those that this user may inspect.
fn mapped() -> BTreeSet<PathBuf> {
    let pids = fs::read_dir("/proc").into_iter().flatten();
    let pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.flat_map(mapped_by).collect()
}

fn mapped_by(pid: u32) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let Ok(maps) = File::open(format!("/proc/{pid}/maps")) else { return found };
    for line in BufReader::new(maps).split(b'\n').map_while(Result::ok) {
        let path =
            Line::parse(&line).filter(Line::is_of_shared_file).map(|line| OsStr::from_bytes(line.path));
        if let Some(path) = path.map(Path::new).filter(|path| path.is_absolute() && !is_hidden(path)) {
            found.insert(path.to_owned());
        }
    }
    if found.is_empty() {
        return found;
    }
    // Another container's files lie at other paths, which its own root leads to.
    let root = has_other_names(pid).then(|| PathBuf::from(format!("/proc/{pid}/root")));
    let here = |path: PathBuf| match (&root, path.strip_prefix("/")) {
        (Some(root), Ok(inside)) => root.join(inside),
        _ => path,
    };
    found.into_iter().map(here).filter(|path| is_snapshot(path)).collect()
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"."))
}

/// By length and first bytes: whether it is a good one is another question.
fn is_snapshot(path: &Path) -> bool {
    let is_long = fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == FILE_BYTES);
    let mut start = [0; 8];
    is_long
        && File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && u64::from_le_bytes(start) == MAGIC
}
