//! What lies in the inbox after commands and publishers that were killed.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use super::{Inbox, KEPT};
use crate::side_files::SideFiles;

/// Symptom: `ID.new` of a command that was killed while it wrote, and `ID.answer-new` of such a publisher, stayed in the inbox for ever;
/// more than a thousand of them could hide a command. Cause: only old answers were removed. Fix: these are removed as well.
#[test]
fn files_that_nobody_completed_are_removed_when_they_are_old() {
    let folder = tempfile::tempdir().unwrap();
    let side_files = SideFiles::new(&folder.path().join("flags.flagstaff"));
    let mut inbox = Inbox::of(&side_files);
    fs::create_dir(&inbox.directory).unwrap();
    let old = SystemTime::now() - KEPT - Duration::from_secs(1);
    for name in ["1.new", "2.answer-new", "3.answer"] {
        File::create(inbox.directory.join(name)).unwrap().set_modified(old).unwrap();
    }
    for name in ["4.new", "5.answer-new", "6.answer"] {
        File::create(inbox.directory.join(name)).unwrap();
    }

    assert!(inbox.take(&side_files).is_empty());

    let mut left: Vec<_> =
        fs::read_dir(&inbox.directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["4.new", "5.answer-new", "6.answer"]);
}
