//! The rules of parsing, by the parser, by a connection and by the command.

use flagstaff_publisher::Stopper;
use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Instant;

use flagstaff_publisher::sse::{ApiKey, Connection, Endpoint, Event, Failure, Item, Parser};
use flagstaff_tests::place::{KEY, Place};
use flagstaff_tests::server::{FaultServer, Script};
use flagstaff_tests::wait::{DEADLINE, wait_until};

use crate::parsing_cases::{Case, LIMIT, Seen, cases};
use crate::rules;
use crate::support::place;

/// Streams up to this are cut at every place, and sent byte by byte.
const SHORT: usize = 4096;

fn cuts(case: &Case) -> Vec<usize> {
    match case.stream.len() {
        length @ ..=SHORT => (1..length).collect(),
        length => vec![1, length / 2, length - 1],
    }
}

fn seen(item: Item) -> Seen {
    match item {
        Item::Event(Event { event_type, data, last_event_id, .. }) => {
            Seen::Event(event_type.into_owned(), data, last_event_id.to_string())
        }
        Item::Comment => Seen::Comment,
        Item::Retry(delay) => Seen::Retry(delay.as_millis()),
        Item::TooLarge { .. } => Seen::TooLarge,
        other => panic!("unknown: {other:?}"),
    }
}

fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Seen> {
    let mut parser = Parser::new(LIMIT);
    let mut found = Vec::new();
    for mut piece in pieces {
        while let Some(item) = parser.next_item(&mut piece) {
            found.push(seen(item));
        }
    }
    found
}

#[test]
fn every_rule_of_parsing_has_a_case() {
    let cases = cases();
    rules::all_are_shown("Parsing", &cases.iter().map(|case| case.rule).collect::<Vec<_>>());
}

#[test]
fn the_parser_keeps_every_rule_however_the_bytes_are_cut() {
    for case in &cases() {
        let (rule, stream) = (case.rule, &case.stream);
        assert_eq!(parse([stream.as_slice()]), case.seen, "{rule}");
        for size in [1, 2, 3, 7] {
            assert_eq!(parse(stream.chunks(size)), case.seen, "{rule} In pieces of {size}.");
        }
        for cut in cuts(case) {
            assert_eq!(parse([&stream[..cut], &stream[cut..]]), case.seen, "{rule} Cut at {cut}.");
        }
    }
}

/// The rest is sent only when the client has taken what was before the cut, so that each cut is one.
#[test]
fn a_connection_keeps_every_rule_wherever_the_stream_is_cut() {
    let begun = Instant::now();
    let mut connections = 0;
    for case in &cases() {
        let server = FaultServer::start();
        server.always(Script::plain_stream());
        let endpoint = Endpoint::new(&server.url(), ApiKey::new(KEY).unwrap()).unwrap();
        for cut in cuts(case) {
            let mut connection = Connection::open(&endpoint, None, &Stopper::new()).unwrap();
            server.wait_for_streams(1, DEADLINE);
            let mut items = Vec::new();
            let (taken, is_taken) = mpsc::channel();
            let result = std::thread::scope(|scope| {
                // A long stream is more than the socket holds, so it is sent while the client reads.
                let server = &server;
                scope.spawn(move || {
                    server.send_raw(&case.stream[..cut]);
                    is_taken.recv().unwrap();
                    server.send_raw(&case.stream[cut..]);
                    server.close_streams();
                });
                let mut result = connection.next_items(&mut items);
                taken.send(()).unwrap();
                while result.is_ok() {
                    result = connection.next_items(&mut items);
                }
                result
            });
            let mut found: Vec<_> = items.into_iter().map(seen).collect();
            match result {
                Err(Failure::EventTooLarge { .. }) => found.push(Seen::TooLarge),
                result => assert!(matches!(result, Err(Failure::Ended)), "{} {result:?}", case.rule),
            }
            // Comments of one read are one item.
            let with_all = |seen: &[Seen]| {
                let mut seen = seen.to_vec();
                seen.dedup_by(|a, b| (&*a, &*b) == (&Seen::Comment, &Seen::Comment));
                seen
            };
            assert_eq!(with_all(&found), with_all(&case.seen), "{} Cut at {cut}.", case.rule);
            server.wait_for_streams(0, DEADLINE);
            connections += 1;
        }
    }
    eprintln!("{connections} connections, each cut at another place, in {:?}", begun.elapsed());
}

/// All that the last good event says is in the flags, while the stream is still open; and the next request has its id.
#[test]
fn the_command_keeps_every_rule_when_each_byte_comes_alone() {
    let cases = cases();
    rules::each(&cases, |case| case.rule, by_the_command);
    eprintln!("{} streams", cases.len());
}

fn by_the_command(case: &Case) {
    let place = place();
    let server = FaultServer::start();
    let script = Script::stream();
    let script = if case.stream.len() <= SHORT { script.one_byte_at_a_time() } else { script };
    server.queue(script);
    let publisher = place.run(&server);
    server.wait_for_streams(1, DEADLINE);
    if case.stream.len() <= SHORT {
        // A chunk of its own for each byte.
        case.stream.iter().for_each(|byte| assert_eq!(server.send_chunk(&[*byte]), 1));
    } else {
        server.send_chunk(&case.stream);
    }
    let mut id = "";
    let mut refused = false;
    let mut flags = BTreeMap::from([("n".to_owned(), serde_json::Value::from(1))]);
    for seen in &case.seen {
        match seen {
            Seen::Event(_, data, of_event) => {
                id = of_event;
                match serde_json::from_str(data) {
                    Ok(object) => flags = object,
                    Err(_) => {
                        publisher.expect_log("payload is not valid JSON");
                        refused = true;
                    }
                }
            }
            Seen::TooLarge => drop(publisher.expect_log("it was dropped")),
            Seen::Comment | Seen::Retry(_) => {}
        }
    }
    has_flags(&place, case.rule, &flags);
    assert_eq!(
        publisher.stderr().contains("payload refused"),
        refused,
        "{}\n{}",
        case.rule,
        publisher.stderr()
    );
    server.close_streams();
    let requests = server.wait_for_requests(2, DEADLINE);
    assert_eq!(requests[1].header("last-event-id").unwrap_or(""), id, "{}", case.rule);
    has_flags(&place, case.rule, &flags);
}

#[track_caller]
fn has_flags(place: &Place, rule: &str, flags: &BTreeMap<String, serde_json::Value>) {
    let reader = place.reader();
    for (key, value) in flags {
        let found = || match value {
            serde_json::Value::String(text) => reader.get_string(key.as_str()) == *text,
            value => reader.get_i64_or(key.as_str(), i64::MIN) == value.as_i64().unwrap(),
        };
        wait_until(&format!("{rule} {key} = {value}"), DEADLINE, found);
    }
}
