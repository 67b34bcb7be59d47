//! What the figures were measured on, and with which versions of the rivals.

use std::process::Command;

use crate::record::Record;

const LOCK: &str = include_str!("../../Cargo.lock");
const RIVALS: [&str; 7] = ["arc-swap", "dashmap", "foldhash", "heed", "mmap-sync", "papaya", "rkyv"];

/// One record each: processor, system, compiler, commit, date, load, rivals.
pub(crate) fn describe() -> Vec<Record> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, name)| name);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown").to_owned();
    let rivals: Vec<String> =
        RIVALS.iter().map(|name| format!("{name} {}", versions(LOCK, name).join(" and "))).collect();
    let redis = answer("redis-server", &["--version"]).unwrap_or_else(|| "not installed".to_owned());
    let said = |program, args: &[&str]| answer(program, args).unwrap_or_else(|| "unknown".to_owned());
    [
        format!("Machine: {cores} cores of {cpu}, {}", said("uname", &["-sr"])),
        format!("Compiler: {}", said("rustc", &["--version"])),
        format!("Rivals: {}; redis-server: {redis}", rivals.join(", ")),
        format!("Commit: {}, {}", said("git", &["describe", "--always", "--dirty"]), said("date", &["-u", "+%Y-%m-%d"])),
        format!(
            "Load of the machine at the start: {load} (the machine is shared; ratios are worth more than absolute times)"
        ),
    ]
    .map(|text| Record::Machine { text })
    .into()
}

fn versions<'a>(lock: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!("name = \"{name}\"");
    let mut lines = lock.lines();
    let mut found = Vec::new();
    while lines.any(|line| line == start) {
        found.extend(lines.next().and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"')));
    }
    found
}

fn answer(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rival_has_a_version() {
        for name in RIVALS {
            assert!(!versions(LOCK, name).is_empty(), "{name}");
        }
    }
}
