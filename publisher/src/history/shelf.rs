//! The directory of snapshots that are kept, `.NAME.history`: a file for each, called by its number.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use rustix::fs::Mode;

use super::entry::Recorded;
use crate::side_files::{SideFiles, check_directory, open_trusted, remove, sync_directory, write_new};

const DIRECTORY: &str = "history";

/// Bytes of all entries together: the oldest go first. The newest stays, however large.
const MOST_BYTES: u64 = 64 << 20;

/// The directory.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    side_files: SideFiles,
    directory: PathBuf,
}

impl Shelf {
    pub(crate) fn of(side_files: &SideFiles) -> Shelf {
        Shelf { side_files: side_files.clone(), directory: side_files.path(DIRECTORY) }
    }

    /// The numbers that are there, the oldest first.
    ///
    /// # Errors
    /// If the directory cannot be read. Without one there are none.
    pub(crate) fn numbers(&self) -> io::Result<Vec<u64>> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let number = |path: PathBuf| {
            let is_entry = path.extension().is_some_and(|extension| extension == "gz");
            is_entry.then(|| path.file_stem()?.to_str()?.parse().ok()).flatten()
        };
        let mut numbers: Vec<u64> = entries.filter_map(|entry| number(entry.ok()?.path())).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// An entry.
    ///
    /// # Errors
    /// If it is not there, not whole, or belongs to somebody who may not publish.
    pub(crate) fn read(&self, number: u64) -> io::Result<Recorded> {
        let (file, _) = open_trusted(&self.path(number), &self.side_files.commanders())?;
        let recorded = Recorded::unpack(file)?;
        if recorded.entry.number != number {
            let problem = format!("it says that it is number {}", recorded.entry.number);
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        Ok(recorded)
    }

    /// The text of an entry, as it is unpacked. What is damaged is an error at its end.
    pub(crate) fn open(&self, number: u64) -> io::Result<impl BufRead + use<>> {
        let (file, _) = open_trusted(&self.path(number), &self.side_files.commanders())?;
        Ok(BufReader::new(GzDecoder::new(file)))
    }

    /// Puts an entry there, whole and on the disk, and takes the oldest away, so that `most` stay.
    pub(crate) fn put(&self, number: u64, packed: &[u8], most: usize) -> io::Result<()> {
        let commanders = self.side_files.commanders();
        let rights = self.side_files.rights()?;
        let readable = rights.mode() & 0o444;
        let shared = if commanders.group().is_some() { 0o020 } else { 0 };
        self.make(0o700 | readable | readable >> 2 | shared)?;
        let mode = Mode::RUSR | Mode::WUSR | Mode::from_raw_mode(readable | shared);
        let (path, new) = (self.path(number), self.directory.join("new"));
        remove(&new)?;
        let written = write_new(&new, mode, Some(rights.gid()), packed)
            .and_then(|()| commanders.hand_over(&new))
            .and_then(|()| fs::rename(&new, &path));
        if written.is_err() {
            let _ = remove(&new);
        }
        written?;
        sync_directory(&path)?;
        self.prune(most)
    }

    fn prune(&self, most: usize) -> io::Result<()> {
        let mut left = MOST_BYTES;
        for (at, number) in self.numbers()?.into_iter().rev().enumerate() {
            let path = self.path(number);
            let bytes = fs::symlink_metadata(&path).map_or(0, |found| found.len());
            left = left.saturating_sub(bytes);
            if at > 0 && (at >= most || left == 0) {
                remove(&path)?;
            }
        }
        Ok(())
    }

    fn make(&self, mode: u32) -> io::Result<()> {
        let commanders = self.side_files.commanders();
        match DirBuilder::new().mode(mode).create(&self.directory) {
            Ok(()) => {
                let directory = File::open(&self.directory)?;
                // Whoever may not give it away leaves it to its own group.
                let _ = chown(&self.directory, None, Some(self.side_files.rights()?.gid()));
                commanders.hand_over(&self.directory)?;
                directory.set_permissions(Permissions::from_mode(mode))?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        check_directory(&self.directory, &commanders)
    }

    /// The directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:010}.gz"))
    }
}
