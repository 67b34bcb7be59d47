//! What the rows have in common: good flags before the fault, and the same flags after it.

use std::process::Command;
use std::time::Duration;

use vexil_tests::place::Place;
use vexil_tests::process::Process;

/// A place whose last good snapshot says `n = 1`.
pub(crate) fn place() -> Place {
    let place = Place::new();
    place.publish(r#"{"n": 1}"#);
    place
}

/// The last good snapshot is still answered.
#[track_caller]
pub(crate) fn serves_last_good(place: &Place, what: &str) {
    assert_eq!(place.get("n"), "1", "{what}");
}

/// `retry_in` of a log line.
#[track_caller]
pub(crate) fn retry_in(line: &str) -> Duration {
    let text = line.split("retry_in=").nth(1).unwrap_or_else(|| panic!("no retry_in: {line}"));
    let text = text.split(' ').next().unwrap();
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap();
    let number: f64 = text[..at].parse().unwrap();
    let unit = match &text[at..] {
        "s" => 1.0,
        "ms" => 1e-3,
        other => panic!("unit {other}: {line}"),
    };
    Duration::from_secs_f64(number * unit)
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A shell script in a new namespace of the kind that `flag` of `unshare` names; `None`, with a notice, where that is not
/// permitted. `"$0"` and so on are the arguments that the caller adds.
pub(crate) fn in_namespace(flag: &str, script: &str) -> Option<Command> {
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        if !is_root() {
            command.arg("-r");
        }
        command.arg(flag).args(["-f", "--kill-child", "sh", "-c", script]);
        command
    };
    if unshare("true").output().is_ok_and(|output| output.status.success()) {
        return Some(unshare(script));
    }
    eprintln!("SKIPPED: `unshare {flag}` is not permitted here");
    None
}

/// A role of the helper program on the place's snapshot.
pub(crate) fn role(role: &str, place: &Place, argument: u64) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vexil-test-role"));
    command.arg(role).arg(place.file()).arg(argument.to_string());
    Process::start(command)
}
