//! Files that somebody else removed, replaced or made.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use flagstaff_format::{Generation, LinkState};
use flagstaff_publisher::sse::ApiKey;
use flagstaff_publisher::{Identity, Outcome, Publisher, PublisherOptions};
use flagstaff_reader::{PathState, PublisherState};

use crate::place::{DEADLINE, Place, link, published, wait_until};

/// What is promised is 1 s; a loaded machine gets more.
const LIMIT: Duration = Duration::from_secs(2);

fn identity(key: &str) -> Identity {
    Identity::of("https://flags.example", &ApiKey::new(key).unwrap())
}

fn of(place: &Place, identity: Identity) -> Publisher {
    Publisher::open(&place.path, &PublisherOptions::default().identity(identity)).unwrap()
}

#[test]
fn a_removed_file_is_made_anew_within_a_second_and_readers_move() {
    let place = Place::new();
    let mut publisher = place.publisher();
    published(&mut publisher, r#"{"n": 1}"#);
    let reader = place.reader();
    fs::remove_file(&place.path).unwrap();
    assert_eq!(reader.get_i64("n"), 1);
    let took = wait_until("the file is back", DEADLINE, || place.path.exists());
    eprintln!("made anew {took:?} after it was removed");
    assert!(took < LIMIT, "{took:?}");
    published(&mut publisher, r#"{"n": 2}"#);
    assert_eq!(reader.get_i64("n"), 2);
    assert!(reader.generation() > Generation(2), "superseding takes a generation: {}", reader.generation());
    assert_eq!(reader.status().path, PathState::Same);
    assert_eq!(place.reader().get_i64("n"), 2);
}

#[test]
fn a_file_renamed_over_is_superseded_within_a_second_and_readers_move() {
    let place = Place::new();
    let mut publisher = place.publisher();
    published(&mut publisher, r#"{"n": 1}"#);
    let reader = place.reader();
    // A good snapshot of somebody else, with a higher generation than ours.
    let other = Place::new();
    let mut foreign = other.publisher();
    for n in 0..5 {
        published(&mut foreign, &format!(r#"{{"n": -1, "foreign": {n}}}"#));
    }
    drop(foreign);
    let beside = place.folder.path().join("copy");
    fs::copy(&other.path, &beside).unwrap();
    fs::rename(&beside, &place.path).unwrap();
    let took = wait_until("our flags are at the path again", DEADLINE, || {
        flagstaff_reader::Reader::open(&place.path).is_ok_and(|fresh| fresh.get_i64("n") == 1)
    });
    eprintln!("superseded {took:?} after another file was renamed over it");
    assert!(took < LIMIT, "{took:?}");
    published(&mut publisher, r#"{"n": 2}"#);
    assert_eq!((reader.get_i64("n"), place.reader().get_i64("n")), (2, 2));
}

/// Story: after a file was made anew its link word said "idle", so that every reader's status was "stale" until the next
/// connection, although the stream was open all the time. The status words now move with the flags.
#[test]
fn link_and_contact_are_carried_over_to_a_file_made_anew() {
    let place = Place::new();
    let mut publisher = place.publisher();
    published(&mut publisher, r#"{"n": 1}"#);
    publisher.set_link(LinkState::Open);
    publisher.touch();
    let reader = place.reader();
    assert_eq!(link(&reader), LinkState::Open);
    fs::remove_file(&place.path).unwrap();
    wait_until("the reader has moved", DEADLINE, || {
        place.path.exists() && reader.status().path == PathState::Same
    });
    let status = reader.status();
    assert_eq!((status.link, status.publisher), (LinkState::Open, PublisherState::Alive));
    assert!(status.contact_age.is_some() && !status.is_stale(), "{status:?}");
}

/// Story: the generation in the answer was that of the last publish, one below the one that readers see.
#[test]
fn an_unchanged_payload_after_a_file_was_made_anew_names_the_generation_that_readers_see() {
    let place = Place::new();
    let mut publisher = place.publisher();
    published(&mut publisher, r#"{"n": 1}"#);
    fs::remove_file(&place.path).unwrap();
    wait_until("the file is back", DEADLINE, || place.path.exists());
    let Outcome::Unchanged { generation, .. } = publisher.publish(r#"{"n": 1}"#).unwrap() else { panic!() };
    assert_eq!((generation, place.reader().generation()), (Generation(2), Generation(2)));
}

#[test]
fn the_mode_of_a_file_is_carried_over_when_it_is_superseded() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |place: &Place| fs::metadata(&place.path).unwrap().permissions().mode() & 0o7777;
    let place = Place::new();
    let mut publisher = Publisher::open(&place.path, &PublisherOptions::default().file_mode(0o444)).unwrap();
    published(&mut publisher, r#"{"n": 1}"#);
    assert_eq!(mode(&place), 0o444);
    fs::remove_file(&place.path).unwrap();
    wait_until("the file is back", DEADLINE, || place.path.exists());
    assert_eq!(mode(&place), 0o444);
}

#[test]
fn another_source_keeps_the_flags_until_its_first_payload() {
    let place = Place::new();
    let mut publisher = of(&place, identity("old-key"));
    published(&mut publisher, r#"{"n": 1}"#);
    let reader = place.reader();
    drop(publisher);
    let mut publisher = of(&place, identity("new-key"));
    assert_eq!((reader.get_i64("n"), publisher.generation()), (1, Generation(2)));
    assert_eq!(published(&mut publisher, r#"{"n": 2}"#), Generation(3));
    assert_eq!(reader.get_i64("n"), 2);
    drop(publisher);
    // The same source again: nothing to supersede.
    assert_eq!(of(&place, identity("new-key")).generation(), Generation(3));
}

#[test]
fn a_file_that_is_no_snapshot_is_put_aside_only_if_its_name_says_that_it_should_be_one() {
    let place = Place::new();
    fs::write(&place.path, "garbage ".repeat(1000)).unwrap();
    let mut publisher = place.publisher();
    published(&mut publisher, r#"{"n": 1}"#);
    assert_eq!(place.reader().get_i64("n"), 1);
    let aside = place.folder.path().join("flags.flagstaff.damaged");
    assert_eq!(fs::read(&aside).unwrap().len(), 8000);

    let precious = place.folder.path().join("precious.db");
    fs::write(&precious, "precious ".repeat(1000)).unwrap();
    let error = Publisher::open(&precious, &PublisherOptions::default()).unwrap_err().to_string();
    assert!(error.contains("precious.db is not a flagstaff snapshot"), "{error}");
    assert_eq!(fs::read(&precious).unwrap().len(), 9000);
}

/// Symptom: the blocks of a removed file stayed in use for hours. Cause: the thread that writes checkpoints learnt of the
/// new file only when it had something to write. Fix: it is told at once, and closes the old one.
#[test]
fn a_file_that_was_left_is_closed_although_nothing_is_published() {
    let place = Place::new();
    let options = PublisherOptions::default().checkpoint_every(Duration::from_secs(3600));
    let mut publisher = Publisher::open(&place.path, &options).unwrap();
    published(&mut publisher, r#"{"n": 1}"#);
    fs::remove_file(&place.path).unwrap();
    wait_until("the file is back", DEADLINE, || place.path.exists());
    let removed = format!("{} (deleted)", place.path.display());
    let is_removed = |entry: fs::DirEntry| {
        fs::read_link(entry.path()).is_ok_and(|target| target.to_string_lossy() == removed)
    };
    wait_until("the removed file is closed", DEADLINE, || {
        !fs::read_dir("/proc/self/fd").unwrap().flatten().any(is_removed)
    });
    assert_eq!(place.reader().get_i64("n"), 1);
}

/// Symptom: readers kept old flags although the source sent the new ones again. Cause: the current slot was damaged when
/// the file was made anew, so an older snapshot was carried over, but the payload was still known as the last one. Fix: a
/// file made anew is asked what it holds.
#[test]
fn flags_that_the_file_has_lost_stand_in_the_one_that_is_made_anew() {
    let place = Place::new();
    let options = PublisherOptions::default().checkpoint_every(Duration::from_secs(3600));
    let mut publisher = Publisher::open(&place.path, &options).unwrap();
    published(&mut publisher, r#"{"n": 1}"#);
    let reader = place.reader();
    wait_until("the first checkpoint", DEADLINE, || reader.status().durable == Generation(1));
    published(&mut publisher, r#"{"n": 2}"#);
    place.damage(flagstaff_format::layout::Area::Slot(0));
    fs::remove_file(&place.path).unwrap();
    wait_until("the file is back", DEADLINE, || place.path.exists());
    assert_eq!((place.reader().get_i64("n"), reader.get_i64("n")), (2, 2));
    let again = publisher.publish(r#"{"n": 2}"#).unwrap();
    assert!(matches!(again, Outcome::Unchanged { .. }), "{again:?}");
}

/// Symptom: somebody cut the live file off, which the writing of a checkpoint made long again before anybody touched it. The publisher made
/// the file anew without flags, every reader followed, and the source, which says a payload once, never said it again.
#[test]
fn a_file_whose_every_byte_is_gone_is_made_anew_with_the_flags_that_were_published_last() {
    let place = Place::new();
    let mut publisher = Publisher::open(&place.path, &PublisherOptions::default()).unwrap();
    let reader = place.reader();
    for n in 1..=3 {
        published(&mut publisher, &format!("{{\"n\": {n}}}"));
        let before = fs::metadata(&place.path).unwrap();
        let file = fs::File::options().write(true).open(&place.path).unwrap();
        // Not by a cut: a reader of this process might look in that moment.
        let all = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
        rustix::fs::fallocate(&file, all, 0, before.len()).unwrap();
        wait_until("another file", DEADLINE, || {
            fs::metadata(&place.path).is_ok_and(|now| now.ino() != before.ino())
        });
        assert_eq!((place.reader().get_i64("n"), reader.get_i64("n")), (n, n), "at once");
        assert_eq!(reader.status().behind, None);
    }
}

/// Symptom: the link to a file was never older than a quarter of a second. Cause: each poll said "open" again, and with it
/// since when. Fix: the same state again changes nothing.
#[test]
fn the_link_is_as_old_as_its_state_however_often_that_is_said() {
    let place = Place::new();
    let publisher = place.publisher();
    publisher.set_link(LinkState::Open);
    let reader = place.reader();
    let old = Duration::from_millis(30);
    wait_until("the link is older", DEADLINE, || {
        publisher.set_link(LinkState::Open);
        reader.status().link_age.is_some_and(|age| age > old)
    });
    publisher.set_link(LinkState::Retrying);
    assert_eq!(link(&reader), LinkState::Retrying);
    fs::remove_file(&place.path).unwrap();
    wait_until("the file is back", DEADLINE, || place.path.exists());
    publisher.set_link(LinkState::Retrying);
    assert!(place.reader().status().link_age.is_some_and(|age| age > old));
}
