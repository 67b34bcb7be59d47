//! What the rows have in common: good flags before the fault, and the same flags after it.

use std::process::Command;
use std::time::Duration;

pub(crate) use flagstaff_tests::namespace::{in_namespace, is_root};
use flagstaff_tests::place::Place;
use flagstaff_tests::process::Process;

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

/// A role of the helper program on the place's snapshot.
pub(crate) fn role(role: &str, place: &Place, argument: u64) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flagstaff-test-role"));
    command.arg(role).arg(place.file()).arg(argument.to_string());
    Process::start(command)
}
