//! A flag file that was replaced while an editor may still have it open: what is written to it is still an edit.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flagstaff_publisher::payload::DEFAULT_MAX_PAYLOAD;
use xxhash_rust::xxh3::xxh3_64;

use crate::flags::exchange::without_mark;
use crate::flags::file_names::{folder_of, hidden, hidden_suffix, visible};
use crate::flags::writers::{Writers, writers};

/// How long a file is watched if the system cannot say whether it is open for writing.
const PATIENCE: Duration = Duration::from_secs(2);

/// Text that did not change for so long is adopted from a file that is still open.
const SETTLED: Duration = Duration::from_millis(200);

/// What the hidden name of a file that is being exchanged goes on with. See [`name`].
const OUT: &str = "flagstaff-out-";

/// The same for files that were exchanged, by a change that has been made. See [`Displaced::made_late`].
const LATE: &str = "flagstaff-late-";

#[derive(Debug)]
pub(crate) struct Displaced {
    file: File,
    /// Its hidden name, if it has one.
    path: Option<PathBuf>,
    /// Its content when it was replaced, or when it was last adopted.
    base: String,
    since: Instant,
    /// Hash of the content that was found last, and since when.
    found: Option<(u64, Instant)>,
}

/// What a check of it found.
#[derive(Debug)]
pub(crate) enum Look {
    /// No edit.
    Same,
    /// Somebody may be writing.
    Waiting,
    /// An edit: its content now.
    Edited(Vec<u8>),
}

impl Displaced {
    /// `path` is its name now, and `base` its known content.
    pub(crate) fn open(path: PathBuf, base: &str) -> io::Result<Displaced> {
        Ok(Displaced { path: Some(path.clone()), ..Displaced::without_name(&path, base)? })
    }

    /// The file that is at `path` now, but will not keep that name.
    pub(crate) fn without_name(path: &Path, base: &str) -> io::Result<Displaced> {
        let file = File::open(path)?;
        Ok(Displaced { file, path: None, base: base.to_owned(), since: Instant::now(), found: None })
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Records in its name that the change was made: what is written to it from now on comes after the change.
    pub(crate) fn made_late(mut self, target: &Path) -> Displaced {
        // No other file has this inode number as long as this one exists.
        let inode = self.file.metadata().map_or(0, |found| found.ino());
        let late = hidden(target, &format!("{LATE}{inode:x}-{}", hash_of(self.base.as_bytes())));
        if let Some(path) = &self.path
            && fs::rename(path, &late).is_ok()
        {
            self.path = Some(late);
        }
        self
    }

    /// Whether somebody is known to have it open for writing.
    pub(crate) fn is_open(&self) -> bool {
        writers(&self.file) == Writers::Some
    }

    /// Whether it is unchanged and nobody can change it any more.
    pub(crate) fn is_over(&self) -> bool {
        writers(&self.file) == Writers::None && self.is_as_it_was()
    }

    pub(crate) fn is_as_it_was(&self) -> bool {
        self.read().is_ok_and(|found| found == self.base.as_bytes())
    }

    /// Checks it. `true` if that was the last check, because nobody can write to it any more.
    pub(crate) fn look(&mut self) -> io::Result<(Look, bool)> {
        // In this order: what is read after the last writer has gone is final.
        let is_last = match writers(&self.file) {
            Writers::None => true,
            Writers::Some => false,
            Writers::Unknown => self.since.elapsed() > PATIENCE,
        };
        let found = self.read()?;
        if found == self.base.as_bytes() {
            return Ok((Look::Same, is_last));
        }
        let hash = xxh3_64(&found);
        let is_settled = match self.found {
            Some((seen, since)) if seen == hash => since.elapsed() >= SETTLED,
            _ => {
                self.found = Some((hash, Instant::now()));
                false
            }
        };
        Ok((if is_last || is_settled { Look::Edited(found) } else { Look::Waiting }, is_last))
    }

    /// Records that its content has been adopted.
    pub(crate) fn taken(&mut self, text: String) {
        self.base = text;
    }

    /// Removes it.
    pub(crate) fn remove(self) {
        // If this fails, the next start removes it.
        let _ = self.path.map(fs::remove_file);
    }

    /// Gives it a visible name, because its content cannot be adopted.
    pub(crate) fn keep(self, target: &Path) -> io::Result<PathBuf> {
        if let Some(path) = &self.path {
            return keep(path, target);
        }
        let copy = name(target, 0, &self.base, "");
        fs::write(&copy, self.read()?)?;
        keep(&copy, target)
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.file.metadata()?.len()).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(length.min(DEFAULT_MAX_PAYLOAD + 4));
        At { file: &self.file, at: 0 }.take(DEFAULT_MAX_PAYLOAD as u64 + 4).read_to_end(&mut bytes)?;
        Ok(without_mark(&bytes).to_vec())
    }
}

/// Reads a file from its beginning, without the shared file position.
struct At<'a> {
    file: &'a File,
    at: u64,
}

impl io::Read for At<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let bytes = self.file.read_at(out, self.at)?;
        self.at += bytes as u64;
        Ok(bytes)
    }
}

/// The name under which a new file is exchanged, and which the old one has afterwards. For the start after a kill it contains the inode of
/// the new file and the hashes of both contents.
pub(crate) fn name(target: &Path, new: u64, base: &str, text: &str) -> PathBuf {
    hidden(target, &format!("{OUT}{new:x}-{}-{}", hash_of(base.as_bytes()), hash_of(text.as_bytes())))
}

/// What became of an edit by hand that was not at its path when a server was killed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Recovered {
    /// It is at its path again. The change in progress is lost; nobody was told of it.
    Back,
    /// It was saved here, because the file was edited again, or a change was made before it.
    Kept(PathBuf),
}

/// Cleans up after a server that was killed while it exchanged files: removes what is not needed, and puts edits back.
pub(crate) fn recover(target: &Path) -> io::Result<Vec<Recovered>> {
    let mut recovered = Vec::new();
    for entry in fs::read_dir(folder_of(target))? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let Some(suffix) = hidden_suffix(target, &name) else { continue };
        let (rest, is_out) = match (suffix.strip_prefix(OUT), suffix.strip_prefix(LATE)) {
            (Some(rest), _) => (rest, true),
            (_, Some(rest)) => (rest, false),
            _ => continue,
        };
        let mut parts = rest.split('-');
        let (inode, base, text) = (parts.next(), parts.next().unwrap_or_default(), parts.next());
        let is = |path: &Path| fs::symlink_metadata(path).ok().map(|found| format!("{:x}", found.ino()));
        let holds =
            |path: &Path, hash: &str| fs::read(path).is_ok_and(|found| hash_of(without_mark(&found)) == hash);
        if (is_out && is(&path).as_deref() == inode) || holds(&path, base) {
            fs::remove_file(path)?;
        } else if is_out
            && is(target).as_deref() == inode
            && text.is_some_and(|text| holds(target, text))
            // An editor that has it open would go on writing to a file without a name.
            && File::open(target).is_ok_and(|file| writers(&file) == Writers::None)
        {
            fs::rename(path, target)?;
            recovered.push(Recovered::Back);
        } else {
            recovered.push(Recovered::Kept(keep(&path, target)?));
        }
    }
    Ok(recovered)
}

fn hash_of(bytes: &[u8]) -> String {
    format!("{:016x}", xxh3_64(bytes))
}

/// Renames it to the first free visible name.
fn keep(path: &Path, target: &Path) -> io::Result<PathBuf> {
    let mut number = 1;
    loop {
        let seen = visible(target, &format!("edit-{number}"));
        match fs::hard_link(path, &seen) {
            Ok(()) => return fs::remove_file(path).map(|()| seen),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(_) if !seen.exists() => return fs::rename(path, &seen).map(|()| seen),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs::OpenOptions;
    use std::io::Write as _;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn a_file_is_looked_at_for_as_long_as_somebody_has_it_open_for_writing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        fs::write(&path, "{}").unwrap();
        let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
        let mut displaced = Displaced::open(path.clone(), "{}").unwrap();
        assert!(!displaced.is_over() && matches!(displaced.look(), Ok((Look::Same, false))));
        writer.write_all(b"{\"a\": 1}").unwrap();
        assert!(matches!(displaced.look(), Ok((Look::Waiting, false))));
        drop(writer);
        let Ok((Look::Edited(found), true)) = displaced.look() else { panic!("{displaced:?}") };
        assert_eq!(found, b"{\"a\": 1}");
        displaced.taken("{\"a\": 1}".to_owned());
        assert!(displaced.is_over());
        displaced.remove();
        assert!(!path.exists());
    }

    #[test]
    fn after_a_kill_only_an_edit_by_hand_is_kept_and_under_a_name_that_people_see() {
        let folder = tempfile::tempdir().unwrap();
        let (target, new) = (folder.path().join("flags.json"), folder.path().join("new"));
        let names = || {
            let names =
                fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string());
            let mut names: Vec<_> = names.map(Result::unwrap).collect();
            names.sort();
            names
        };
        // Before the exchange, after it, and after it with an edit in between and another one since.
        for (holds, is_new, there, left) in
            [("half of", true, "new", 0), ("old", false, "new", 0), ("by hand", false, "again", 1)]
        {
            fs::write(&target, there).unwrap();
            fs::write(&new, holds).unwrap();
            let inode_of = if is_new { &new } else { &target };
            let out = name(&target, fs::metadata(inode_of).unwrap().ino(), "old", "new");
            fs::rename(&new, &out).unwrap();
            assert_eq!(recover(&target).unwrap().len(), left, "{holds}");
            assert!(!out.exists());
            assert_eq!(fs::read_to_string(&target).unwrap(), there);
        }
        assert_eq!(names(), ["flags.json", "flags.json.edit-1"]);
        assert_eq!(fs::read_to_string(folder.path().join("flags.json.edit-1")).unwrap(), "by hand");
    }

    #[test]
    fn after_a_kill_files_whose_names_are_not_utf_8_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] =
            [b"f\xfe.json", b"f\xff.json"].map(|name| folder.path().join(OsStr::from_bytes(name)));
        fs::write(&one, "1").unwrap();
        fs::write(&other, "2").unwrap();
        let out = name(&one, 0, "1", "new");
        fs::write(&out, "by hand").unwrap();
        assert_eq!(recover(&other).unwrap(), [], "it lies beside the other file");
        assert!(out.exists());
        assert_eq!(
            recover(&one).unwrap(),
            [Recovered::Kept(folder.path().join(OsStr::from_bytes(b"f\xfe.json.edit-1")))]
        );
    }

    #[test]
    fn after_a_kill_an_edit_that_was_to_be_put_back_is_put_back_and_one_that_came_after_a_change_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (target, new) = (folder.path().join("flags.json"), folder.path().join("new"));
        fs::write(&target, "new").unwrap();
        fs::write(&new, "by hand").unwrap();
        let out = name(&target, fs::metadata(&target).unwrap().ino(), "old", "new");
        fs::rename(&new, &out).unwrap();
        assert_eq!(recover(&target).unwrap(), [Recovered::Back]);
        assert_eq!((fs::read_to_string(&target).unwrap().as_str(), out.exists()), ("by hand", false));
        // The same, but the change had been answered before the editor wrote to the file that it had open.
        fs::write(&target, "new").unwrap();
        fs::write(&new, "old").unwrap();
        let out = name(&target, fs::metadata(&target).unwrap().ino(), "old", "new");
        fs::rename(&new, &out).unwrap();
        let _open = Displaced::open(out.clone(), "old").unwrap().made_late(&target);
        let entries = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let late: Vec<_> = entries.filter(|path| *path != target).collect();
        assert!(late.len() == 1 && !out.exists());
        fs::write(&late[0], "by hand").unwrap();
        let kept = folder.path().join("flags.json.edit-1");
        assert_eq!(recover(&target).unwrap(), [Recovered::Kept(kept.clone())]);
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert_eq!(fs::read_to_string(kept).unwrap(), "by hand");
    }
}
