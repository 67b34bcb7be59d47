//! What the figures were measured on.

use std::process::Command;

/// One line each: processor, system, compiler, commit.
#[must_use]
pub fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, name)| name);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown").to_owned();
    [
        format!("Machine: {cores} cores of {cpu}, {}", answer("uname", &["-sr"])),
        format!("Compiler: {}, plain `release` profile", answer("rustc", &["--version"])),
        format!("Commit: {}", answer("git", &["describe", "--always", "--dirty"])),
        format!("Load of the machine at the start: {load} (the figures were taken on a shared machine; ratios are worth more than absolutes)"),
    ]
    .map(|line| format!("- {line}\n"))
    .concat()
}

fn answer(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    output.map_or_else(
        |error| error.to_string(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
