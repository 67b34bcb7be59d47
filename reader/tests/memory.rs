//! Flags live in shared memory: a reader's own memory does not grow with them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests, also outside of test functions"
)]

mod stage;

use flagstaff_format::Value;
use flagstaff_reader::Reader;
use stage::{Stage, again, flag, publish, role};

/// KiB of memory that belongs to this process alone.
fn private_kib() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    ["Private_Dirty:", "Private_Hugetlb:"]
        .iter()
        .filter_map(|name| rollup.lines().find_map(|line| line.strip_prefix(name)))
        .map(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().unwrap())
        .sum()
}

#[test]
fn private_memory_is_the_same_for_10_and_for_50_000_flags() {
    if let Some(role) = role() {
        let (path, count) = role.rsplit_once(' ').unwrap();
        let reader = Reader::open(path).unwrap();
        let mut key = String::with_capacity(64);
        for i in 0..count.parse().unwrap() {
            use std::fmt::Write;
            key.clear();
            write!(key, "service.flag-{i}").unwrap();
            assert_eq!(reader.with_str(key.as_str(), |text| text.map(str::len)), Some(40));
        }
        println!("private memory: {}", private_kib());
        return;
    }
    let private = [10, 50_000].map(|count| {
        let (stage, mut writer) = Stage::with_writer();
        let text = "x".repeat(40);
        let flags: Vec<_> = (0..count)
            .map(|i| flag(&format!("service.flag-{i}"), Value::String(text.clone().into())))
            .collect();
        publish(&mut writer, &flags);
        let role = format!("{} {count}", stage.path.to_str().unwrap());
        let output = again("private_memory_is_the_same_for_10_and_for_50_000_flags", role).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let (_, rest) = text.split_once("private memory: ").unwrap();
        rest.lines().next().unwrap().parse::<u64>().unwrap()
    });
    println!("KiB of private memory with 10 and 50,000 flags: {private:?}");
    assert!(private[1].saturating_sub(private[0]) < 200, "{private:?} KiB");
}
