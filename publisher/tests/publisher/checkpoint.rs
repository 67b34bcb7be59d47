//! What is on the disk, and when.

use std::time::{Duration, Instant};

use flagstaff_format::Generation;
use flagstaff_format::layout::{Area, word};
use flagstaff_publisher::{Publisher, PublisherOptions};

use crate::place::{DEADLINE, Place, published, wait_until};

fn opened(place: &Place, every: Duration) -> Publisher {
    Publisher::open(&place.path, &PublisherOptions::default().checkpoint_every(every)).unwrap()
}

#[test]
fn a_clean_stop_leaves_the_current_generation_on_the_disk() {
    let place = Place::new();
    let mut publisher = opened(&place, Duration::from_secs(3600));
    for n in 1..=5 {
        published(&mut publisher, &format!(r#"{{"n": {n}}}"#));
    }
    drop(publisher);
    assert_eq!(place.reader().status().durable, Generation(5));
}

#[test]
fn flags_come_back_from_the_checkpoint_when_both_live_slots_and_the_generation_word_are_damaged() {
    let place = Place::new();
    let mut publisher = place.publisher();
    for n in 1..=3 {
        published(&mut publisher, &format!(r#"{{"n": {n}}}"#));
    }
    drop(publisher);
    place.damage(Area::Slot(0));
    place.damage(Area::Slot(1));
    place.set_word(word::GENERATION, 0xdead_beef_0000_0000);
    let mut publisher = place.publisher();
    let reader = place.reader();
    assert_eq!(reader.get_i64("n"), 3);
    assert!(publisher.generation() > Generation(3), "{}", publisher.generation());
    let before = publisher.generation();
    assert_eq!(published(&mut publisher, r#"{"n": 4}"#), before.next());
    assert_eq!(reader.get_i64("n"), 4);
}

#[test]
fn of_two_checkpoints_the_older_one_serves_when_the_newer_is_damaged_too() {
    let place = Place::new();
    let mut publisher = opened(&place, Duration::ZERO);
    for n in 1..=2 {
        published(&mut publisher, &format!(r#"{{"n": {n}}}"#));
        let reader = place.reader();
        wait_until("the checkpoint", DEADLINE, || reader.status().durable == Generation(n));
    }
    drop(publisher);
    place.damage(Area::Slot(0));
    place.damage(Area::Slot(1));
    // The first checkpoint of a new file goes into region 0, the second into region 1.
    place.damage(Area::Checkpoint(1));
    let _publisher = place.publisher();
    assert_eq!(place.reader().get_i64("n"), 1);
}

#[test]
fn checkpoints_keep_their_interval_and_the_newest_snapshot_wins() {
    const EVERY: Duration = Duration::from_millis(300);
    let place = Place::new();
    let mut publisher = opened(&place, EVERY);
    let reader = place.reader();
    let mut changes = Vec::new();
    let mut durable = Generation(0);
    let begun = Instant::now();
    let mut n = 0;
    while begun.elapsed() < EVERY * 5 {
        n += 1;
        published(&mut publisher, &format!(r#"{{"n": {n}}}"#));
        let now = reader.status().durable;
        if now != durable {
            durable = now;
            changes.push(begun.elapsed());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    eprintln!("{n} publishes, checkpoints seen at {changes:?}");
    // One at once, and one after each interval; times are seen late on a loaded machine, the number is not.
    assert!((2..=6).contains(&changes.len()), "{changes:?}");
    wait_until("the last one is on the disk without another publish", DEADLINE, || {
        reader.status().durable == Generation(n)
    });
}

#[test]
fn a_publisher_that_died_without_a_checkpoint_gets_one_from_the_next() {
    let place = Place::new();
    let mut publisher = opened(&place, Duration::from_secs(3600));
    published(&mut publisher, r#"{"n": 1}"#);
    let reader = place.reader();
    wait_until("the first checkpoint", DEADLINE, || reader.status().durable == Generation(1));
    published(&mut publisher, r#"{"n": 2}"#);
    assert_eq!(reader.status().durable, Generation(1));
    // As after a kill: nothing of it runs any more but its lock is free.
    std::mem::forget(publisher);
    let copy = Place::new();
    std::fs::copy(&place.path, &copy.path).unwrap();
    let _next = copy.publisher();
    let reader = copy.reader();
    wait_until("the next publisher's checkpoint", DEADLINE, || reader.status().durable == Generation(2));
}
