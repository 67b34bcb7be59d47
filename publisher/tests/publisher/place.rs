//! A folder with a snapshot file, and conditions with a deadline.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use flagstaff_format::layout::{Area, FRAME_BYTES, word};
use flagstaff_format::{Generation, LinkState};
use flagstaff_publisher::{Outcome, Publisher, PublisherOptions};
use flagstaff_reader::Reader;

/// Far more than anything here needs, so that a loaded machine does not fail a test.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) path: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flags.flagstaff");
        Place { folder, path }
    }

    pub(crate) fn publisher(&self) -> Publisher {
        Publisher::open(&self.path, &PublisherOptions::default()).unwrap()
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::open(&self.path).unwrap()
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.folder.path().join("flags.flagstaff.lock")
    }

    /// Flips a bit of an area's archive, so that its checksum fails.
    pub(crate) fn damage(&self, area: Area) {
        let at = area.offset() + FRAME_BYTES + 17;
        let file = self.writable();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 8], at).unwrap();
    }

    pub(crate) fn set_word(&self, at: usize, value: u64) {
        self.writable().write_all_at(&value.to_le_bytes(), at as u64 * 8).unwrap();
    }

    pub(crate) fn generation_word(&self) -> u64 {
        let mut bytes = [0; 8];
        let file = File::open(&self.path).unwrap();
        file.read_exact_at(&mut bytes, word::GENERATION as u64 * 8).unwrap();
        u64::from_le_bytes(bytes)
    }

    fn writable(&self) -> File {
        fs::set_permissions(&self.path, Permissions::from_mode(0o640)).unwrap();
        File::options().read(true).write(true).open(&self.path).unwrap()
    }
}

#[track_caller]
pub(crate) fn wait_until(what: &str, deadline: Duration, mut condition: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < deadline, "not within {deadline:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
    begun.elapsed()
}

/// The generation of a payload that must be published.
#[track_caller]
pub(crate) fn published(publisher: &mut Publisher, payload: &str) -> Generation {
    match publisher.publish(payload).unwrap() {
        Outcome::Published { generation, .. } => generation,
        other => panic!("published expected, found {other:?}"),
    }
}

pub(crate) fn link(reader: &Reader) -> LinkState {
    reader.status().link
}

/// Runs one test of this executable again in a process of its own, as `command` starts it.
pub(crate) fn again(mut command: Command, test: &str, place: &Place) -> Output {
    command.args(["--exact", test, "--nocapture"]).env("FLAGSTAFF_TEST_CHILD", &place.path);
    command.output().unwrap()
}

/// The snapshot path of the parent, in a process started by [`again`].
pub(crate) fn path_of_parent() -> Option<PathBuf> {
    std::env::var_os("FLAGSTAFF_TEST_CHILD").map(PathBuf::from)
}

#[track_caller]
pub(crate) fn assert_success(output: &Output) {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}: {}{}", output.status, text(&output.stdout), text(&output.stderr));
}
