//! Every call of a reader and a client, in each state that they can be in, and their end: for tools that look at memory.

#![allow(clippy::expect_used, clippy::panic, reason = "a role that cannot play fails its test")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use flagstaff::Client;
use flagstaff_publisher::{Publisher, PublisherOptions};
use flagstaff_reader::{PathState, Reader};
use flagstaff_torture::{KEYS, every_call};

use crate::fork::{exit_code, fork};
use crate::place::KEY;
use crate::server::FaultServer;
use crate::wait::wait_until;

/// Memory checkers slow a program down 30 times and more.
const DEADLINE: Duration = Duration::from_secs(120);

/// Goes through it all once, on files in the directory of `path`. Without forks for whoever looks for leaks: in a child, the memory of
/// threads that it does not have is nobody's.
///
/// # Panics
/// If something is not as it should be.
pub fn live(path: &Path, forks: bool, say: impl Fn(&str)) {
    let missing = Reader::attach(path);
    every_call(&missing, &KEYS);
    say("without a file");

    let mut publisher = Publisher::open(path, &PublisherOptions::default()).expect("a publisher");
    publisher.publish(&payload(1)).expect("a good payload");
    let reader = Reader::open(path).expect("a snapshot");
    every_call(&reader, &KEYS);
    every_call(&missing, &KEYS);
    say("published");
    if forks {
        let child = fork(|| {
            every_call(&reader, &KEYS);
            every_call(&reader.clone(), &KEYS);
        });
        assert_eq!(exit_code(child), Some(0));
        say("in a child");
    }

    fs::remove_file(path).expect("a file");
    wait_until("the file is made anew", DEADLINE, || reader.status().path == PathState::Same);
    publisher.publish(&payload(2)).expect("a good payload");
    assert_eq!(reader.get_i64(KEYS[1]), 2);
    // The memory of the file that was left is given back with the calls after 2 s.
    std::thread::sleep(Duration::from_millis(2100));
    every_call(&reader, &KEYS);
    say("followed");
    publisher.close().expect("a disk");
    every_call(&reader, &KEYS);
    drop((reader, missing));

    let server = FaultServer::start();
    server.publish(&payload(1));
    let own = path.with_file_name("client.flagstaff");
    let client = Client::builder(KEY).file(&own).base_url(&server.url()).start().expect("a client");
    client.on_change(|changes| assert!(changes.iter().len() > 0));
    assert!(client.wait_until_ready(DEADLINE), "no flags");
    every_call(client.reader(), &KEYS);
    server.publish(&payload(2));
    wait_until("the next payload", DEADLINE, || client.get_i64(KEYS[1]) == 2);
    if forks {
        let child = fork(|| {
            every_call(client.reader(), &KEYS);
            client.close().expect("an end in time");
        });
        assert_eq!(exit_code(child), Some(0));
    }
    client.close_within(DEADLINE).expect("an end in time");
    every_call(client.reader(), &KEYS);
    say("with a client");
}

fn payload(n: u64) -> String {
    let [on, number, long, text, json, big] = KEYS;
    let (letters, words) = ("x".repeat(3000), "word ".repeat(8));
    format!(
        "{{\"{on}\": true, \"{number}\": {n}, \"{long}\": 0.5, \"{text}\": \"{words}\", \"{json}\": [1, 2, null], \
         \"{big}\": \"{letters}\"}}"
    )
}
