//! The chores of this repository: `cargo xtask <task>`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a task talks to whoever runs it")]

mod bench;
mod browser;
mod cross;
mod fuzz;
mod instructions;
mod lint;
mod package;
mod python;
mod sanitize;
mod screenshots;
mod step;
mod test;
mod toolchain;
mod torture;
mod workspace;

use std::env;
use std::process::ExitCode;

use step::Failures;

const HELP: &str = "\
Usage: cargo xtask <task> [arguments]

Tasks
  lint                    formatting, clippy and documentation; every warning is an error. Advisories where
                          cargo-deny and its database are installed
  test [-- <filter> ..]   builds the `flagstaff` binary and runs all tests of the workspace, then all documentation
                          tests; with a filter, only the tests that it selects. Uses cargo-nextest if it is there.
                          Without a filter also the Python tests, the browser tests and the linters of packaging/.
  test-python [-- <args> ..]
                          builds the wheel of python/ into a virtual environment under target/ and runs pytest there;
                          the arguments go to pytest. PYTHON is the interpreter, `python3` by default. Needs the
                          package index.
  test-browser [-- <args> ..]
                          tests the page of the flag server in chromium; the arguments go to pytest, `-s` shows what was
                          measured. PYTHON is the interpreter, CHROMIUM the browser. Needs the package index.
  screenshots             takes the pictures in docs/images/ anew. Needs the same.
  torture                 the long form of everything that can be lost, torn or crashed, about an hour: FLAGSTAFF_LONG=1
                          for the tests that have one (of random lives 100,000 steps, cut off by time), also in Python,
                          fuzz targets, and `flagstaff torture` in a temporary folder and in /dev/shm
  bench [-- <args> ..]    runs the benchmarks, about 25 minutes, and writes docs/benchmark-tables.md with its plots; the
                          arguments are sections, `--quick` or `--write <path>`; `-- --help` names them, and
                          `python` is the section of the Python package, beside soasap under Gunicorn
  bench --check           counts the instructions of the main calls and compares them with benches/instructions.txt
  bench --bless           writes that file
  cross                   compiles everything for aarch64, and runs tests of format and reader under emulation, as far as
                          toolchain, linker and emulator are there; says what was left out
  fuzz [--seconds N] [TARGET ..]
                          runs each fuzz target, or those named, for N seconds (60 by default), two at a time, guided by
                          coverage; with AddressSanitizer where there is a nightly toolchain. Needs a C++ compiler;
                          without one it runs them without coverage, and says so. New inputs, crashes and logs: target/fuzz/
  sanitize [--full]       valgrind and AddressSanitizer over what touches mapped memory; with `--full` more tests, Miri
                          and ThreadSanitizer. What is not here is left out, visibly
  package                 builds the command as it ships and makes a Debian package of it, target/package/flagstaff.deb. Needs
                          cargo-deb; asks lintian where it is installed
  package --check         the linters of packaging/, and the package of a debug build: what `test` does
  help                    this text

Each step prints its command and its time. The exit code is 0 only if every step was good, and 2 for wrong use.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (task, rest) = match arguments.split_first() {
        Some((task, rest)) => (task.as_str(), rest),
        None => ("help", [].as_slice()),
    };
    // Cargo's convention: what follows `--` is for the program behind.
    let (own, passed_on) = match rest.iter().position(|argument| argument == "--") {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (rest, [].as_slice()),
    };
    if own.iter().any(|argument| argument == "--help" || argument == "-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let outcome = match task {
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        "lint" if rest.is_empty() => lint::run(),
        "test" if own.is_empty() => test::run(passed_on),
        "test-python" if own.is_empty() => python::run(passed_on),
        "test-browser" if own.is_empty() => browser::run(passed_on),
        "screenshots" if rest.is_empty() => screenshots::run(),
        "torture" if rest.is_empty() => torture::run(),
        "bench" if own.is_empty() => bench::run(passed_on),
        "bench" if passed_on.is_empty() && own == ["--check"] => instructions::check(),
        "bench" if passed_on.is_empty() && own == ["--bless"] => instructions::bless(),
        "cross" if rest.is_empty() => cross::run(),
        "package" if rest.is_empty() => package::run(),
        "package" if rest == ["--check"] => package::run_check(),
        "fuzz" => match fuzz::Wanted::parse(rest) {
            Ok(wanted) => fuzz::run(&wanted),
            Err(message) => return wrong_use(&message),
        },
        "lint" | "cross" | "screenshots" | "torture" => {
            return wrong_use(&format!("`{task}` takes no arguments"));
        }
        "sanitize" if rest.is_empty() => sanitize::run(sanitize::Extent::Short),
        "sanitize" if passed_on.is_empty() && own == ["--full"] => sanitize::run(sanitize::Extent::Full),
        "package" => return wrong_use("`package` takes no arguments but `--check`"),
        "sanitize" => return wrong_use("`sanitize` takes no arguments but `--full`"),
        "test" | "test-python" | "test-browser" | "bench" => {
            return wrong_use(&format!("arguments of `{task}` come after `--`, found `{}`", own.join(" ")));
        }
        _ => return wrong_use(&format!("there is no task `{task}`")),
    };
    report(task, outcome)
}

fn report(task: &str, outcome: Result<(), Failures>) -> ExitCode {
    match outcome {
        Ok(()) => {
            println!("\nxtask {task}: all steps good");
            ExitCode::SUCCESS
        }
        Err(Failures(failures)) => {
            eprintln!("\nxtask {task}: {} failed", failures.len());
            for failure in failures {
                eprintln!("  {failure}");
            }
            ExitCode::FAILURE
        }
    }
}

fn wrong_use(message: &str) -> ExitCode {
    eprint!("xtask: {message}\n\n{HELP}");
    ExitCode::from(2)
}
