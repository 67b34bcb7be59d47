//! Publishing, and going on after a restart.

use flagstaff_format::Generation;
use flagstaff_publisher::{Outcome, PublishError, Publisher};

use crate::place::{Place, published};

#[test]
fn a_published_payload_is_read_at_once_and_the_outcome_says_what_was_done() {
    let place = Place::new();
    let mut publisher = place.publisher();
    assert_eq!(publisher.generation(), Generation(0));
    let reader = place.reader();
    match publisher.publish(r#"{"on": true, "limit": 50, "name": "x"}"#).unwrap() {
        Outcome::Published { generation, flags, archive_bytes, changes, .. } => {
            assert_eq!((generation, flags, changes.added.count), (Generation(1), 3, 3));
            assert!(archive_bytes >= 3 * 64, "{archive_bytes}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((reader.get_bool("on"), reader.get_i64("limit")), (true, 50));
    assert_eq!((reader.get_string("name").as_str(), reader.generation()), ("x", Generation(1)));
}

#[test]
fn the_outcome_lists_added_removed_and_changed_keys_but_no_value() {
    let place = Place::new();
    let mut publisher = place.publisher();
    published(&mut publisher, r#"{"same": 1, "gone": "top-secret", "other": "hidden"}"#);
    let outcome = publisher.publish(r#"{"same": 1, "new": "top-secret", "other": "covered"}"#).unwrap();
    let Outcome::Published { changes, .. } = &outcome else { panic!("{outcome:?}") };
    assert_eq!(changes.to_string(), "1 added: new; 1 removed: gone; 1 changed: other");
    let shown = format!("{outcome:?}");
    for value in ["top-secret", "hidden", "covered"] {
        assert!(!shown.contains(value), "{shown}");
    }
}

#[test]
fn changes_are_told_against_what_was_published_before_a_restart() {
    let place = Place::new();
    let mut publisher = place.publisher();
    published(&mut publisher, r#"{"same": 1, "other": 1}"#);
    drop(publisher);
    let outcome = place.publisher().publish(r#"{"same": 1, "other": 2}"#).unwrap();
    let Outcome::Published { changes, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(changes.to_string(), "1 changed: other");
}

#[test]
fn an_unchanged_payload_is_not_published_again_not_even_after_a_restart() {
    let place = Place::new();
    let payload = r#"{"on": true}"#;
    let mut publisher = place.publisher();
    published(&mut publisher, payload);
    let word = place.generation_word();
    let unchanged = |publisher: &mut Publisher| match publisher.publish(payload).unwrap() {
        Outcome::Unchanged { generation, .. } => generation,
        other => panic!("{other:?}"),
    };
    assert_eq!(unchanged(&mut publisher), Generation(1));
    drop(publisher);
    assert_eq!(unchanged(&mut place.publisher()), Generation(1));
    assert_eq!(place.generation_word(), word);
}

#[test]
fn a_restart_goes_on_from_the_generation_and_readers_stay() {
    let place = Place::new();
    let mut publisher = place.publisher();
    published(&mut publisher, r#"{"n": 1}"#);
    published(&mut publisher, r#"{"n": 2}"#);
    let reader = place.reader();
    drop(publisher);
    assert_eq!(reader.get_i64("n"), 2);
    let mut publisher = place.publisher();
    assert_eq!((publisher.generation(), reader.get_i64("n")), (Generation(2), 2));
    assert_eq!(published(&mut publisher, r#"{"n": 3}"#), Generation(3));
    assert_eq!((reader.get_i64("n"), reader.generation()), (3, Generation(3)));
}

#[test]
fn a_refused_payload_leaves_the_file_and_the_next_good_one_works() {
    let place = Place::new();
    let mut publisher = place.publisher();
    published(&mut publisher, r#"{"n": 1}"#);
    let reader = place.reader();
    for _ in 0..3 {
        assert!(matches!(publisher.publish("[]"), Err(PublishError::Payload(_))));
        assert_eq!((place.generation_word(), reader.get_i64("n")), (2, 1));
    }
    assert_eq!(published(&mut publisher, r#"{"n": 2}"#), Generation(2));
    assert_eq!(reader.get_i64("n"), 2);
}

#[test]
fn a_thousand_publishes_of_growing_and_shrinking_size_all_arrive() {
    let place = Place::new();
    let mut publisher = place.publisher();
    let reader = place.reader();
    for n in 1..=1000_u64 {
        let filler = "x".repeat((n as usize * 7919) % 90_000);
        let generation = published(&mut publisher, &format!(r#"{{"n": {n}, "filler": "{filler}"}}"#));
        assert_eq!((generation, reader.get_u64("n")), (Generation(n), n));
        assert_eq!(reader.with_str("filler", |text| text.map(str::len)), Some(filler.len()));
    }
}
