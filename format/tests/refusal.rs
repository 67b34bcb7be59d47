//! A file system that refuses a change of the header page: on one that writes elsewhere what is changed, each may need space.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use flagstaff_format::layout::word;
use flagstaff_format::protocol::MARK;
use flagstaff_format::{
    Archive, Facts, FileOp, Flag, Generation, Hooks, Observer, Opened, Records as _, Value, Writer,
    WriterOptions, copy_current, open_view,
};

/// Refuses the stores that it is told to.
#[derive(Debug, Default)]
struct Full(Mutex<Option<Refuses>>);

/// Whether a word is refused, by its place and its value.
type Refuses = fn(usize, u64) -> bool;

impl Full {
    fn refuse(&self, which: Option<fn(usize, u64) -> bool>) {
        *self.0.lock().unwrap() = which;
    }
}

impl Observer for Full {
    fn before(&self, step: &FileOp<'_>) -> io::Result<()> {
        match (step, *self.0.lock().unwrap()) {
            (FileOp::Store { word, value, .. }, Some(refuses)) if refuses(*word, *value) => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    }
}

struct Place {
    folder: tempfile::TempDir,
    path: PathBuf,
    disk: Arc<Full>,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flags.flagstaff");
    Place { folder, path, disk: Arc::default() }
}

impl Place {
    fn open(&self) -> Opened {
        let options = WriterOptions::default().hooks(Hooks::new(self.disk.clone()));
        Writer::open(&self.path, &options).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// What a new reader returns.
    fn n(&self) -> Option<i64> {
        copy_current(open_view(&self.path).unwrap().map()).unwrap().unwrap().find("n").i64()
    }
}

fn archive(n: i64) -> Archive {
    let flags = [Flag { key: "n".into(), value: Value::I64(n) }];
    Archive::build(&flags, Generation(1), Facts::default()).unwrap()
}

/// Readers may still be in the other slot while the generation word is even: they would take a mix for their generation.
#[test]
fn without_the_odd_word_no_slot_is_touched() {
    let place = place();
    let mut writer = place.open().writer;
    writer.publish(&mut archive(1)).unwrap();
    writer.publish(&mut archive(2)).unwrap();
    place.disk.refuse(Some(|at, value| at == word::GENERATION && value & 1 == 1));
    let error = writer.publish(&mut archive(3)).unwrap_err().to_string();
    assert!(error.contains("cannot write") && error.contains("free space"), "{error}");
    assert_eq!(writer.previous().unwrap().find("n").i64(), Some(1));
    assert_eq!((place.n(), writer.generation()), (Some(2), Generation(2)));
    place.disk.refuse(None);
    assert_eq!(writer.publish(&mut archive(4)).unwrap(), Generation(3));
    assert_eq!(place.n(), Some(4));
}

#[test]
fn a_publish_that_is_refused_at_any_of_its_words_leaves_the_current_generation_and_heals() {
    let refusals: [fn(usize, u64) -> bool; 3] = [
        |at, value| at == word::GENERATION && value & 1 == 0,
        |at, _| word::PLACES.contains(&at),
        |_, _| true,
    ];
    for refuses in refusals {
        let place = place();
        let mut writer = place.open().writer;
        writer.publish(&mut archive(1)).unwrap();
        place.disk.refuse(Some(refuses));
        writer.publish(&mut archive(2)).unwrap_err();
        writer.publish(&mut archive(2)).unwrap_err();
        assert_eq!((place.n(), writer.generation()), (Some(1), Generation(1)));
        // Another publisher finds what this one left.
        drop(writer);
        place.disk.refuse(None);
        let Opened { mut writer, snapshot, .. } = place.open();
        assert_eq!(snapshot.unwrap().find("n").i64(), Some(1));
        assert_eq!(writer.publish(&mut archive(3)).unwrap(), Generation(2));
        assert_eq!(place.n(), Some(3));
    }
}

/// Who is not told that the event word counts up must be woken all the same, and the snapshot is out.
#[test]
fn an_event_word_that_cannot_be_written_holds_up_no_publish() {
    let place = place();
    let mut writer = place.open().writer;
    place.disk.refuse(Some(|at, _| at == word::EVENT));
    writer.publish(&mut archive(1)).unwrap();
    assert_eq!(place.n(), Some(1));
}

#[test]
fn a_file_that_cannot_be_marked_stays_in_use_and_its_successor_is_not_left_behind() {
    let place = place();
    let mut writer = place.open().writer;
    writer.publish(&mut archive(1)).unwrap();
    let before = place.names();
    place.disk.refuse(Some(|at, value| at == word::GENERATION && value & MARK != 0));
    writer.supersede().unwrap_err();
    assert_eq!(place.names(), before);
    writer.publish(&mut archive(2)).unwrap();
    assert_eq!(place.n(), Some(2));
    place.disk.refuse(None);
    writer.supersede().unwrap();
    assert_eq!((place.n(), writer.generation()), (Some(2), Generation(3)));
}

#[test]
fn nothing_is_called_durable_before_that_can_be_said() {
    let place = place();
    let mut writer = place.open().writer;
    let mut newest = archive(1);
    writer.publish(&mut newest).unwrap();
    let mut checkpoints = writer.checkpoints().unwrap();
    place.disk.refuse(Some(|at, _| at == word::DURABLE));
    checkpoints.write(&newest).unwrap_err();
    assert_eq!(open_view(&place.path).unwrap().map().load(word::DURABLE), 0);
    place.disk.refuse(None);
    checkpoints.write(&newest).unwrap();
    assert_eq!(open_view(&place.path).unwrap().map().load(word::DURABLE), 1);
}
