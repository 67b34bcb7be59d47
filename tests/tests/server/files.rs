//! The file of an environment: what is read, what is written, and what is left alone.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use flagstaff_tests::flag_server::{FlagServer, command, put};
use flagstaff_tests::namespace::in_namespace;
use flagstaff_tests::place::{Place, answer, binary};
use flagstaff_tests::wait::{DEADLINE, wait_until};
use serde_json::{Value, json};

fn server(flags: &str) -> (Place, PathBuf, FlagServer) {
    let place = Place::new();
    let file = place.join("flags.json");
    fs::write(&file, flags).unwrap();
    let server = FlagServer::with_file(&file);
    (place, file, server)
}

fn by(server: &FlagServer) -> Vec<String> {
    let history = server.get("/api/v1/history").json();
    history["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["by"].as_str().unwrap().to_owned())
        .collect()
}

/// Symptom: after a typo in the path every host had no flags, and called that fresh. Cause: the server made an empty file at any path.
/// Fix: a file is made only if that is asked for.
#[test]
fn a_file_that_does_not_exist_stops_the_start_and_nothing_is_made() {
    let place = Place::new();
    let (good, typo) = (place.join("flags.json"), place.join("flasg.json"));
    fs::write(&good, "{}").unwrap();
    let second = format!("staging={}", typo.display());
    let files = || fs::read_dir(place.folder()).unwrap().count();
    let before = files();
    for arguments in
        [vec![typo.as_os_str()], vec![good.as_os_str(), "--environment".as_ref(), second.as_ref()]]
    {
        let refusal = answer(command(arguments));
        assert_eq!(refusal.code, 2, "{refusal:?}");
        let said = format!("flag file {} does not exist; pass --create to make an empty one", typo.display());
        assert!(refusal.stderr.contains(&said), "{refusal:?}");
    }
    assert_eq!(files(), before);
}

#[test]
fn a_file_that_does_not_exist_is_created_on_request_and_that_is_logged() {
    let place = Place::new();
    let file = place.join("flags.json");
    let server = FlagServer::with_new_file(&file);
    server.process.expect_log("created");
    assert_eq!(fs::read_to_string(&file).unwrap(), "{}\n");
    server.put("a", "1");
    assert_eq!(fs::read_to_string(&file).unwrap(), "{\n  \"a\": 1\n}\n");
    let nowhere = answer(command(["--create".as_ref(), place.join("no/such/folder.json").as_os_str()]));
    assert_eq!(nowhere.code, 1, "{nowhere:?}");
    assert!(
        nowhere.stderr.contains("cannot create flag file") && nowhere.stderr.contains("no/such"),
        "{nowhere:?}"
    );
}

#[test]
fn a_file_that_is_no_payload_stops_the_start_and_stays_as_it_is() {
    let place = Place::new();
    let file = place.join("flags.json");
    for (text, said) in [
        ("{\n  \"a\": 1,\n  \"b\": x\n}\n", "line 3, column 8"),
        ("[1]", "an array, expected an object"),
        ("", "line 1, column 0"),
    ] {
        fs::write(&file, text).unwrap();
        let refusal = answer(command([&file]));
        assert_eq!((refusal.code, refusal.stdout.as_str()), (1, ""), "{refusal:?}");
        for part in [said, file.to_str().unwrap(), "correct it"] {
            assert!(refusal.stderr.contains(part), "{part}: {refusal:?}");
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    let folder = answer(command([place.folder()]));
    assert!(folder.code == 1 && folder.stderr.contains("a directory, expected a regular file"), "{folder:?}");
}

#[test]
fn an_edit_by_hand_is_seen_by_all_who_stream() {
    let (_place, file, server) = server(r#"{"a": 1, "b": 1}"#);
    let (mut stream, mut page) = (server.stream(), server.page_stream());
    assert_eq!(stream.next().unwrap().data, r#"{"a":1,"b":1}"#);
    fs::write(&file, r#"{ "a": 2, "b": 1 }"#).unwrap();
    let event = stream.find(|event| event.name.is_empty());
    assert_eq!((event.id.as_str(), event.data.as_str()), ("1", r#"{"a":2,"b":1}"#));
    let event = page.find(|event| event.name == "flags" && event.json()["revision"] == 1);
    assert_eq!(event.json()["history"][0]["changes"], json!([{"key": "a", "old": 1, "new": 2}]));
    assert_eq!(by(&server), ["file"]);
}

#[test]
fn an_edit_by_hand_that_nobody_has_seen_yet_is_not_overwritten() {
    let (_place, file, server) = server(r#"{"a": 1}"#);
    for n in 0..10 {
        // Faster than the file is looked at.
        fs::write(&file, format!("{{\"a\": 1, \"hand-{n}\": {n}}}")).unwrap();
        assert_eq!(server.put("api", &n.to_string()).status, 201);
        let kept: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(kept, json!({"a": 1, format!("hand-{n}"): n, "api": n}));
        assert_eq!(server.flags(), format!("{{\"a\":1,\"hand-{n}\":{n},\"api\":{n}}}"));
    }
    assert_eq!(by(&server).iter().filter(|by| *by == "file").count(), 10);
}

/// A file that goes back to what it was when the server last looked was taken for unchanged, although a change through the API had
/// been made in between. Every change through the API begins the watch anew.
#[test]
fn a_file_that_is_put_back_after_a_change_is_taken_over() {
    let (_place, file, server) = server(r#"{"a": 1}"#);
    server.put("a", "2");
    fs::write(&file, r#"{"a": 1}"#).unwrap();
    wait_until("the old flags are back", DEADLINE, || server.flags() == r#"{"a":1}"#);
    assert_eq!(by(&server), ["file", "api"]);
}

#[test]
fn a_broken_edit_keeps_the_last_good_flags_and_is_not_destroyed_by_a_change() {
    let (_place, file, server) = server(r#"{"a": 1}"#);
    let mut page = server.page_stream();
    let broken = "{\"a\": 2,\n  \"b\": }";
    fs::write(&file, broken).unwrap();
    let problem = page.find(|event| event.name == "problem").json();
    assert!(problem["error"].as_str().unwrap().contains("line 2, column 8"), "{problem}");
    for _ in 0..3 {
        let refused = server.put("a", "3");
        assert_eq!(refused.refusal(), (409, "file_unusable".to_owned()));
        assert!(
            refused.body.contains("line 2, column 8") && refused.body.contains("flags.json"),
            "{refused:?}"
        );
    }
    assert_eq!(server.flags(), r#"{"a":1}"#);
    assert_eq!(fs::read_to_string(&file).unwrap(), broken);
    // One who comes now hears of it too.
    let late = server.page_stream().find(|event| event.name == "problem");
    assert_eq!(late.json(), problem);

    fs::write(&file, "{\"a\": 2,\n  \"b\": 3}").unwrap();
    let healed = page.find(|event| event.name == "problem");
    assert_eq!(healed.json(), json!({"error": null}));
    assert_eq!(server.put("a", "4").status, 200);
    assert_eq!(server.flags(), r#"{"a":4,"b":3}"#);
    let said = server.process.stderr();
    assert_eq!(said.matches("serving the last good flags").count(), 1, "said once: {said}");
}

#[test]
fn a_file_that_is_gone_is_waited_for() {
    let (place, file, server) = server(r#"{"a": 1}"#);
    fs::rename(&file, place.join("away")).unwrap();
    assert_eq!(server.put("a", "2").refusal(), (409, "file_unusable".to_owned()));
    assert!(!file.exists());
    assert_eq!(server.flags(), r#"{"a":1}"#);
    fs::rename(place.join("away"), &file).unwrap();
    assert_eq!(server.put("a", "2").status, 200);
}

#[test]
fn a_symbolic_link_stays_one_and_the_mode_stays() {
    let place = Place::new();
    let (real, link) = (place.join("real.json"), place.join("flags.json"));
    fs::write(&real, "{}").unwrap();
    fs::set_permissions(&real, Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real.json", &link).unwrap();
    let server = FlagServer::with_file(&link);
    assert_eq!(server.put("a", "1").status, 201);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), "{\n  \"a\": 1\n}\n");
    assert_eq!(fs::metadata(&real).unwrap().mode() & 0o7777, 0o640);
    let two = answer(command([
        "--environment".to_owned(),
        format!("x={}", real.display()),
        link.display().to_string(),
    ]));
    assert!(two.code == 2 && two.stderr.contains("two environments have the file"), "{two:?}");
}

#[test]
fn a_symbolic_link_may_stand_before_its_file() {
    let place = Place::new();
    std::os::unix::fs::symlink("real.json", place.join("flags.json")).unwrap();
    let server = FlagServer::with_new_file(&place.join("flags.json"));
    assert_eq!(server.put("a", "1").status, 201);
    assert_eq!(fs::read_to_string(place.join("real.json")).unwrap(), "{\n  \"a\": 1\n}\n");
}

#[test]
fn the_order_and_the_layout_of_values_stay() {
    let (_place, file, server) = server("{\n\t\"z\": {\"x\":   1},\n\t\"a\": [1,2],\n\t\"m\": 1\n}");
    server.put("m", "{\"deep\": [true, {}]}");
    server.put("new", "\"\\u00e9\"");
    let expected = "{\n  \"z\": {\"x\":   1},\n  \"a\": [1,2],\n  \"m\": {\n    \"deep\": [\n      true,\n      {}\n    ]\n  },\n  \"new\": \"\\u00e9\"\n}\n";
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
}

#[test]
fn a_change_that_cannot_be_kept_is_not_made_and_not_announced() {
    let (place, file, server) = server(r#"{"a": 1}"#);
    let (mut stream, mut page) = (server.stream(), server.page_stream());
    stream.next();
    // Stands where a new file is written first; no mode would stop root.
    let obstacle = place.join(".flags.json.flagstaff-new");
    fs::create_dir(&obstacle).unwrap();
    let refused = server.put("a", "2");
    assert_eq!(refused.refusal(), (500, "not_kept".to_owned()));
    assert!(refused.body.contains("flags.json"), "{refused:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), r#"{"a": 1}"#);
    assert_eq!(server.flags(), r#"{"a":1}"#);
    assert_eq!(server.get("/api/v1/history").json(), json!({"revision": 0, "changes": []}));
    let problem = page.find(|event| event.name == "problem").json();
    assert!(problem["error"].as_str().unwrap().contains("cannot write"), "{problem}");
    fs::remove_dir(&obstacle).unwrap();
    assert_eq!(page.find(|event| event.name == "problem").json(), json!({"error": null}));
    assert_eq!(server.put("a", "3").status, 200);
    let event = stream.find(|event| event.name.is_empty());
    assert_eq!(
        (event.id.as_str(), event.data.as_str()),
        ("1", r#"{"a":3}"#),
        "the change before was not announced"
    );
}

#[test]
fn a_full_disk_is_insufficient_storage_and_changes_nothing() {
    let place = Place::new();
    let script = "mount -t tmpfs -o size=64k none \"$0\" && echo '{\"a\":1}' > \"$0/flags.json\" && exec \"$1\" serve --port 0 \"$0/flags.json\"";
    let Some(mut command) = in_namespace("-m", script) else { return };
    command.arg(place.folder()).arg(binary());
    let server = FlagServer::start_command(command);
    assert_eq!(server.put("b", "1").status, 201);
    let refused = server.put("c", &format!("\"{}\"", "x".repeat(100_000)));
    assert_eq!(refused.refusal(), (507, "not_kept".to_owned()));
    assert_eq!(server.flags(), r#"{"a":1,"b":1}"#);
    assert_eq!(server.put("b", "2").status, 200);
}

#[test]
fn a_server_that_is_killed_while_it_writes_leaves_a_whole_file() {
    let place = Place::new();
    let file = place.join("flags.json");
    let filler = "x".repeat(20_000);
    fs::write(&file, format!("{{\"n\": 0, \"filler\": \"{filler}\"}}")).unwrap();
    let mut killed_with = Vec::new();
    for round in 0..8_u64 {
        let mut server = FlagServer::with_file(&file);
        let (stop, answered) = (AtomicBool::new(false), AtomicU64::new(0));
        let address = server.address;
        thread::scope(|scope| {
            scope.spawn(|| {
                for n in round * 1_000_000 + 1.. {
                    let request = put("n", &n.to_string()).header("X-API-Key", "dev");
                    // The connection that the kill meets ends without an answer.
                    if stop.load(Ordering::SeqCst)
                        || !request.try_send(address).is_ok_and(|answer| answer.status == 200)
                    {
                        return;
                    }
                    answered.store(n, Ordering::SeqCst);
                }
            });
            wait_until("changes are made", DEADLINE, || {
                answered.load(Ordering::SeqCst) % 1_000_000 > 3 + round
            });
            server.process.kill();
            stop.store(true, Ordering::SeqCst);
        });
        let text = fs::read_to_string(&file).unwrap();
        let kept: Value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{error} in a file of {} bytes", text.len()));
        assert_eq!(kept["filler"], filler);
        let (n, answered) = (kept["n"].as_u64().unwrap(), answered.load(Ordering::SeqCst));
        assert!(n == answered || n == answered + 1, "kept {n}, answered {answered}");
        killed_with.push(n % 1_000_000);
    }
    eprintln!("killed after {killed_with:?} changes, each file whole");
    let others: Vec<_> = fs::read_dir(place.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("flagstaff-new"))
        .collect();
    assert!(others.len() <= 1, "what is left over does not pile up: {others:?}");
}
