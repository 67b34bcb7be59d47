//! From start to close.

use std::time::{Duration, Instant};

use flagstaff::{Client, ClientError};
use flagstaff_tests::place::{KEY, Place};
use flagstaff_tests::server::{FaultServer, Script};
use flagstaff_tests::wait::{DEADLINE, wait_until};

use crate::support::{builder, client, server, wait_for_n};

#[test]
fn a_blank_key_and_a_bad_address_are_errors_and_a_missing_service_and_a_missing_disk_are_none() {
    let place = Place::new();
    for key in ["", "  "] {
        let error = Client::builder(key).file(place.file()).start().unwrap_err();
        assert!(matches!(error, ClientError::ApiKey(_)) && error.to_string().contains("blank"), "{error}");
    }
    let error = Client::builder(KEY).base_url("ftp://h").start().unwrap_err();
    assert!(matches!(error, ClientError::BaseUrl(_)), "{error}");
    let begun = Instant::now();
    let client = Client::builder(KEY)
        .base_url("http://127.0.0.1:9")
        .cache_dir("/proc/no/such/directory")
        .memory_dir("/proc/no/memory")
        .preload(true)
        .start()
        .unwrap();
    assert!(!client.get_bool("n") && client.snapshot().is_empty());
    client.close().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn nothing_connects_before_the_first_read_and_with_preload_it_does_at_once() {
    let (place, server) = (Place::new(), server());
    let lazy = client(&place, &server);
    let clone = lazy.clone();
    assert!(format!("{lazy:?}").contains("Client") && !format!("{lazy:?}").contains(KEY));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!((server.connections(), place.lock().exists()), (0, false));
    let _ = clone.get_bool("on");
    server.wait_for_streams(1, DEADLINE);
    wait_for_n(&lazy, 1);

    let (place, server) = (Place::new(), self::server());
    let eager = builder(&place.file(), &server).preload(true).start().unwrap();
    server.wait_for_streams(1, DEADLINE);
    drop(eager);
    server.wait_for_streams(0, DEADLINE);
}

#[test]
fn a_client_is_ready_when_flags_are_there_and_kept_fresh() {
    let (place, server) = (Place::new(), FaultServer::start());
    server.always(Script::status(503, &[], ""));
    place.publish(r#"{"n": 7}"#);
    let client = client(&place, &server);
    assert_eq!(client.get_i64("n"), 7, "the last known value is answered at once");
    assert!(!client.wait_until_ready(Duration::from_millis(300)), "nobody keeps it fresh");
    server.always(Script::stream());
    server.publish(r#"{"n": 8}"#);
    assert!(client.wait_until_ready(DEADLINE));
    wait_for_n(&client, 8);
}

#[test]
fn a_close_is_quick_can_be_repeated_and_reads_go_on_after_it() {
    let mut times = Vec::new();
    for _ in 0..5 {
        let (place, server) = (Place::new(), server());
        let client = client(&place, &server);
        wait_for_n(&client, 1);
        // On the disk already: then there is nothing to flush.
        wait_until("a checkpoint", DEADLINE, || client.status().durable == client.generation());
        let begun = Instant::now();
        client.close().unwrap();
        times.push(begun.elapsed());
        client.close().unwrap();
        client.clone().close().unwrap();
        server.wait_for_streams(0, DEADLINE);
        assert_eq!(client.get_i64("n"), 1);
        assert!(!client.wait_until_ready(Duration::from_millis(20)));
    }
    eprintln!("idle closes took {times:?}");
    assert!(crate::support::median(times) < Duration::from_millis(100));
}

#[test]
fn a_close_writes_the_last_flags_to_the_disk() {
    let (place, server) = (Place::new(), server());
    let client = client(&place, &server);
    wait_for_n(&client, 1);
    server.publish(r#"{"n": 2}"#);
    wait_for_n(&client, 2);
    client.close().unwrap();
    let status = place.status();
    assert_eq!(
        (&status["durable_generation"], &status["publisher"]),
        (&status["generation"], &"stopped".into()),
        "{status}"
    );
}

#[test]
fn a_close_does_not_wait_for_a_service_that_does_not_answer_or_one_that_is_not_to_be_asked_yet() {
    let stalls = FaultServer::start();
    stalls.always(Script::stall());
    let refuses = FaultServer::start();
    refuses.always(Script::status(503, &[("Retry-After", "600")], ""));
    for server in [&stalls, &refuses] {
        let place = Place::new();
        let client = client(&place, server);
        let _ = client.get_bool("on");
        server.wait_for_requests(1, DEADLINE);
        let begun = Instant::now();
        client.close().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
}

#[test]
fn a_close_of_a_client_that_waits_for_the_lock_is_quick_and_disturbs_nobody() {
    let (place, server) = (Place::new(), server());
    let first = client(&place, &server);
    wait_for_n(&first, 1);
    let second = client(&place, &server);
    assert_eq!(second.get_i64("n"), 1);
    let begun = Instant::now();
    second.close().unwrap();
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    server.publish(r#"{"n": 2}"#);
    wait_for_n(&second, 2);
    assert_eq!((server.connections(), server.open_streams()), (1, 1));
}

#[test]
fn of_two_clients_in_one_process_the_second_takes_over_when_the_first_is_closed() {
    let (place, server) = (Place::new(), server());
    let (first, second) = (client(&place, &server), client(&place, &server));
    wait_for_n(&first, 1);
    wait_for_n(&second, 1);
    assert_eq!((server.connections(), server.open_streams()), (1, 1));
    let before = second.generation();
    drop(first);
    server.wait_for_requests(2, DEADLINE);
    server.wait_for_streams(1, DEADLINE);
    server.publish(r#"{"n": 2}"#);
    wait_for_n(&second, 2);
    assert_eq!(second.generation(), before.next());
}

#[test]
fn different_keys_and_different_services_have_different_files_in_one_directory() {
    let (place, ours, theirs) = (Place::new(), server(), FaultServer::start());
    theirs.publish(r#"{"n": 5}"#);
    let start = |key: &str, server: &FaultServer| {
        Client::builder(key).base_url(&server.url()).cache_dir(place.folder().join("cache")).start().unwrap()
    };
    let clients = [start(KEY, &ours), start("another-key", &theirs), start(KEY, &theirs)];
    for (client, n) in clients.iter().zip([1, 5, 5]) {
        wait_for_n(client, n);
    }
    let files = std::fs::read_dir(place.join("cache")).unwrap().filter_map(|entry| {
        entry.unwrap().file_name().into_string().ok().filter(|name| name.ends_with(".flagstaff"))
    });
    assert_eq!(files.count(), 3);
    assert_eq!(clients[0].path().parent(), Some(place.join("cache").as_path()));
}

#[test]
fn clients_that_come_and_go_beside_a_leader_leave_no_threads_behind() {
    let (place, server) = (Place::new(), server());
    let leader = client(&place, &server);
    wait_for_n(&leader, 1);
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    for _ in 0..100 {
        let client = client(&place, &server);
        wait_for_n(&client, 1);
    }
    // One that sleeps on the lock, and those that end just now.
    wait_until("few threads", DEADLINE, || threads() <= before + 3);
    drop(leader);
    server.wait_for_streams(0, DEADLINE);
}
