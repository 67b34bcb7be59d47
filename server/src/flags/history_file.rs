//! The history on the disk, `.NAME.flagstaff-history` beside the flag file: a JSON object on each line for each change, so that a restart forgets
//! neither who changed what nor how to undo it. It is written after the flag file, and only by the server that has its lock. What cannot
//! be read is passed over, and what cannot be written is said once: flags do not depend on it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::flags::change::{Author, By, Change, FlagChange};
use crate::flags::file_names::{hidden, real};
use crate::flags::history::{History, MOST_CHANGES};
use crate::flags::value::FlagValue;

/// It is made anew when it has so many lines more than changes are remembered, or when these are so large.
const MOST_LINES: usize = 4 * MOST_CHANGES;
const MOST_BYTES: u64 = 64 << 20;

#[derive(Debug)]
pub(crate) struct HistoryFile {
    path: PathBuf,
    lines: usize,
    complained: bool,
}

/// A line. Without a flag, `old` and `new` would be the same as with `null`, so they are lists of at most one.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    revision: u64,
    /// Microseconds since 1970.
    time: u64,
    by: By,
    from: Option<IpAddr>,
    undoes: Option<u64>,
    flags: Vec<LineFlag>,
}

#[derive(Debug, Serialize, Deserialize)]
struct LineFlag {
    key: String,
    old: Vec<Box<RawValue>>,
    new: Vec<Box<RawValue>>,
    at: usize,
}

impl HistoryFile {
    /// Of a flag file, with what was remembered.
    pub(crate) fn open(flags: &Path) -> (HistoryFile, History) {
        let path = hidden(&real(flags), "flagstaff-history");
        let (mut history, mut lines) = (History::default(), 0);
        let file =
            OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(&path);
        for line in
            file.map(BufReader::new).map(|file| file.split(b'\n')).into_iter().flatten().map_while(Result::ok)
        {
            lines += 1;
            // The last one may be cut off. A revision that goes back would be of a file that somebody has put together.
            let change = serde_json::from_slice::<Line>(&line).ok().and_then(Line::change);
            if let Some(change) = change.filter(|change| change.revision > history.newest()) {
                history.push(change);
            }
        }
        (HistoryFile { path, lines, complained: false }, history)
    }

    /// Adds the newest change of a history.
    pub(crate) fn append(&mut self, history: &History) {
        let is_large = fs::symlink_metadata(&self.path).is_ok_and(|found| found.len() > MOST_BYTES);
        let written = if self.lines >= MOST_LINES || is_large {
            self.write_anew(history)
        } else {
            self.append_newest(history)
        };
        match written {
            Ok(()) => self.complained = false,
            Err(error) => {
                if !std::mem::replace(&mut self.complained, true) {
                    tracing::warn!(%error, path = %self.path.display(), "the history is kept in memory only");
                }
            }
        }
    }

    fn append_newest(&mut self, history: &History) -> io::Result<()> {
        let Some(newest) = history.since(0).into_iter().next() else { return Ok(()) };
        let mut file = open_to_write(&self.path, OpenOptions::new().append(true).create(true))?;
        self.lines += 1;
        // Behind a line that was cut off by a full disk or a kill.
        let starts = if ends_with_newline(&self.path) { "" } else { "\n" };
        file.write_all(format!("{starts}{}\n", Line::of(newest)?).as_bytes())
    }

    fn write_anew(&mut self, history: &History) -> io::Result<()> {
        let new = self.path.with_extension("flagstaff-history-new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = open_to_write(&new, OpenOptions::new().write(true).create_new(true))?;
        let mut lines = 0;
        for change in history.since(0).into_iter().rev() {
            file.write_all(format!("{}\n", Line::of(change)?).as_bytes())?;
            lines += 1;
        }
        fs::rename(&new, &self.path)?;
        self.lines = lines;
        Ok(())
    }
}

fn open_to_write(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    // Addresses and values are for whoever runs the server.
    let file = options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "it is no regular file"))
}

fn ends_with_newline(path: &Path) -> bool {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let last = || -> io::Result<Option<u8>> {
        let mut file = BufReader::new(File::open(path)?);
        if file.seek(SeekFrom::End(0))? == 0 {
            return Ok(None);
        }
        file.seek(SeekFrom::End(-1))?;
        let mut byte = [0];
        file.read_exact(&mut byte)?;
        Ok(Some(byte[0]))
    };
    last().is_ok_and(|last| last.is_none_or(|byte| byte == b'\n'))
}

impl Line {
    fn of(change: &Change) -> io::Result<String> {
        let since = change.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let value = |value: &Option<FlagValue>| value.iter().map(|value| value.json().to_owned()).collect();
        let flags = change.flags.iter().map(|flag| LineFlag {
            key: flag.key.to_string(),
            old: value(&flag.old),
            new: value(&flag.new),
            at: flag.at,
        });
        let line = Line {
            revision: change.revision,
            time: since.as_micros() as u64,
            by: change.author.by,
            from: change.author.from,
            undoes: change.undoes,
            flags: flags.collect(),
        };
        Ok(serde_json::to_string(&line)?)
    }

    fn change(self) -> Option<Change> {
        let flags = self.flags.into_iter().map(|flag| {
            let value = |values: &[Box<RawValue>]| match values.first() {
                None => Some(None),
                Some(value) => FlagValue::parse(&flag.key, value.get()).ok().map(Some),
            };
            let (old, new) = (value(&flag.old)?, value(&flag.new)?);
            Some(FlagChange { key: flag.key.into(), old, new, at: flag.at })
        });
        let flags: Option<Vec<FlagChange>> = flags.collect();
        let time = SystemTime::UNIX_EPOCH + Duration::from_micros(self.time);
        Some(Change::new(self.revision, time, Author { by: self.by, from: self.from }, self.undoes, flags?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(revision: u64) -> Change {
        let value = |json: &str| FlagValue::parse("k", json).ok();
        let flags = vec![
            FlagChange { key: "k".into(), old: value("null"), new: value(&revision.to_string()), at: 3 },
            FlagChange { key: "gone\n".into(), old: value("{\"a\": [1.0]}"), new: None, at: 0 },
        ];
        let from = Some("::1".parse().unwrap());
        let time = SystemTime::UNIX_EPOCH + Duration::from_micros(revision);
        Change::new(revision, time, Author { by: By::Page, from }, Some(1), flags)
    }

    fn all(history: &History) -> Vec<Change> {
        history.since(0).into_iter().cloned().collect()
    }

    #[test]
    fn what_was_remembered_is_remembered_again_whatever_stands_between() {
        let folder = tempfile::tempdir().unwrap();
        let flags = folder.path().join("flags.json");
        let (mut file, mut history) = HistoryFile::open(&flags);
        assert!(all(&history).is_empty());
        for revision in 1..=1000 {
            history.push(change(revision));
            file.append(&history);
            if revision % 7 == 0 {
                // As a kill in the middle of a line leaves it.
                let mut raw = OpenOptions::new().append(true).open(&file.path).unwrap();
                raw.write_all(b"{\"revision\":5,\"ti").unwrap();
                let (again, known) = HistoryFile::open(&flags);
                assert_eq!(all(&known), all(&history), "{revision}");
                file = again;
            }
        }
        assert_eq!(all(&history).len(), MOST_CHANGES);
        let bytes = fs::metadata(&file.path).unwrap().len();
        assert!(bytes < 600 * MOST_CHANGES as u64 * 5, "{bytes}");
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let flags = folder.path().join("flags.json");
        let target = folder.path().join("target");
        fs::write(&target, "").unwrap();
        std::os::unix::fs::symlink(&target, hidden(&flags, "flagstaff-history")).unwrap();
        let (mut file, mut history) = HistoryFile::open(&flags);
        history.push(change(1));
        file.append(&history);
        assert!(file.complained);
        assert_eq!(fs::read_to_string(&target).unwrap(), "");
    }
}
