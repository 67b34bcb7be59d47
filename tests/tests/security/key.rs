//! Row 33: the key is with whoever publishes, and nowhere else.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;

use flagstaff_tests::place::{Place, flagstaff};
use flagstaff_tests::process::Process;
use flagstaff_tests::server::FaultServer;
use flagstaff_tests::wait::{DEADLINE, wait_until};

use crate::memory::memory_holds;
use crate::support::{contains, role};

/// Not the key of the other tests, which is a constant in the helper program.
const KEY: &str = "k3y-f0r-0n3-pr0c3ss-9b07";
const VALUE: &str = "a-value-that-readers-have-read-5a11";

fn children(process: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let of = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).unwrap_or_default();
    let text: Vec<String> = tasks.map(|task| of(task.unwrap())).collect();
    text.join(" ").split_whitespace().map(|id| id.parse().unwrap()).collect()
}

#[track_caller]
fn is_not_told(process: u32, what: &str) {
    for file in ["cmdline", "environ"] {
        let bytes = fs::read(format!("/proc/{process}/{file}")).unwrap();
        assert!(!contains(&bytes, KEY), "{what}: {}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn row_33_the_key_is_not_in_the_memory_of_readers_while_a_publisher_has_it() {
    for from_file in [true, false] {
        let place = Place::new();
        let server = FaultServer::start();
        server.publish(&format!("{{\"n\": 1, \"on\": true, \"name\": \"{VALUE}\"}}"));
        let mut run = place.flagstaff("run");
        run.args(["--base-url", &server.url()]);
        if from_file {
            fs::write(place.key_file(), KEY).unwrap();
            run.arg("--api-key-file").arg(place.key_file());
        } else {
            run.env("FLAGSTAFF_API_KEY", KEY);
        }
        let publisher = Process::start(run);
        place.wait_for_n(1);
        assert!(server.requests().iter().all(|request| request.header("X-API-Key") == Some(KEY)));
        let role = Process::start(role("watch", &place));
        role.expect_line("n=1");
        let watch = Process::start(place.flagstaff("watch"));
        watch.expect_line("20");
        server.publish(&format!("{{\"n\": 2, \"on\": true, \"name\": \"{VALUE}\"}}"));
        place.wait_for_n(2);
        role.expect_line("n=2");
        for reader in [&role, &watch] {
            assert!(memory_holds(reader.id(), VALUE).unwrap(), "looking finds what is there");
            assert!(!memory_holds(reader.id(), KEY).unwrap(), "a reader holds the key");
            is_not_told(reader.id(), "reader");
        }
        assert!(children(publisher.id()).is_empty());
    }
}

/// What is not promised: a process with a client of its own has the key, as it has the rest of its configuration. Nobody else
/// is told: it starts no process, and its files do not hold the key.
#[test]
fn row_33_a_client_that_publishes_starts_no_process_and_its_files_do_not_hold_the_key() {
    let place = Place::new();
    let server = FaultServer::start();
    server.publish(r#"{"n": 1}"#);
    let mut command = role("client-watch", &place);
    command.env("FLAGSTAFF_TEST_URL", server.url());
    let client = Process::start(command);
    client.expect_line("n=1");
    let key = flagstaff_tests::place::KEY;
    assert!(memory_holds(client.id(), key).unwrap());
    assert!(children(client.id()).is_empty());
    fs::remove_file(place.key_file()).unwrap();
    wait_until("it has a history", DEADLINE, || {
        files_in(place.folder()).iter().any(|path| path.extension().is_some_and(|ending| ending == "gz"))
    });
    for path in files_in(place.folder()) {
        let mut content = fs::read(&path).unwrap();
        if path.extension().is_some_and(|ending| ending == "gz") {
            let mut unpacked = Vec::new();
            GzDecoder::new(&*content).read_to_end(&mut unpacked).unwrap();
            assert!(contains(&unpacked, "\"n\":1"));
            content.append(&mut unpacked);
        }
        assert!(!contains(&content, key), "{}", path.display());
        assert!(!path.to_string_lossy().contains(key));
    }
}

/// All files, also those of folders in it.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_in(&path) } else { vec![path] }).collect()
}

#[test]
fn row_33_the_demonstration_does_not_hand_the_key_of_its_user_to_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = flagstaff();
    command.args(["demo", "--seconds", "60"]).env("TMPDIR", folder.path());
    command.env("FLAGSTAFF_API_KEY", KEY).env("SOASAP_API_KEY", KEY);
    let demo = Process::start(command);
    demo.expect_line("");
    wait_until("publisher and readers", DEADLINE, || children(demo.id()).len() >= 5);
    for child in children(demo.id()) {
        is_not_told(child, "child of the demonstration");
    }
    assert!(!demo.stdout().contains(KEY) && !demo.stderr().contains(KEY));
}

/// The demonstration and `flagstaff torture` start processes, and libraries that others use do not. Whoever adds a place thinks of the key.
#[test]
fn row_33_no_library_starts_a_process() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut command = Command::new("grep");
    command.args(["-rlE", "Command::new|posix_spawn\\(|execvp?e?\\("]).current_dir(root);
    let folders = ["format", "reader", "publisher", "client", "server", "torture", "cli", "python"];
    command.args(folders.map(|folder| format!("{folder}/src")));
    let output = command.output().unwrap();
    let found = String::from_utf8(output.stdout).unwrap();
    let mut found: Vec<_> = found.lines().collect();
    found.sort_unstable();
    let in_tests = ["cli/src/screen/mod.rs", "publisher/src/payload/import.rs"];
    let of_torture = ["torture/src/check/full.rs", "torture/src/launcher.rs"];
    found.retain(|file| !in_tests.contains(file));
    assert_eq!(found, [&["cli/src/demo/children.rs"], of_torture.as_slice()].concat());
}
