//! A log of what changed, by whom and why: `.NAME.audit`, a JSON object on each line, only ever appended to. When it is large it gets the
//! name `.NAME.audit-1`, the one before that `-2`, and so on.

use std::fs;
use std::io::{self, Write as _};

use serde::Serialize;

use super::entry::Cause;
use crate::outcome::Changes;
use crate::side_files::SideFiles;

const FILE: &str = "audit";

/// Bytes of one file, and how many older ones stay.
const MOST_BYTES: u64 = 4 << 20;
const OLDER: usize = 4;

/// What is on a line.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    /// RFC 3339, in UTC.
    pub(crate) time: String,
    #[serde(flatten)]
    pub(crate) cause: &'a Cause,
    /// What readers have since then, if that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) snapshot: Option<Snapshot<'a>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Snapshot<'a> {
    pub(crate) generation: u64,
    pub(crate) flags: usize,
    pub(crate) publishes: u64,
    /// The snapshot in the history that has the values.
    pub(crate) number: u64,
    pub(crate) changes: &'a Changes,
}

/// Appends a line.
pub(crate) fn append(side_files: &SideFiles, line: &Line<'_>) -> io::Result<()> {
    let path = side_files.path(FILE);
    if fs::symlink_metadata(&path).is_ok_and(|found| found.len() >= MOST_BYTES) {
        for number in (1..OLDER).rev() {
            let older = |number: usize| side_files.path(&format!("{FILE}-{number}"));
            if older(number).exists() {
                fs::rename(older(number), older(number + 1))?;
            }
        }
        fs::rename(&path, side_files.path(&format!("{FILE}-1")))?;
    }
    let mut file = side_files.append_to(FILE)?;
    let text = serde_json::to_string(line)? + "\n";
    // One call: a line is there as a whole or not at all, but for a full disk.
    file.write_all(text.as_bytes())
}
