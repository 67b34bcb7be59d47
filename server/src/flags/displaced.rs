//! A file that was taken out of its place while an editor may still have it open: what is written to it is an edit all the same.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flagstaff_publisher::payload::DEFAULT_MAX_PAYLOAD;
use xxhash_rust::xxh3::xxh3_64;

use crate::flags::exchange::without_mark;
use crate::flags::writers::{Writers, writers};

/// Where nobody can say whether a file is open for writing: an edit is expected for so long.
const PATIENCE: Duration = Duration::from_secs(2);

/// Text that stayed the same for so long is taken from a file that is still open.
const SETTLED: Duration = Duration::from_millis(200);

/// What the names of files have in the middle that are being exchanged. See [`name`].
const MARK: &str = ".flagstaff-out-";

/// The same for files that were exchanged, by a change that has been made. See [`Displaced::made_late`].
const LATE: &str = ".flagstaff-late-";

#[derive(Debug)]
pub(crate) struct Displaced {
    file: File,
    /// Its name, if it has one that is ours.
    path: Option<PathBuf>,
    /// What it held when it was taken out, or when it was last looked at.
    base: String,
    since: Instant,
    /// What was found last, and since when.
    found: Option<(u64, Instant)>,
}

/// What a look at it found.
#[derive(Debug)]
pub(crate) enum Look {
    /// Nothing new.
    Same,
    /// Somebody may be writing.
    Waiting,
    /// It holds this now.
    Edited(Vec<u8>),
}

impl Displaced {
    /// `path` is its name now, and `base` what it is known to have held.
    pub(crate) fn open(path: PathBuf, base: &str) -> io::Result<Displaced> {
        Ok(Displaced { path: Some(path.clone()), ..Displaced::without_name(&path, base)? })
    }

    /// The file that is at `path` now; the name is somebody else's.
    pub(crate) fn without_name(path: &Path, base: &str) -> io::Result<Displaced> {
        let file = File::open(path)?;
        Ok(Displaced { file, path: None, base: base.to_owned(), since: Instant::now(), found: None })
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Notes in its name that the change is made: what is written to it from now on comes after the change.
    pub(crate) fn made_late(mut self, target: &Path) -> Displaced {
        // Its own number: no other file has it for as long as this one is there.
        let inode = self.file.metadata().map_or(0, |found| found.ino());
        let late = beside(target, LATE, &format!("{inode:x}-{}", hash_of(self.base.as_bytes())));
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

    /// Whether it is as it was and nobody can change it any more.
    pub(crate) fn is_over(&self) -> bool {
        writers(&self.file) == Writers::None && self.is_as_it_was()
    }

    pub(crate) fn is_as_it_was(&self) -> bool {
        self.read().is_ok_and(|found| found == self.base.as_bytes())
    }

    /// Looks at it. With `true`: for the last time, because nobody can write to it any more.
    pub(crate) fn look(&mut self) -> io::Result<(Look, bool)> {
        // In this order: what is read after the last writer has gone is the last.
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

    /// Notes that what it holds has been taken over.
    pub(crate) fn taken(&mut self, text: String) {
        self.base = text;
    }

    /// Removes it.
    pub(crate) fn remove(self) {
        // What is left over is removed at the next start.
        let _ = self.path.map(fs::remove_file);
    }

    /// Gives it a name that people see, because what it holds cannot be taken over.
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

/// A file from its beginning, wherever others are in it.
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

/// The name under which a new file is exchanged, and which the old one then has: it says which file is the new one and what the two hold
/// if nobody has changed them (`new` is the inode of the new one), for whoever finds it after this process was killed.
pub(crate) fn name(target: &Path, new: u64, base: &str, text: &str) -> PathBuf {
    beside(target, MARK, &format!("{new:x}-{}-{}", hash_of(base.as_bytes()), hash_of(text.as_bytes())))
}

fn beside(target: &Path, mark: &str, what: &str) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}{mark}{what}"))
}

/// What became of an edit by hand that was out of its place when a server was killed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Recovered {
    /// It is in its place again. The change that was being made is not; nobody was told of it.
    Back,
    /// It is here, because somebody has edited the file since, or a change was made before it.
    Kept(PathBuf),
}

/// What a server left that was killed while it exchanged files: removes what nobody misses, and ends what it had begun.
pub(crate) fn recover(target: &Path) -> io::Result<Vec<Recovered>> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let (out, late) = (format!(".{name}{MARK}"), format!(".{name}{LATE}"));
    let mut recovered = Vec::new();
    for entry in fs::read_dir(target.parent().unwrap_or(Path::new(".")))? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let Some(name) = name.to_str() else { continue };
        let (rest, is_out) = match (name.strip_prefix(&out), name.strip_prefix(&late)) {
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
            // An editor that has it open would write to a file without a name.
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

/// Under the first name that is free.
fn keep(path: &Path, target: &Path) -> io::Result<PathBuf> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let mut number = 1;
    loop {
        let seen = target.with_file_name(format!("{name}.edit-{number}"));
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
    use std::fs::OpenOptions;
    use std::io::Write as _;

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
