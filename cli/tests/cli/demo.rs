//! `demo`.

use std::fs;

use rustix::process::Signal;

use crate::program::{Folder, Running, answer, flagstaff, kill, until};
use crate::terminal::Terminal;

/// The numbers in the first line of plain output: publisher, then readers.
fn pids(line: &str) -> Vec<u32> {
    let (_, pids) = line.split_once("publisher pid ").unwrap();
    pids.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
}

/// Whether a process is gone, or would be if anybody asked for its exit code.
fn is_dead(pid: u32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')),
        Err(_) => true,
    }
}

#[test]
fn without_a_terminal_it_is_plain_lines_and_every_reader_sees_every_flip() {
    let folder = Folder::new();
    let demo = answer(flagstaff(["demo", "--seconds", "3"]).env("TMPDIR", folder.path()));
    println!("{}", demo.out);
    assert_eq!(demo.code, Some(0), "{demo:?}");
    assert!(!demo.out.contains('\x1b') && demo.out.contains("every reader saw every flip"), "{}", demo.out);
    assert_eq!(demo.out.matches("3 of 3").count(), 4, "{}", demo.out);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "it leaves nothing behind");
}

#[test]
fn readers_go_on_when_the_publisher_is_killed_and_another_one_takes_over() {
    let mut demo = Running::start(&mut flagstaff(["demo", "--seconds", "7"]));
    let pids = pids(&demo.says("publisher pid"));
    demo.says("flip 1 ");
    kill(pids[0], Signal::KILL);
    demo.says("no publisher, readers go on");
    demo.says("publisher ");
    let status = demo.end();
    let everything = demo.everything();
    assert!(status.success() && everything.contains("every reader saw every flip"), "{everything}");
}

#[test]
fn a_signal_ends_it_in_order() {
    let mut demo = Running::start(&mut flagstaff(["demo", "--seconds", "600"]));
    let pids = pids(&demo.says("publisher pid"));
    demo.says("flip 1 ");
    demo.signal(Signal::INT);
    let status = demo.end();
    let everything = demo.everything();
    assert!(status.success() && everything.contains("every reader saw every flip"), "{everything}");
    assert_eq!(pids.len(), 5);
    until("the children are gone", || pids.iter().all(|pid| is_dead(*pid)));
}

#[test]
fn its_processes_end_with_it_even_if_it_is_killed() {
    let folder = Folder::new();
    let mut demo = Running::start(flagstaff(["demo", "--seconds", "600"]).env("TMPDIR", folder.path()));
    let pids = pids(&demo.says("publisher pid"));
    demo.says("flip 1 ");
    demo.signal(Signal::KILL);
    demo.end();
    until("the children are gone", || pids.iter().all(|pid| is_dead(*pid)));
}

#[test]
fn on_a_terminal_it_is_a_picture_with_keys_that_kill_the_publisher_and_quit() {
    let mut demo = Terminal::start(&flagstaff(["demo", "--seconds", "600"]), 80, 24);
    for text in
        ["Flagstaff demo", "Page: http://127.0.0.1:", "flip 2, one each second", " of 600 s", "q quits"]
    {
        demo.shows(text);
    }
    demo.until("all readers have bars and times of arrival", |screen| {
        let has_memory = |line: &&str| line.contains(" MiB") || line.contains(" KiB");
        let readers = screen.lines().filter(|line| line.contains(" ns ")).filter(has_memory);
        readers.filter(|line| line.contains(['\u{2581}', '\u{2582}', '\u{2583}', '\u{2588}'])).count() == 4
    });
    demo.press("k");
    demo.shows("none: it was killed");
    demo.shows("kills the publisher (kill -9 ");
    demo.press("q");
    assert!(demo.end().success(), "{}", demo.text());
    assert!(demo.is_restored());
    demo.shows("every reader saw every flip");
}
