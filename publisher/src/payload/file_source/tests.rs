//! No test sleeps: each write gets a modification time of its own, and polls stand for time that passes.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::super::PayloadError;
use super::*;

struct Bench {
    folder: tempfile::TempDir,
    source: WatchedFile,
    ticks: u64,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = WatchedFile::new(folder.path().join("flags.json"), Limits::default());
        Self { folder, source, ticks: 0 }
    }

    fn with(content: &str) -> Self {
        let mut bench = Self::new();
        bench.write(content);
        bench
    }

    fn path(&self) -> &Path {
        self.source.path()
    }

    fn write(&mut self, content: &str) {
        fs::write(self.path(), content).unwrap();
        self.touch();
    }

    fn touch(&mut self) {
        self.ticks += 1;
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(self.ticks);
        File::options().write(true).open(self.path()).unwrap().set_modified(time).unwrap();
    }

    fn rename_over(&mut self, content: &str) {
        let new = self.folder.path().join("new.json");
        fs::write(&new, content).unwrap();
        fs::rename(&new, self.path()).unwrap();
        self.touch();
    }

    /// One poll in a few letters, for the tests below to compare.
    fn poll(&mut self) -> String {
        match self.source.poll() {
            FileEvent::Unchanged => "unchanged".to_owned(),
            FileEvent::Waiting => "waiting".to_owned(),
            FileEvent::Changed(text) => text,
            FileEvent::Failed(ImportError::Missing { .. }) => "missing".to_owned(),
            FileEvent::Failed(ImportError::NotRegular { .. }) => "not regular".to_owned(),
            FileEvent::Failed(ImportError::Io { .. }) => "io".to_owned(),
            FileEvent::Failed(ImportError::Payload { source, .. }) => match source {
                PayloadError::TooLarge { .. } => "too large".to_owned(),
                _ => "refused".to_owned(),
            },
        }
    }

    fn polls<const N: usize>(&mut self) -> [String; N] {
        std::array::from_fn(|_| self.poll())
    }
}

#[test]
fn the_first_poll_hands_out_at_once_and_only_once() {
    let mut bench = Bench::with("{\"a\":1}");
    assert_eq!(bench.polls(), ["{\"a\":1}", "unchanged", "unchanged"]);
}

#[test]
fn a_change_is_handed_out_when_two_polls_saw_it() {
    let mut bench = Bench::with("{\"a\":1}");
    let _ = bench.polls::<2>();
    bench.write("{\"a\":2}");
    assert_eq!(bench.polls(), ["waiting", "{\"a\":2}", "unchanged"]);
}

#[test]
fn a_change_right_after_the_first_poll_is_seen() {
    let mut bench = Bench::with("{\"a\":1}");
    let _ = bench.poll();
    bench.write("{\"a\":2}");
    assert_eq!(bench.polls(), ["waiting", "{\"a\":2}", "unchanged"]);
}

/// Symptom: a write right after the first read is never seen. Cause: it falls into the same tick of the file system's
/// clock, so length and times are those of the file that was read. The test gives the old state the new stamp.
#[test]
fn a_change_in_the_clock_tick_of_the_first_poll_is_seen() {
    let mut bench = Bench::with("{\"a\":1}");
    let _ = bench.poll();
    bench.write("{\"a\":2}");
    let stamp = Stamp::of(bench.path()).unwrap();
    bench.source.seen = bench.source.seen.map(|_| stamp);
    bench.source.judged = bench.source.judged.map(|_| stamp);
    assert_eq!(bench.polls(), ["{\"a\":2}", "unchanged"]);
}

#[test]
fn a_file_that_keeps_changing_is_left_alone() {
    let mut bench = Bench::with("{\"a\":1}");
    let _ = bench.polls::<2>();
    for half in ["{", "{\"a\"", "{\"a\":", "{\"a\":22"] {
        bench.write(half);
        assert_eq!(bench.poll(), "waiting");
    }
    bench.write("{\"a\":22}");
    assert_eq!(bench.polls(), ["waiting", "{\"a\":22}", "unchanged"]);
}

#[test]
fn a_bad_file_is_reported_once_and_the_old_content_stays_good() {
    let mut bench = Bench::with("{\"a\":1}");
    let _ = bench.polls::<2>();
    bench.write("{\"a\":");
    assert_eq!(bench.polls(), ["waiting", "refused", "waiting", "waiting"]);
    bench.write("[1]");
    assert_eq!(bench.polls(), ["waiting", "refused", "waiting"]);
    bench.write("{\"a\":1}");
    assert_eq!(bench.polls(), ["waiting", "unchanged", "unchanged"]);
}

#[test]
fn a_bad_file_at_the_start_is_reported_when_it_has_settled() {
    let mut bench = Bench::with("{\"a\":");
    assert_eq!(bench.polls(), ["waiting", "refused", "waiting"]);
}

#[test]
fn a_missing_file_is_reported_once_and_picked_up_when_it_comes() {
    let mut bench = Bench::new();
    assert_eq!(bench.polls(), ["missing", "waiting", "waiting"]);
    bench.write("{}");
    assert_eq!(bench.polls(), ["waiting", "{}", "unchanged"]);
    fs::remove_file(bench.path()).unwrap();
    assert_eq!(bench.polls(), ["missing", "waiting"]);
    bench.write("{}");
    assert_eq!(bench.polls(), ["waiting", "unchanged", "unchanged"]);
}

#[test]
fn another_file_renamed_over_the_path_is_a_change() {
    let mut bench = Bench::with("{\"a\":1}");
    let _ = bench.polls::<2>();
    bench.rename_over("{\"a\":2}");
    assert_eq!(bench.polls(), ["waiting", "{\"a\":2}", "unchanged"]);
}

#[test]
fn a_link_that_is_turned_to_another_file_is_a_change() {
    let mut bench = Bench::new();
    let folder = bench.folder.path();
    for name in ["one", "two"] {
        fs::write(folder.join(name), format!("{{\"is\":\"{name}\"}}")).unwrap();
    }
    std::os::unix::fs::symlink("one", folder.join("flags.json")).unwrap();
    assert_eq!(bench.polls(), ["{\"is\":\"one\"}", "unchanged"]);
    std::os::unix::fs::symlink("two", bench.folder.path().join("turned")).unwrap();
    fs::rename(bench.folder.path().join("turned"), bench.path()).unwrap();
    assert_eq!(bench.polls(), ["waiting", "{\"is\":\"two\"}"]);
}

#[test]
fn a_touch_without_change_is_no_change() {
    let mut bench = Bench::with("{\"a\":1}");
    let _ = bench.polls::<2>();
    bench.touch();
    assert_eq!(bench.polls(), ["waiting", "unchanged", "unchanged"]);
}

#[test]
fn content_of_equal_length_and_time_is_seen_by_the_change_time() {
    let mut bench = Bench::with("{\"a\":1}");
    let _ = bench.polls::<2>();
    let kept = fs::metadata(bench.path()).unwrap().modified().unwrap();
    let before = Stamp::of(bench.path()).unwrap();
    let deadline = SystemTime::now() + Duration::from_secs(10);
    // The change time moves with the clock tick of the kernel, so write until it did.
    while Stamp::of(bench.path()).unwrap() == before {
        assert!(SystemTime::now() < deadline, "the change time never moved");
        fs::write(bench.path(), "{\"a\":2}").unwrap();
        File::options().write(true).open(bench.path()).unwrap().set_modified(kept).unwrap();
    }
    assert_eq!(bench.polls(), ["waiting", "{\"a\":2}"]);
}

#[test]
fn a_directory_or_an_oversized_file_is_reported_once() {
    let mut bench = Bench::new();
    fs::create_dir(bench.path()).unwrap();
    assert_eq!(bench.polls(), ["not regular", "waiting"]);
    fs::remove_dir(bench.path()).unwrap();
    File::create(bench.path()).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(bench.polls(), ["waiting", "too large", "waiting"]);
}
