//! Overrides on a disk that is full.

use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use flagstaff_format::{FileOp, Observer};
use flagstaff_publisher::{Command, CommandError, Hooks, Publisher, PublisherOptions, send};

use crate::place::{DEADLINE, Place, published, wait_until};

/// A disk without room until a moment.
#[derive(Debug, Default)]
struct Disk(Mutex<Option<Instant>>);

impl Observer for Disk {
    fn before(&self, step: &FileOp<'_>) -> io::Result<()> {
        let full_until = *self.0.lock().unwrap();
        match step {
            FileOp::Reserve { .. } | FileOp::Write { .. }
                if full_until.is_some_and(|until| Instant::now() < until) =>
            {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    }
}

/// Symptom: for a moment readers saw an override whose time was over. Cause: what waited for the full disk had the override in it, and was
/// tried again before what is over was ended. Fix: first ended, then tried.
#[test]
fn an_override_that_ends_while_the_disk_is_full_is_never_seen() {
    let (place, disk) = (Place::new(), Arc::<Disk>::default());
    let options = PublisherOptions::default().watch(Hooks::new(disk.clone()));
    let mut publisher = Publisher::open(&place.path, &options).unwrap();
    published(&mut publisher, r#"{"n": 1, "m": 1}"#);
    let reader = place.reader();

    // It ends, and the disk has room again, between two heartbeats, of which the later one tries again what waits.
    let lasts = Duration::from_millis(1750);
    *disk.0.lock().unwrap() = Some(Instant::now() + lasts + Duration::from_millis(50));
    let command = Command::Override {
        key: "n".to_owned(),
        value: "2".to_owned(),
        time: lasts,
        reason: "full".to_owned(),
        force: false,
    };
    match send(&place.path, command, "somebody", Duration::from_secs(10)) {
        Err(CommandError::Refused(problem)) => {
            assert!(problem.contains("is overridden as soon as the file can be written"), "{problem}");
        }
        other => panic!("{other:?}"),
    }
    let (end, was_seen) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !end.load(Relaxed) {
                if reader.get_number("n") != 1.0 {
                    was_seen.store(true, Relaxed);
                }
            }
        });
        let is_over = || {
            flagstaff_publisher::overrides_of(&place.path).unwrap().is_empty()
                && reader.status().behind.is_none()
        };
        wait_until("the override is over and nothing waits", DEADLINE, is_over);
        end.store(true, Relaxed);
    });
    assert!(!was_seen.load(Relaxed), "an override was seen after its end");
}
