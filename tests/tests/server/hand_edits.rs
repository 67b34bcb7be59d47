//! Edits of the file by hand while changes through the API arrive without a pause: each is among the flags in the end.
//!
//! A change was written in three steps, read, write, rename, and an edit that fell between them was overwritten: 13 of 20 renames, 11 of 20
//! saves in place, 16 of 20 that had the file open for a while. Now the files are exchanged, and what came out is looked at.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use flagstaff_tests::flag_server::{FlagServer, command, put};
use flagstaff_tests::long;
use flagstaff_tests::place::{Place, answer};
use flagstaff_tests::wait::{DEADLINE, wait_until};
use rustix::process::Signal;
use serde_json::{Value, json};

type Save = fn(&Path, &str);

/// How editors save.
const STYLES: [(&str, Save); 5] = [
    ("rename", |file, text| {
        let new = file.with_extension("tmp");
        fs::write(&new, text).unwrap();
        fs::rename(new, file).unwrap();
    }),
    ("in place", |file, text| fs::write(file, text).unwrap()),
    ("in place, open for a while", |file, text| {
        let mut open = OpenOptions::new().write(true).open(file).unwrap();
        thread::sleep(Duration::from_millis(5));
        open.set_len(0).unwrap();
        open.write_all(text.as_bytes()).unwrap();
    }),
    ("in two halves", |file, text| {
        let mut open = OpenOptions::new().write(true).truncate(true).open(file).unwrap();
        let (first, second) = text.split_at(text.len() / 2);
        open.write_all(first.as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(2));
        open.write_all(second.as_bytes()).unwrap();
    }),
    ("backup first", |file, text| {
        fs::rename(file, file.with_extension("json~")).unwrap();
        fs::write(file, text).unwrap();
    }),
];

fn flags_in(file: &Path) -> Option<Value> {
    serde_json::from_str(&fs::read_to_string(file).ok()?).ok()
}

#[test]
fn no_edit_by_hand_is_lost_among_changes_without_a_pause() {
    let edits: u64 = if long::is_wanted() { 10_000 } else { 100 };
    let place = Place::new();
    let file = place.join("flags.json");
    fs::write(&file, "{}").unwrap();
    let server = FlagServer::with_file(&file);
    let (stop, changes) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut slowest = Duration::ZERO;
    thread::scope(|scope| {
        for program in 0..3 {
            let (server, stop, changes) = (&server, &stop, &changes);
            scope.spawn(move || {
                for n in 0_u64.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let answer = server.put(&format!("program-{program}"), &n.to_string());
                    // 409: half of an edit is in the file at this moment.
                    assert!([200, 201, 409].contains(&answer.status), "{answer:?}");
                    changes.fetch_add(u64::from(answer.status != 409), Ordering::SeqCst);
                }
            });
        }
        // Ends the others also when something is not as it should be.
        let guard = Ends(&stop);
        wait_until("changes are made", DEADLINE, || changes.load(Ordering::SeqCst) > 10);
        for n in 0..edits {
            let (style, save) = STYLES[usize::try_from(n).unwrap() % STYLES.len()];
            let mut flags = None;
            wait_until("the file is whole", DEADLINE, || {
                flags = flags_in(&file);
                flags.is_some()
            });
            let mut flags = flags.unwrap();
            flags["hand"] = json!(n);
            save(&file, &serde_json::to_string_pretty(&flags).unwrap());
            let there = || server.get("/api/v1/flags/by-key/hand").body == n.to_string();
            slowest = slowest.max(wait_until(&format!("edit {n}, {style}"), DEADLINE, there));
            let kept = || flags_in(&file).is_some_and(|flags| flags["hand"] == n);
            wait_until(&format!("edit {n} is in the file, {style}"), DEADLINE, kept);
        }
        drop(guard);
    });
    let changes = changes.load(Ordering::SeqCst);
    eprintln!(
        "{edits} edits by hand among {changes} changes: 0 lost, the slowest was there after {slowest:?}"
    );
    assert!(changes > edits / 10, "{changes} changes are no load");
    wait_until("nothing is left beside the file", DEADLINE, || {
        let names =
            fs::read_dir(place.folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string());
        !names.map(Result::unwrap).any(|name| name.contains(".flagstaff-out-") || name.contains(".edit-"))
    });
}

struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn an_editor_that_has_the_file_open_through_many_changes_still_has_its_say_key_by_key() {
    let place = Place::new();
    let file = place.join("flags.json");
    fs::write(&file, r#"{"a": 1, "b": 1, "gone": 1}"#).unwrap();
    let server = FlagServer::with_file(&file);
    let mut editor = OpenOptions::new().write(true).open(&file).unwrap();
    for n in 2..=5 {
        assert_eq!(server.put("a", &n.to_string()).status, 200);
    }
    // This is not the file that is in the place any more.
    editor.set_len(0).unwrap();
    editor.write_all(br#"{"a": 1, "b": 2, "new": 3}"#).unwrap();
    let expected = json!({"a": 5, "b": 2, "new": 3});
    wait_until("the edit is merged", DEADLINE, || server.get("/api/v1/flags").json() == expected);
    assert_eq!(flags_in(&file), Some(expected));
    let newest = &server.get("/api/v1/history").json()["changes"][0];
    assert_eq!(newest["by"], "file");
    // And once more, because it is still open.
    editor.set_len(0).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&editor, br#"{"a": 9, "b": 2, "new": 3}"#, 0).unwrap();
    wait_until("the second edit is merged", DEADLINE, || server.get("/api/v1/flags/by-key/a").body == "9");
}

#[test]
fn an_edit_that_comes_late_and_is_no_payload_is_put_where_people_see_it() {
    let place = Place::new();
    let file = place.join("flags.json");
    fs::write(&file, r#"{"a": 1}"#).unwrap();
    let server = FlagServer::with_file(&file);
    let mut editor = OpenOptions::new().write(true).open(&file).unwrap();
    assert_eq!(server.put("a", "2").status, 200);
    editor.set_len(0).unwrap();
    editor.write_all(b"{\"a\": oops").unwrap();
    drop(editor);
    let (_, line) = server.process.expect_log("could not be taken over");
    assert!(line.contains("flags.json.edit-1"), "{line}");
    assert_eq!(fs::read_to_string(place.join("flags.json.edit-1")).unwrap(), "{\"a\": oops");
    assert_eq!(server.flags(), r#"{"a":2}"#);
}

#[test]
fn a_second_server_for_a_file_does_not_start_and_names_the_first() {
    let place = Place::new();
    let (file, link) = (place.join("flags.json"), place.join("link.json"));
    std::os::unix::fs::symlink("flags.json", &link).unwrap();
    fs::write(&file, r#"{"a": 1}"#).unwrap();
    let mut first = FlagServer::with_file(&file);
    for name in [&file, &link] {
        let second = answer(command([name]));
        assert_eq!((second.code, second.stdout.as_str()), (1, ""), "{second:?}");
        let expected = format!("is served by process {} already", first.process.id());
        assert!(second.stderr.contains(&expected), "{second:?}");
    }
    assert_eq!(first.put("a", "2").status, 200);
    // Its end, also by force, lets the next one in.
    first.process.kill();
    let mut second = FlagServer::with_file(&link);
    assert_eq!(second.flags(), r#"{"a":2}"#);
    second.process.signal(Signal::TERM);
    assert!(second.process.wait(DEADLINE).success());
    let third = FlagServer::start_command(command([&file]));
    assert_eq!(third.send(put("a", "3")).status, 200);
}
