//! Starting warm from the cache of the service's own SDK.

use std::fs;
use std::path::PathBuf;

use vexil_format::Generation;
use vexil_publisher::{Options, Publisher};

use crate::place::{Place, published};

fn cache(place: &Place, content: &[u8]) -> PathBuf {
    let path = place.folder.path().join("soasap_cache_01234567.json");
    fs::write(&path, content).unwrap();
    path
}

fn opened(place: &Place, cache: &std::path::Path) -> Publisher {
    Publisher::open(&place.path, &Options::default().import(Some(cache))).unwrap()
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
