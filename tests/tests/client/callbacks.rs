//! Callbacks that misbehave.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant, SystemTime};

use flagstaff::{Client, ErrorContext, ErrorSource, Value};
use flagstaff_tests::place::{KEY, Place};
use flagstaff_tests::server::{FaultServer, Script};
use flagstaff_tests::wait::{DEADLINE, wait_until};

use crate::support::{builder, client, role, server, wait_for_n};

fn errors() -> (impl Fn(&ErrorContext) + Send + Sync + 'static, mpsc::Receiver<ErrorContext>) {
    let (said, heard) = mpsc::channel();
    let said = Mutex::new(said);
    (move |error: &ErrorContext| drop(said.lock().unwrap().send(error.clone())), heard)
}

#[test]
fn errors_say_where_they_come_from_whether_they_may_pass_and_when_they_came() {
    let (place, server) = (Place::new(), FaultServer::start());
    server.queue(Script::close_at_once());
    server.queue(Script::stream().event(r#"["no", "object"]"#).then_close());
    server.always(Script::status(401, &[], ""));
    let begun = SystemTime::now();
    let (callback, heard) = errors();
    let client = builder(&place.file(), &server).on_error(callback).preload(true).start().unwrap();
    let next = || heard.recv_timeout(DEADLINE).unwrap();
    let all: Vec<_> = (0..4).map(|_| next()).collect();
    let seen: Vec<_> = all.iter().map(|error| (error.source, error.is_transient)).collect();
    let expected = [
        (ErrorSource::Network, true),
        (ErrorSource::Parser, false),
        (ErrorSource::Network, true),
        (ErrorSource::Network, false),
    ];
    assert_eq!(seen, expected, "{all:?}");
    for error in &all {
        assert!(error.at >= begun && error.at <= SystemTime::now(), "{error:?}");
        assert!(!format!("{error} {error:?}").contains(KEY), "{error:?}");
    }
    assert!(all[1].error.to_string().contains("object"), "{}", all[1]);
    client.close().unwrap();
}

/// Symptom: a wrong key was silent in a program that had set up neither a log nor a callback. Fix: such an error is printed.
#[test]
fn an_error_that_nobody_listens_to_is_printed_once() {
    let (place, server) = (Place::new(), server());
    let mut alone = role("client-alone", &place, &server, 0);
    server.wait_for_streams(1, DEADLINE);
    for refused in ["[1]", "[2]", "[3]"] {
        server.send_event(refused);
    }
    wait_until("it is printed", DEADLINE, || alone.stderr().contains("flagstaff: "));
    server.publish(r#"{"n": 2}"#);
    let reader = flagstaff::Reader::attach(place.file());
    wait_until("all of them were looked at", DEADLINE, || reader.get_i64("n") == 2);
    alone.close_stdin();
    assert!(alone.wait(DEADLINE).success());
    let printed = alone.stderr();
    assert_eq!(printed.lines().count(), 1, "once a minute: {printed}");
    assert!(printed.contains("payload") && !printed.contains(KEY), "{printed}");
}

#[test]
fn a_callback_that_blocks_holds_up_neither_flags_nor_a_close() {
    let (place, server) = (Place::new(), FaultServer::start());
    server.queue(Script::close_at_once());
    server.publish(r#"{"n": 1}"#);
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let blocks = move |_: &ErrorContext| {
        counted.fetch_add(1, SeqCst);
        let _ = gone.lock().unwrap().recv();
    };
    let client = builder(&place.file(), &server).on_error(blocks).start().unwrap();
    let _ = client.get_bool("on");
    wait_until("the callback", DEADLINE, || calls.load(SeqCst) == 1);
    client.on_change(|_| std::thread::sleep(Duration::from_secs(3600)));
    wait_for_n(&client, 1);
    server.publish(r#"{"n": 2}"#);
    wait_for_n(&client, 2);
    let begun = Instant::now();
    client.close().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    drop(go);
}

#[test]
fn a_callback_that_panics_stops_nothing() {
    let (place, server) = (Place::new(), FaultServer::start());
    server.queue(Script::close_at_once());
    server.publish(r#"{"n": 1}"#);
    let client = builder(&place.file(), &server).on_error(|_| panic!("a defect")).start().unwrap();
    let (said, heard) = mpsc::channel();
    let said = Mutex::new(said);
    client.on_change(|_| panic!("another defect"));
    client.on_change(move |changes| said.lock().unwrap().send(changes.new.get_number("n")).unwrap());
    let next = || heard.recv_timeout(DEADLINE).unwrap();
    assert_eq!(next(), 1.0);
    server.publish(r#"{"n": 2}"#);
    assert_eq!(next(), 2.0);
}

/// Reads, starts another client and closes this one, all from the callback.
#[test]
fn a_callback_may_use_and_close_the_client_that_calls_it() {
    let (place, server) = (Place::new(), FaultServer::start());
    server.queue(Script::close_at_once());
    server.publish(r#"{"n": 1}"#);
    let slot: Arc<Mutex<Option<Client>>> = Arc::default();
    let (said, heard) = mpsc::channel();
    let (of_error, both) = (slot.clone(), Mutex::new(said.clone()));
    let on_error = move |_: &ErrorContext| {
        let client = of_error.lock().unwrap().clone().unwrap();
        client.on_change(|_| ());
        let _ = (client.get_bool("on"), client.snapshot(), client.status(), client.bool_flag("on").get());
        both.lock().unwrap().send(("error", client.close_within(Duration::from_secs(5)).is_ok())).unwrap();
    };
    let mine = builder(&place.file(), &server).on_error(on_error).start().unwrap();
    *slot.lock().unwrap() = Some(mine.clone());
    let _ = mine.get_bool("on");
    assert_eq!(heard.recv_timeout(DEADLINE).unwrap(), ("error", true));

    let second = client(&place, &server);
    let (clone, said) = (second.clone(), Mutex::new(said));
    second.on_change(move |changes| {
        assert_eq!(clone.get_i64("n"), changes.new.get_number("n") as i64);
        said.lock().unwrap().send(("change", clone.close().is_ok())).unwrap();
    });
    assert_eq!(heard.recv_timeout(DEADLINE).unwrap(), ("change", true));
    server.wait_for_streams(0, DEADLINE);
    slot.lock().unwrap().take();
}

#[test]
fn changes_are_told_with_old_and_new_values_in_order_and_once() {
    let (place, server) = (Place::new(), FaultServer::start());
    server.publish(r#"{"stays": true, "goes": 1, "turns": "a"}"#);
    let client = client(&place, &server);
    assert!(client.wait_until_ready(DEADLINE));
    wait_until("flags", DEADLINE, || client.get_bool("stays"));
    let (said, heard) = mpsc::channel();
    let said = Mutex::new(said);
    client.on_change(move |changes| {
        let owned = |value: Option<Value<'_>>| value.map(|value| format!("{value:?}"));
        let all: Vec<_> = changes
            .iter()
            .map(|change| (change.key.to_owned(), owned(change.old), owned(change.new)))
            .collect();
        assert_eq!(changes.keys().len(), all.len());
        said.lock().unwrap().send((changes.generation().0, all)).unwrap();
    });
    server.publish(r#"{"stays": true, "turns": "b", "comes": [1]}"#);
    let (generation, all) = heard.recv_timeout(DEADLINE).unwrap();
    assert_eq!(generation, 2);
    let text = format!("{all:?}");
    let keys: Vec<_> = all.iter().map(|(key, ..)| key.as_str()).collect();
    assert_eq!(keys, ["comes", "goes", "turns"], "{text}");
    assert!(all[0].1.is_none() && all[1].2.is_none() && all[2].1.is_some() && all[2].2.is_some(), "{text}");
    // The same flags in a file that was made anew are no change.
    std::fs::remove_file(place.file()).unwrap();
    wait_until("a new file", DEADLINE, || place.file().exists());
    server.publish(r#"{"stays": false, "turns": "b", "comes": [1]}"#);
    let (_, all) = heard.recv_timeout(DEADLINE).unwrap();
    assert_eq!(all.iter().map(|(key, ..)| key.as_str()).collect::<Vec<_>>(), ["stays"]);
    client.close().unwrap();
}

/// A client that reads what another one publishes hears of changes too.
#[test]
fn changes_are_told_in_processes_that_only_read() {
    let (place, server) = (Place::new(), server());
    let leader = client(&place, &server);
    wait_for_n(&leader, 1);
    let reader = client(&place, &server);
    let (said, heard) = mpsc::channel();
    let said = Mutex::new(said);
    reader.on_change(move |changes| said.lock().unwrap().send(changes.new.get_number("n")).unwrap());
    server.publish(r#"{"n": 2}"#);
    assert_eq!(heard.recv_timeout(DEADLINE).unwrap(), 2.0);
}
