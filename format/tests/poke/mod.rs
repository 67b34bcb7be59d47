//! Snapshot files made and damaged byte by byte.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "test code; every test file uses a part of this"
)]

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use flagstaff_format::layout::{Area, FRAME_BYTES};
use flagstaff_format::{
    Archive, Facts, Flag, Generation, Hashed, Opened, Value, View, Writer, WriterOptions, open_view,
};
use tempfile::TempDir;

/// A path in a folder of its own.
pub struct Place {
    _directory: TempDir,
    pub path: PathBuf,
}

pub fn place() -> Place {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flags.flagstaff");
    Place { _directory: directory, path }
}

/// The hidden second name of a snapshot file.
pub fn live_link(path: &Path) -> PathBuf {
    path.with_file_name(format!(".{}.live", path.file_name().unwrap().to_str().unwrap()))
}

/// All names in the directory of a file, sorted.
pub fn names_beside(path: &Path) -> Vec<PathBuf> {
    let names = std::fs::read_dir(path.parent().unwrap()).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names
}

pub fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().mode() & 0o7777
}

pub fn view(path: &Path) -> View {
    let view = open_view(path).unwrap();
    assert!(view.refresh_bounds());
    view
}

pub fn look_up(view: &View, key: &str) -> Option<u64> {
    view.attempt(view.observe(), key, &Hashed::new(key.as_bytes()))?.u64()
}

/// An archive of `generation` with three flags, one of which tells the generation.
pub fn snapshot(generation: u64) -> Archive {
    let flags = [
        flag("generation", Value::U64(generation)),
        flag("on", Value::Bool(true)),
        flag(&"long-key-".repeat(8), Value::String("text".into())),
    ];
    Archive::build(&flags, Generation(generation), Facts::default()).unwrap()
}

pub fn flag(key: &str, value: Value<'static>) -> Flag<'static> {
    Flag { key: key.to_owned().into(), value }
}

/// What the flag of [`snapshot`] says.
pub fn told(archive: &Archive) -> Option<u64> {
    archive.find("generation").u64()
}

pub fn open(path: &Path) -> Opened {
    Writer::open(path, &WriterOptions::default()).unwrap()
}

/// A writer of a new file after `publishes` publishes.
pub fn published(path: &Path, publishes: u64) -> Writer {
    let mut writer = open(path).writer;
    for generation in 1..=publishes {
        writer.publish(&mut snapshot(generation)).unwrap();
    }
    writer
}

/// The file open for damage, whatever its mode.
pub fn writable(path: &Path) -> File {
    if let Err(e) = OpenOptions::new().write(true).open(path) {
        assert_eq!(e.kind(), std::io::ErrorKind::PermissionDenied);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o640)).unwrap();
    }
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

pub fn word(path: &Path, at: usize) -> u64 {
    let mut bytes = [0; 8];
    File::open(path).unwrap().read_exact_at(&mut bytes, at as u64 * 8).unwrap();
    u64::from_le_bytes(bytes)
}

pub fn set_word(path: &Path, at: usize, value: u64) {
    writable(path).write_all_at(&value.to_le_bytes(), at as u64 * 8).unwrap();
}

pub fn flip(path: &Path, byte: u64, bit: u8) {
    let file = writable(path);
    let mut bytes = [0];
    file.read_exact_at(&mut bytes, byte).unwrap();
    file.write_all_at(&[bytes[0] ^ 1 << bit], byte).unwrap();
}

/// Flips a bit of an area's archive, so that its checksum fails.
pub fn damage(path: &Path, area: Area) {
    flip(path, area.offset() + FRAME_BYTES + 17, 3);
}
