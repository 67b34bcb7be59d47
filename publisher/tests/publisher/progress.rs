//! What a publisher that hangs looks like.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use flagstaff_publisher::{Notice, Publisher, PublisherOptions, Source, Stopper, run};
use flagstaff_reader::{PublisherState, Reader};

const LIMIT: Duration = Duration::from_secs(60);

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Symptom: a publisher whose publishing thread hung for ever was shown as alive and fresh. Cause: the sign of life came from a thread
/// that has nothing to do with publishing. Fix: it comes only while the publishing thread waits for its source, or has not been at
/// work for long.
#[test]
fn a_publisher_whose_publishing_thread_hangs_gives_no_sign_of_life_until_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (path, source) = (folder.path().join("flags.flagstaff"), folder.path().join("flags.json"));
    std::fs::write(&source, r#"{"n": 1}"#).unwrap();
    let mut publisher = Publisher::open(&path, &PublisherOptions::default()).unwrap();
    let (stopper, (go, gone)) = (Stopper::new(), mpsc::channel::<()>());
    let of_thread = stopper.clone();
    let publishing = thread::spawn(move || {
        // The first payload is not done with until somebody says so.
        let mut hang = |_: Notice<'_>| {
            let _ = gone.recv();
        };
        run(&mut publisher, Source::File(source), &of_thread, &mut hang).unwrap();
    });
    let reader = Reader::attach(&path);
    until("the payload is published", || reader.get_i64_or("n", 0) == 1);
    let publisher = || reader.status().publisher;
    assert_eq!(publisher(), PublisherState::Alive, "a moment of work is nothing special");
    until("it is taken for gone", || publisher() == PublisherState::Gone);
    drop(go);
    until("it goes on", || publisher() == PublisherState::Alive);
    stopper.stop();
    publishing.join().unwrap();
}
