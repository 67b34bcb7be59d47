//! One publisher per file, and what happens when its lock file is touched.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use flagstaff_format::Generation;
use flagstaff_publisher::lock::LockError;
use flagstaff_publisher::{
    CloseError, OpenError, PublishError, Publisher, PublisherOptions, RunError, Source, Stopper, run,
};

use crate::place::{DEADLINE, Place, published, wait_until};

#[test]
fn a_second_publisher_is_told_who_is_in_its_way_and_may_come_when_the_first_is_gone() {
    let place = Place::new();
    let first = place.publisher();
    let error = Publisher::open(&place.path, &PublisherOptions::default()).unwrap_err();
    assert!(matches!(error, OpenError::Lock(LockError::Held { .. })), "{error}");
    let message = error.to_string();
    assert!(
        message.contains(place.lock().to_str().unwrap()) && message.contains("another publisher"),
        "{message}"
    );
    drop(first);
    drop(place.publisher());
}

#[test]
fn a_waiting_publisher_takes_over_when_the_first_stops_and_goes_on_from_its_generation() {
    let place = Place::new();
    let mut first = place.publisher();
    published(&mut first, r#"{"n": 1}"#);
    let (send, opened) = mpsc::channel();
    let path = place.path.clone();
    let waiter = thread::spawn(move || {
        let publisher =
            Publisher::wait_and_open(path, &PublisherOptions::default(), &Stopper::new()).unwrap();
        send.send(Instant::now()).unwrap();
        publisher
    });
    assert!(opened.recv_timeout(Duration::from_millis(100)).is_err(), "it must wait for the lock");
    drop(first);
    let dropped = Instant::now();
    let took = opened.recv_timeout(DEADLINE).unwrap().saturating_duration_since(dropped);
    eprintln!("taken over {took:?} after a clean stop");
    assert!(took < Duration::from_secs(1), "{took:?}");
    let mut second = waiter.join().unwrap();
    assert_eq!(published(&mut second, r#"{"n": 2}"#), Generation(2));
}

#[test]
fn a_wait_for_the_lock_can_be_stopped() {
    let place = Place::new();
    let _first = place.publisher();
    let stopper = Stopper::new();
    let (path, of_waiter) = (place.path.clone(), stopper.clone());
    let waiter = thread::spawn(move || {
        Publisher::wait_and_open(path, &PublisherOptions::default(), &of_waiter).map(drop)
    });
    stopper.stop();
    let error = waiter.join().unwrap().unwrap_err();
    assert!(matches!(error, OpenError::Lock(LockError::Stopped { .. })), "{error}");
}

#[test]
fn a_removed_lock_file_ends_the_run() {
    let place = Place::new();
    let mut publisher = place.publisher();
    let source = place.folder.path().join("flags.json");
    fs::write(&source, r#"{"n": 1}"#).unwrap();
    let (send, ended) = mpsc::channel();
    thread::spawn(move || {
        let result = run(&mut publisher, Source::File(source), &Stopper::new(), &mut |_| {});
        send.send(result).unwrap();
    });
    let reader = place.reader();
    wait_until("the first flags", DEADLINE, || reader.get_i64("n") == 1);
    fs::remove_file(place.lock()).unwrap();
    let removed = Instant::now();
    let error = ended.recv_timeout(DEADLINE).unwrap().unwrap_err();
    eprintln!("run ended {:?} after its lock file was removed", removed.elapsed());
    assert!(removed.elapsed() < Duration::from_secs(2), "{:?}", removed.elapsed());
    assert!(matches!(error, RunError::LockLost { .. }));
    assert!(error.to_string().contains(place.lock().to_str().unwrap()), "{error}");
    assert_eq!(reader.get_i64("n"), 1);
}

/// Story: `run` waited for ever on a publisher that had lost its lock before. The heartbeat thread told nobody, because no run was
/// there to be told, and told it only once. Now `run` asks when it starts.
#[test]
fn a_lock_file_removed_before_the_run_ends_it_as_well() {
    let place = Place::new();
    let mut publisher = place.publisher();
    fs::remove_file(place.lock()).unwrap();
    wait_until("the loss is noticed", DEADLINE, || publisher.has_lost_lock());
    let (send, ended) = mpsc::channel();
    let source = place.folder.path().join("no-flags.json");
    thread::spawn(move || {
        let result = run(&mut publisher, Source::File(source), &Stopper::new(), &mut |_| {});
        send.send(result).unwrap();
    });
    let result = ended.recv_timeout(Duration::from_secs(2)).expect("the run goes on without a lock");
    assert!(matches!(result, Err(RunError::LockLost { .. })));
}

/// Symptom: after `rm flags.flagstaff flags.flagstaff.lock` and a second publisher, readers went back to the flags of the first.
/// Cause: its heartbeat thread looked at the path before the lock, and superseded the file of the second. Fix: the lock comes first.
#[test]
fn a_publisher_without_its_lock_leaves_the_path_to_its_successor() {
    let place = Place::new();
    let mut first = place.publisher();
    published(&mut first, r#"{"n": 1}"#);
    fs::remove_file(place.lock()).unwrap();
    fs::remove_file(&place.path).unwrap();
    let mut second = place.publisher();
    published(&mut second, r#"{"n": 2}"#);
    let inode = || fs::metadata(&place.path).unwrap().ino();
    let before = inode();
    wait_until("the loss is noticed", DEADLINE, || first.has_lost_lock());
    assert_eq!((place.reader().get_i64("n"), inode()), (2, before));
    drop(first);
    assert_eq!((place.reader().get_i64("n"), inode()), (2, before));
    // It went on from the file of the first, which it found by its second name: 2, then its own 3.
    assert_eq!(published(&mut second, r#"{"n": 3}"#), Generation(4));
}

/// Symptom: `flagstaff status` said "publisher stopped" of one that lived. Cause: the one before had lost its lock, ended, and
/// said so in the file that both had. Fix: who has lost the lock says nothing more, and looks for it when it ends.
#[test]
fn a_publisher_that_ends_without_its_lock_does_not_say_that_its_successor_has_stopped() {
    for close in [true, false] {
        let place = Place::new();
        let mut first = place.publisher();
        published(&mut first, r#"{"n": 1}"#);
        fs::remove_file(place.lock()).unwrap();
        let second = place.publisher();
        second.set_link(flagstaff_format::LinkState::Open);
        if close {
            assert!(matches!(first.close(), Err(CloseError::LockLost { .. })));
        } else {
            drop(first);
        }
        let status = place.reader().status();
        assert!(status.publisher_uptime.is_some(), "{status:?}");
        assert_eq!(status.link, flagstaff_format::LinkState::Open);
    }
}

/// Symptom: two publishers wrote into one file. Cause: a publish did not ask whether the lock is still held. Fix: it does.
#[test]
fn a_publisher_without_its_lock_publishes_nothing() {
    let place = Place::new();
    let mut first = place.publisher();
    published(&mut first, r#"{"n": 1}"#);
    fs::remove_file(place.lock()).unwrap();
    wait_until("the loss is noticed", DEADLINE, || first.has_lost_lock());
    for payload in [r#"{"n": 1}"#, r#"{"n": 2}"#] {
        let error = first.publish(payload).unwrap_err();
        assert!(matches!(error, PublishError::LockLost { .. }), "{error}");
        assert!(error.to_string().contains(place.lock().to_str().unwrap()), "{error}");
    }
    assert_eq!(place.reader().get_i64("n"), 1);
}
