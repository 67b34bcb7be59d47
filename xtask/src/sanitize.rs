//! `cargo xtask sanitize`: tools that watch memory while the tests run. What is not here is left out, and said so.
//!
//! | tool | sees | needs |
//! |---|---|---|
//! | valgrind memcheck | uninitialised and freed memory, leaks, in a debug build of ours and the C library | valgrind |
//! | AddressSanitizer | the same without uninitialised memory, and overruns on the stack and of statics; 2 to 3 times slower instead of 30 | a nightly toolchain with the sanitizer's runtime |
//! | ThreadSanitizer | data races | the same |
//! | Miri | undefined behaviour by the letter of the language, in what needs no mapped file: archive, key windows, records, remembered values | its component of a nightly toolchain |
//!
//! # What ThreadSanitizer does not see
//! It does not know fences, so that an edge that a fence makes is none to it. That makes no false alarm here: everything that two
//! threads or processes share in a snapshot file is an atomic word, and an atomic never races with another one. It also means that a
//! missing fence is not found by it. That is what `format/tests/protocol_model.rs` is for, where a model checker goes through the
//! orderings themselves. And it does not see other processes. What it does find: plain data that is handed from thread to thread
//! without an edge, as in the list of files of a reader, remembered values, locks and queues.
//!
//! It needs a standard library that was built with it, and so the sources of that (`rustup +nightly component add rust-src`). Without
//! them the tests do run, with `-Cunsafe-allow-abi-mismatch=sanitizer`, and three kinds of races were reported in 122 tests of format and
//! reader, of which none is one: edges that are made inside the standard library are not seen. They were a channel of the test harness, the
//! end of scoped threads, and a `OnceLock`. Suppressing what touches those would hide what it is for, so it is left out instead.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::{Failures, Steps};
use crate::workspace::{build_tests, has_nextest, is_good, output, root, target_directory};

const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// Test programs that these tools have nothing to say about.
const UNFIT: [&str; 7] = [
    // loom leaks what it allocates when a model ends, takes minutes, and touches no memory that is not its own.
    "follow_model",
    "memo_model",
    "protocol_model",
    "wake_model",
    // Asserts how many reads and publishes there were in a time, at full speed. `protocol_threads` reads beside a publisher too.
    "consistency",
    // Makes 4,000 files for as many flipped bits, one after the other; what is touched there, the other tests of the reader touch.
    "header_bits",
    // Measures memory, of which these tools take much.
    "memory",
];

/// A limit of time that a slower program does not keep.
const TIMED: &str = "hostile_payloads_end_quickly";

/// A limit of address space that the tool's own does not keep.
const LIMITED: &str = "a_reader_follows_thousands_of_files_with_two_gib_of_address_space";

/// How much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What touches mapped memory, with the tools that need little: for every change.
    Short,
    /// All of it.
    Full,
}

pub(crate) fn run(extent: Extent) -> Result<(), Failures> {
    let mut steps = Steps::default();
    let mut left_out = Vec::new();
    memcheck(&mut steps, &mut left_out);
    sanitizer(&mut steps, &mut left_out, &ADDRESS, extent);
    match extent {
        Extent::Full => {
            miri(&mut steps, &mut left_out);
            sanitizer(&mut steps, &mut left_out, &THREAD, extent);
        }
        Extent::Short => {
            left_out.push("Miri and ThreadSanitizer: part of `cargo xtask sanitize --full`".to_owned());
        }
    }
    println!(
        "\n== LEFT OUT, under the sanitizers: the tests {}, see xtask/src/sanitize.rs",
        UNFIT.join(", ")
    );
    for reason in left_out {
        println!("\n== LEFT OUT, {reason}");
    }
    steps.finish()
}

/// Every call of a reader and a client, with forks, a file that is followed, and the end of it all.
fn memcheck(steps: &mut Steps, left_out: &mut Vec<String>) {
    if !is_good(Command::new("valgrind").arg("--version")) {
        left_out.push("valgrind: it is not installed; `apt-get install valgrind`".to_owned());
        return;
    }
    if build_tests(steps).is_none() {
        return;
    }
    let program = target_directory().join("debug/flagstaff-test-role");
    let folder = env::temp_dir().join(format!("flagstaff-sanitize-{}", std::process::id()));
    if let Err(error) = std::fs::create_dir_all(&folder) {
        return steps.fail(format!("cannot make {}: {error}", folder.display()));
    }
    // A leak is looked for where nothing is forked: in a child, the memory of threads that it does not have is nobody's.
    for (what, leaks, forks) in [("with forks", "no", "1"), ("for leaks", "full", "0")] {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--quiet", "--error-exitcode=99", "--errors-for-leak-kinds=definite,indirect"]);
        valgrind.args(["--show-leak-kinds=definite,indirect"]).arg(format!("--leak-check={leaks}"));
        valgrind.arg(&program).arg("life").arg(folder.join(format!("{leaks}.flagstaff"))).arg(forks);
        steps.run(&format!("valgrind {what}"), &mut valgrind);
    }
    let _ = std::fs::remove_dir_all(&folder);
}

/// What an interpreter, some thousand times slower than the processor, gets through in a minute or two. It maps no files, which
/// leaves out most modules with unsafe code, and safe ones have nothing for it: windows of keys (`key`), what the archive's library does, and
/// words that threads share without a lock (`memo`).
const INTERPRETED: [&str; 7] = [
    "archive::checked::tests::an_archive_that_disagrees_with_its_frame_is_refused",
    "archive::checked::tests::any_bytes_behind_a_good_frame_are_refused_or_readable",
    "archive::checked::tests::the_last_bit_of_the_archive_counts",
    "archive::checked::tests::the_last_of_several_flags_with_one_key_wins",
    "bytes::key::tests::a_key_padded_with_nul",
    "bytes::key::tests::hashes_are_those_of",
    "sync::memo::",
];

fn miri(steps: &mut Steps, left_out: &mut Vec<String>) {
    if !is_good(unset(Command::new("cargo").args(["+nightly", "miri", "--version"]))) {
        let missing = "Miri: it is not installed; `rustup component add --toolchain nightly miri rust-src`";
        return left_out.push(missing.to_owned());
    }
    if !is_good(unset(Command::new("cargo").args(["+nightly", "miri", "setup"]))) {
        let missing = "Miri: its standard library cannot be built; `cargo +nightly miri setup` says why";
        return left_out.push(missing.to_owned());
    }
    let mut command = Command::new("cargo");
    command.current_dir(root()).args(["+nightly", "miri", "test", "--locked", "--lib"]);
    command.args(["--package", "flagstaff-format", "--"]).args(INTERPRETED);
    command.env("MIRIFLAGS", "-Zmiri-disable-isolation").env("PROPTEST_CASES", "2");
    command.env("CARGO_TARGET_DIR", target_directory().join("sanitize/miri"));
    steps.run("Miri", unset(&mut command));
}

/// Without what is set by the cargo that runs this task, and of another toolchain.
fn unset(command: &mut Command) -> &mut Command {
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(variable);
    }
    command
}

/// A sanitizer of the compiler.
struct Sanitizer {
    name: &'static str,
    /// As the compiler names it.
    flag: &'static str,
    /// As its runtime is named.
    runtime: &'static str,
    options: (&'static str, &'static str),
    /// It has to know every atomic, those of the standard library too.
    wants_std: bool,
    short: &'static [&'static str],
    full: &'static [&'static str],
}

/// Of these every test is run that a tool can watch.
const MAPPED: [&str; 2] = ["format", "reader"];

const ADDRESS: Sanitizer = Sanitizer {
    name: "AddressSanitizer",
    flag: "-Zsanitizer=address",
    runtime: "asan",
    // Tests forget publishers, to have dead ones. Leaks are looked for by valgrind.
    options: ("ASAN_OPTIONS", "detect_leaks=0"),
    wants_std: false,
    short: &MAPPED,
    full: &["format", "reader", "publisher"],
};

const THREAD: Sanitizer = Sanitizer {
    name: "ThreadSanitizer",
    flag: "-Zsanitizer=thread",
    runtime: "tsan",
    options: ("TSAN_OPTIONS", ""),
    wants_std: true,
    short: &[],
    full: &MAPPED,
};

fn sanitizer(steps: &mut Steps, left_out: &mut Vec<String>, tool: &Sanitizer, extent: Extent) {
    let libraries = match sysroot() {
        Ok(sysroot) => sysroot.join("lib/rustlib"),
        Err(why) => return left_out.push(format!("{}: {why}", tool.name)),
    };
    let runtime = format!("{TRIPLE}/lib/librustc-nightly_rt.{}.a", tool.runtime);
    if !libraries.join(&runtime).exists() {
        return left_out.push(format!("{}: the nightly toolchain has no {runtime}", tool.name));
    }
    let mut command = Command::new("cargo");
    // Every test in a process of its own, and the next one while one waits.
    let run: &[&str] = if has_nextest() { &["nextest", "run"] } else { &["test"] };
    command.current_dir(root()).arg("+nightly").args(run);
    command.args(["--locked", "--no-fail-fast", "--target", TRIPLE]);
    if tool.wants_std {
        if !libraries.join("src/rust/library").exists() {
            return left_out.push(format!(
                "{}: it needs a standard library built with it; `rustup +nightly component add rust-src`",
                tool.name
            ));
        }
        command.arg("-Zbuild-std");
    }
    let folders = if extent == Extent::Full { tool.full } else { tool.short };
    command.arg("--lib");
    for folder in folders {
        command.arg("--package").arg(format!("flagstaff-{folder}"));
        match tests_of(&root().join(folder).join("tests")) {
            Ok(tests) => tests.iter().filter(|test| !UNFIT.contains(&test.as_str())).for_each(|test| {
                command.args(["--test", test]);
            }),
            Err(error) => return steps.fail(format!("cannot list the tests of {folder}: {error}")),
        }
    }
    command.args(["--", "--skip", TIMED, "--skip", LIMITED]);
    command.env("RUSTFLAGS", tool.flag);
    command.env("CARGO_TARGET_DIR", target_directory().join("sanitize").join(tool.runtime));
    let (name, options) = tool.options;
    command.env(name, options);
    steps.run(tool.name, unset(&mut command));
}

/// The test programs in a folder: files, and folders with a main file.
fn tests_of(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut tests = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").exists() {
            tests.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    tests.sort_unstable();
    Ok(tests)
}

/// Where the nightly toolchain is.
fn sysroot() -> Result<PathBuf, String> {
    let mut rustc = Command::new("rustc");
    rustc.args(["+nightly", "--print", "sysroot"]).env_remove("RUSTUP_TOOLCHAIN");
    let path = output(&mut rustc).map_err(|error| {
        format!("there is no nightly toolchain; `rustup toolchain install nightly` ({error})")
    })?;
    Ok(PathBuf::from(path.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_programs_are_files_and_folders_with_a_main_file() {
        let found = tests_of(&root().join("publisher/tests")).unwrap();
        assert_eq!(found, ["lock", "publisher"]);
        let found = tests_of(&root().join("format/tests")).unwrap();
        assert!(
            found.iter().any(|test| test == UNFIT[0]) && !found.iter().any(|test| test == "poke"),
            "{found:?}"
        );
    }
}
