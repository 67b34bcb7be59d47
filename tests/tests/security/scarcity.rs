//! Rows 24 and 29a: readers without memory, and memory that is taken away under them.

use flagstaff_tests::place::Place;
use flagstaff_tests::process::Process;
use flagstaff_tests::wait::DEADLINE;

use crate::support::role;

fn place() -> Place {
    let place = Place::new();
    let filler = "x".repeat(4 << 20);
    place.publish(&format!("{{\"n\": 1, \"on\": true, \"name\": \"x\", \"filler\": \"{filler}\"}}"));
    place
}

/// Symptom: a reader without memory for a copy of the flags ended its process. Cause: it asked for the memory in the way that
/// ends the process when there is none. Fix: it looks first, and goes on with the copy it has, or with none.
#[test]
fn row_24_a_reader_without_memory_goes_on_and_a_new_one_answers_defaults() {
    let place = place();
    let mut starved = Process::start(role("starve-memory", &place));
    let status = starved.wait(DEADLINE);
    assert!(status.success(), "{status}: {}{}", starved.stdout(), starved.stderr());
    let (_, line) = starved.expect_line("open: ");
    assert!(line.contains(&place.file().display().to_string()) && line.contains("memory"), "{line}");
}

#[test]
fn row_29a_a_reader_whose_pages_are_taken_away_answers_as_before() {
    let place = place();
    let mut command = role("starve-pages", &place);
    command.arg("50");
    let mut pressed = Process::start(command);
    let status = pressed.wait(DEADLINE);
    assert!(status.success(), "{status}: {}{}", pressed.stdout(), pressed.stderr());
    let (_, line) = pressed.expect_line("done: ");
    eprintln!("{line}");
    if line.starts_with("done: 0 bytes") {
        eprintln!("SKIPPED: this kernel does not take pages away on request");
    }
}
