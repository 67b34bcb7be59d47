//! Fault 27: forks before, after and in the middle.

use std::time::{Duration, Instant};

use flagstaff_tests::place::Place;
use flagstaff_tests::server::FaultServer;
use flagstaff_tests::wait::DEADLINE;

use crate::support::{Children, role, server};

#[test]
fn a_client_that_was_not_used_before_the_fork_works_in_the_children_and_they_share_one_stream() {
    let (place, server) = (Place::new(), server());
    let mut parent = role("client-forks", &place, &server, 0);
    parent.expect_line("ready");
    let children = Children::of(&parent);
    for name in ["first", "second"] {
        parent.expect_line(&format!("{name} has 1"));
    }
    assert_eq!(server.connections(), 1);
    parent.kill();
    server.publish(r#"{"n": 3}"#);
    for name in ["first", "second"] {
        parent.expect_line(&format!("{name} has 3"));
    }
    assert!(children.live());
    assert_eq!(server.connections(), 1, "the parent was no leader");
}

#[test]
fn children_of_a_leader_read_current_values_at_once_and_one_of_them_takes_over_when_it_is_killed() {
    let (place, server) = (Place::new(), server());
    let mut parent = role("client-forks", &place, &server, 1);
    parent.expect_line("ready");
    let children = Children::of(&parent);
    for name in ["first", "second"] {
        let (_, begins) = parent.expect_line(&format!("{name} begins"));
        assert!(begins.contains("with 1 and 1"), "{begins}");
    }
    server.publish(r#"{"n": 2}"#);
    for name in ["first", "second"] {
        parent.expect_line(&format!("{name} has 2"));
    }
    assert_eq!(server.connections(), 1);
    let killed = Instant::now();
    parent.kill();
    server.wait_for_requests(2, DEADLINE);
    eprintln!("a child streams {:?} after its parent was killed", killed.elapsed());
    assert!(killed.elapsed() < Duration::from_secs(1), "{:?}", killed.elapsed());
    // The parent's stream has ended although its children live.
    server.wait_for_streams(1, DEADLINE);
    server.publish(r#"{"n": 3}"#);
    for name in ["first", "second"] {
        parent.expect_line(&format!("{name} has 3"));
    }
    assert!(children.live());
}

#[test]
fn a_fork_in_the_middle_of_everything_leaves_a_child_that_reads_elects_and_closes() {
    let (place, server) = (Place::new(), FaultServer::start());
    server.publish(r#"{"n": 1, "name": "a", "on": true}"#);
    let forks = std::env::var("FLAGSTAFF_FORKS").ok().map_or(60, |text| text.parse().unwrap());
    let mut parent = role("client-forks-busily", &place, &server, forks);
    let begun = Instant::now();
    let mut n = 1;
    while parent.is_running() {
        n += 1;
        server.publish(&format!(r#"{{"n": {n}, "name": "a{n}", "on": true}}"#));
        std::thread::sleep(Duration::from_millis(3));
        assert!(begun.elapsed() < Duration::from_secs(120), "{}{}", parent.stdout(), parent.stderr());
    }
    assert!(parent.wait(DEADLINE).success(), "{}{}", parent.stdout(), parent.stderr());
    eprintln!("{forks} forks in {:?}, {n} payloads", begun.elapsed());
}

#[test]
fn a_fork_that_executes_another_program_is_harmless() {
    let (place, server) = (Place::new(), server());
    let mut parent = role("client-forks-and-executes", &place, &server, 0);
    parent.expect_line("done");
    parent.expect_line("closed true");
    assert!(parent.wait(DEADLINE).success(), "{}", parent.stderr());
    assert_eq!(server.connections(), 1);
}
