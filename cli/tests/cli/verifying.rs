//! `verify`.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};

use flagstaff_format::layout::{Area, FRAME_BYTES, word};
use flagstaff_format::{BootId, Header};
use serde_json::Value;

use crate::program::{Folder, answer};

fn writable(folder: &Folder) -> fs::File {
    let path = folder.snapshot();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    OpenOptions::new().read(true).write(true).open(&path).unwrap()
}

/// Changes a word of the header.
fn change(folder: &Folder, at: usize, change: impl FnOnce(u64) -> u64) {
    let (file, at, mut bytes) = (writable(folder), at as u64 * 8, [0; 8]);
    file.read_exact_at(&mut bytes, at).unwrap();
    file.write_all_at(&change(u64::from_le_bytes(bytes)).to_le_bytes(), at).unwrap();
}

/// Flips the bits of one byte of an area's archive.
fn damage(folder: &Folder, area: Area) {
    let file = writable(folder);
    let (mut byte, at) = ([0], area.offset() + FRAME_BYTES + 17);
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[!byte[0]], at).unwrap();
}

#[test]
fn a_good_file_is_good_in_all_its_areas() {
    let folder = Folder::with(r#"{"a":1}"#);
    let table = folder.run(["verify"]);
    assert_eq!(table.code, Some(0), "{table:?}");
    assert!(table.out.contains("ok (current)"), "{}", table.out);
    let answer = answer(folder.flagstaff(["verify", "--json"]).arg(folder.snapshot()));
    let json: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!((&json["ok"], &json["generation"]), (&true.into(), &1.into()));
    assert_eq!(json["areas"].as_array().unwrap().len(), 4);
    assert_eq!(json["areas"][1]["current"], true);
}

#[test]
fn a_damaged_current_generation_is_a_no() {
    let folder = Folder::with(r#"{"a":1}"#);
    damage(&folder, Area::Slot(1));
    let table = folder.run(["verify"]);
    assert_eq!(table.code, Some(1), "{table:?}");
    assert!(table.out.contains("damaged: archive has checksum"), "{}", table.out);
    assert!(table.err.contains("current generation 1 in slot 1 is damaged"), "{}", table.err);
    let json: Value = serde_json::from_str(&folder.run(["verify", "--json"]).out).unwrap();
    assert_eq!((&json["ok"], &json["areas"][1]["state"]), (&false.into(), &"damaged".into()));
    // Reads are answered from a checkpoint, and said to be cold.
    assert_eq!(folder.run(["get", "a"]).out, "1\n");
    let json: Value = serde_json::from_str(&folder.run(["status", "--json"]).out).unwrap();
    assert_eq!(json["cold"], true);
}

#[test]
fn damage_that_nobody_reads_is_shown_only() {
    let folder = Folder::with(r#"{"a":1}"#);
    damage(&folder, Area::Checkpoint(0));
    let table = folder.run(["verify"]);
    assert_eq!(table.code, Some(0), "{table:?}");
    assert!(table.out.contains("checkpoint 0") && table.out.contains("damaged: "), "{}", table.out);
}

#[test]
fn a_file_of_another_boot_is_cold_and_its_newest_good_area_counts() {
    let folder = Folder::with(r#"{"a":1}"#);
    let mut header = Header::now([0; 32]);
    header.boot = BootId([1, 2]);
    let path = folder.snapshot();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let bytes: Vec<_> = header.words().iter().flat_map(|word| word.to_le_bytes()).collect();
    file.write_all_at(&bytes, 0).unwrap();
    let answer = folder.run(["verify", "--json"]);
    let json: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!((answer.code, &json["this_boot"], &json["generation"]), (Some(0), &false.into(), &1.into()));
    damage(&folder, Area::Slot(1));
    assert_eq!(folder.run(["verify"]).code, Some(0), "a checkpoint is good");
    assert_eq!(folder.run(["get", "a"]).out, "1\n");
    let json: Value = serde_json::from_str(&folder.run(["status", "--json"]).out).unwrap();
    assert_eq!(
        (&json["cold"], &json["publisher"], &json["contact_age"]),
        (&true.into(), &"stopped".into(), &Value::Null)
    );
    damage(&folder, Area::Checkpoint(0));
    damage(&folder, Area::Checkpoint(1));
    let nothing = folder.run(["verify"]);
    assert_eq!(nothing.code, Some(1));
    assert!(nothing.err.contains("no area holds a good snapshot"), "{}", nothing.err);
}

#[test]
fn what_is_no_snapshot_is_a_no_also_for_machines() {
    let folder = Folder::new();
    for (content, problem) in [("{}", "is a JSON file, not a snapshot"), ("text", "not a flagstaff snapshot")]
    {
        let path = folder.file("flags.json", content);
        let answer = answer(folder.flagstaff(["verify", "--json"]).arg(path));
        let json: Value = serde_json::from_str(&answer.out).unwrap();
        assert_eq!((answer.code, &json["ok"]), (Some(1), &false.into()));
        assert!(json["problem"].as_str().unwrap().contains(problem), "{json}");
    }
}

/// Symptom: `verify` answered 0 for files that every reader distrusts. Cause: it looked at the areas alone, and not at the
/// words of the header by which readers find and check them. Fix: it asks as readers do.
#[test]
fn a_file_that_readers_distrust_is_not_good() {
    let cold = |folder: &Folder| {
        let json: Value = serde_json::from_str(&folder.run(["status", "--json"]).out).unwrap();
        json["cold"] == true
    };
    let folder = Folder::with(r#"{"a":1}"#);
    // Of slot 1, which is the current one.
    change(&folder, word::PLACES[1], |places| places + 1);
    let answer = folder.run(["verify"]);
    assert_eq!((answer.code, cold(&folder)), (Some(1), true), "{answer:?}");
    assert!(answer.err.contains("header does not lead to the current generation"), "{}", answer.err);

    let folder = Folder::with(r#"{"a":1}"#);
    change(&folder, word::GENERATION, |_| 0);
    let answer = folder.run(["verify", "--json"]);
    assert_eq!((answer.code, cold(&folder)), (Some(1), true), "{answer:?}");
    let problem = "generation word says that nothing was published, but slot 1 holds generation 1";
    let json: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!((&json["ok"], &json["problem"]), (&false.into(), &problem.into()));
}

#[test]
fn a_file_without_anything_published_is_good() {
    let folder = Folder::new();
    drop(
        flagstaff_publisher::Publisher::open(
            folder.snapshot(),
            &flagstaff_publisher::PublisherOptions::default(),
        )
        .unwrap(),
    );
    let answer = folder.run(["verify"]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(answer.out.contains("none published"), "{}", answer.out);
}
