//! docs/runbook.md: each situation is made with real processes, the commands of its section are run as they are written, and what they
//! show is what the page says. A command that no situation runs fails its test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "test code")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use flagstaff_format::layout::{HEADER_BYTES, word};
use flagstaff_reader::Reader;
use flagstaff_tests::binary;
use flagstaff_tests::blocks::{Step, matches, steps_of};
use flagstaff_tests::flag_server::FlagServer;
use flagstaff_tests::namespace::{in_namespace, is_root};
use flagstaff_tests::place::{Place, flagstaff};
use flagstaff_tests::process::Process;
use flagstaff_tests::wait::{DEADLINE, wait_until};
use rustix::process::Signal;

const PAGE: &str = "docs/runbook.md";
/// What the first block of the page exports.
const FILE: &str = "/run/flagstaff/flags.flagstaff";
const NEW_FILE: &str = "/var/lib/flagstaff/flags.flagstaff";

/// A host with a section of the page open.
struct Host {
    place: Place,
    snapshot: PathBuf,
    preamble: String,
    steps: std::vec::IntoIter<Step>,
    /// In whose mounts commands run.
    mounts_of: Option<u32>,
}

impl Host {
    fn with(heading: &str) -> Host {
        let mut steps = steps_of(PAGE);
        let preamble = steps.remove(0).script;
        assert_eq!(preamble, format!("export FLAGSTAFF_FILE={FILE}\n"));
        steps.retain(|step| step.heading == heading);
        assert!(!steps.is_empty(), "no commands under {heading:?}");
        let place = Place::new();
        Host { snapshot: place.file(), place, preamble, steps: steps.into_iter(), mounts_of: None }
    }

    fn source(&self, flags: &str) -> PathBuf {
        let (path, new) = (self.place.join("source.json"), self.place.join("source.new"));
        fs::write(&new, flags).unwrap();
        fs::rename(&new, &path).unwrap();
        path
    }

    /// `flagstaff run` from a file of flags.
    fn run_command(&self, flags: &str) -> Command {
        let mut command = flagstaff();
        command.args(["run", "--source"]).arg(self.source(flags)).arg("--file").arg(&self.snapshot);
        command
    }

    fn run(&self, flags: &str) -> Process {
        let process = self.start(&self.run_command(flags));
        process.expect_log("published");
        process
    }

    fn start(&self, command: &Command) -> Process {
        Process::start(self.here(command))
    }

    /// A command where the host's commands run.
    fn here(&self, command: &Command) -> Command {
        let Some(pid) = self.mounts_of else {
            let mut same = Command::new(command.get_program());
            same.args(command.get_args());
            return with_variables(same, command);
        };
        let mut nsenter = Command::new("nsenter");
        nsenter
            .args(["-m", "-t", &pid.to_string(), "--"])
            .arg(command.get_program())
            .args(command.get_args());
        with_variables(nsenter, command)
    }

    fn shown_by(&self, step: &Step) -> Vec<String> {
        let new = self.place.join("new/flags.flagstaff");
        let script = format!("exec 2>&1\n{}{}", self.preamble, step.script)
            .replace(NEW_FILE, new.to_str().unwrap())
            .replace(FILE, self.snapshot.to_str().unwrap());
        let mut bash = with_variables(Command::new("bash"), &flagstaff());
        bash.args(["--noprofile", "--norc", "-c", &script]);
        let folder = binary().canonicalize().unwrap().parent().unwrap().to_owned();
        bash.env("PATH", format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default()));
        let output = self.here(&bash).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// Runs the next command of the section.
    #[track_caller]
    fn step(&mut self) {
        let step = self.steps.next().expect("one more command in this section");
        let shown = self.shown_by(&step);
        assert!(
            matches(&step.expected, &shown),
            "{}\nexpected {:#?}\nfound {shown:#?}",
            step.script,
            step.expected
        );
    }

    /// The same for one that only looks: until it shows what the page says.
    #[track_caller]
    fn look(&mut self) {
        let step = self.steps.next().expect("one more command in this section");
        let begun = Instant::now();
        loop {
            let shown = self.shown_by(&step);
            if matches(&step.expected, &shown) {
                return;
            }
            let wanted = &step.expected;
            assert!(begun.elapsed() < DEADLINE, "{}\nexpected {wanted:#?}\nfound {shown:#?}", step.script);
        }
    }

    /// No command of the section is left.
    #[track_caller]
    fn end(mut self) {
        let left = self.steps.next();
        assert!(left.is_none(), "no situation runs {left:?}");
    }
}

fn with_variables(mut to: Command, from: &Command) -> Command {
    for (name, value) in from.get_envs() {
        match value {
            Some(value) => to.env(name, value),
            None => to.env_remove(name),
        };
    }
    to
}

fn many_flags(from: usize) -> String {
    let members: Vec<String> = (0..40).map(|i| format!("\"flag-{i}\":{}", i + from)).collect();
    format!("{{{}}}", members.join(","))
}

#[test]
fn the_commands_where_the_service_cannot_be_reached_show_what_the_page_says() {
    let mut host = Host::with("The service cannot be reached");
    let flags = host.source(r#"{"n":1}"#);
    let mut server = FlagServer::with_file(&flags);
    let address = server.address;
    fs::write(host.place.key_file(), "dev\n").unwrap();
    let publisher = host.start(&host.place.run_command(&server.url()));
    publisher.expect_log("published");
    server.process.kill();
    host.look();
    let port = address.port().to_string();
    let mut again = flagstaff();
    again.args(["serve", "--port", &port]).arg(&flags);
    let _server = FlagServer::start_command(again);
    // What the page says not to do, only so that the test need not wait for the next try.
    publisher.signal(Signal::HUP);
    host.look();
    host.end();
}

#[test]
fn the_commands_where_nobody_publishes_show_what_the_page_says() {
    let mut host = Host::with("Nobody publishes");
    let mut publisher = host.run(r#"{"n":1}"#);
    publisher.kill();
    host.look();
    host.end();
}

#[test]
fn the_commands_where_the_key_is_refused_show_what_the_page_says() {
    let mut host = Host::with("The key is refused");
    let server = FlagServer::with_file(&host.source(r#"{"n":1}"#));
    fs::write(host.place.key_file(), "dev\n").unwrap();
    let publisher = host.start(&host.place.run_command(&server.url()));
    publisher.expect_log("published");
    fs::write(host.place.key_file(), "another\n").unwrap();
    publisher.signal(Signal::HUP);
    host.look();
    fs::write(host.place.key_file(), "dev\n").unwrap();
    publisher.signal(Signal::HUP);
    host.look();
    host.end();
}

#[test]
fn the_commands_where_the_disk_is_full_show_what_the_page_says() {
    const MOUNT: &str =
        "set -e; cd \"$0\"; mkdir small; mount -t tmpfs -o size=1m tmpfs small; echo mounted; exec cat";
    let mut host = Host::with("The disk is full");
    if !is_root() {
        return eprintln!("SKIPPED: the disk is full; only root can mount a file system");
    }
    let Some(mut mount) = in_namespace("-m", MOUNT) else { return };
    mount.arg(host.place.folder());
    let mounter = Process::start(mount);
    mounter.expect_line("mounted");
    host.mounts_of = Some(mounter.id());
    host.snapshot = host.place.join("small/flags.flagstaff");
    let _publisher = host.run(r#"{"n":1}"#);
    let hog = Path::new("/proc").join(mounter.id().to_string()).join("root");
    let hog = hog.join(host.place.join("small/hog").strip_prefix("/").unwrap());
    // More than there is: what fits is taken.
    fs::write(&hog, vec![1; 2 << 20]).unwrap_err();
    let texts: Vec<String> = (0..2000).map(|i| format!("\"flag-{i}\":\"{}\"", "x".repeat(40))).collect();
    host.source(&format!("{{\"n\":2,{}}}", texts.join(",")));
    host.look();
    host.step();
    fs::remove_file(hog).unwrap();
    host.look();
    host.end();
}

#[test]
fn the_commands_where_the_host_would_be_emptied_show_what_the_page_says() {
    let mut host = Host::with("The host would be emptied");
    let publisher = host.run(&many_flags(0));
    host.source("{}");
    publisher.expect_log("payload held");
    host.look();
    host.step();
    wait_until("it is published", DEADLINE, || host.place.status()["flags"] == 0);
    host.end();
}

#[test]
fn the_commands_where_a_worker_does_not_follow_show_what_the_page_says() {
    let mut host = Host::with("A worker does not follow");
    let _publisher = host.run(r#"{"n":1}"#);
    let worker = Process::start(host.place.flagstaff("watch"));
    worker.expect_line("");
    worker.signal(Signal::STOP);
    fs::remove_file(&host.snapshot).unwrap();
    host.look();
    // Its next read moves it.
    worker.signal(Signal::CONT);
    host.source(r#"{"n":2}"#);
    wait_until("it follows", DEADLINE, || worker.stdout().contains("n: 1 -> 2"));
    host.end();
}

#[test]
fn the_commands_where_an_override_was_forgotten_show_what_the_page_says() {
    let mut host = Host::with("An override was forgotten");
    let _publisher = host.run(r#"{"new-checkout":true}"#);
    let arguments = ["new-checkout", "false", "--for", "8h", "--reason", "payments fail, INC-7"];
    assert_eq!(host.place.answer("override", arguments).code, 0);
    host.step();
    host.step();
    assert_eq!(host.place.get("new-checkout"), "true");
    host.end();
}

#[test]
fn the_commands_of_two_publishers_show_what_the_page_says() {
    let mut host = Host::with("Two publishers");
    let mut first = host.run(r#"{"n":1}"#);
    let second = host.start(&host.run_command(r#"{"n":1}"#));
    second.expect_log("another publisher holds the file");
    host.look();
    first.signal(Signal::TERM);
    first.wait(DEADLINE);
    second.expect_log("took over");
    host.end();
}

#[test]
fn the_commands_of_old_and_new_versions_show_what_the_page_says() {
    let mut host = Host::with("Old and new versions");
    host.place.publish(r#"{"n":1}"#);
    // A whole header of another format: were only the number different, it would be taken for damage.
    host.place.set_word(word::VERSION, 2 | HEADER_BYTES << 32);
    host.place.set_word(word::CHECKSUM, 2);
    host.step();
    let mut refused = Process::start(host.run_command(r#"{"n":2}"#));
    assert_eq!(refused.wait(DEADLINE).code(), Some(1));
    host.step();
    let _publisher = host.run(r#"{"n":2}"#);
    host.place.wait_for_n(2);
    host.end();
}

/// Symptom: after a move to another file system, with a link at the old path, readers that only read flags kept the old ones. Cause: the
/// publisher looked for the file that they have beside the file behind the link alone. Fix: it looks beside the link as well.
#[test]
fn the_commands_of_moving_the_file_show_what_the_page_says() {
    for new in ["new", "/dev/shm"] {
        let mut host = Host::with("Move the file");
        // On another file system, where there is one.
        let folder = if new == "new" { host.place.folder() } else { Path::new(new) };
        let elsewhere = tempfile::tempdir_in(folder).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), host.place.join("new")).unwrap();
        let mut publisher = host.run(r#"{"n":1}"#);
        let reader = Reader::open(&host.snapshot).unwrap();
        publisher.signal(Signal::TERM);
        publisher.wait(DEADLINE);
        host.step();
        assert_eq!(reader.get_i64("n"), 1, "readers keep their flags");
        let _publisher = host.start(&host.run_command(r#"{"n":2}"#));
        wait_until(&format!("a plain reader follows to {new}"), DEADLINE, || reader.get_i64("n") == 2);
        assert!(elsewhere.path().join("flags.flagstaff").is_file() && host.snapshot.is_symlink());
        host.look();
        host.end();
    }
}

#[test]
fn every_section_of_the_runbook_has_a_situation_and_is_in_its_table() {
    let steps = steps_of(PAGE);
    let headings: BTreeSet<&str> = steps[1..].iter().map(|step| &*step.heading).collect();
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(PAGE)).unwrap();
    for heading in headings {
        assert!(page.contains(&format!("[{heading}](#")), "{heading} is not in the table");
        let situation = format!("Host::with({heading:?})");
        assert!(include_str!("runbook.rs").contains(&situation), "no situation for {heading}");
    }
    // A command inside a sentence would not be run.
    for span in page.lines().flat_map(|line| line.split('`').skip(1).step_by(2)) {
        assert!(!span.starts_with("flagstaff "), "{span:?} is not in a block of its own");
    }
}
