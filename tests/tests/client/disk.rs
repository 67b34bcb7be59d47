//! Directories that cannot be written, and disks that are full.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use flagstaff::{Client, ErrorContext, ErrorSource};
use flagstaff_tests::namespace::{in_namespace, is_root};
use flagstaff_tests::place::{KEY, Place};
use flagstaff_tests::process::Process;
use flagstaff_tests::server::FaultServer;
use flagstaff_tests::wait::{DEADLINE, wait_until};

use crate::support::{role_command, server, wait_for_n};

/// Nobody's user and group id.
const NOBODY: u32 = 65_534;

fn heard() -> (impl Fn(&ErrorContext) + Send + Sync + 'static, mpsc::Receiver<ErrorContext>) {
    let (said, heard) = mpsc::channel();
    let said = Mutex::new(said);
    (move |error: &ErrorContext| drop(said.lock().unwrap().send(error.clone())), heard)
}

#[test]
fn with_a_cache_directory_that_cannot_be_made_flags_are_kept_in_memory_and_it_is_said_once() {
    let (place, server) = (Place::new(), server());
    fs::write(place.join("file"), "").unwrap();
    let start = |on_error| {
        Client::builder(KEY)
            .base_url(&server.url())
            .cache_dir(place.join("file/cache"))
            .memory_dir(place.join("memory"))
            .on_error(on_error)
            .start()
            .unwrap()
    };
    let (callback, errors) = heard();
    let client = start(callback);
    // A handle from the start is one on memory.
    let handle = client.number_flag("n");
    wait_for_n(&client, 1);
    assert_eq!(handle.get(), 1.0);
    let error = errors.recv_timeout(DEADLINE).unwrap();
    assert_eq!((error.source, error.is_transient), (ErrorSource::Disk, false), "{error}");
    server.publish(r#"{"n": 2}"#);
    wait_until("the handle", DEADLINE, || handle.get() == 2.0);
    assert!(client.path().starts_with(place.join("memory")));
    // Another client of this user shares the place and the stream.
    let second = start(heard().0);
    wait_for_n(&second, 2);
    assert_eq!(server.connections(), 1);
    client.close().unwrap();
    server.wait_for_requests(2, DEADLINE);
    second.close().unwrap();
    assert!(errors.try_recv().is_err());
    let left = fs::read_dir(place.join("memory")).unwrap().count();
    assert!(left <= 3, "a snapshot, its second name and its lock are all that is left: {left}");
}

/// A role in a mount namespace in which the place's folder is read-only, but for a directory in it.
fn read_only_role(role: &str, place: &Place, server: &FaultServer) -> Option<Process> {
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\" && mount --bind \"$1\" \"$1\" && shift && exec \"$@\"";
    let memory = tempfile_dir(place);
    in_namespace("-m", script).map(|command| {
        in_it(command, place.folder(), &memory, &role_command(role, place, server, 0), &memory)
    })
}

/// Outside of the place's folder, so that it is not read-only.
fn tempfile_dir(place: &Place) -> std::path::PathBuf {
    let name = place.folder().file_name().unwrap().to_str().unwrap().to_owned() + "-memory";
    place.folder().with_file_name(name)
}

fn in_it(mut command: Command, folder: &Path, own: &Path, role: &Command, memory: &Path) -> Process {
    fs::create_dir_all(own).unwrap();
    fs::set_permissions(own, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    command.arg(folder).arg(own).arg(role.get_program()).args(role.get_args());
    for (name, value) in role.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.env("FLAGSTAFF_TEST_MEMORY", memory);
    Process::start(command)
}

#[test]
fn in_a_read_only_directory_a_client_reads_what_another_user_publishes_and_takes_over_in_memory_when_that_one_is_gone()
 {
    let (place, server) = (Place::new(), server());
    let mut daemon = place.run(&server);
    place.wait_for_n(1);
    let Some(mut client) = read_only_role("client-watch", &place, &server) else { return };
    client.expect_line("n=1");
    client.expect_line("error: disk");
    server.publish(r#"{"n": 2}"#);
    client.expect_line("n=2");
    assert_eq!(server.connections(), 1, "it is a reader");
    let killed = Instant::now();
    daemon.kill();
    let found = server.wait_for_requests(2, DEADLINE).len();
    eprintln!("{found} connections; in memory {:?} after the kill", killed.elapsed());
    server.publish(r#"{"n": 3}"#);
    client.expect_line("n=3");
    assert_eq!(client.stdout().matches("error: disk").count(), 1, "{}", client.stdout());
    assert!(!client.stdout().contains("n=-1"), "never a default: {}", client.stdout());
    client.close_stdin();
    assert!(client.wait(DEADLINE).success(), "{}", client.stderr());
    drop(fs::remove_dir_all(tempfile_dir(&place)));
}

#[test]
fn a_client_of_another_user_reads_what_a_publisher_of_this_one_keeps_fresh() {
    if !is_root() {
        eprintln!("SKIPPED: only root can become another user");
        return;
    }
    let (place, server) = (Place::new(), server());
    fs::set_permissions(place.folder(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut run = place.run_command(&server.url());
    run.args(["--mode", "0444"]);
    let _daemon = Process::start(run);
    place.wait_for_n(1);
    let mut command = role_command("client-watch", &place, &server, 0);
    command.uid(NOBODY).gid(NOBODY);
    if let Err(error) = Command::new(command.get_program()).arg("none").uid(NOBODY).gid(NOBODY).output() {
        eprintln!("SKIPPED: nobody's user may not start the program where it lies: {error}");
        return;
    }
    let mut client = Process::start(command);
    client.expect_line("n=1");
    client.expect_line("error: disk");
    server.publish(r#"{"n": 2}"#);
    client.expect_line("n=2");
    client.close_stdin();
    assert!(client.wait(DEADLINE).success(), "{}", client.stderr());
    assert_eq!((server.connections(), client.stdout().matches("error: disk").count()), (1, 1));
}

#[test]
fn on_a_full_disk_flags_are_kept_in_memory() {
    let (place, server) = (Place::new(), server());
    let script = "mount -t tmpfs -o size=64k tmpfs \"$0\" && head -c 1000000 /dev/zero >\"$0\"/filler 2>/dev/null; shift; exec \"$@\"";
    let Some(command) = in_namespace("-m", script) else { return };
    let memory = tempfile_dir(&place);
    let mut client =
        in_it(command, place.folder(), &memory, &role_command("client-watch", &place, &server, 0), &memory);
    client.expect_line("n=1");
    client.expect_line("error: disk");
    server.publish(r#"{"n": 2}"#);
    client.expect_line("n=2");
    assert_eq!(client.stdout().matches("error: disk").count(), 1, "{}", client.stdout());
    client.close_stdin();
    assert!(client.wait(Duration::from_secs(20)).success(), "{}", client.stderr());
    drop(fs::remove_dir_all(memory));
}
