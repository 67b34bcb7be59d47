//! What a publish changes in its slot: the lines that differ from what stands there, in both ways of storing them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

mod poke;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use flagstaff_format::layout::{Area, FILE_BYTES, FRAME_BYTES, HEADER_BYTES, word as at};
use flagstaff_format::{
    Archive, Facts, FileOp, Generation, Hooks, Observer, Value, Writer, WriterOptions, check_current, status,
};
use poke::{flag, view, word, writable};
use tempfile::TempDir;

const LINE: usize = 64;

/// Sees the runs that are written into slots, and refuses one of them.
#[derive(Debug, Default)]
struct Disk {
    by_calls: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Where in the file, and how long.
    runs: Vec<(u64, usize)>,
    refused: Option<usize>,
}

impl Disk {
    /// The runs since the last call.
    fn runs(&self) -> Vec<(u64, usize)> {
        std::mem::take(&mut self.state.lock().unwrap().runs)
    }

    /// Refuses the run of that number, counted from now on.
    fn refuse(&self, number: Option<usize>) {
        *self.state.lock().unwrap() = State { runs: Vec::new(), refused: number };
    }
}

impl Observer for Disk {
    fn before(&self, op: &FileOp<'_>) -> io::Result<()> {
        if let FileOp::Write { at, bytes, .. } = op
            && (HEADER_BYTES..Area::Checkpoint(0).offset()).contains(at)
        {
            let mut state = self.state.lock().unwrap();
            if state.refused == Some(state.runs.len()) {
                return Err(io::Error::from_raw_os_error(libc::EIO));
            }
            state.runs.push((*at, bytes.len()));
        }
        Ok(())
    }

    fn allows_mapping(&self) -> bool {
        !self.by_calls
    }
}

struct Stage {
    _folder: TempDir,
    path: PathBuf,
    disk: Arc<Disk>,
}

impl Stage {
    fn open(&self) -> Writer {
        let options = WriterOptions::default().hooks(Hooks::new(self.disk.clone()));
        Writer::open(&self.path, &options).unwrap().writer
    }

    /// The bytes of a slot behind which `archive` stands.
    fn slot(&self, slot: usize, archive: &Archive) -> Vec<u8> {
        let mut bytes = vec![0; FRAME_BYTES as usize + archive.bytes().len()];
        File::open(&self.path).unwrap().read_exact_at(&mut bytes, Area::Slot(slot).offset()).unwrap();
        bytes
    }

    /// The slot holds exactly what was published, and readers say so.
    #[track_caller]
    fn holds(&self, archive: &Archive) {
        let bytes = self.slot(archive.generation().slot() as usize, archive);
        let (frame, rest) = bytes.split_at(FRAME_BYTES as usize);
        let words = frame.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
        assert!(words.eq(archive.frame().words()), "the frame");
        assert!(rest == archive.bytes(), "the archive");
        let found = check_current(view(&self.path).map()).unwrap().unwrap();
        assert_eq!(found.generation, archive.generation());
    }
}

fn is_mapped_for_writing(path: &Path) -> bool {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.ends_with(path.to_str().unwrap()) && line.contains(" rw-s ")).any(
        |line| {
            let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
            let address = |text| u64::from_str_radix(text, 16).unwrap();
            address(end) - address(start) >= FILE_BYTES
        },
    )
}

/// Both ways: through a mapping, where this machine has a tmpfs, and by calls.
fn each_way(mut test: impl FnMut(&Stage)) {
    for by_calls in [true, false] {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let path = folder.path().join("flags.flagstaff");
        let stage = Stage { _folder: folder, path, disk: Arc::new(Disk { by_calls, ..Disk::default() }) };
        let writer = stage.open();
        let maps = is_mapped_for_writing(&stage.path);
        drop(writer);
        if !by_calls && !maps {
            eprintln!("SKIPPED: /dev/shm is no tmpfs");
            continue;
        }
        assert_eq!(maps, !by_calls);
        test(&stage);
    }
}

/// `count` flags, each true or false by `is_on`, published at a time of its own.
fn flags(count: usize, time: u64, is_on: impl Fn(usize) -> bool) -> Archive {
    let flags: Vec<_> =
        (0..count).map(|i| flag(&format!("service.feature-number-{i}"), Value::Bool(is_on(i)))).collect();
    let mut facts = Facts::default();
    (facts.published_at, facts.payload_digest) = (time, [time, !time]);
    Archive::build(&flags, Generation(1), facts).unwrap()
}

fn lines_that_differ(before: &[u8], after: &[u8]) -> Vec<usize> {
    let lines = before.chunks(LINE).zip(after.chunks(LINE)).enumerate();
    lines.filter(|(_, (before, after))| before != after).map(|(number, _)| number).collect()
}

#[test]
fn one_flag_of_a_thousand_that_changes_costs_a_handful_of_lines() {
    each_way(|stage| {
        let mut writer = stage.open();
        for time in 1..=4 {
            writer.publish(&mut flags(1000, time, |_| false)).unwrap();
        }
        let mut next = flags(1000, 5, |i| i == 417);
        let before = stage.slot(1, &next);
        stage.disk.runs();
        writer.publish(&mut next).unwrap();
        stage.holds(&next);
        let (runs, differ) = (stage.disk.runs(), lines_that_differ(&before, &stage.slot(1, &next)));
        // The frame, the record, and what the root says of the payload.
        assert!((3..=5).contains(&differ.len()), "{differ:?}");
        assert_eq!(runs.len(), 3, "{runs:?}");
        assert_eq!(runs.last(), Some(&(Area::Slot(1).offset(), LINE)), "the frame comes last");
        let stored: usize = runs.iter().map(|(_, bytes)| bytes).sum();
        assert!(stored <= differ.len() * LINE, "{runs:?}, {differ:?}");
        for line in differ {
            let offset = Area::Slot(1).offset() + (line * LINE) as u64;
            let covers = |(at, bytes): &(u64, usize)| (*at..*at + *bytes as u64).contains(&offset);
            assert!(runs.iter().any(covers), "nobody saw line {line}: {runs:?}");
        }
        assert_eq!(status::read(view(&stage.path).map()).last_publish_bytes, stored as u64);
    });
}

#[test]
fn the_same_flags_again_store_a_frame_and_nothing_else() {
    each_way(|stage| {
        let mut writer = stage.open();
        for _ in 0..2 {
            writer.publish(&mut flags(100, 1, |i| i % 3 == 0)).unwrap();
        }
        stage.disk.runs();
        let mut same = flags(100, 1, |i| i % 3 == 0);
        writer.publish(&mut same).unwrap();
        stage.holds(&same);
        assert_eq!(stage.disk.runs(), [(Area::Slot(1).offset(), LINE)]);
    });
}

/// Whatever stands in the slot: what a dead publisher left of another payload, bits that flipped, zeros, garbage, in any mix.
#[test]
fn a_slot_with_anything_in_it_holds_what_was_published_afterwards() {
    let mut random = Random(0x5107);
    each_way(|stage| {
        let mut writer = stage.open();
        for time in 1..=60 {
            // It grows and shrinks: a shorter archive leaves a tail behind it.
            let count = 1 + random.below(400);
            let mut next = flags(count, time, |i| i.is_multiple_of(3));
            let slot = Area::Slot(writer.generation().next().slot() as usize);
            let file = writable(&stage.path);
            for _ in 0..random.below(6) {
                let bytes: Vec<u8> = match random.below(4) {
                    0 => vec![0; 1 + random.below(9000)],
                    1 => vec![1 << random.below(8)],
                    2 => (0..1 + random.below(300)).map(|_| random.below(256) as u8).collect(),
                    _ => flags(count, time + 1, |i| i % 2 == 0).bytes().to_vec(),
                };
                let room = 16 * 1024;
                let offset = random.below(room) as u64;
                let bytes = &bytes[..bytes.len().min(room - offset as usize)];
                file.write_all_at(bytes, slot.offset() + offset).unwrap();
            }
            writer.publish(&mut next).unwrap();
            stage.holds(&next);
        }
    });
}

#[test]
fn a_run_that_is_refused_leaves_readers_their_flags_and_the_next_publish_is_right() {
    each_way(|stage| {
        let mut writer = stage.open();
        let (mut last, mut time) = (0, 0);
        let mut publish = |writer: &mut Writer, flips: usize| {
            time += 1;
            let mut archive = flags(1000, time, |i| i % 97 == flips);
            (writer.publish(&mut archive).map(|_| ()), archive)
        };
        for flips in 0..3 {
            publish(&mut writer, flips).0.unwrap();
        }
        let view = view(&stage.path);
        for refused in 0.. {
            stage.disk.refuse(Some(refused));
            let (before, generation) = (word(&stage.path, at::GENERATION), writer.generation());
            let (outcome, archive) = publish(&mut writer, 10 + refused);
            if outcome.is_ok() {
                stage.holds(&archive);
                last = refused;
                break;
            }
            assert_eq!((word(&stage.path, at::GENERATION), writer.generation()), (before | 1, generation));
            assert!(check_current(view.map()).unwrap().unwrap().generation == generation);
            let found = view.attempt(
                view.observe(),
                "service.feature-number-0",
                &flagstaff_format::Hashed::new(b"service.feature-number-0"),
            );
            assert!(found.unwrap().bool().is_some(), "the last good one");
            // Half of the time by another publisher.
            if refused % 2 == 0 {
                writer = stage.open();
            }
            stage.disk.refuse(None);
            let (outcome, archive) = publish(&mut writer, 50 + refused % 7);
            outcome.unwrap();
            stage.holds(&archive);
        }
        assert!(last > 3, "{last} runs were refused");
    });
}

/// However little the lines that differ have in common: one call costs as much as kilobytes.
#[test]
fn the_number_of_calls_is_bounded_and_a_slot_that_differs_everywhere_takes_two() {
    each_way(|stage| {
        let mut writer = stage.open();
        for time in 1..=3 {
            // About 4 MB.
            writer.publish(&mut flags(50_000, time, |i| i % 2 == time as usize % 2)).unwrap();
        }
        stage.disk.runs();
        // Every hundredth record, all over the slot.
        writer.publish(&mut flags(50_000, 4, |i| (i % 2 == 0) != (i % 100 == 0))).unwrap();
        let runs = stage.disk.runs();
        assert!(runs.len() > 10);
        if stage.disk.by_calls {
            assert!(runs.len() < 100, "{}", runs.len());
        } else {
            assert!(runs.len() > 400, "through a mapping each line alone: {}", runs.len());
        }
        let mut other = flags(50_000, 5, |_| true);
        let slot = Area::Slot(writer.generation().next().slot() as usize);
        writable(&stage.path).write_all_at(&vec![0xa5; other.bytes().len() + LINE], slot.offset()).unwrap();
        writer.publish(&mut other).unwrap();
        stage.holds(&other);
        assert_eq!(
            stage.disk.runs(),
            [(slot.offset() + FRAME_BYTES, other.bytes().len()), (slot.offset(), LINE)]
        );
    });
}

/// A store behind the end of the file would kill the process.
#[test]
fn a_file_that_was_cut_off_is_made_anew_and_its_readers_are_told() {
    for length in [0, HEADER_BYTES, Area::Slot(0).offset() + 100, FILE_BYTES - 1] {
        each_way(|stage| {
            let mut writer = stage.open();
            for time in 1..=3 {
                writer.publish(&mut flags(1000, time, |_| false)).unwrap();
            }
            let old = view(&stage.path);
            writable(&stage.path).set_len(length).unwrap();
            assert!(writer.damage().unwrap().contains("cut off"));
            let mut next = flags(1000, 4, |_| true);
            writer.publish(&mut next).unwrap();
            stage.holds(&next);
            assert!(next.generation() > Generation(3));
            assert!(old.observe().is_superseded(), "cut off at {length}");
        });
    }
}

#[test]
fn a_checkpoint_without_a_change_since_writes_nothing_and_status_says_how_much_the_last_one_wrote() {
    each_way(|stage| {
        let mut writer = stage.open();
        let said = || status::read(view(&stage.path).map());
        let mut archive = flags(1000, 1, |_| false);
        writer.publish(&mut archive).unwrap();
        let mut checkpoints = writer.checkpoints().unwrap();
        assert_eq!(said().last_checkpoint_bytes, 0);
        checkpoints.write(&archive).unwrap();
        let whole = FRAME_BYTES + archive.bytes().len() as u64;
        assert_eq!(said().last_checkpoint_bytes, whole);
        // What is zero stood there already.
        assert!((whole / 2..=whole).contains(&said().last_publish_bytes), "{:?}", said());
        let regions = || {
            [0, 1].map(|i| {
                let mut bytes = vec![0; whole as usize];
                let file = File::open(&stage.path).unwrap();
                file.read_exact_at(&mut bytes, Area::Checkpoint(i).offset()).unwrap();
                bytes
            })
        };
        let before = regions();
        for again in [&mut checkpoints, &mut writer.checkpoints().unwrap()] {
            again.write(&archive).unwrap();
            assert!(regions() == before);
        }
        // One flag: a handful of lines in the slot, all of the region.
        for time in 2..=3 {
            archive = flags(1000, time, |i| i == 5);
            writer.publish(&mut archive).unwrap();
        }
        checkpoints.write(&archive).unwrap();
        assert_eq!(said().last_checkpoint_bytes, whole);
        assert!((LINE as u64..=6 * LINE as u64).contains(&said().last_publish_bytes), "{:?}", said());
        assert!(regions()[1] != before[1], "the other region was written");
        // In a new file all of both is written.
        writer.supersede().unwrap();
        assert_eq!((said().last_checkpoint_bytes, said().last_publish_bytes), (whole, whole));
    });
}

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}
