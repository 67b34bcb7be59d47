//! Many clients in one process: what they cost while they live, and what stays behind of them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use flagstaff::Client;
use flagstaff_tests::place::Place;
use flagstaff_tests::process::Process;
use flagstaff_tests::server::FaultServer;
use flagstaff_tests::wait::{DEADLINE, wait_until};
use rustix::process::Signal;

use crate::support::{client, server, wait_for_n};

const MANY: usize = 300;

/// The threads of this process that have this name.
fn threads(name: &str) -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    // A thread may end between the two reads.
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|found| found.trim() == name).count()
}

fn mappings(place: &Place) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.contains(place.folder().to_str().unwrap())).count()
}

fn address_space() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find(|line| line.starts_with("VmSize")).unwrap().to_owned()
}

/// A process that publishes, and so holds the lock.
fn publisher(place: &Place, server: &FaultServer) -> Process {
    let daemon = place.run(server);
    place.wait_for_n(1);
    daemon
}

fn clients(place: &Place, server: &FaultServer) -> Vec<Client> {
    let all: Vec<_> = (0..MANY).map(|_| client(place, server)).collect();
    for client in &all {
        wait_for_n(client, 1);
    }
    all
}

#[track_caller]
fn wait_for_the_end_of_all_threads_but(waiting: usize, place: &Place) {
    wait_until("the end of the threads", DEADLINE, || {
        let rest = ["flag-client", "flag-look", "flag-heartbeat", "flag-disk"].map(threads);
        // One that was dropped before its wait began has begun none.
        rest == [0; 4] && threads("flag-lock") <= waiting
    });
    assert_eq!(mappings(place), 0, "{}", address_space());
}

/// Symptom: of 1,000 clients that lived at once beside a publisher there stayed 1,000 threads when they were dropped, and while
/// they lived there were 3,000. Cause: each wait for the lock had a thread of its own, which cannot be called off, and each
/// client one that looks at the path. Fix: one wait for each lock file, and one thread that looks for all.
#[test]
fn clients_that_live_at_once_beside_a_publisher_share_one_wait_and_leave_no_more_than_that_behind() {
    let (place, server) = (Place::new(), server());
    let mut daemon = publisher(&place, &server);
    let all = clients(&place, &server);
    wait_until("every background", DEADLINE, || threads("flag-lock") > 0);
    eprintln!("{MANY} clients alive: {}", address_space());
    assert_eq!(["flag-client", "flag-look", "flag-lock"].map(threads), [MANY, 1, 1]);
    let begun = Instant::now();
    drop(all);
    eprintln!("dropped in {:?}: {}", begun.elapsed(), address_space());
    wait_for_the_end_of_all_threads_but(1, &place);
    daemon.signal(Signal::TERM);
    assert!(daemon.wait(DEADLINE).success());
    wait_for_the_end_of_all_threads_but(0, &place);
}

#[test]
fn clients_that_are_made_and_dropped_one_after_the_other_beside_a_publisher_never_have_many_threads() {
    let (place, server) = (Place::new(), server());
    let mut daemon = publisher(&place, &server);
    let (begun, mut most) = (Instant::now(), 0);
    for _ in 0..MANY {
        let client = client(&place, &server);
        assert_eq!(client.get_i64("n"), 1);
        drop(client);
        most = most.max(["flag-client", "flag-look", "flag-lock"].map(threads).iter().sum());
    }
    eprintln!("{MANY} clients in {:?}, at most {most} threads: {}", begun.elapsed(), address_space());
    // One of each, and backgrounds that have said that they are over but are not gone yet.
    assert!(most <= 8, "{most}");
    wait_for_the_end_of_all_threads_but(1, &place);
    daemon.signal(Signal::TERM);
    assert!(daemon.wait(DEADLINE).success());
    wait_for_the_end_of_all_threads_but(0, &place);
}

#[test]
fn of_clients_that_live_at_once_where_nobody_else_publishes_nothing_stays_behind() {
    let (place, server) = (Place::new(), server());
    let all = clients(&place, &server);
    wait_until("the one that holds the lock and the one that waits", DEADLINE, || threads("flag-lock") == 2);
    assert_eq!(["flag-client", "flag-look"].map(threads), [MANY, 1]);
    assert_eq!((server.connections(), server.open_streams()), (1, 1));
    drop(all);
    wait_for_the_end_of_all_threads_but(0, &place);
    server.wait_for_streams(0, DEADLINE);
}

#[test]
fn of_many_clients_that_share_a_wait_one_takes_over_when_the_publisher_is_killed_and_the_rest_wait_on() {
    let (place, server) = (Place::new(), server());
    let mut daemon = publisher(&place, &server);
    let all = clients(&place, &server);
    daemon.kill();
    server.wait_for_requests(2, DEADLINE);
    server.wait_for_streams(1, DEADLINE);
    server.publish(r#"{"n": 2}"#);
    for client in &all {
        wait_for_n(client, 2);
    }
    assert_eq!((server.connections(), server.open_streams()), (2, 1));
    wait_until("a wait of the rest", DEADLINE, || threads("flag-lock") == 2);
}

/// Symptom: a client answered from a removed file for ever. Nobody can mark that file any more: its publisher stands still, and
/// the second name by which a successor finds it is gone too. So the client's process has to look by itself.
#[test]
fn a_client_notices_within_a_second_that_its_file_was_removed_with_its_second_name_and_made_anew() {
    let (place, old, new) = (Place::new(), server(), server());
    let mut stopped = publisher(&place, &old);
    let client = client(&place, &old);
    wait_for_n(&client, 1);
    let handle = client.number_flag("n");
    // Otherwise it would open, and hold, the lock file that is made anew.
    let inode = format!(":{} ", fs::metadata(place.lock()).unwrap().ino());
    let waits = |line: &str| line.contains("->") && line.contains(&inode);
    wait_until("the client's wait for the lock", DEADLINE, || {
        fs::read_to_string("/proc/locks").unwrap().lines().any(waits)
    });
    stopped.signal(Signal::STOP);
    for name in ["flags.flagstaff", ".flags.flagstaff.live", "flags.flagstaff.lock"] {
        fs::remove_file(place.join(name)).unwrap();
    }
    new.publish(r#"{"n": 2}"#);
    let _successor = place.run(&new);
    let is_there = || flagstaff::Reader::open(place.file()).is_ok_and(|reader| reader.get_i64("n") == 2);
    wait_until("the new file", DEADLINE, is_there);
    let made = Instant::now();
    wait_for_n(&client, 2);
    eprintln!("noticed after {:?}", made.elapsed());
    assert!(made.elapsed() < Duration::from_secs(1), "{:?}", made.elapsed());
    assert!((handle.get() - 2.0).abs() < f64::EPSILON, "{}", handle.get());
    stopped.kill();
}
