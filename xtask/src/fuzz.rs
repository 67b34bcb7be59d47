//! `cargo xtask fuzz`: every fuzz target for a while, guided by coverage.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use crate::step::{Failures, Steps};
use crate::toolchain::{Toolchain, compiler};
use crate::workspace::{cargo, root, target_directory};

/// How long each target runs when nothing else is said.
const SECONDS: u64 = 60;
/// Targets that run at the same time.
const AT_A_TIME: usize = 2;
/// What cargo-fuzz asks of the compiler, without a sanitizer: counters on every edge, and the operands of comparisons.
const COVERAGE: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0 \
    -Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks";
/// What one input may take: bytes, seconds, MiB.
const LIMITS: [&str; 3] = ["-max_len=4096", "-timeout=20", "-rss_limit_mb=2048"];

/// What was asked for on the command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    seconds: u64,
    targets: Vec<String>,
}

impl Wanted {
    /// `[--seconds N] [TARGET ..]`; no target means all of them.
    pub(crate) fn parse(arguments: &[String]) -> Result<Wanted, String> {
        let known = targets();
        let mut wanted = Wanted { seconds: SECONDS, targets: Vec::new() };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if argument == "--seconds" {
                let number = arguments.next().and_then(|text| text.parse().ok()).filter(|number| *number > 0);
                wanted.seconds = number.ok_or("`--seconds` needs a whole number from 1 on")?;
            } else if known.contains(argument) {
                wanted.targets.push(argument.clone());
            } else {
                return Err(format!("there is no fuzz target `{argument}`; there are {}", known.join(", ")));
            }
        }
        if wanted.targets.is_empty() {
            wanted.targets = known;
        }
        Ok(wanted)
    }
}

/// The names of the targets, which are those of their corpora.
fn targets() -> Vec<String> {
    let entries = fs::read_dir(root().join("fuzz").join("corpus")).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

pub(crate) fn run(wanted: &Wanted) -> Result<(), Failures> {
    let mut steps = Steps::default();
    match compiler() {
        Some(compiler) => guided(&mut steps, wanted, &compiler),
        None => {
            println!(
                "\n== NOT guided by coverage: libFuzzer needs a C++ compiler, and there is none (CXX, c++, g++, clang++)"
            );
            let mut driver = cargo(&["test", "--package", "flagstaff-fuzz", "--locked"]);
            steps.run(
                "all targets without coverage",
                driver.env("FLAGSTAFF_FUZZ_SECONDS", wanted.seconds.to_string()),
            );
        }
    }
    steps.finish()
}

fn guided(steps: &mut Steps, wanted: &Wanted, compiler: &str) {
    let toolchain = Toolchain::find();
    println!("\n== {toolchain}");
    let folder = target_directory().join("fuzz");
    let mut build = toolchain.cargo();
    build.args(["build", "--package", "flagstaff-fuzz", "--features", "libfuzzer", "--bins", "--release"]);
    // With `--target` the flags are not for build scripts, which would lack what libFuzzer brings.
    build.args(["--locked", "--target", toolchain.host(), "--target-dir"]).arg(&folder);
    let sanitizer = if toolchain.has_sanitizer { " -Zsanitizer=address" } else { "" };
    build.env("RUSTFLAGS", format!("{COVERAGE}{sanitizer}")).env("CXX", compiler);
    if !steps.run("fuzz targets", &mut build) {
        return;
    }
    let programs = folder.join(toolchain.host()).join("release");
    if let Err(message) = find_canary(&programs.join("canary"), &folder) {
        return steps.fail(message);
    }
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(target) = wanted.targets.get(next.fetch_add(1, Relaxed)) {
                    let run = Run { target, program: programs.join(target), folder: &folder };
                    let outcome = run.fuzz(wanted.seconds);
                    if let Err(message) = outcome
                        && let Ok(mut failures) = failures.lock()
                    {
                        failures.push(message);
                    }
                }
            });
        }
    });
    failures.into_inner().unwrap_or_default().into_iter().for_each(|message| steps.fail(message));
}

/// Lets the fuzzer look for an input that it can only find if coverage guides it.
fn find_canary(program: &Path, folder: &Path) -> Result<(), String> {
    let mut command = Command::new(program);
    command.arg(format!("-artifact_prefix={}/", folder.display()));
    command.args(["-max_total_time=120", "-max_len=16", "-seed=1"]).stdin(Stdio::null());
    let output =
        command.output().map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
    let log = String::from_utf8_lossy(&output.stderr);
    if output.status.success() || !log.contains("the canary was found") {
        return Err(format!("no coverage guides the fuzzer: it does not find the canary in 120 s\n{log}"));
    }
    let runs = log.lines().rev().find_map(|line| line.strip_prefix('#')?.split('\t').next());
    println!("== canary: found after about {} runs, so coverage guides the fuzzer", runs.unwrap_or("?"));
    Ok(())
}

/// One target with its folders.
struct Run<'a> {
    target: &'a str,
    program: PathBuf,
    folder: &'a Path,
}

impl Run<'_> {
    /// Runs it, prints one line, and says what is wrong.
    fn fuzz(&self, seconds: u64) -> Result<(), String> {
        let target = self.target;
        let found = self.folder.join("corpus").join(target);
        let artifacts = self.folder.join("artifacts").join(target);
        let log = self.folder.join(format!("{target}.log"));
        for folder in [&found, &artifacts] {
            fs::create_dir_all(folder)
                .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        }
        let output = File::create(&log).and_then(|log| Ok((log.try_clone()?, log)));
        let (stdout, stderr) = output.map_err(|error| format!("cannot write {}: {error}", log.display()))?;
        let mut command = Command::new(&self.program);
        // New inputs go into the first folder.
        command.arg(&found).arg(root().join("fuzz").join("corpus").join(target));
        command.arg(format!("-dict={}", root().join("fuzz").join("pieces.dict").display()));
        command.arg(format!("-artifact_prefix={}/", artifacts.display()));
        command.arg(format!("-max_total_time={seconds}")).args(LIMITS).args(["-print_final_stats=1"]);
        // Looking for leaks needs rights that containers do not give.
        command.env("ASAN_OPTIONS", "detect_leaks=0");
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        let ended = command.status();
        let text = fs::read(&log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let text = text.map_err(|error| format!("cannot read {}: {error}", log.display()))?;
        let report = Report::of(&text);
        match ended {
            Ok(status) if status.success() => {
                println!("== {target}: {report}");
                report.check(target)
            }
            Ok(status) => Err(format!("{target}: {status}; {report}\n{}", self.finding(&text))),
            Err(error) => Err(format!("{target}: {} cannot be started: {error}", self.program.display())),
        }
    }

    /// The end of the log, and how to see it again.
    fn finding(&self, log: &str) -> String {
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(40)..].join("\n    ");
        let artifact = log.lines().rev().find_map(|line| line.split("Test unit written to ").nth(1));
        let again = match artifact {
            Some(artifact) => format!("again with: {} {}", self.program.display(), artifact.trim()),
            None => "no input was kept".to_owned(),
        };
        format!("    {tail}\n  {again}\n  put the input into fuzz/corpus/{} when it is mended", self.target)
    }
}

/// What libFuzzer says about a run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Report {
    /// Counters in the program.
    counters: u64,
    /// Edges that the corpus reaches, and that were reached in the end.
    edges: Option<(u64, u64)>,
    runs: u64,
    new_inputs: u64,
}

impl Report {
    fn of(log: &str) -> Report {
        let after = |line: &str, name: &str| {
            let rest = line.split_once(name)?.1.trim_start();
            rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())].parse::<u64>().ok()
        };
        let last = |name: &str| log.lines().rev().find_map(|line| after(line, name));
        // Of a corpus that is not empty the first status line is `INITED`.
        let first = log.lines().find(|line| line.contains("INITED")).and_then(|line| after(line, "cov:"));
        Report {
            counters: log.lines().find_map(|line| after(line.split_once("modules")?.1, "(")).unwrap_or(0),
            edges: first.zip(last("cov:")),
            runs: last("stat::number_of_executed_units:").unwrap_or(0),
            new_inputs: last("stat::new_units_added:").unwrap_or(0),
        }
    }

    /// A run that was not guided by coverage is none, however good it looks.
    fn check(&self, target: &str) -> Result<(), String> {
        if self.counters == 0 || self.edges.is_none_or(|(first, _)| first == 0) || self.runs == 0 {
            return Err(format!("{target} was not guided by coverage: {self}"));
        }
        Ok(())
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (first, last) = self.edges.unwrap_or_default();
        write!(
            f,
            "{} runs, edges {first} -> {last} of {}, {} new inputs",
            self.runs, self.counters, self.new_inputs
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "INFO: Loaded 1 modules   (3941 inline 8-bit counters): 3941 [0x1, 0x2), \n\
        #10\tINITED cov: 120 ft: 300 corp: 8/200b exec/s: 0 rss: 40Mb\n\
        #500\tNEW    cov: 131 ft: 320 corp: 9/210b lim: 4 exec/s: 0 rss: 40Mb L: 8/8 MS: 1 EraseBytes-\n\
        #900\tDONE   cov: 131 ft: 320 corp: 9/210b lim: 8 exec/s: 450 rss: 41Mb\n\
        stat::number_of_executed_units: 900\nstat::new_units_added:           1\n";

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_report_is_read_from_the_log() {
        let report = Report::of(LOG);
        assert_eq!(report, Report { counters: 3941, edges: Some((120, 131)), runs: 900, new_inputs: 1 });
        assert!(report.check("sse").is_ok());
        assert_eq!(report.to_string(), "900 runs, edges 120 -> 131 of 3941, 1 new inputs");
    }

    #[test]
    fn a_run_without_coverage_is_a_failure() {
        for log in
            ["", &LOG.replace("3941", "0"), &LOG.replace("cov: 120", "cov: 0"), &LOG.replace("INITED", "")]
        {
            assert!(Report::of(log).check("sse").is_err(), "{log}");
        }
    }

    #[test]
    fn targets_are_named_or_all_and_seconds_are_a_number() {
        let all = Wanted::parse(&[]).unwrap();
        assert_eq!((all.seconds, all.targets.contains(&"sse".to_owned())), (SECONDS, true));
        let one = Wanted::parse(&words("--seconds 5 sse")).unwrap();
        assert_eq!(one, Wanted { seconds: 5, targets: words("sse") });
        for wrong in ["--seconds", "--seconds 0", "--seconds x", "nothing"] {
            assert!(Wanted::parse(&words(wrong)).is_err(), "{wrong}");
        }
    }
}
