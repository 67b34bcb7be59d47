//! A reader or a publisher that a test starts, stops and kills: `flagstaff-test-role <role> <snapshot> [<argument>]`.
//!
//! A role says what it does line by line on stdout, and ends when its stdin does.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::panic,
    reason = "stdout is its answer; a role that cannot play fails its test"
)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use flagstaff_format::Generation;
use flagstaff_reader::Reader;
use flagstaff_tests::lives::{host, press};
use flagstaff_tests::{client_role, defect, leader_role, life_role, scarce_role};
use flagstaff_torture::role::{self, ending_with_stdin, say};

fn main() -> ExitCode {
    let all: Vec<OsString> = std::env::args_os().skip(1).collect();
    let (first, rest) = all.split_first().unwrap();
    match first.to_str().unwrap() {
        "torture-child" => return role::main(rest),
        "defect" => return defect::main(rest),
        _ => {}
    }
    let role = first.to_str().unwrap();
    let path = PathBuf::from(&rest[0]);
    let arguments: Vec<String> = rest[1..].iter().map(|word| word.to_str().unwrap().to_owned()).collect();
    match role {
        "lives-host" => {
            host::host(&path, &arguments[0], &arguments[1]);
            return ExitCode::SUCCESS;
        }
        "lives-press" => {
            press::press(&path, arguments.first().map_or("", String::as_str));
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let ending = ending_with_stdin();
    match role {
        "watch" => watch(&path, ending),
        "starve" => say(&format!("open: {}", scarce_role::without_descriptors(&path))),
        "starve-memory" => say(&format!("open: {}", scarce_role::without_memory(&path))),
        "starve-pages" => {
            let (asked, slowest) = scarce_role::without_pages(&path, arguments[0].parse().unwrap());
            say(&format!("done: {asked} bytes, {slowest:?}"));
        }
        "life" => life_role::live(&path, arguments.first().is_some_and(|forks| forks != "0"), say),
        "glance" => scarce_role::glances(&path, ending, say),
        "lead" => return leader_role::lead(&path, &arguments),
        client if client.starts_with("client-") => {
            let argument = arguments.first().map_or(0, |text| text.parse().unwrap());
            client_role::play(client, &path, argument, ending);
        }
        other => return role::play(other, &path, &arguments),
    }
    ExitCode::SUCCESS
}

/// Says each value of the number `n`, with what the other flags say in the same look.
fn watch(path: &Path, ending: &AtomicBool) {
    let reader = Reader::attach(path);
    let mut seen = Generation(0);
    say("ready");
    while !ending.load(Relaxed) {
        let now = reader.wait_for_change(seen, Duration::from_millis(100));
        if now != seen {
            seen = now;
            let (n, on, name, json) = reader.read(|view| {
                let json = view.get_json_text("json").unwrap_or_default();
                (view.get_i64_or("n", -1), view.get_bool("on"), view.get_string("name"), json)
            });
            say(&format!("n={n} on={on} name={name} json={json}"));
        }
    }
}
