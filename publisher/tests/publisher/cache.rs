//! Starting warm from the cache of the service's own SDK.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use flagstaff_format::Generation;
use flagstaff_publisher::sse::ApiKey;
use flagstaff_publisher::{Identity, Publisher, PublisherOptions};
use flagstaff_reader::Reader;

use crate::place::{Place, published};

fn cache(place: &Place, content: &[u8]) -> PathBuf {
    let path = place.folder.path().join("soasap_cache_01234567.json");
    fs::write(&path, content).unwrap();
    path
}

fn opened(place: &Place, cache: &std::path::Path) -> Publisher {
    Publisher::open(&place.path, &PublisherOptions::default().import(Some(cache))).unwrap()
}

#[test]
fn a_cache_of_the_sdk_is_served_from_the_start_with_or_without_byte_order_mark() {
    for content in ["{\"warm\": 1}", "\u{feff}{\"warm\": 1}"] {
        let place = Place::new();
        let cache = cache(&place, content.as_bytes());
        let mut publisher = opened(&place, &cache);
        let reader = place.reader();
        assert_eq!((reader.get_i64("warm"), publisher.generation()), (1, Generation(1)));
        published(&mut publisher, r#"{"warm": 2}"#);
        assert_eq!(reader.get_i64("warm"), 2);
    }
}

#[test]
fn imported_flags_are_as_old_as_the_cache() {
    let place = Place::new();
    let cache = cache(&place, b"{\"warm\": 1}");
    let written = std::time::SystemTime::now() - std::time::Duration::from_secs(86_400);
    fs::File::options().write(true).open(&cache).unwrap().set_modified(written).unwrap();
    let _publisher = opened(&place, &cache);
    let published_at = place.reader().status().published_at.unwrap();
    let apart = written.duration_since(published_at).unwrap_or_else(|later| later.duration());
    assert!(apart.as_secs() < 2, "{apart:?}");
}

#[test]
fn a_damaged_cache_is_ignored() {
    let whole = b"{\"warm\": 1, \"name\": \"text\"}";
    for content in [b"".as_slice(), b"[]", b"{\"warm\": ", b"\xff\xfe{", &whole[..20], b"\0\0\0\0"] {
        let place = Place::new();
        let cache = cache(&place, content);
        let mut publisher = opened(&place, &cache);
        assert_eq!(publisher.generation(), Generation(0), "{content:?}");
        assert_eq!(published(&mut publisher, r#"{"n": 1}"#), Generation(1));
        assert_eq!(fs::read(&cache).unwrap(), content, "the cache is somebody else's file");
    }
}

#[test]
fn a_missing_cache_and_a_directory_in_its_place_are_ignored() {
    let place = Place::new();
    assert_eq!(opened(&place, &place.folder.path().join("none.json")).generation(), Generation(0));
    assert_eq!(opened(&place, place.folder.path()).generation(), Generation(0));
}

#[test]
fn a_cache_does_not_replace_flags_that_are_there_already() {
    let place = Place::new();
    let mut publisher = place.publisher();
    published(&mut publisher, r#"{"n": 1}"#);
    drop(publisher);
    let cache = cache(&place, b"{\"n\": -1}");
    let _publisher = opened(&place, &cache);
    assert_eq!(place.reader().get_i64("n"), 1);
}

/// A cache directory in which an environment was published to under one base URL, and is to be under another.
struct Moved {
    folder: tempfile::TempDir,
    key: ApiKey,
}

impl Moved {
    fn new() -> Moved {
        Moved { folder: tempfile::tempdir().unwrap(), key: ApiKey::new("key").unwrap() }
    }

    fn open(&self, base_url: &str, key: &ApiKey) -> (Publisher, Reader) {
        let identity = Identity::of(base_url, key);
        let path = identity.snapshot_path(self.folder.path());
        let options = PublisherOptions::default().identity(identity).import(Some(&self.sdk_cache(key)));
        let publisher = Publisher::open(&path, &options).unwrap();
        (publisher, Reader::open(&path).unwrap())
    }

    fn sdk_cache(&self, key: &ApiKey) -> PathBuf {
        Identity::sdk_cache_path(key, self.folder.path())
    }

    /// Writes the SDK's cache as if that had been `age` ago.
    fn sdk_wrote(&self, age: Duration, payload: &str) {
        let path = self.sdk_cache(&self.key);
        fs::write(&path, payload).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }
}

const DAY: Duration = Duration::from_secs(86_400);

/// Symptom: after a change of the base URL flags were those of the day on which the SDK was replaced, until the service was heard. Cause: the
/// snapshot file is named after base URL and key, so there was none, and the cache of the SDK was all that was looked for. Fix: snapshots of the
/// same key beside it are looked at too, and what was published last wins.
#[test]
fn another_base_url_keeps_the_flags_of_the_key_and_an_old_cache_of_the_sdk_brings_nothing_back() {
    let moved = Moved::new();
    moved.sdk_wrote(30 * DAY, r#"{"n": -1}"#);
    let (mut publisher, reader) = moved.open("https://one", &moved.key);
    assert_eq!(reader.get_i64("n"), -1, "the change from the SDK starts warm");
    published(
        &mut publisher,
        r#"{"n": 1, "text": "a text that does not fit into its record, so that it stands apart"}"#,
    );
    let before = reader.status().published_at;
    publisher.close().unwrap();

    let (mut publisher, reader) = moved.open("https://two", &moved.key);
    assert_eq!((reader.get_i64("n"), reader.get_string("text").len()), (1, 65));
    assert_eq!(reader.status().published_at, before, "flags do not become younger by a move");
    published(&mut publisher, r#"{"n": 2}"#);
    publisher.close().unwrap();
    // The first address again: its file has its own flags, as old as they are.
    assert_eq!(moved.open("https://one", &moved.key).1.get_i64("n"), 1);
    // And a third one starts from the newest.
    assert_eq!(moved.open("https://three", &moved.key).1.get_i64("n"), 2);
}

#[test]
fn a_cache_of_the_sdk_that_is_newer_than_the_snapshots_beside_it_is_taken() {
    let moved = Moved::new();
    let (mut publisher, _) = moved.open("https://one", &moved.key);
    published(&mut publisher, r#"{"n": 1}"#);
    publisher.close().unwrap();
    moved.sdk_wrote(Duration::ZERO, r#"{"n": 5}"#);
    let later = SystemTime::now() + Duration::from_secs(1);
    let cache = fs::File::options().write(true).open(moved.sdk_cache(&moved.key)).unwrap();
    cache.set_modified(later).unwrap();
    assert_eq!(moved.open("https://two", &moved.key).1.get_i64("n"), 5);
}

#[test]
fn a_snapshot_whose_publisher_heard_the_service_after_the_cache_was_written_is_the_newer_one() {
    let moved = Moved::new();
    moved.sdk_wrote(30 * DAY, r#"{"n": 1}"#);
    let (publisher, _) = moved.open("https://one", &moved.key);
    // The service has the same flags as thirty days ago; since then the SDK ran once more, and saw others.
    publisher.touch();
    publisher.close().unwrap();
    moved.sdk_wrote(DAY, r#"{"n": 2}"#);
    assert_eq!(moved.open("https://two", &moved.key).1.get_i64("n"), 1);
}

#[test]
fn snapshots_of_other_keys_and_of_files_are_not_taken_over() {
    let moved = Moved::new();
    let (mut publisher, _) = moved.open("https://one", &ApiKey::new("another").unwrap());
    published(&mut publisher, r#"{"n": 1}"#);
    let mut of_a_file =
        Publisher::open(moved.folder.path().join("flags.flagstaff"), &PublisherOptions::default()).unwrap();
    published(&mut of_a_file, r#"{"n": 2}"#);
    fs::write(moved.folder.path().join("junk.flagstaff"), "junk").unwrap();
    fs::create_dir(moved.folder.path().join("folder.flagstaff")).unwrap();
    let (publisher, reader) = moved.open("https://one", &moved.key);
    assert_eq!((publisher.generation(), reader.get_i64("n")), (Generation(0), 0));
}
