//! What a writer finds at its path, and what it keeps of it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

mod poke;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use flagstaff_format::layout::{Area, FILE_BYTES, word as at};
use flagstaff_format::protocol::MARK;
use flagstaff_format::{
    BootId, FileOp, Generation, Header, Hooks, Observer, OpenError, Opening, PathCheck, WriteError, Writer,
    WriterOptions, check_current, copy_current, open_view,
};
use poke::{
    damage, flip, live_link, look_up, mode, open, place, published, set_word, snapshot, told, view, word,
    writable,
};

#[test]
fn a_damaged_slot_is_replaced_by_the_newest_good_snapshot_under_a_new_generation() {
    let place = place();
    let mut writer = published(&place.path, 0);
    let mut checkpoints = writer.checkpoints().unwrap();
    for generation in 1..=4 {
        let mut archive = snapshot(generation);
        writer.publish(&mut archive).unwrap();
        if generation <= 2 {
            checkpoints.write(&archive).unwrap();
        }
    }
    drop((writer, checkpoints));
    // What is left: 3 in slot 1, then 2 and 1 in the checkpoints. Each repair publishes the newest again.
    for (areas, expected) in [
        (vec![Area::Slot(0)], Some(3)),
        (vec![Area::Slot(0), Area::Slot(1)], Some(2)),
        (vec![Area::Slot(0), Area::Slot(1), Area::Checkpoint(1)], Some(1)),
        (vec![Area::Slot(0), Area::Slot(1), Area::Checkpoint(0), Area::Checkpoint(1)], None),
    ] {
        let copy = place.path.with_extension("copy.flagstaff");
        fs::copy(&place.path, &copy).unwrap();
        for area in areas {
            damage(&copy, area);
        }
        let again = open(&copy);
        assert!(matches!(&again.found, Opening::Repaired(why) if why.contains("checksum")), "{again:?}");
        assert_eq!(again.snapshot.as_ref().and_then(told), expected);
        if expected.is_some() {
            assert_eq!(again.writer.generation(), Generation(5));
            assert_eq!(told(&again.writer.current().unwrap()), expected);
        }
        drop(again);
        fs::remove_file(&copy).unwrap();
        fs::remove_file(live_link(&copy)).unwrap();
    }
}

#[test]
fn a_damaged_header_is_superseded_with_generation_and_data_kept() {
    let place = place();
    drop(published(&place.path, 5));
    let old = view(&place.path);
    poke::flip(&place.path, at::IDENTITY as u64 * 8, 0);
    assert!(matches!(open_view(&place.path), Err(OpenError::Header { .. })));
    let again = open(&place.path);
    assert!(matches!(&again.found, Opening::Superseded(why) if why.contains("checksum")), "{again:?}");
    assert_eq!((told(&again.snapshot.unwrap()), again.writer.generation()), (Some(5), Generation(6)));
    assert!(old.observe().is_superseded());
    assert_eq!(told(&copy_current(view(&place.path).map()).unwrap().unwrap()), Some(5));
}

#[test]
fn a_file_of_the_wrong_length_is_superseded_with_what_is_left_of_it() {
    for bytes in [FILE_BYTES + 1, Area::Slot(1).offset() + 65536, Area::Slot(1).offset() + 100, 5000] {
        let place = place();
        drop(published(&place.path, 2));
        writable(&place.path).set_len(bytes).unwrap();
        let again = open(&place.path);
        assert!(matches!(again.found, Opening::Superseded(_)), "{bytes}: {again:?}");
        let kept = again.snapshot.as_ref().and_then(told);
        assert_eq!(kept, if bytes < Area::Slot(1).offset() { None } else { Some(2) }, "{bytes} bytes");
        assert!(again.writer.generation() >= Generation(2));
        assert_eq!(fs::metadata(&place.path).unwrap().len(), FILE_BYTES);
    }
}

#[test]
fn a_file_of_another_boot_is_superseded_above_everything_seen_with_its_rights() {
    let place = place();
    let mut writer = published(&place.path, 4);
    writer.checkpoints().unwrap().write(&writer.current().unwrap()).unwrap();
    writer.publish(&mut snapshot(5)).unwrap();
    drop(writer);
    let mut header = Header::now([0; 32]);
    header.boot = BootId([1, 2]);
    for (i, word) in header.words().into_iter().enumerate() {
        set_word(&place.path, i, word);
    }
    // After a power loss the generation word may say anything: here it went back, and the newest slot is damaged.
    set_word(&place.path, at::GENERATION, 4);
    damage(&place.path, Area::Slot(1));
    fs::set_permissions(&place.path, Permissions::from_mode(0o604)).unwrap();
    let before = fs::metadata(&place.path).unwrap();
    let again = open(&place.path);
    assert!(matches!(&again.found, Opening::Superseded(why) if why.contains("boot")), "{again:?}");
    assert_eq!((told(&again.snapshot.unwrap()), again.writer.generation()), (Some(4), Generation(6)));
    let after = fs::metadata(&place.path).unwrap();
    assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
    assert_ne!(after.ino(), before.ino());
    let new = open_view(&place.path).unwrap();
    assert_eq!(new.header().unwrap().boot, BootId::current());
    assert_eq!(word(&place.path, at::DURABLE), 6, "the new file is its own first checkpoint");
}

#[test]
fn owner_and_group_are_carried_over_where_that_is_permitted() {
    let place = place();
    drop(published(&place.path, 1));
    if std::os::unix::fs::chown(&place.path, Some(4321), Some(1234)).is_err() {
        eprintln!("SKIPPED: giving a file away needs root");
        return;
    }
    set_word(&place.path, at::GENERATION, 2 | MARK);
    assert!(matches!(open(&place.path).found, Opening::Superseded(_)));
    let metadata = fs::metadata(&place.path).unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (4321, 1234));
}

#[test]
fn a_marked_file_at_the_path_is_superseded_again() {
    let place = place();
    drop(published(&place.path, 2));
    set_word(&place.path, at::GENERATION, 4 | MARK);
    let again = open(&place.path);
    assert!(matches!(&again.found, Opening::Superseded(why) if why.contains("superseded")), "{again:?}");
    assert_eq!((told(&again.snapshot.unwrap()), again.writer.generation()), (Some(2), Generation(3)));
    assert_eq!(word(&place.path, at::GENERATION), 6);
}

#[test]
fn a_publisher_without_a_source_goes_on_in_the_file_of_any_source() {
    let place = place();
    let ours = WriterOptions::default().identity([7; 32]);
    drop(Writer::open(&place.path, &ours).unwrap());
    assert!(matches!(open(&place.path).found, Opening::Good));
    assert!(matches!(Writer::open(&place.path, &ours).unwrap().found, Opening::Good));
    // Also if it has to be made anew.
    set_word(&place.path, at::GENERATION, MARK);
    assert!(matches!(open(&place.path).found, Opening::Superseded(_)));
    assert_eq!(open_view(&place.path).unwrap().header().unwrap().identity, [7; 32]);
}

/// Symptom: a damaged number of places had readers on a copy, and the publisher called the file good. Cause: it checked
/// less than they do. Fix: it checks the same.
#[test]
fn a_damaged_number_of_places_is_repaired() {
    let place = place();
    drop(published(&place.path, 2));
    set_word(&place.path, at::PLACES[0], word(&place.path, at::PLACES[0]) + 1);
    let again = open(&place.path);
    assert!(matches!(again.found, Opening::Repaired(_)), "{again:?}");
    assert!(check_current(open_view(&place.path).unwrap().map()).unwrap().is_some());
    assert_eq!(told(&again.snapshot.unwrap()), Some(2));
}

#[test]
fn a_file_of_another_source_is_superseded() {
    let place = place();
    drop(published(&place.path, 2));
    let opened = Writer::open(&place.path, &WriterOptions::default().identity([7; 32])).unwrap();
    assert!(matches!(&opened.found, Opening::Superseded(why) if why.contains("source")), "{opened:?}");
    assert_eq!(opened.writer.generation(), Generation(3));
    assert_eq!(open_view(&place.path).unwrap().header().unwrap().identity, [7; 32]);
}

/// Symptom: a generation word that damage had set back let the publisher go on below the generations that readers had
/// seen; at zero it even took a full file for an empty one. A word far too high made the file impossible to open.
/// Cause: in the same boot the word was believed whatever the slots said. Fix: a word that does not fit the frames has
/// the file superseded above everything seen.
#[test]
fn a_generation_word_that_does_not_fit_the_slots_has_the_file_superseded() {
    for damaged in [0, 1, 4, 20, 1 << 50, !MARK] {
        let place = place();
        drop(published(&place.path, 9));
        set_word(&place.path, at::GENERATION, damaged);
        let mut again = open(&place.path);
        assert_eq!(again.snapshot.as_ref().and_then(told), Some(9), "word {damaged:#x}");
        let generation = again.writer.generation();
        assert!(generation > Generation(9), "word {damaged:#x}: goes on from {generation}");
        assert_eq!(told(&again.writer.current().unwrap()), Some(9));
        assert_eq!(again.writer.publish(&mut snapshot(10)).unwrap(), generation.next());
    }
}

#[test]
fn an_empty_file_is_replaced() {
    let place = place();
    fs::write(&place.path, "").unwrap();
    assert!(matches!(open_view(&place.path), Err(OpenError::NotASnapshot { .. })));
    assert!(matches!(open(&place.path).found, Opening::Superseded(_)));
    assert!(open_view(&place.path).is_ok());
}

#[test]
fn garbage_named_like_a_snapshot_is_put_aside() {
    for garbage in ["{}".repeat(4), "{}".repeat(4000)] {
        let place = place();
        fs::write(&place.path, &garbage).unwrap();
        assert!(matches!(open_view(&place.path), Err(OpenError::NotASnapshot { .. })));
        let Opening::PutAside(aside) = open(&place.path).found else { panic!("not put aside") };
        assert_eq!(fs::read_to_string(aside).unwrap(), garbage);
        assert!(open_view(&place.path).is_ok());
    }
}

/// Symptom: one flipped bit in the magic had the file put aside: generations began at 1 again, and readers, who were never
/// told, stayed on the old file for ever. Cause: magic and content were not looked at together. Fix: what has a whole
/// frame is a snapshot, and is superseded.
#[test]
fn a_snapshot_with_a_damaged_magic_or_version_is_superseded_and_readers_are_told() {
    for word_at in [at::MAGIC, at::VERSION] {
        let place = place();
        drop(published(&place.path, 3));
        let old = open_view(&place.path).unwrap();
        flip(&place.path, word_at as u64 * 8 + 1, 2);
        let again = open(&place.path);
        assert!(matches!(again.found, Opening::Superseded(_)), "{again:?}");
        assert_eq!((told(&again.snapshot.unwrap()), again.writer.generation()), (Some(3), Generation(4)));
        assert!(old.observe().is_superseded());
    }
}

#[test]
fn what_was_put_aside_before_is_kept() {
    let place = place();
    for garbage in ["one".repeat(9), "two".repeat(9)] {
        fs::write(&place.path, &garbage).unwrap();
        let Opening::PutAside(aside) = open(&place.path).found else { panic!("not put aside") };
        assert_eq!(fs::read_to_string(aside).unwrap(), garbage);
        fs::remove_file(&place.path).unwrap();
    }
    assert_eq!(fs::read_to_string(place.path.with_extension("flagstaff.damaged")).unwrap(), "one".repeat(9));
}

fn refused(path: &Path) -> OpenError {
    match Writer::open(path, &WriterOptions::default()) {
        Err(WriteError::Open(e)) => e,
        other => panic!("{other:?}"),
    }
}

#[test]
fn garbage_of_any_other_name_is_refused_and_left_untouched() {
    let place = place();
    let path = place.path.with_file_name("notes.txt");
    for garbage in ["my notes".to_owned(), "my notes ".repeat(1000)] {
        fs::write(&path, &garbage).unwrap();
        assert!(matches!(refused(&path), OpenError::NotASnapshot { .. }));
        assert_eq!(fs::read_to_string(&path).unwrap(), garbage);
    }
}

#[test]
fn a_newer_format_is_refused_and_left_untouched() {
    let place = place();
    drop(published(&place.path, 1));
    set_word(&place.path, at::VERSION, 2 | 4096 << 32);
    // Whatever a coming format has there.
    set_word(&place.path, at::CHECKSUM, 12345);
    let inode = fs::metadata(&place.path).unwrap().ino();
    let error = refused(&place.path);
    assert!(matches!(error, OpenError::Version { found: 2, .. }), "{error}");
    assert!(error.to_string().contains("upgrade"), "{error}");
    assert!(matches!(open_view(&place.path), Err(OpenError::Version { found: 2, .. })));
    assert_eq!(fs::metadata(&place.path).unwrap().ino(), inode);
    assert_eq!(word(&place.path, at::GENERATION), 2);
}

#[test]
fn a_fifo_and_a_directory_are_refused_at_once() {
    let place = place();
    let made = Command::new("mkfifo").arg(&place.path).status().unwrap();
    assert!(made.success());
    assert!(matches!(refused(&place.path), OpenError::NotAFile { found: "a fifo", .. }));
    assert!(matches!(open_view(&place.path), Err(OpenError::NotAFile { .. })));
    fs::remove_file(&place.path).unwrap();
    fs::create_dir(&place.path).unwrap();
    assert!(matches!(refused(&place.path), OpenError::NotAFile { found: "a directory", .. }));
}

#[test]
fn a_link_to_a_good_file_is_followed() {
    let place = place();
    drop(published(&place.path, 1));
    let link = place.path.with_file_name("link.flagstaff");
    symlink(&place.path, &link).unwrap();
    let mut opened = open(&link);
    assert_eq!((&opened.found, opened.writer.path_state()), (&Opening::Good, PathCheck::Same));
    opened.writer.publish(&mut snapshot(2)).unwrap();
    assert_eq!(look_up(&view(&place.path), "generation"), Some(2));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn a_file_that_anybody_may_write_to_is_refused() {
    let place = place();
    drop(published(&place.path, 1));
    fs::set_permissions(&place.path, Permissions::from_mode(0o446)).unwrap();
    assert!(matches!(refused(&place.path), OpenError::WorldWritable { mode: 0o446, .. }));
    assert!(matches!(open_view(&place.path), Err(OpenError::WorldWritable { .. })));
    fs::remove_file(&place.path).unwrap();
    drop(Writer::open(&place.path, &WriterOptions::default().mode(0o4666)).unwrap());
    assert_eq!(mode(&place.path), 0o664, "a new file never is");
}

/// Puts another file at the path once the first one has been examined.
#[derive(Debug)]
struct Swap(std::path::PathBuf);

impl Observer for Swap {
    fn before(&self, step: &FileOp<'_>) -> std::io::Result<()> {
        if *step == FileOp::Failpoint("take over") {
            symlink(self.0.with_extension("precious"), self.0.with_extension("link"))?;
            fs::rename(self.0.with_extension("link"), &self.0)?;
        }
        Ok(())
    }
}

/// Symptom: whoever may write to the directory could have a publisher of root write a mark into any file of the host, by a link that
/// takes the place of the snapshot in the right moment. Cause: the path was opened a second time for writing, and not compared
/// with what had been examined.
#[test]
fn what_takes_the_place_of_the_examined_file_is_not_written_to() {
    let place = place();
    drop(published(&place.path, 1));
    let precious = place.path.with_extension("precious");
    fs::write(&precious, "precious ".repeat(1000)).unwrap();
    let swap = Hooks::new(std::sync::Arc::new(Swap(place.path.clone())));
    let options = WriterOptions::default().identity([7; 32]).hooks(swap);
    let error = Writer::open(&place.path, &options).unwrap_err();
    assert!(
        std::error::Error::source(&error).is_some_and(|source| source.to_string().contains("replaced")),
        "{error:?}"
    );
    assert_eq!(fs::read(&precious).unwrap(), "precious ".repeat(1000).as_bytes());
}

/// Symptom: after a publisher that died between its slot and the flip, and a successor that died between the mark and the rename, the
/// third one published what readers had never seen, though they answered from the generation before. Cause: of a marked file the
/// newest whole frame was carried on, and not the generation that its word names.
#[test]
fn a_publish_that_was_cut_short_stays_unseen_also_in_a_marked_file() {
    let place = place();
    drop(published(&place.path, 3));
    set_word(&place.path, at::GENERATION, MARK | (2 * 2 + 1));
    let of_readers = copy_current(open_view(&place.path).unwrap().map()).unwrap();
    assert_eq!(of_readers.as_ref().and_then(told), Some(2));
    let opened = open(&place.path);
    assert!(
        matches!(&opened.found, Opening::Superseded(why) if why.contains("marked")),
        "{:?}",
        opened.found
    );
    assert_eq!(opened.snapshot.as_ref().and_then(told), Some(2));
    assert_eq!(opened.writer.generation(), Generation(4), "generations go on above everything in the file");
    assert_eq!(look_up(&view(&place.path), "generation"), Some(2));
}
