//! `cargo xtask bench --check`: how many instructions the main calls take, against a committed list. Unlike times, these
//! are the same on a busy machine.
//!
//! Each call is made N times and then 2 N times under callgrind; the difference divided by N is the call, and all else,
//! such as opening the file, falls out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::step::{Failures, Steps};
use crate::workspace::{cargo, output, root, target_directory};

/// The list.
const FILE: &str = "benches/instructions.txt";
/// Calls of the shorter run.
const CALLS: u64 = 10_000;
/// By how much a call may grow.
const TOLERANCE: f64 = 0.05;
/// By how much it may with another compiler than that of the list: other code, though not twice as much of it.
const OTHER_COMPILER: f64 = 0.25;

/// Instructions of each call.
type Counts = BTreeMap<String, f64>;

pub(crate) fn check() -> Result<(), Failures> {
    with_counts(|steps, found| {
        let text = match fs::read_to_string(root().join(FILE)) {
            Ok(text) => text,
            Err(error) => {
                return steps
                    .fail(format!("cannot read {FILE}: {error}; make it with `cargo xtask bench --bless`"));
            }
        };
        match parse(&text) {
            Ok(expected) => {
                let tolerance = tolerance(&text, &version("rustc"));
                compare(&expected, &found, tolerance).into_iter().for_each(|problem| steps.fail(problem));
            }
            Err(message) => steps.fail(message),
        }
    })
}

pub(crate) fn bless() -> Result<(), Failures> {
    with_counts(|steps, found| {
        if let Err(error) = fs::write(root().join(FILE), text(&found)) {
            return steps.fail(format!("cannot write {FILE}: {error}"));
        }
        println!("\nwrote {FILE}");
    })
}

fn with_counts(then: impl FnOnce(&mut Steps, Counts)) -> Result<(), Failures> {
    let mut steps = Steps::default();
    if said("valgrind", &["--version"]).is_none() {
        steps.fail("valgrind is missing; install it, for example with `apt-get install valgrind`".to_owned());
        return steps.finish();
    }
    // What ships: whole-program inlining decides how many instructions a call takes. Symbols are not needed.
    let mut build =
        cargo(&["build", "--package", "flagstaff-benches", "--bin", "flagstaff-calls", "--locked"]);
    if steps.run("build", build.args(["--profile", "dist", "--no-default-features"])) {
        match count_all() {
            Ok(found) => {
                for (call, instructions) in &found {
                    println!("{call} {instructions:.1}");
                }
                then(&mut steps, found);
            }
            Err(message) => steps.fail(message),
        }
    }
    steps.finish()
}

fn count_all() -> Result<Counts, String> {
    let program = target_directory().join("dist/flagstaff-calls");
    let folder = target_directory().join("instructions");
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let snapshot = folder.join("calls.flagstaff");
    let names = output(Command::new(&program).arg("names"))?;
    output(Command::new(&program).arg("prepare").arg(&snapshot))?;
    let mut found = Counts::new();
    for call in names.lines() {
        let [once, twice] =
            [CALLS, 2 * CALLS].map(|count| instructions(&program, call, count, &snapshot, &folder));
        found.insert(call.to_owned(), twice?.saturating_sub(once?) as f64 / CALLS as f64);
    }
    Ok(found)
}

fn instructions(
    program: &Path,
    call: &str,
    count: u64,
    snapshot: &Path,
    folder: &Path,
) -> Result<u64, String> {
    let profile = folder.join("callgrind.out");
    let mut command = Command::new("valgrind");
    command.args(["--quiet", "--tool=callgrind"]).arg(format!("--callgrind-out-file={}", profile.display()));
    output(command.arg(program).arg(call).arg(count.to_string()).arg(snapshot))?;
    let text = fs::read_to_string(&profile)
        .map_err(|error| format!("cannot read {}: {error}", profile.display()))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.ok_or_else(|| format!("{} has no total", profile.display()))
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    output(Command::new(program).args(arguments)).ok().map(|text| text.trim().to_owned())
}

fn version(program: &str) -> String {
    said(program, &["--version"]).unwrap_or_else(|| format!("unknown {program}"))
}

/// By how much a call may grow, with this compiler and the one that a list names.
fn tolerance(list: &str, rustc: &str) -> f64 {
    if list.lines().any(|line| line.starts_with('#') && line.contains(rustc)) {
        return TOLERANCE;
    }
    println!("\n{FILE} was not made with {rustc}: calls may grow by {:.0} %", OTHER_COMPILER * 100.0);
    OTHER_COMPILER
}

fn text(counts: &Counts) -> String {
    let mut out = format!(
        "# Instructions per call. Compared by `cargo xtask bench --check`, written by `cargo xtask bench --bless`.\n\
         # {}, {}, profile dist. Calls that copy text depend on the machine's C library, too.\n",
        version("rustc"),
        version("valgrind")
    );
    for (call, instructions) in counts {
        out += &format!("{call} {instructions:.1}\n");
    }
    out
}

fn parse(text: &str) -> Result<Counts, String> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let count = line.split_once(' ').and_then(|(call, number)| Some((call, number.parse().ok()?)));
            let (call, instructions) = count.ok_or_else(|| format!("{FILE}: cannot read `{line}`"))?;
            Ok((call.to_owned(), instructions))
        })
        .collect()
}

/// One line per call that grew, went or came.
fn compare(expected: &Counts, found: &Counts, tolerance: f64) -> Vec<String> {
    const REMEDY: &str = "if that is meant, run `cargo xtask bench --bless` and commit the file";
    let mut problems = Vec::new();
    for (call, instructions) in found {
        match expected.get(call) {
            Some(known) if *instructions > known * (1.0 + tolerance) => problems.push(format!(
                "`{call}` takes {instructions:.1} instructions, expected at most {:.0} % above {known:.1}; {REMEDY}",
                tolerance * 100.0
            )),
            Some(_) => {}
            None => problems.push(format!("`{call}` is not in {FILE}; {REMEDY}")),
        }
    }
    for call in expected.keys().filter(|call| !found.contains_key(*call)) {
        problems.push(format!("`{call}` of {FILE} is no longer counted; {REMEDY}"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, f64)]) -> Counts {
        of.iter().map(|(call, instructions)| ((*call).to_owned(), *instructions)).collect()
    }

    #[test]
    fn six_percent_more_are_found_and_four_are_not() {
        let expected = counts(&[("get_bool", 100.0), ("get_number", 50.0)]);
        assert!(compare(&expected, &counts(&[("get_bool", 104.0), ("get_number", 30.0)]), 0.05).is_empty());
        let problems = compare(&expected, &counts(&[("get_bool", 106.0), ("get_number", 50.0)]), 0.05);
        assert_eq!(problems.len(), 1);
        for part in ["`get_bool`", "106.0", "100.0", "--bless"] {
            assert!(problems[0].contains(part), "{problems:?}");
        }
    }

    #[test]
    fn calls_that_come_or_go_are_found() {
        let problems = compare(&counts(&[("gone", 1.0)]), &counts(&[("new", 1.0)]), 0.05);
        assert!(problems[0].contains("`new`") && problems[1].contains("`gone`"), "{problems:?}");
    }

    #[test]
    fn another_compiler_is_given_more_room_but_not_all() {
        let list = text(&counts(&[("a", 1.0)]));
        assert_eq!(tolerance(&list, &version("rustc")), 0.05);
        assert_eq!(tolerance(&list, "rustc 1.2.3"), 0.25);
        assert_eq!(compare(&counts(&[("a", 100.0)]), &counts(&[("a", 126.0)]), 0.25).len(), 1);
    }

    #[test]
    fn the_list_is_read_as_it_was_written() {
        let some = counts(&[("b", 2.5), ("a", 1.0)]);
        let read = parse(&text(&some)).unwrap();
        assert_eq!(read, counts(&[("a", 1.0), ("b", 2.5)]));
        assert!(parse("a one").unwrap_err().contains("`a one`"));
    }
}
