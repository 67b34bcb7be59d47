//! What a reader says about its publisher.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests, also outside of test functions"
)]

mod stage;

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, SystemTime};

use flagstaff_format::layout::word;
use flagstaff_format::{
    Archive, Facts, FailureKind, Generation, LinkState, Value, boot, status, unix_micros,
};
use flagstaff_reader::{PathState, PublisherState, Reader};
use stage::{Stage, flag, publish_number};

fn nanos(ago: Duration) -> u64 {
    (boot::now() - ago).as_nanos() as u64
}

#[test]
fn a_publisher_is_stopped_alive_or_gone_by_what_it_wrote_last() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    let words = writer.status_words();
    let state = || reader.status().publisher;
    assert_eq!(state(), PublisherState::Stopped);
    status::set_started(words);
    assert_eq!(state(), PublisherState::Alive);
    assert!(reader.status().is_stale(), "the link is not open");
    status::set_link(words, LinkState::Open);
    assert!(!reader.status().is_stale());
    stage.set_word(word::HEARTBEAT, nanos(Duration::from_secs(4)));
    assert_eq!(state(), PublisherState::Gone);
    assert!(reader.status().is_stale());
    status::beat(words);
    assert_eq!(state(), PublisherState::Alive);
    status::set_stopped(words);
    assert_eq!((state(), reader.status().publisher_uptime), (PublisherState::Stopped, None));
}

#[test]
fn ages_are_those_of_the_boot_clock_and_unknown_ones_are_none() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    let words = writer.status_words();
    let never = reader.status();
    assert_eq!((never.contact_age, never.link_age, never.publisher_uptime), (None, None, None));
    assert_eq!((never.link, never.durable), (LinkState::Idle, Generation(0)));

    status::set_started(words);
    status::set_link(words, LinkState::Retrying);
    stage.set_word(word::LAST_CONTACT, nanos(Duration::from_secs(90)));
    let known = reader.status();
    assert_eq!(known.link, LinkState::Retrying);
    assert!(
        known.contact_age.is_some_and(|age| age >= Duration::from_secs(90) && age < Duration::from_secs(120))
    );
    assert!(known.link_age.is_some_and(|age| age < Duration::from_secs(30)));
    assert!(known.publisher_uptime.is_some_and(|age| age < Duration::from_secs(30)));

    // Ahead of the clock: nobody knows what that means.
    let ahead = (boot::now() + Duration::from_secs(3600)).as_nanos() as u64;
    stage.set_word(word::LAST_CONTACT, ahead);
    stage.set_word(word::LINK, (2 << 56) | (ahead / 1_000_000));
    let ahead = reader.status();
    assert_eq!((ahead.link, ahead.contact_age, ahead.link_age), (LinkState::Open, None, None));
    // Damaged files have a status too.
    for at in word::LINK..=word::BEHIND {
        stage.set_word(at, u64::MAX);
    }
    let _ = reader.status();
}

#[test]
fn the_last_failure_stays_with_its_age_until_the_next_one() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    let words = writer.status_words();
    assert_eq!(reader.status().last_failure, None, "zero, as in all files of before");
    status::set_failure(words, FailureKind::HttpStatus(403));
    // What comes after does not touch it: not a good link, not a clean stop, not a start.
    status::set_link(words, LinkState::Open);
    status::touch_contact(words);
    status::set_stopped(words);
    status::set_started(words);
    let failure = || reader.status().last_failure.unwrap();
    assert_eq!(failure().kind, FailureKind::HttpStatus(403));
    assert!(failure().age.is_some_and(|age| age < Duration::from_secs(60)));
    // 90 s ago, by hand: the code, the status and milliseconds.
    let ago = nanos(Duration::from_secs(90)) / 1_000_000;
    stage.set_word(word::LAST_FAILURE, (5 << 56) | (503 << 40) | ago);
    assert_eq!(failure().kind, FailureKind::HttpStatus(503));
    assert!(failure().age.is_some_and(|age| (90..150).contains(&age.as_secs())), "{:?}", failure());
    status::set_failure(words, FailureKind::DiskFull);
    assert_eq!(failure().kind, FailureKind::DiskFull);
    // Of a newer publisher, and ahead of this clock.
    stage.set_word(word::LAST_FAILURE, (200 << 56) | (1 << 40) | 0xff_ffff_ffff);
    assert_eq!((failure().kind, failure().age), (FailureKind::Other, None));
}

#[test]
fn a_failure_of_another_boot_is_not_told() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    status::set_failure(writer.status_words(), FailureKind::Tls);
    assert!(Reader::open(&stage.path).unwrap().status().last_failure.is_some());
    drop(writer);
    stage.age_by_a_boot();
    assert_eq!(Reader::open(&stage.path).unwrap().status().last_failure, None);
}

#[test]
fn a_publisher_that_beats_while_it_is_looked_at_is_alive() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    status::set_started(writer.status_words());
    status::touch_contact(writer.status_words());
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                status::beat(writer.status_words());
                status::touch_contact(writer.status_words());
            }
        });
        let mut all = (0..50_000).map(|_| reader.status());
        let odd = all.find(|s| s.publisher != PublisherState::Alive || s.contact_age.is_none());
        stop.store(true, Relaxed);
        assert_eq!(odd, None);
    });
}

#[test]
fn the_current_snapshot_is_described() {
    let (stage, mut writer) = Stage::with_writer();
    let mut facts = Facts::default();
    facts.published_at = unix_micros();
    let flags = [flag("the-only-flag", Value::Bool(true))];
    let mut archive = Archive::build(&flags, Generation(1), facts).unwrap();
    writer.publish(&mut archive).unwrap();
    writer.checkpoints().unwrap().write(&archive).unwrap();
    let reader = Reader::open(&stage.path).unwrap();
    let status = reader.status();
    assert_eq!((status.generation, status.flags, status.durable), (Generation(1), 1, Generation(1)));
    assert_eq!(status.archive_bytes, archive.bytes().len() as u64);
    assert_eq!((status.path, status.is_cold), (PathState::Same, false));
    let age = SystemTime::now().duration_since(status.published_at.unwrap()).unwrap_or_default();
    assert!(age < Duration::from_secs(60));
    assert_eq!(reader.snapshot().published_at(), status.published_at);
}

#[test]
fn flags_are_counted_by_type_in_the_live_file_and_in_a_cold_one() {
    let (stage, mut writer) = Stage::with_writer();
    let reader = Reader::open(&stage.path).unwrap();
    assert_eq!(reader.type_counts(), flagstaff_reader::TypeCounts::default());
    let mut flags: Vec<_> = (0..300).map(|i| flag(&format!("number-{i}"), Value::I64(i))).collect();
    flags.extend([
        flag("huge", Value::HugeNumber("1e999".into())),
        flag("on", Value::Bool(true)),
        flag("off", Value::Bool(false)),
        flag("text", Value::String("a".into())),
        flag("list", Value::Json("[]".into())),
        flag("none", Value::Null),
    ]);
    stage::publish(&mut writer, &flags);
    let kinds = reader.type_counts();
    let counts = (kinds.bools, kinds.numbers, kinds.strings, kinds.jsons, kinds.nulls);
    assert_eq!(counts, (2, 301, 1, 1, 1));
    assert_eq!(kinds, reader.snapshot().type_counts());
    drop(writer);
    stage.age_by_a_boot();
    let cold = Reader::open(&stage.path).unwrap();
    assert!(cold.status().is_cold);
    assert_eq!(cold.type_counts(), kinds);
}
