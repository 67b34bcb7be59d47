//! Rows 23: real file systems that are filled while everything lives on them: a publisher on a stream, one on a file, elected
//! clients, and readers. Nobody dies, nothing is called good that is not, and the flags that met the full disk get out when there is
//! space, without another word from their source.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use flagstaff_format::FailureKind;
use flagstaff_reader::{PublisherState, Reader};
use flagstaff_tests::namespace::{in_namespace, is_root};
use flagstaff_tests::place::{KEY, Place, flagstaff};
use flagstaff_tests::process::Process;
use flagstaff_tests::server::FaultServer;
use flagstaff_tests::wait::{DEADLINE, wait_until};
use rustix::process::Signal;

/// Longer than the longest pause between two tries, and than a busy machine and a slow disk add to it.
const SOON: Duration = Duration::from_secs(30);

/// How long the disk is full: several tries, and longer than a publisher without a heartbeat counts as alive.
const FULL_FOR: Duration = Duration::from_secs(5);

/// Mounts an image at `mounted` in the folder `$0`, for a namespace of its own, until stdin ends.
const MOUNT: &str = r#"
set -e
cd "$0"
mkdir mounted
PREPARE
echo mounted
exec cat
"#;

/// What is done with the files before the disk is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    /// They were made by a publisher of before, which asked for nothing special.
    OldFiles,
    /// A snapshot of the subvolume: each block of it is written elsewhere once more.
    Snapshot,
    /// Copies that share their blocks.
    Copies,
}

/// Something that takes no change of the header page either says nothing at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Behind,
    BehindOrNothing,
}

struct Disk {
    place: Place,
    /// Holds the namespace.
    mounter: Process,
}

impl Disk {
    /// `None`, with a notice, where it cannot be had.
    fn mount(program: &str, prepare: &str) -> Option<Disk> {
        if !is_root() {
            eprintln!("SKIPPED: only root can mount a file system");
            return None;
        }
        let has = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
        if !has.status.success() {
            eprintln!("SKIPPED: {program} is not installed");
            return None;
        }
        let place = Place::new();
        let tried =
            in_namespace("-m", &MOUNT.replace("PREPARE", prepare))?.arg(place.folder()).output().unwrap();
        if !tried.status.success() {
            let why = String::from_utf8_lossy(&tried.stderr).into_owned();
            eprintln!("SKIPPED: it cannot be mounted here: {}", why.trim());
            return None;
        }
        let place = Place::new();
        let mut command = in_namespace("-m", &MOUNT.replace("PREPARE", prepare))?;
        command.arg(place.folder());
        let mounter = Process::start(command);
        mounter.expect_line("mounted");
        Some(Disk { place, mounter })
    }

    /// A path on it, for programs in its namespace.
    fn inside(&self, name: &str) -> PathBuf {
        self.place.join("mounted").join(name)
    }

    /// The same for this process.
    fn outside(&self, name: &str) -> PathBuf {
        let inside = self.inside(name);
        Path::new("/proc")
            .join(self.mounter.id().to_string())
            .join("root")
            .join(inside.strip_prefix("/").unwrap())
    }

    fn command(&self, command: &Command) -> Command {
        let mut nsenter = Command::new("nsenter");
        nsenter.args(["-m", "-t", &self.mounter.id().to_string(), "--"]);
        nsenter.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => nsenter.env(name, value),
                None => nsenter.env_remove(name),
            };
        }
        nsenter
    }

    fn start(&self, command: &Command) -> Process {
        Process::start(self.command(command))
    }

    /// A shell line in the folder that is mounted.
    fn shell(&self, line: &str) {
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", &format!("cd \"$0\"; {line}")]).arg(self.place.join("mounted"));
        let output = self.command(&shell).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Until it takes nothing any more, not even after what it had put off.
    fn fill(&self) {
        let mut fruitless = 0;
        while fruitless < 3 {
            let mut grown = 0_u64;
            for block in [1 << 20, 64 << 10, 4 << 10, 512] {
                let mut hog = OpenOptions::new().create(true).append(true).open(self.outside("hog")).unwrap();
                while hog.write_all(&vec![1; block]).is_ok() {
                    grown += block as u64;
                }
                let _ = hog.sync_all();
            }
            fruitless = if grown == 0 { fruitless + 1 } else { 0 };
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.outside("hog")).unwrap();
        self.shell("sync -f .");
    }
}

/// Far more flags than have space in what is reserved for the first ones.
fn many_flags(n: u32) -> String {
    let flags: Vec<String> = (0..8000).map(|i| format!("\"flag-number-{i}\":{}", i + n)).collect();
    format!("{{\"n\":{n},\"kill-switch\":true,{}}}", flags.join(","))
}

fn live_through_a_full_disk(disk: &Disk, before: Before, says: Says) {
    let server = FaultServer::start();
    server.publish(r#"{"n":1,"kill-switch":false}"#);
    let source = disk.place.join("source.json");
    fs::write(&source, r#"{"n":1,"kill-switch":false}"#).unwrap();
    let names = ["stream.flagstaff", "file.flagstaff", "clients.flagstaff"];
    if before == Before::OldFiles {
        make_old_files(disk, &names);
    }

    let mut stream = flagstaff();
    stream.args(["run", "--base-url", &server.url(), "--file"]).arg(disk.inside(names[0]));
    stream.env("FLAGSTAFF_API_KEY", KEY);
    let mut file = flagstaff();
    file.args(["run", "--source"]).arg(&source).arg("--file").arg(disk.inside(names[1]));
    let mut client = Command::new(env!("CARGO_BIN_EXE_flagstaff-test-role"));
    client.arg("client-watch").arg(disk.inside(names[2])).arg("0").env("FLAGSTAFF_TEST_URL", server.url());
    // Their own flags in memory are no way out here.
    client.env("FLAGSTAFF_TEST_MEMORY", "/dev/null/none");
    let mut all = [&stream, &file, &client, &client, &client].map(|command| disk.start(command));
    let readers = names.map(|name| Reader::attach(disk.outside(name)));
    let wait_for = |n: i64, limit| {
        wait_until(&format!("n = {n} everywhere"), limit, || {
            readers.iter().all(|reader| reader.get_i64_or("n", 0) == n && !reader.status().is_stale())
        });
    };
    wait_for(1, DEADLINE);
    wait_until("all is on the disk", DEADLINE, || readers.iter().all(|reader| reader.status().durable.0 > 0));
    for client in &all[2..] {
        client.expect_line("n=1");
    }
    match before {
        Before::Snapshot => disk.shell("btrfs subvolume snapshot . before"),
        Before::Copies => disk.shell("for f in *.flagstaff; do cp --reflink=always $f $f.copy; done"),
        Before::Nothing | Before::OldFiles => {}
    }

    disk.fill();
    server.publish(&many_flags(2));
    fs::write(disk.place.join("new.json"), many_flags(2)).unwrap();
    fs::rename(disk.place.join("new.json"), &source).unwrap();
    let asked = server.connections();
    let is_told = |reader: &Reader| {
        let status = reader.status();
        let is_behind = status.behind.is_some_and(|behind| behind.kind == FailureKind::DiskFull);
        is_behind || says == Says::BehindOrNothing && status.publisher == PublisherState::Gone
    };
    wait_until("that flags do not get out is told", SOON, || readers.iter().all(is_told));
    let check = |name: &str| {
        let mut check = flagstaff();
        check.args(["status", "--check", "--file"]).arg(disk.inside(name));
        disk.command(&check).output().unwrap()
    };
    for name in names {
        let output = check(name);
        assert_eq!(output.status.code(), Some(1), "{name}: {}", String::from_utf8_lossy(&output.stdout));
    }
    let begun = Instant::now();
    while begun.elapsed() < FULL_FOR {
        for process in &mut all {
            assert!(process.is_running(), "{}", process.stderr());
        }
        for reader in &readers {
            assert_eq!((reader.get_i64_or("n", 0), reader.get_bool("kill-switch")), (1, false));
            assert!(reader.status().is_stale());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // A leader dies while it is behind: another one leads, and gets the flags from the service.
    let leads = |client: &Process| client.stderr().contains("publishes for this host");
    let leader = all.iter().position(leads).unwrap();
    all[leader].kill();
    wait_until("another client leads", DEADLINE, || {
        all[2..].iter().filter(|client| leads(client)).count() == 2
    });
    server.wait_for_connections(asked + 1, DEADLINE);
    wait_until("it is behind as well", SOON, || is_told(&readers[2]));

    let freed = Instant::now();
    disk.make_room();
    wait_for(2, SOON);
    eprintln!("{before:?}: all flags are out {:?} after there was space", freed.elapsed());
    assert_eq!(server.connections(), asked + 1, "nobody asked the service again");
    for (name, reader) in names.iter().zip(&readers) {
        assert!(reader.get_bool("kill-switch"));
        wait_until("it is told", SOON, || check(name).status.success());
    }
    wait_until("all is on the disk", SOON, || {
        readers.iter().all(|reader| reader.status().durable == reader.generation())
    });
    for (number, process) in all.iter_mut().enumerate().filter(|(number, _)| *number != leader) {
        if number < 2 {
            process.signal(Signal::TERM);
        } else {
            process.expect_line("n=2");
            process.close_stdin();
        }
        let status = process.wait(SOON);
        assert!(status.success(), "{status}: {}", process.stderr());
    }
}

/// Files as a publisher made them that knew nothing of attributes: what a copy byte by byte makes is written elsewhere at each change.
fn make_old_files(disk: &Disk, names: &[&str]) {
    let source = disk.place.join("source.json");
    for name in names {
        let mut publish = flagstaff();
        publish.arg("publish").arg(&source).arg("--file").arg(disk.inside(name));
        let output = disk.command(&publish).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        disk.shell(&format!("cp --reflink=never --sparse=always {name} old; mv old {name}"));
        disk.shell(&format!("! lsattr {name} | grep -q 'C.* {name}'"));
    }
}

fn image(make: &str, megabytes: u32) -> String {
    format!("truncate -s {megabytes}M disk\n{make} disk >&2\nmount -o loop disk mounted")
}

#[test]
fn row_23_a_full_tmpfs_kills_nobody_and_what_met_it_gets_out() {
    let Some(disk) = Disk::mount("mount", "mount -t tmpfs -o size=32m tmpfs mounted") else { return };
    live_through_a_full_disk(&disk, Before::Nothing, Says::Behind);
}

#[test]
fn row_23_a_full_ext4_kills_nobody_and_what_met_it_gets_out() {
    let Some(disk) = Disk::mount("mkfs.ext4", &image("mkfs.ext4 -q -F", 48)) else { return };
    live_through_a_full_disk(&disk, Before::Nothing, Says::Behind);
}

#[test]
fn row_23_a_full_xfs_kills_nobody_and_what_met_it_gets_out() {
    let Some(disk) = Disk::mount("mkfs.xfs", &image("mkfs.xfs -q -f", 320)) else { return };
    live_through_a_full_disk(&disk, Before::Nothing, Says::Behind);
}

#[test]
fn row_23_a_full_xfs_whose_files_were_copied_by_reference_kills_nobody() {
    let Some(disk) = Disk::mount("mkfs.xfs", &image("mkfs.xfs -q -f", 320)) else { return };
    live_through_a_full_disk(&disk, Before::Copies, Says::BehindOrNothing);
}

#[test]
fn row_23_a_full_btrfs_kills_nobody_and_what_met_it_gets_out() {
    let Some(disk) = Disk::mount("mkfs.btrfs", &image("mkfs.btrfs -q -f", 256)) else { return };
    live_through_a_full_disk(&disk, Before::Nothing, Says::Behind);
}

/// The attribute of files that are written in place does not help here.
#[test]
fn row_23_a_full_btrfs_after_a_snapshot_kills_nobody() {
    let Some(disk) = Disk::mount("mkfs.btrfs", &image("mkfs.btrfs -q -f", 256)) else { return };
    live_through_a_full_disk(&disk, Before::Snapshot, Says::BehindOrNothing);
}

/// Nor does it with files that were made before.
#[test]
fn row_23_a_full_btrfs_with_files_of_an_older_publisher_kills_nobody() {
    let Some(disk) = Disk::mount("mkfs.btrfs", &image("mkfs.btrfs -q -f", 256)) else { return };
    live_through_a_full_disk(&disk, Before::OldFiles, Says::BehindOrNothing);
}

/// A copy has holes where pages were never written, whatever its header says. On a full tmpfs who looks at a hole, or stores into it
/// through a mapping, is killed.
#[test]
fn row_23_a_publisher_of_a_copy_with_holes_on_a_full_tmpfs_is_refused_and_lives() {
    let Some(disk) = Disk::mount("mount", "mount -t tmpfs -o size=16m tmpfs mounted") else { return };
    let source = disk.place.join("source.json");
    let publish = |n| {
        fs::write(&source, many_flags(n)).unwrap();
        let mut publish = flagstaff();
        publish.arg("publish").arg(&source).arg("--file").arg(disk.inside("copy.flagstaff"));
        disk.command(&publish).output().unwrap()
    };
    assert!(publish(1).status.success());
    disk.shell("cp --sparse=always copy.flagstaff other; rm .*.live copy.flagstaff; mv other copy.flagstaff");
    let reader = Reader::open(disk.outside("copy.flagstaff")).unwrap();
    disk.fill();
    let refused = publish(2);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{}: {said}", refused.status);
    assert!(said.contains("free space"), "{said}");
    assert_eq!(reader.get_i64_or("n", 0), 1);
    disk.make_room();
    assert!(publish(3).status.success());
    assert_eq!(reader.get_i64_or("n", 0), 3);
}
