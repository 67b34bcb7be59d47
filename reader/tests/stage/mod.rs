//! What the reader's tests play on: a directory of their own with a snapshot file and its writer, deadlines, and the test
//! binary run again as another process.
#![allow(dead_code, reason = "every test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "all of this is test code, also outside of test functions")]

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use flagstaff_format::layout::{Area, FRAME_BYTES};
use flagstaff_format::{Archive, BootId, Facts, Flag, Generation, Header, Value, Writer, WriterOptions};
use tempfile::TempDir;

/// Long enough for a busy machine; nothing waits for it to pass.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Tells a test binary that was run again which part to play.
const ROLE: &str = "FLAGSTAFF_TEST_ROLE";

pub(crate) struct Stage {
    pub(crate) dir: TempDir,
    pub(crate) path: PathBuf,
}

impl Stage {
    pub(crate) fn new() -> Stage {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("flags.flagstaff");
        Stage { dir, path }
    }

    /// A stage and the writer of a file in which nothing has been published.
    pub(crate) fn with_writer() -> (Stage, Writer) {
        let stage = Stage::new();
        let writer = stage.writer();
        (stage, writer)
    }

    pub(crate) fn writer(&self) -> Writer {
        Writer::open(&self.path, &WriterOptions::default()).unwrap().writer
    }

    /// Removes the file with its hidden second name, so that no publisher can find it.
    pub(crate) fn remove(&self) {
        std::fs::remove_file(&self.path).unwrap();
        std::fs::remove_file(self.path.with_file_name(".flags.flagstaff.live")).unwrap();
    }

    /// Overwrites bytes of the file.
    pub(crate) fn scribble(&self, offset: u64, bytes: &[u8]) {
        let file = OpenOptions::new().write(true).open(&self.path).unwrap();
        file.write_all_at(bytes, offset).unwrap();
    }

    /// Writes a word of the header.
    pub(crate) fn set_word(&self, at: usize, value: u64) {
        self.scribble(at as u64 * 8, &value.to_le_bytes());
    }

    /// Damages the archive of an area.
    pub(crate) fn damage(&self, area: Area) {
        self.scribble(area.offset() + FRAME_BYTES + 8, &[0xa5; 64]);
    }

    /// Makes the file look as if it had been written before the machine was started.
    pub(crate) fn age_by_a_boot(&self) {
        let mut header = Header::now([0; 32]);
        header.boot = BootId([1, 2]);
        let bytes: Vec<u8> = header.words().iter().flat_map(|word| word.to_le_bytes()).collect();
        self.scribble(0, &bytes);
    }
}

pub(crate) fn bools(keys: &[(&'static str, bool)]) -> Vec<Flag<'static>> {
    keys.iter().map(|(key, value)| flag(key, Value::Bool(*value))).collect()
}

pub(crate) fn flag(key: &str, value: Value<'static>) -> Flag<'static> {
    Flag { key: key.to_owned().into(), value }
}

pub(crate) fn publish(writer: &mut Writer, flags: &[Flag<'_>]) -> Generation {
    let mut archive = Archive::build(flags, Generation(1), Facts::default()).unwrap();
    writer.publish(&mut archive).unwrap()
}

/// Publishes one number under `key-number`, a string under `the-string` and JSON under `the-json-value`, all `n`.
pub(crate) fn publish_number(writer: &mut Writer, n: u64) -> Generation {
    publish(
        writer,
        &[
            flag("the-number", Value::U64(n)),
            flag("the-string", Value::String(n.to_string().into())),
            flag("the-json-value", Value::Json(format!("[{n}]").into())),
            flag("the-parity", Value::Bool(n % 2 == 1)),
            flag("always-true", Value::Bool(true)),
        ],
    )
}

/// Waits for a condition, and fails at the deadline.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "deadline passed: {what}");
        std::thread::yield_now();
    }
}

/// The part that this process plays, if it is a test binary that was run again.
pub(crate) fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// The test `name` of this binary as another process with a part to play.
pub(crate) fn again(name: &str, role: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(ROLE, role);
    command
}

#[track_caller]
pub(crate) fn succeeds(mut command: Command) {
    let output = command.output().unwrap();
    // A name without a test would pass as well.
    let ran = String::from_utf8_lossy(&output.stdout).contains("1 passed");
    assert!(
        output.status.success() && ran,
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Puts `from` in the place of `to`, as `mv` does.
pub(crate) fn mv(from: &Path, to: &Path) {
    std::fs::rename(from, to).unwrap();
}
