//! Row 33, core files: values of flags that a process did not ask for, and the key of `flagstaff run`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use flagstaff_tests::namespace::is_root;
use flagstaff_tests::place::{KEY, Place};
use flagstaff_tests::process::Process;
use flagstaff_tests::server::FaultServer;
use flagstaff_tests::wait::DEADLINE;
use rustix::process::Signal;

use crate::memory::{flags_of_mappings, memory_holds};
use crate::support::{contains, role, with_cores};

/// In no memory but that of the file.
const VALUE: &str = "value-for-no-core-file-8d1f";

/// In the environment, and so in every core file: shows that these are looked at rightly.
const CONTROL: &str = "control-for-each-core-file-70c2";

/// Whether core files come into the directory of the process; says so if not.
fn has_cores() -> bool {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let is_plain = !pattern.trim().is_empty() && !pattern.contains(['|', '/', '%']);
    let may = Command::new("sh").args(["-c", "ulimit -c unlimited"]).output().unwrap().status.success();
    if !is_plain || !may {
        eprintln!("SKIPPED: core files: the pattern is {:?}, limit can be raised: {may}", pattern.trim());
    }
    is_plain && may
}

fn cores(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("core")).collect()
}

fn payload() -> String {
    format!("{{\"n\": 1, \"on\": true, \"text\": \"{}\"}}", format!("{VALUE} ").repeat(200))
}

/// Symptom, while the file was being designed: an unlinked mapping counts as anonymous memory, and was dumped whole with 2,003 copies
/// of a value. All kinds of memory are asked for here, and the file is removed in the second round. Found by this test: the last
/// block that was hashed for the check at the start lay on the stack. Fix: what the check leaves there is overwritten.
#[test]
fn row_33_a_core_file_of_a_reader_holds_no_value_that_it_did_not_ask_for() {
    if !has_cores() {
        return;
    }
    for is_removed in [false, true] {
        let place = Place::new();
        place.publish(&payload());
        let directory = place.join("cores");
        fs::create_dir(&directory).unwrap();
        let mut command = role("glance", &place);
        command.env("CONTROL", CONTROL);
        let mut reader = Process::start(with_cores(&command, &directory));
        reader.expect_line("ready");
        if is_removed {
            fs::remove_file(place.file()).unwrap();
        }
        reader.signal(Signal::QUIT);
        assert_eq!(reader.wait(DEADLINE).code(), None);
        let cores = cores(&directory);
        assert_eq!(cores.len(), 1, "{cores:?}");
        let core = fs::read(&cores[0]).unwrap();
        eprintln!("core of {} KiB", core.len() / 1024);
        assert!(contains(&core, CONTROL), "not the core of that process");
        assert!(!contains(&core, VALUE), "removed: {is_removed}");
    }
}

/// For machines whose core files go elsewhere: what the kernel leaves out is marked `dd`.
#[test]
fn row_33_every_mapping_of_the_file_is_left_out_of_core_files() {
    let place = Place::new();
    place.publish(&payload());
    let reader = Process::start(role("glance", &place));
    reader.expect_line("ready");
    let server = FaultServer::start();
    server.publish(&payload());
    // A leader, which has the file mapped for writing too.
    let other = Place::new();
    let mut client = role("client-watch", &other);
    client.env("FLAGSTAFF_TEST_URL", server.url());
    let client = Process::start(client);
    client.expect_line("n=1");
    for (process, least) in [(&reader, 1), (&client, 3)] {
        let flags = flags_of_mappings(process.id(), "flags.flagstaff");
        assert!(flags.len() >= least, "{flags:?}");
        assert!(flags.iter().all(|flags| flags.split(' ').any(|flag| flag == "dd")), "{flags:?}");
    }
    assert!(memory_holds(reader.id(), VALUE).unwrap(), "a debugger sees what is mapped");
}

/// The key is in the memory of `flagstaff run`, and flags as they came: it makes no core file, and only root looks into it.
#[test]
fn row_33_flagstaff_run_makes_no_core_file_and_only_root_may_look_into_its_memory() {
    let cores_are_here = has_cores();
    for from_file in [true, false] {
        let place = Place::new();
        let server = FaultServer::start();
        server.publish(&payload());
        let directory = place.join("cores");
        fs::create_dir(&directory).unwrap();
        let mut command = place.flagstaff("run");
        command.args(["--base-url", &server.url()]);
        if from_file {
            command.arg("--api-key-file").arg(place.key_file());
        } else {
            command.env("FLAGSTAFF_API_KEY", KEY);
        }
        let mut publisher = Process::start(with_cores(&command, &directory));
        place.wait_for_n(1);
        let looked = memory_holds(publisher.id(), KEY);
        if is_root() {
            // Shows that looking finds the key where it is.
            assert!(looked.unwrap());
        } else {
            assert_eq!(looked.unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
            assert!(fs::read(format!("/proc/{}/environ", publisher.id())).is_err());
        }
        publisher.signal(Signal::QUIT);
        assert_eq!(publisher.wait(DEADLINE).code(), None);
        assert!(cores(&directory).is_empty() || !cores_are_here);
    }
}
