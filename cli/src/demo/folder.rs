//! A temporary folder.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::clock;

#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes a folder that did not exist, for this user only.
    pub(super) fn new() -> io::Result<Folder> {
        let name = format!("flagstaff-demo-{}-{:x}", std::process::id(), clock::now());
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Folder(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // If this fails, what is left is small and in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}
