//! A temporary folder with a snapshot file, an API key, and the commands on them.

#![allow(clippy::expect_used, clippy::panic, reason = "a test without its folder or program cannot go on")]

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use flagstaff_format::layout::{Area, FRAME_BYTES, word};
use flagstaff_reader::Reader;

use crate::process::Process;
use crate::server::FaultServer;
use crate::wait::{DEADLINE, wait_until};

/// The API key of all tests: nothing else that is sent or written looks like it.
pub const KEY: &str = "k3y-0f-th3-t3sts-51e2";

/// The folder. Removed when dropped.
#[derive(Debug)]
pub struct Place {
    folder: tempfile::TempDir,
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Answer {
    /// Exit code; -1 if a signal ended it.
    pub code: i32,
    /// All of stdout, without the last line end.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

impl Place {
    /// A new folder with a key file and no snapshot.
    #[allow(clippy::new_without_default, reason = "it makes something on the disk")]
    pub fn new() -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = Place { folder };
        fs::write(place.key_file(), format!("{KEY}\n")).expect("a key file");
        place
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the folder.
    pub fn join(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The snapshot file.
    pub fn file(&self) -> PathBuf {
        self.join("flags.flagstaff")
    }

    /// The publisher lock.
    pub fn lock(&self) -> PathBuf {
        self.join("flags.flagstaff.lock")
    }

    /// The file with the API key.
    pub fn key_file(&self) -> PathBuf {
        self.join("api-key")
    }

    /// `flagstaff <command> --file <snapshot>`, without anything from the environment that could change it.
    pub fn flagstaff(&self, command: &str) -> Command {
        let mut flagstaff = flagstaff();
        flagstaff.arg(command).arg("--file").arg(self.file());
        flagstaff
    }

    /// The command of [`Place::run`], to be changed.
    pub fn run_command(&self, url: &str) -> Command {
        let mut command = self.flagstaff("run");
        command.args(["--base-url", url, "--api-key-file"]).arg(self.key_file());
        command
    }

    /// Starts `flagstaff run` on the stream of `server`, with a key file.
    pub fn run(&self, server: &FaultServer) -> Process {
        Process::start(self.run_command(&server.url()))
    }

    /// Publishes one snapshot with `flagstaff publish`: the last good one of what follows.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn publish(&self, payload: &str) {
        let source = self.join("published.json");
        fs::write(&source, payload).expect("a file of flags");
        let answer = self.answer("publish", [source.as_os_str()]);
        assert_eq!(answer.code, 0, "{answer:?}");
    }

    /// Runs a command on the snapshot to its end.
    pub fn answer<A: AsRef<OsStr>>(&self, command: &str, arguments: impl IntoIterator<Item = A>) -> Answer {
        let mut flagstaff = self.flagstaff(command);
        flagstaff.args(arguments);
        answer(flagstaff)
    }

    /// What `flagstaff get` prints.
    ///
    /// # Panics
    /// If there is no such flag.
    #[track_caller]
    pub fn get(&self, key: &str) -> String {
        let answer = self.answer("get", [key]);
        assert_eq!(answer.code, 0, "{answer:?}");
        answer.stdout
    }

    /// What `flagstaff status --json` prints.
    ///
    /// # Panics
    /// If it prints no JSON.
    #[track_caller]
    pub fn status(&self) -> serde_json::Value {
        let answer = self.answer("status", ["--json"]);
        serde_json::from_str(&answer.stdout).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
    }

    /// A reader in this process.
    ///
    /// # Panics
    /// If there is no snapshot.
    #[track_caller]
    pub fn reader(&self) -> Reader {
        Reader::open(self.file()).expect("a snapshot")
    }

    /// Waits until readers see `value` in the number flag `n`.
    ///
    /// # Panics
    /// If that does not happen.
    #[track_caller]
    pub fn wait_for_n(&self, value: i64) {
        let reader = Reader::attach(self.file());
        wait_until(&format!("n = {value}"), DEADLINE, || reader.get_i64_or("n", i64::MIN) == value);
    }

    /// A word of the header.
    ///
    /// # Panics
    /// If it cannot be read.
    pub fn word(&self, at: usize) -> u64 {
        let mut bytes = [0; 8];
        let file = File::open(self.file()).expect("a snapshot");
        file.read_exact_at(&mut bytes, at as u64 * 8).expect("a header");
        u64::from_le_bytes(bytes)
    }

    /// The generation word.
    pub fn generation_word(&self) -> u64 {
        self.word(word::GENERATION)
    }

    /// Overwrites a word of the header.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn set_word(&self, at: usize, value: u64) {
        self.write_at(&value.to_le_bytes(), at as u64 * 8);
    }

    /// Flips a bit of an area's archive, so that its checksum fails.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn damage(&self, area: Area) {
        self.flip(area.offset() + FRAME_BYTES + 17, 3);
    }

    /// Flips a bit of the snapshot file.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn flip(&self, at: u64, bit: u8) {
        let mut byte = [0];
        File::open(self.file()).and_then(|file| file.read_exact_at(&mut byte, at)).expect("a byte");
        self.write_at(&[byte[0] ^ 1 << bit], at);
    }

    fn write_at(&self, bytes: &[u8], at: u64) {
        let before = fs::metadata(self.file()).expect("a snapshot").permissions();
        fs::set_permissions(self.file(), Permissions::from_mode(0o640)).expect("a file of this user");
        let file = File::options().write(true).open(self.file()).expect("a writable file");
        file.write_all_at(bytes, at).expect("room");
        fs::set_permissions(self.file(), before).expect("a file of this user");
    }
}

/// The command `flagstaff` without a word yet, and without anything from the environment that could change it.
pub fn flagstaff() -> Command {
    let mut flagstaff = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("FLAGSTAFF_") || name.starts_with("SOASAP_")) {
            flagstaff.env_remove(name);
        }
    }
    flagstaff
}

/// Runs a command to its end.
///
/// # Panics
/// If it cannot be started or does not end.
#[track_caller]
pub fn answer(command: Command) -> Answer {
    let mut process = Process::start(command);
    process.close_stdin();
    let status = process.wait(DEADLINE);
    let stdout = process.stdout();
    Answer {
        code: status.code().unwrap_or(-1),
        stdout: stdout.strip_suffix('\n').unwrap_or(&stdout).to_owned(),
        stderr: process.stderr(),
    }
}

/// The program `flagstaff` as it was built for these tests: what the variable `FLAGSTAFF_BIN` names, else the one beside this test.
///
/// # Panics
/// If it was not built.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("FLAGSTAFF_BIN") {
        return path.into();
    }
    // <target>/<profile>/deps/<this test>
    let this = std::env::current_exe().expect("this program has a path");
    let beside = this.ancestors().skip(1).take(2).map(|folder| folder.join("flagstaff"));
    let found = beside.into_iter().find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("the program `flagstaff` is not built; run the tests with `cargo xtask test`")
    })
}
