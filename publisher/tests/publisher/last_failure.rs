//! What a publisher says of its failures in the file.

use std::fs;
use std::time::Duration;

use flagstaff_format::FailureKind;
use flagstaff_publisher::{Notice, Source, Stopper, run};
use flagstaff_reader::Reader;

use crate::place::{DEADLINE, Place, published, wait_until};

fn kind(reader: &Reader) -> Option<FailureKind> {
    reader.status().last_failure.map(|failure| failure.kind)
}

#[test]
fn a_payload_that_is_refused_is_the_last_failure_also_after_a_good_one_and_a_restart() {
    let place = Place::new();
    let mut publisher = place.publisher();
    published(&mut publisher, r#"{"n": 1}"#);
    let reader = place.reader();
    assert_eq!(kind(&reader), None);
    publisher.publish("[1]").unwrap_err();
    assert_eq!(kind(&reader), Some(FailureKind::Payload));
    published(&mut publisher, r#"{"n": 2}"#);
    publisher.close().unwrap();
    let mut publisher = place.publisher();
    assert_eq!(kind(&reader), Some(FailureKind::Payload));
    publisher.publish(&format!("{{\"n\": \"{}\"}}", "x".repeat(5 << 20))).unwrap_err();
    assert_eq!(kind(&reader), Some(FailureKind::PayloadTooLarge));
}

#[test]
fn it_moves_with_the_publisher_into_a_file_that_is_made_anew() {
    let place = Place::new();
    let mut publisher = place.publisher();
    published(&mut publisher, r#"{"n": 1}"#);
    publisher.set_failure(FailureKind::HttpStatus(403));
    std::thread::sleep(Duration::from_millis(20));
    fs::remove_file(&place.path).unwrap();
    wait_until("the file is back", DEADLINE, || place.path.exists());
    let failure = place.reader().status().last_failure.unwrap();
    assert_eq!(failure.kind, FailureKind::HttpStatus(403));
    assert!(failure.age >= Some(Duration::from_millis(20)), "{failure:?}");
}

#[test]
fn without_the_lock_nothing_is_said() {
    let place = Place::new();
    let mut publisher = place.publisher();
    published(&mut publisher, r#"{"n": 1}"#);
    let reader = place.reader();
    fs::remove_file(place.lock()).unwrap();
    wait_until("the loss is noticed", DEADLINE, || publisher.has_lost_lock());
    publisher.set_failure(FailureKind::Tls);
    publisher.publish("[1]").unwrap_err();
    assert_eq!(kind(&reader), None);
}

#[test]
fn a_file_of_flags_that_is_missing_or_wrong_is_told() {
    for (content, expected) in [(None, FailureKind::SourceFile), (Some("[1]"), FailureKind::Payload)] {
        let place = Place::new();
        let source = place.folder.path().join("flags.json");
        if let Some(content) = content {
            fs::write(&source, content).unwrap();
        }
        let mut publisher = place.publisher();
        let reader = place.reader();
        let stopper = Stopper::new();
        let mut seen = Vec::new();
        run(&mut publisher, Source::File(source), &stopper, &mut |notice| {
            assert!(matches!(notice, Notice::Unreadable(_) | Notice::Refused { .. }), "{notice:?}");
            // Whoever is told finds it in the file already.
            seen.push(kind(&reader));
            stopper.stop();
        })
        .unwrap();
        assert_eq!(seen, [Some(expected)]);
    }
}
