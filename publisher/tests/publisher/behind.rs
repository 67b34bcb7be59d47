//! Payloads that the file cannot take now: kept, tried again, and told.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use flagstaff_format::{FailureKind, FileOp, Generation, LinkState, Observer};
use flagstaff_publisher::{
    Hooks, Notice, Outcome, PublishError, Publisher, PublisherOptions, Source, Stopper, run,
};
use flagstaff_reader::Reader;

use crate::place::{DEADLINE, Place, published, wait_until};

/// A disk without room for anything more, while it is full.
#[derive(Debug, Default)]
struct Disk(AtomicBool);

impl Disk {
    fn set_full(&self, is_full: bool) {
        self.0.store(is_full, Relaxed);
    }
}

impl Observer for Disk {
    fn before(&self, step: &FileOp<'_>) -> io::Result<()> {
        match step {
            FileOp::Reserve { .. } | FileOp::Write { .. } if self.0.load(Relaxed) => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    }
}

struct Stage {
    place: Place,
    disk: Arc<Disk>,
    reader: Reader,
}

/// A publisher with a link, of which readers see `n = 1`.
fn stage() -> (Stage, Publisher) {
    let (place, disk) = (Place::new(), Arc::<Disk>::default());
    let mut publisher = open(&place, &disk);
    published(&mut publisher, r#"{"n": 1}"#);
    publisher.set_link(LinkState::Open);
    let reader = place.reader();
    (Stage { place, disk, reader }, publisher)
}

fn open(place: &Place, disk: &Arc<Disk>) -> Publisher {
    let options = PublisherOptions::default().watch(Hooks::new(disk.clone()));
    Publisher::open(&place.path, &options).unwrap()
}

impl Stage {
    fn n(&self) -> i64 {
        self.reader.get_i64_or("n", 0)
    }

    fn behind(&self) -> Option<FailureKind> {
        let status = self.reader.status();
        assert!(status.is_stale() || status.behind.is_none(), "{status:?}");
        status.behind.map(|behind| behind.kind)
    }

    /// Until it is beyond doubt that nothing is tried again: longer than the longest pause.
    fn stays_for_a_while(&self, n: i64) {
        let begun = Instant::now();
        wait_until("a while", DEADLINE, || {
            assert_eq!(self.n(), n);
            begun.elapsed() > Duration::from_millis(5700)
        });
    }
}

fn refused_by_the_disk(publisher: &mut Publisher, payload: &str) {
    let error = publisher.publish(payload).unwrap_err();
    assert!(matches!(error, PublishError::File(_)), "{error}");
}

/// Symptom: a kill switch that was sent while the disk was full never got to readers, although there was space again 3 s later,
/// and the state was called fresh. Cause: the payload was dropped. Fix: it is kept and tried again.
#[test]
fn a_payload_that_met_a_full_disk_is_out_soon_after_there_is_space_without_another_word_from_the_source() {
    let (stage, mut publisher) = stage();
    assert_eq!((stage.behind(), stage.reader.status().is_stale()), (None, false));
    stage.disk.set_full(true);
    refused_by_the_disk(&mut publisher, r#"{"n": 2}"#);
    assert_eq!((stage.n(), stage.behind()), (1, Some(FailureKind::DiskFull)));
    // The pause doubles: this is tried several times.
    let begun = Instant::now();
    wait_until("several tries", DEADLINE, || begun.elapsed() > Duration::from_millis(2500));
    assert_eq!((stage.n(), stage.behind()), (1, Some(FailureKind::DiskFull)));
    let behind = stage.reader.status().behind.unwrap();
    assert!(behind.age >= Some(Duration::from_millis(2400)), "since the first one: {behind:?}");
    stage.disk.set_full(false);
    wait_until("the payload is out", DEADLINE, || stage.n() == 2);
    wait_until("it is told", DEADLINE, || stage.behind().is_none());
    assert!(!stage.reader.status().is_stale());
    // It is what was published last.
    let outcome = publisher.publish(r#"{"n": 2}"#).unwrap();
    assert!(matches!(outcome, Outcome::Unchanged { .. }), "{outcome:?}");
    wait_until("its checkpoint", DEADLINE, || stage.reader.status().durable == Generation(2));
}

#[test]
fn the_newest_payload_alone_is_kept() {
    let (stage, mut publisher) = stage();
    stage.disk.set_full(true);
    for n in 2..=4 {
        refused_by_the_disk(&mut publisher, &format!("{{\"n\": {n}}}"));
    }
    stage.disk.set_full(false);
    wait_until("the newest is out", DEADLINE, || stage.n() != 1);
    assert_eq!((stage.n(), publisher.generation()), (4, Generation(2)));
}

#[test]
fn the_payload_that_waits_is_not_unchanged_when_it_comes_again() {
    let (stage, mut publisher) = stage();
    stage.disk.set_full(true);
    refused_by_the_disk(&mut publisher, r#"{"n": 2}"#);
    refused_by_the_disk(&mut publisher, r#"{"n": 2}"#);
    stage.disk.set_full(false);
    assert_eq!(published(&mut publisher, r#"{"n": 2}"#), Generation(2));
    assert_eq!((stage.n(), stage.behind()), (2, None));
}

#[test]
fn a_source_that_goes_back_to_what_readers_see_leaves_nothing_to_try_again() {
    let (stage, mut publisher) = stage();
    stage.disk.set_full(true);
    refused_by_the_disk(&mut publisher, r#"{"n": 2}"#);
    let outcome = publisher.publish(r#"{"n": 1}"#).unwrap();
    assert!(matches!(outcome, Outcome::Unchanged { .. }), "{outcome:?}");
    assert_eq!(stage.behind(), None);
    stage.disk.set_full(false);
    stage.stays_for_a_while(1);
}

#[test]
fn the_next_publisher_is_behind_until_it_has_heard_from_the_source() {
    for (payload, n) in [(r#"{"n": 2}"#, 2), (r#"{"n": 1}"#, 1)] {
        let (stage, mut publisher) = stage();
        stage.disk.set_full(true);
        refused_by_the_disk(&mut publisher, r#"{"n": 2}"#);
        drop(publisher);
        assert_eq!(stage.behind(), Some(FailureKind::DiskFull));
        stage.disk.set_full(false);
        let mut publisher = open(&stage.place, &stage.disk);
        publisher.set_link(LinkState::Open);
        // Also after its heartbeat thread has looked.
        let before = stage.reader.status().publisher_uptime;
        wait_until("a look", DEADLINE, || {
            stage.reader.status().publisher_uptime > before.map(|time| time + Duration::from_millis(700))
        });
        assert_eq!(stage.behind(), Some(FailureKind::DiskFull));
        publisher.publish(payload).unwrap();
        assert_eq!((stage.n(), stage.behind()), (n, None));
    }
}

#[test]
fn a_file_that_is_made_anew_meanwhile_says_it_too_and_gets_the_payload() {
    let (stage, mut publisher) = stage();
    stage.disk.set_full(true);
    refused_by_the_disk(&mut publisher, r#"{"n": 2}"#);
    fs::remove_file(&stage.place.path).unwrap();
    stage.disk.set_full(false);
    wait_until("the payload is in the new file", DEADLINE, || stage.n() == 2);
    wait_until("it is told", DEADLINE, || stage.behind().is_none());
    assert_eq!(Reader::open(&stage.place.path).unwrap().get_i64_or("n", 0), 2);
}

/// A stream whose last payload nobody can read is not good.
#[test]
fn a_payload_that_is_refused_for_good_is_behind_until_a_good_one_comes() {
    let (stage, mut publisher) = stage();
    publisher.publish("[1]").unwrap_err();
    assert_eq!((stage.n(), stage.behind()), (1, Some(FailureKind::Payload)));
    publisher.publish(r#"{"n": 1}"#).unwrap();
    assert_eq!(stage.behind(), None);
}

#[test]
fn a_good_payload_that_waits_gets_out_although_a_bad_one_came_after_it() {
    let (stage, mut publisher) = stage();
    stage.disk.set_full(true);
    refused_by_the_disk(&mut publisher, r#"{"n": 2}"#);
    publisher.publish("[1]").unwrap_err();
    stage.disk.set_full(false);
    wait_until("the good one is out", DEADLINE, || stage.n() == 2);
    wait_until("the bad one is told", DEADLINE, || stage.behind() == Some(FailureKind::Payload));
}

/// Whoever runs a source is told when a payload got out later, as of any other.
#[test]
fn a_file_of_flags_that_met_a_full_disk_is_published_without_being_touched_again() {
    let (stage, mut publisher) = stage();
    let source = stage.place.folder.path().join("flags.json");
    fs::write(&source, r#"{"n": 7}"#).unwrap();
    stage.disk.set_full(true);
    let stopper = Stopper::new();
    let mut told = Vec::new();
    run(&mut publisher, Source::File(source), &stopper, &mut |notice| match notice {
        Notice::Refused { error: PublishError::File(_), .. } => {
            told.push("refused");
            stage.disk.set_full(false);
        }
        Notice::Payload(Outcome::Published { .. }) => {
            told.push("published");
            stopper.stop();
        }
        other => panic!("{other:?}"),
    })
    .unwrap();
    assert_eq!((told, stage.n(), stage.behind()), (vec!["refused", "published"], 7, None));
}

/// A publisher that ends keeps nothing: its next one gets the flags from the source.
#[test]
fn a_publisher_that_ends_while_a_payload_waits_ends_in_order() {
    let (stage, mut publisher) = stage();
    wait_until("the first checkpoint", DEADLINE, || stage.reader.status().durable == Generation(1));
    stage.disk.set_full(true);
    refused_by_the_disk(&mut publisher, r#"{"n": 2}"#);
    publisher.close().unwrap();
    assert_eq!(stage.behind(), Some(FailureKind::DiskFull));
}
