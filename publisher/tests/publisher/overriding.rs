//! Commands: how soon they are done, and what a disk that is full makes of them.

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

fn overriding(value: &str, time: Duration) -> Command {
    let (key, reason) = ("n".to_owned(), "a test".to_owned());
    Command::Override { key, value: value.to_owned(), time, reason, force: false }
}

/// The heartbeat looks for commands too, twice a second: so many would take it twice as long.
#[test]
fn a_publisher_that_is_asleep_is_woken_by_a_command_also_after_its_file_was_recreated() {
    let place = Place::new();
    let mut publisher = Publisher::open(&place.path, &PublisherOptions::default()).unwrap();
    published(&mut publisher, r#"{"n": 0}"#);
    let many = || {
        let begun = Instant::now();
        for value in 1..=20_u32 {
            let command = overriding(&value.to_string(), Duration::from_secs(3600));
            send(&place.path, command, "somebody", DEADLINE).unwrap();
            assert_eq!(place.reader().get_number("n"), f64::from(value));
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?} for 20 commands", begun.elapsed());
    };
    many();
    std::fs::remove_file(&place.path).unwrap();
    wait_until("the file is recreated", DEADLINE, || place.path.exists());
    many();
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
    match send(&place.path, overriding("2", lasts), "somebody", DEADLINE) {
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

/// Symptom: an override whose end was refused, because the disk was full, ended a second after there was room, while everything said that it was
/// in force. Cause: the payload without it waited for the file. Fix: what is refused does not wait.
#[test]
fn an_end_that_was_refused_on_a_full_disk_does_not_come_later() {
    let (place, disk) = (Place::new(), Arc::<Disk>::default());
    let options = PublisherOptions::default().watch(Hooks::new(disk.clone()));
    let mut publisher = Publisher::open(&place.path, &options).unwrap();
    published(&mut publisher, r#"{"n": 1, "m": 1}"#);
    send(&place.path, overriding("2", Duration::from_secs(3600)), "somebody", DEADLINE).unwrap();
    let reader = place.reader();
    *disk.0.lock().unwrap() = Some(Instant::now() + DEADLINE);
    match send(&place.path, Command::Clear { key: None }, "somebody", DEADLINE) {
        Err(CommandError::Refused(problem)) => assert!(problem.contains("still see"), "{problem}"),
        other => panic!("{other:?}"),
    }
    *disk.0.lock().unwrap() = None;
    // Longer than the pause before another try.
    let until = Instant::now() + Duration::from_millis(2500);
    while Instant::now() < until {
        assert_eq!(reader.get_number("n"), 2.0);
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(flagstaff_publisher::overrides_of(&place.path).unwrap().len(), 1);
    send(&place.path, Command::Clear { key: None }, "somebody", DEADLINE).unwrap();
    assert_eq!(reader.get_number("n"), 1.0);
}
