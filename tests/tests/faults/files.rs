//! Rows 17 to 24: damaged, foreign, unsafe and unreachable files.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use flagstaff_format::layout::{Area, FILE_BYTES, HEADER_BYTES, MAGIC, word};
use flagstaff_reader::Reader;
use flagstaff_tests::place::{Answer, Place, answer};
use flagstaff_tests::process::Process;
use flagstaff_tests::wait::{DEADLINE, wait_until};

use crate::support::{in_namespace, is_root, place, role, serves_last_good};

/// Nobody's user and group id.
const NOBODY: u32 = 65_534;

/// `flagstaff run` from a file of flags, which ends with 1 instead of waiting for anything.
fn run_from_file(place: &Place) -> Command {
    let source = place.join("flags.json");
    fs::write(&source, r#"{"n": 2}"#).unwrap();
    let mut command = place.flagstaff("run");
    command.args(["--no-wait", "--source"]).arg(source);
    command
}

#[track_caller]
fn says_no(what: &str, place: &Place, answer: &Answer, said: &str) {
    assert_eq!(answer.code, 1, "{what}: {answer:?}");
    let path = place.file().display().to_string();
    assert!(answer.stderr.contains(&path), "{what}: the path is missing: {answer:?}");
    assert!(answer.stderr.contains(said), "{what}: {said:?} is missing: {answer:?}");
    assert!(!answer.stderr.contains("panicked"), "{what}: {answer:?}");
}

/// What a publisher does with such a file.
#[derive(Clone, Copy, PartialEq)]
enum Run {
    /// Publishes, in a new file if need be.
    Heals,
    /// Ends with exit code 1 and leaves the file as it is.
    Refuses,
}

type Make = fn(&Place);

#[test]
fn rows_17_19_20_and_21_a_bad_file_is_a_clear_error_and_a_publisher_heals_what_it_may() {
    let rows: [(&str, Make, &str, &str, Run); 14] = [
        ("no file", |_| {}, "no snapshot at", "start a publisher with `flagstaff run", Run::Heals),
        (
            "zero length",
            |p| drop(File::create(p.file()).unwrap()),
            "it has 0 bytes, expected",
            "--file",
            Run::Heals,
        ),
        (
            "a few bytes",
            |p| fs::write(p.file(), "x").unwrap(),
            "it has 1 bytes, expected",
            "--file",
            Run::Heals,
        ),
        (
            "garbage",
            |p| fs::write(p.file(), "garbage!".repeat(10_000)).unwrap(),
            "is not a flagstaff snapshot: it starts with",
            "remove it",
            Run::Heals,
        ),
        (
            "wrong magic",
            |p| {
                p.publish(r#"{"n": 1}"#);
                p.set_word(word::MAGIC, MAGIC ^ 1);
            },
            "is not a flagstaff snapshot: it starts with",
            "remove it",
            Run::Heals,
        ),
        (
            "cut off",
            |p| {
                p.publish(r#"{"n": 1}"#);
                fs::set_permissions(p.file(), Permissions::from_mode(0o640)).unwrap();
                File::options().write(true).open(p.file()).unwrap().set_len(FILE_BYTES / 2).unwrap();
            },
            "bytes, expected",
            "a publisher repairs it",
            Run::Heals,
        ),
        (
            "newer format",
            |p| {
                p.publish(r#"{"n": 1}"#);
                p.set_word(word::VERSION, 2 | HEADER_BYTES << 32);
                // Another format has another content, so that putting the version right would not make it ours.
                p.set_word(word::CHECKSUM, 2);
            },
            "has format 2, this program reads format 1",
            "upgrade this program",
            Run::Refuses,
        ),
        (
            "older format",
            |p| {
                p.publish(r#"{"n": 1}"#);
                p.set_word(word::VERSION, HEADER_BYTES << 32);
                p.set_word(word::CHECKSUM, 0);
            },
            "has format 0, this program reads format 1",
            "publish again",
            Run::Refuses,
        ),
        (
            "damaged version",
            |p| {
                p.publish(r#"{"n": 1}"#);
                p.set_word(word::VERSION, 3 | HEADER_BYTES << 32);
            },
            "has a damaged header: checksum",
            "a publisher repairs it",
            Run::Heals,
        ),
        (
            "damaged header",
            |p| {
                p.publish(r#"{"n": 1}"#);
                p.set_word(word::CREATED_AT, 0);
            },
            "has a damaged header: checksum",
            "a publisher repairs it",
            Run::Heals,
        ),
        (
            "directory",
            |p| fs::create_dir(p.file()).unwrap(),
            "is a directory, expected a regular file",
            "--file",
            Run::Refuses,
        ),
        (
            "fifo",
            |p| assert!(Command::new("mkfifo").arg(p.file()).status().unwrap().success()),
            "is a fifo, expected a regular file",
            "--file",
            Run::Refuses,
        ),
        (
            "world-writable",
            |p| {
                p.publish(r#"{"n": 1}"#);
                fs::set_permissions(p.file(), Permissions::from_mode(0o666)).unwrap();
            },
            "can be written by everybody",
            "chmod o-w",
            Run::Refuses,
        ),
        (
            "device",
            |p| std::os::unix::fs::symlink("/dev/null", p.file()).unwrap(),
            "is a device, expected a regular file",
            "--file",
            Run::Refuses,
        ),
    ];
    for (what, make, expectation, remedy, run) in rows {
        let place = Place::new();
        make(&place);
        for said in [expectation, remedy] {
            says_no(what, &place, &place.answer("get", ["n"]), said);
            let mut verify = flagstaff_tests::place::flagstaff();
            verify.arg("verify").arg(place.file());
            says_no(what, &place, &answer(verify), said);
        }
        let before = fs::symlink_metadata(place.file()).map(|file| (file.ino(), file.len())).ok();
        let mut publisher = Process::start(run_from_file(&place));
        if run == Run::Heals {
            place.wait_for_n(2);
            assert!(publisher.is_running(), "{what}");
            continue;
        }
        let code = publisher.wait(DEADLINE).code();
        assert_eq!(code, Some(1), "{what}: {}", publisher.stderr());
        assert!(publisher.stderr().contains(expectation), "{what}: {}", publisher.stderr());
        let after = fs::symlink_metadata(place.file()).map(|file| (file.ino(), file.len())).ok();
        assert_eq!(before, after, "{what}: the file was touched");
    }
}

#[test]
fn row_17_a_damaged_current_slot_is_found_and_the_next_best_snapshot_answers() {
    let place = place();
    place.publish(r#"{"n": 2}"#);
    let slot = (place.generation_word() / 2 % 2) as usize;
    place.damage(Area::Slot(slot));
    says_no("damaged slot", &place, &place.answer::<&str>("verify", []), "is damaged");
    // The checkpoint of the same generation.
    assert_eq!(place.get("n"), "2");
    place.damage(Area::Checkpoint(0));
    place.damage(Area::Checkpoint(1));
    serves_last_good(&place, "only the other slot is left");
    place.damage(Area::Slot(1 - slot));
    assert_eq!(place.answer("get", ["n"]).code, 1);
    assert_eq!(place.answer("get", ["n", "--default", "7"]).stdout, "7");
    let publisher = Process::start(run_from_file(&place));
    place.wait_for_n(2);
    publisher.expect_log("WARN");
    assert_eq!(place.answer::<&str>("verify", []).code, 0);
}

/// Right, or the default, or an error at open: anything but a crash or a wrong value.
#[test]
fn row_17_a_flipped_bit_anywhere_is_no_crash_and_no_wrong_value() {
    let place = place();
    for n in 2..=3 {
        place.publish(&format!("{{\"n\": {n}, \"text\": \"{}\", \"json\": [{n}]}}", "word ".repeat(100)));
    }
    let seed = 17;
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut refused, mut older, mut defaults) = (0, 0, 0);
    for _ in 0..600 {
        let at = match random.u8(..4) {
            0 => random.u64(..256),
            _ => random.choice(Area::ALL).unwrap().offset() + random.u64(..1400),
        };
        let bit = random.u8(..8);
        place.flip(at, bit);
        match Reader::open(place.file()) {
            Err(_) => refused += 1,
            Ok(reader) => {
                let n = reader.get_i64_or("n", -1);
                assert!([-1, 1, 2, 3].contains(&n), "byte {at} bit {bit}: n is {n}");
                older += u64::from(n == 1 || n == 2);
                defaults += u64::from(n == -1);
                let text = reader.get_string("text");
                assert!(text.is_empty() || text == "word ".repeat(100), "byte {at} bit {bit}: {text}");
                let _ = (reader.status(), reader.snapshot().iter().count(), reader.get("json"));
            }
        }
        place.flip(at, bit);
    }
    eprintln!(
        "600 flips: {refused} refused at open, {older} answered from an older snapshot, {defaults} with defaults"
    );
    assert_eq!(place.get("n"), "3");
}

#[test]
fn row_18_readers_follow_a_file_that_was_removed_or_replaced_while_they_had_it_mapped() {
    let place = place();
    let mut publisher = Process::start(run_from_file(&place));
    place.wait_for_n(2);
    let reader = place.reader();
    let source = place.join("flags.json");
    for (what, n) in [("removed", 3), ("replaced", 4)] {
        if what == "removed" {
            fs::remove_file(place.file()).unwrap();
        } else {
            fs::write(place.join("other"), "somebody's file").unwrap();
            fs::rename(place.join("other"), place.file()).unwrap();
        }
        let took = wait_until("the file is made anew", DEADLINE, || Reader::open(place.file()).is_ok());
        eprintln!("{what}: made anew after {took:?}");
        // What is promised is 1 s; a loaded machine gets more.
        assert!(took < Duration::from_secs(2), "{what}: {took:?}");
        fs::write(&source, format!("{{\"n\": {n}}}")).unwrap();
        wait_until(what, DEADLINE, || reader.get_i64("n") == n);
        assert_eq!(place.get("n"), n.to_string());
    }
    publisher.expect_log("changed by another program");
    assert!(publisher.is_running());
}

#[test]
fn row_22_a_read_only_mount_is_read_fully() {
    let place = place();
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\" && ! touch \"$0\"/x 2>/dev/null && exec \"$@\"";
    let Some(mut command) = in_namespace("-m", script) else { return };
    command.arg(place.folder());
    let arguments = |command: &mut Command, words: &Command| {
        command.arg(words.get_program()).args(words.get_args());
    };
    let mut get = place.flagstaff("get");
    get.arg("n");
    arguments(&mut command, &get);
    let read = answer(command);
    assert_eq!((read.code, read.stdout.as_str()), (0, "1"), "{read:?}");

    let mut command = in_namespace("-m", script).unwrap();
    command.arg(place.folder());
    arguments(&mut command, &run_from_file(&place));
    let refused = answer(command);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.stderr.contains("flags.flagstaff") && refused.stderr.contains("Read-only"),
        "{refused:?}"
    );
}

#[test]
fn rows_21_and_22_another_user_reads_a_file_that_is_for_all_and_none_that_is_not() {
    if !is_root() {
        eprintln!("SKIPPED: only root can become another user");
        return;
    }
    let place = Place::new();
    let source = place.join("flags.json");
    fs::write(&source, r#"{"n": 1}"#).unwrap();
    fs::set_permissions(place.folder(), Permissions::from_mode(0o755)).unwrap();
    let get_as_nobody = || {
        let mut get = place.flagstaff("get");
        get.arg("n").uid(NOBODY).gid(NOBODY);
        match Command::new(get.get_program()).arg("--version").uid(NOBODY).gid(NOBODY).output() {
            Ok(_) => Some(answer(get)),
            Err(error) => {
                eprintln!("SKIPPED: nobody's user may not start the program where it lies: {error}");
                None
            }
        }
    };
    let mut publish = place.flagstaff("publish");
    publish.arg(&source);
    assert_eq!(answer(publish).code, 0);
    assert_eq!(fs::metadata(place.file()).unwrap().mode() & 0o7777, 0o440);
    let Some(refused) = get_as_nobody() else { return };
    says_no("0440", &place, &refused, "ermission denied");

    fs::remove_file(place.file()).unwrap();
    let mut publish = place.flagstaff("publish");
    publish.arg(&source).args(["--mode", "0444"]);
    assert_eq!(answer(publish).code, 0);
    let read = get_as_nobody().unwrap();
    assert_eq!((read.code, read.stdout.as_str()), (0, "1"), "{read:?}");
}

#[test]
fn row_24_a_reader_without_descriptors_goes_on_and_a_new_one_answers_defaults() {
    let place = place();
    let mut starved = role("starve", &place, 0);
    let status = starved.wait(DEADLINE);
    assert!(status.success(), "{}{}", starved.stdout(), starved.stderr());
    let (_, line) = starved.expect_line("open: ");
    assert!(line.contains(&place.file().display().to_string()), "{line}");
}
