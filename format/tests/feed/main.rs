//! The change feed of a file, through writers that come, go and die, and what a view of the file is told.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod document;
mod edits;
mod hostile;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use flagstaff_format::feed::{InFile, Lost, Size as _};
use flagstaff_format::layout::{Area, HEADER_BYTES, word};
use flagstaff_format::{
    Archive, Facts, FileOp, Flag, Generation, Hooks, Observer, Opening, Value, View, Writer, WriterOptions,
    open_view,
};

type Flags = BTreeMap<String, i64>;

fn archive(flags: &Flags) -> Archive {
    let flags: Vec<_> =
        flags.iter().map(|(key, value)| Flag { key: key.into(), value: Value::I64(*value) }).collect();
    Archive::build(&flags, Generation(1), Facts::default()).unwrap()
}

fn flags(count: i64) -> Flags {
    (0..count).map(|i| (format!("flag-{i}"), 0)).collect()
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flags.flagstaff");
    (folder, path)
}

fn open(path: &Path) -> Writer {
    Writer::open(path, &WriterOptions::default()).unwrap().writer
}

fn view(path: &Path) -> View {
    let view = open_view(path).unwrap();
    view.refresh_bounds();
    view
}

/// The keys that may have changed since a generation, sorted, and what they hold.
fn told(view: &View, from: u64) -> Result<Vec<(String, i64)>, Lost> {
    let seen = view.observe();
    let changed = view.changed_since(seen, Generation(from)).unwrap()?;
    assert_eq!(changed.frame.generation, seen.generation());
    let mut flags: Vec<_> =
        changed.flags.into_iter().map(|flag| (flag.key, flag.hit.i64().unwrap())).collect();
    flags.sort();
    Ok(flags)
}

fn pairs(of: &[(&str, i64)]) -> Result<Vec<(String, i64)>, Lost> {
    Ok(of.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect())
}

#[test]
fn another_process_is_told_the_flags_that_changed_over_several_generations_with_their_values() {
    let (_folder, path) = folder();
    let (mut writer, mut now) = (open(&path), flags(500));
    writer.publish(&mut archive(&now)).unwrap();
    let view = view(&path);
    assert_eq!(
        (told(&view, 1), told(&view, 0), told(&view, 2)),
        (Ok(vec![]), Err(Lost::Anything), Err(Lost::Overrun))
    );
    for (key, value) in [("flag-1", 1), ("flag-2", 2), ("flag-1", 3)] {
        now.insert(key.to_owned(), value);
        writer.publish(&mut archive(&now)).unwrap();
    }
    assert_eq!(told(&view, 1), pairs(&[("flag-1", 3), ("flag-2", 2)]));
    assert_eq!(told(&view, 3), pairs(&[("flag-1", 3)]));
    // There and back: it may have changed.
    now.insert("flag-9".to_owned(), 1);
    writer.publish(&mut archive(&now)).unwrap();
    now.insert("flag-9".to_owned(), 0);
    writer.publish(&mut archive(&now)).unwrap();
    assert_eq!(told(&view, 4), pairs(&[("flag-9", 0)]));
    writer.publish(&mut archive(&now)).unwrap();
    assert_eq!((told(&view, 6), told(&view, 5)), (Ok(vec![]), pairs(&[("flag-9", 0)])));
}

#[test]
fn keys_that_come_or_go_and_a_publish_of_too_much_are_told_as_anything() {
    let (_folder, path) = folder();
    let (mut writer, mut now) = (open(&path), flags(300));
    writer.publish(&mut archive(&now)).unwrap();
    let view = view(&path);
    let mut generation = 1;
    let mut publish = |now: &Flags| {
        generation = writer.publish(&mut archive(now)).unwrap().0;
        generation
    };
    now.insert("new".to_owned(), 1);
    let g = publish(&now);
    assert_eq!(told(&view, g - 1), Err(Lost::Anything), "a new key");
    now.remove("flag-7");
    let g = publish(&now);
    assert_eq!(told(&view, g - 1), Err(Lost::Anything), "a key that is gone");
    now.values_mut().for_each(|value| *value += 1);
    let g = publish(&now);
    assert_eq!(told(&view, g - 1), Err(Lost::Anything), "all of 300");
    now.values_mut().take(InFile::MOST).for_each(|value| *value += 1);
    let g = publish(&now);
    assert_eq!(told(&view, g - 1).unwrap().len(), InFile::MOST);
    // Who has not looked for a whole ring is told so.
    for _ in 0..InFile::ENTRIES {
        *now.get_mut("new").unwrap() += 1;
        publish(&now);
    }
    let g = publish(&now);
    assert_eq!(told(&view, g - 300), Err(Lost::Overrun));
    assert_eq!(told(&view, g - 100), pairs(&[("new", 2 + InFile::ENTRIES as i64)]));
}

/// Stops a publisher at a step: it fails there and everywhere behind it, as if it had been killed.
#[derive(Debug, Default)]
struct Killer(Mutex<Option<usize>>);

impl Observer for Killer {
    fn before(&self, step: &FileOp<'_>) -> io::Result<()> {
        let mut left = self.0.lock().unwrap();
        let Some(steps) = left.as_mut() else { return Ok(()) };
        if matches!(step, FileOp::Failpoint(_)) {
            return Ok(());
        }
        *steps = match steps.checked_sub(1) {
            Some(steps) => steps,
            None => return Err(io::ErrorKind::BrokenPipe.into()),
        };
        Ok(())
    }
}

/// What it wrote into the ring names a generation that another one publishes with another content.
#[test]
fn a_publisher_that_is_killed_at_any_step_of_a_publish_leaves_a_true_feed_to_the_next_one() {
    let mut deaths = 0;
    for steps in 0..12 {
        let (_folder, path) = folder();
        let killer = Arc::new(Killer::default());
        let options = WriterOptions::default().hooks(Hooks::new(killer.clone()));
        let mut writer = Writer::open(&path, &options).unwrap().writer;
        let mut now = flags(50);
        writer.publish(&mut archive(&now)).unwrap();
        let view = view(&path);
        now.insert("flag-1".to_owned(), 1);
        writer.publish(&mut archive(&now)).unwrap();

        let mut never_seen = now.clone();
        never_seen.insert("flag-2".to_owned(), 2);
        never_seen.insert("flag-3".to_owned(), 2);
        *killer.0.lock().unwrap() = Some(steps);
        let published = writer.publish(&mut archive(&never_seen));
        drop(writer);
        if published.is_ok() {
            continue;
        }
        deaths += 1;
        assert_eq!(told(&view, 1), pairs(&[("flag-1", 1)]), "after {steps} steps");

        let opened = Writer::open(&path, &WriterOptions::default()).unwrap();
        assert_eq!(opened.found, Opening::Good);
        let mut writer = opened.writer;
        now.insert("flag-4".to_owned(), 4);
        assert_eq!(writer.publish(&mut archive(&now)).unwrap(), Generation(3));
        assert_eq!(told(&view, 2), pairs(&[("flag-4", 4)]), "after {steps} steps");
        assert_eq!(told(&view, 1), pairs(&[("flag-1", 1), ("flag-4", 4)]), "after {steps} steps");
        now.insert("flag-5".to_owned(), 5);
        writer.publish(&mut archive(&now)).unwrap();
        assert_eq!(told(&view, 2), pairs(&[("flag-4", 4), ("flag-5", 5)]), "after {steps} steps");
    }
    assert!(deaths >= 6, "{deaths} deaths");
}

/// Refuses what is written into the feed.
#[derive(Debug, Default)]
struct NoFeed(Mutex<bool>);

impl Observer for NoFeed {
    fn before(&self, step: &FileOp<'_>) -> io::Result<()> {
        let is_feed = match step {
            FileOp::Write { at, .. } => (word::FEED as u64 * 8..HEADER_BYTES).contains(at),
            FileOp::Store { word, .. } => word::FEED_HEADS.contains(word),
            _ => false,
        };
        if is_feed && *self.0.lock().unwrap() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

#[test]
fn a_feed_that_cannot_be_written_holds_up_no_publish_and_says_nothing_until_it_can() {
    let (_folder, path) = folder();
    let disk = Arc::new(NoFeed::default());
    let options = WriterOptions::default().hooks(Hooks::new(disk.clone()));
    let (mut writer, mut now) = (Writer::open(&path, &options).unwrap().writer, flags(50));
    let mut publish = |key: &str| {
        *now.get_mut(key).unwrap() += 1;
        writer.publish(&mut archive(&now)).unwrap().0
    };
    publish("flag-1");
    publish("flag-2");
    let view = view(&path);
    *disk.0.lock().unwrap() = true;
    for _ in 0..3 {
        let g = publish("flag-3");
        assert_eq!(told(&view, g - 1), Err(Lost::NoFeed));
    }
    *disk.0.lock().unwrap() = false;
    let g = publish("flag-4");
    assert_eq!((told(&view, g - 1), told(&view, g - 2)), (pairs(&[("flag-4", 1)]), Err(Lost::Anything)));
}

#[test]
fn another_publisher_that_goes_on_in_the_file_goes_on_with_the_feed_and_a_new_file_begins_anew() {
    let (_folder, path) = folder();
    let mut now = flags(50);
    open(&path).publish(&mut archive(&now)).unwrap();
    let view_of_old = view(&path);
    now.insert("flag-1".to_owned(), 1);
    let mut writer = open(&path);
    writer.publish(&mut archive(&now)).unwrap();
    assert_eq!(told(&view_of_old, 1), pairs(&[("flag-1", 1)]));

    writer.supersede().unwrap();
    let view_of_new = view(&path);
    assert_eq!(view_of_new.observe().generation(), Generation(3));
    assert_eq!(told(&view_of_new, 2), Err(Lost::NoFeed));
    now.insert("flag-2".to_owned(), 2);
    writer.publish(&mut archive(&now)).unwrap();
    assert_eq!(
        (told(&view_of_new, 3), told(&view_of_new, 2)),
        (pairs(&[("flag-2", 2)]), Err(Lost::Anything))
    );
}

/// Readers may have seen what cannot be compared any more.
#[test]
fn what_is_published_after_a_damaged_generation_may_have_changed_anything() {
    let (_folder, path) = folder();
    let (mut writer, mut now) = (open(&path), flags(50));
    for key in ["flag-1", "flag-2"] {
        now.insert(key.to_owned(), 1);
        writer.publish(&mut archive(&now)).unwrap();
    }
    let view = view(&path);
    drop(writer);
    let file = std::fs::OpenOptions::new().write(true).open(&path);
    let file = match file {
        Ok(file) => file,
        Err(_) => {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
            std::fs::OpenOptions::new().write(true).open(&path).unwrap()
        }
    };
    std::os::unix::fs::FileExt::write_all_at(&file, &[0xff; 8], Area::Slot(0).offset() + 200).unwrap();
    let opened = Writer::open(&path, &WriterOptions::default()).unwrap();
    assert!(matches!(opened.found, Opening::Repaired(_)), "{:?}", opened.found);
    assert_eq!(told(&view, 2), Err(Lost::Anything));
}

#[test]
fn places_that_the_caller_knows_are_taken_only_for_the_generation_that_they_are_of() {
    let (_folder, path) = folder();
    let (mut writer, mut now) = (open(&path), flags(50));
    writer.publish(&mut archive(&now)).unwrap();
    let view = view(&path);
    now.insert("flag-1".to_owned(), 1);
    // Of a generation that is not the current one: looked for.
    writer.publish_changes(&mut archive(&now), Some((Generation(7), &[]))).unwrap();
    assert_eq!(told(&view, 1), pairs(&[("flag-1", 1)]));
    let place = flagstaff_format::changed_places(&archive(&flags(50)), &archive(&now)).unwrap();
    now.insert("flag-1".to_owned(), 2);
    writer.publish_changes(&mut archive(&now), Some((Generation(2), &place))).unwrap();
    assert_eq!(told(&view, 2), pairs(&[("flag-1", 2)]));
}
