//! What was changed, by whom, and back again.

use std::os::unix::fs::PermissionsExt as _;

use flagstaff_tests::flag_server::{FlagServer, put};
use flagstaff_tests::http::{Request, Response};
use flagstaff_tests::place::Place;
use flagstaff_tests::wait::{DEADLINE, wait_until};
use rustix::process::Signal;
use serde_json::{Value, json};

fn server(flags: &str) -> (Place, FlagServer) {
    let place = Place::new();
    std::fs::write(place.join("flags.json"), flags).unwrap();
    let server = FlagServer::with_file(&place.join("flags.json"));
    (place, server)
}

fn undo(server: &FlagServer, revision: u64, query: &str) -> Response {
    server.send(Request::new("POST", &format!("/api/v1/history/{revision}/undo{query}")))
}

fn history(server: &FlagServer) -> Vec<Value> {
    server.get("/api/v1/history").json()["changes"].as_array().unwrap().clone()
}

#[test]
fn history_names_what_changed_and_who_changed_it_newest_first() {
    let (place, server) = server(r#"{"a": 1}"#);
    server.put("b", "2");
    server.send(put("a", "3").header("X-Flagstaff-By", "page"));
    std::fs::write(place.join("flags.json"), r#"{"b": 2}"#).unwrap();
    wait_until("the edit is seen", DEADLINE, || history(&server).len() == 3);
    undo(&server, 1, "");
    let all = server.get("/api/v1/history").json();
    assert_eq!(all["revision"], 4);
    let shown: Vec<_> = history(&server)
        .iter()
        .map(|change| json!([change["revision"], change["by"], change["from"], change["changes"]]))
        .collect();
    assert_eq!(
        json!(shown),
        json!([
            [4, "undo", "127.0.0.1", [{"key": "b", "old": 2}]],
            [3, "file", null, [{"key": "a", "old": 3}]],
            [2, "page", "127.0.0.1", [{"key": "a", "old": 1, "new": 3}]],
            [1, "api", "127.0.0.1", [{"key": "b", "new": 2}]],
        ])
    );
    let newest = &history(&server)[0];
    assert_eq!(newest["undoes"], 1);
    assert!(history(&server)[1].get("undoes").is_none());
    let time = newest["time"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z') && time.as_bytes()[19] == b'.', "{time}");
}

#[test]
fn the_last_hundred_changes_are_remembered() {
    let (_place, server) = server("{}");
    for n in 0..105 {
        assert!(server.put("n", &n.to_string()).status <= 201);
    }
    let changes = history(&server);
    assert_eq!(
        (changes.len(), &changes[0]["revision"], &changes[99]["revision"]),
        (100, &json!(105), &json!(6))
    );
    assert_eq!(undo(&server, 5, "?force=true").refusal(), (404, "not_remembered".to_owned()));
    assert_eq!(undo(&server, 106, "").refusal(), (404, "not_remembered".to_owned()));
}

#[test]
fn an_undone_change_is_as_if_it_had_not_been_made_and_can_come_back() {
    let (place, server) = server("{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}\n");
    let before = server.get("/api/v1/flags");
    server.send(Request::new("PATCH", "/api/v1/flags").body(r#"{"a": null, "b": 9, "d": 4}"#));
    let after = server.flags();
    let answer = undo(&server, 1, "");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!((&answer.json()["revision"], &answer.json()["undoes"]), (&json!(2), &json!(1)));
    assert_eq!(server.flags(), before.body);
    assert_eq!(server.get("/api/v1/flags").header("etag"), before.header("etag"));
    let file = std::fs::read_to_string(place.join("flags.json")).unwrap();
    assert_eq!(file, "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}\n");
    undo(&server, 2, "");
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(parsed(&server.flags()), parsed(&after));
}

#[test]
fn undo_does_not_destroy_a_later_change_unless_it_is_forced() {
    let (_place, server) = server(r#"{"a": 1, "b": 1}"#);
    server.send(Request::new("PATCH", "/api/v1/flags").body(r#"{"a": 2, "b": 2}"#));
    server.put("a", "3");
    let refused = undo(&server, 1, "");
    assert_eq!(refused.refusal(), (409, "changed_since".to_owned()));
    assert_eq!(refused.json()["keys"], json!(["a"]));
    assert_eq!(server.flags(), r#"{"a":3,"b":2}"#);
    assert_eq!(undo(&server, 1, "?force=maybe").refusal(), (400, "bad_query".to_owned()));
    assert_eq!(undo(&server, 1, "?force=true").status, 200);
    assert_eq!(server.flags(), r#"{"a":1,"b":1}"#);
    let bad = server.send(Request::new("POST", "/api/v1/history/x/undo"));
    assert_eq!(bad.refusal(), (400, "bad_revision".to_owned()));
    let stale = Request::new("POST", "/api/v1/history/3/undo").header("If-Match", "\"0000000000000000\"");
    assert_eq!(server.send(stale).refusal(), (412, "precondition_failed".to_owned()));
}

#[test]
fn a_server_that_was_started_again_remembers_who_changed_what_and_undoes_it() {
    let place = Place::new();
    let file = place.join("flags.json");
    std::fs::write(&file, r#"{"a": 1, "b": {"x": [1.0]}}"#).unwrap();
    let mut server = FlagServer::with_file(&file);
    server.send(put("a", "3").header("X-Flagstaff-By", "page"));
    assert_eq!(server.send(Request::new("DELETE", "/api/v1/flags/by-key/b")).status, 200);
    let before = history(&server);
    // Whether it ends in order or is killed.
    for (signal, revision) in [(Signal::TERM, 3), (Signal::KILL, 4)] {
        server.process.signal(signal);
        server.process.wait(DEADLINE);
        server = FlagServer::with_file(&file);
        assert_eq!(history(&server)[history(&server).len() - 2..], before);
        assert_eq!(server.put("a", &(revision * 10).to_string()).json()["revision"], revision);
    }
    assert_eq!(undo(&server, 2, "").status, 200);
    assert_eq!(server.flags(), r#"{"a":40,"b":{"x":[1.0]}}"#);
    assert_eq!(undo(&server, 1, "").status, 409, "changed again since");
    // What is edited while no server runs is served, and in no history; what is undone then is asked about as always.
    server.process.signal(Signal::TERM);
    server.process.wait(DEADLINE);
    std::fs::write(&file, r#"{"a": 9}"#).unwrap();
    server = FlagServer::with_file(&file);
    assert_eq!((server.flags().as_str(), history(&server).len()), (r#"{"a":9}"#, 5));
    assert_eq!(undo(&server, 5, "").status, 409);
    let mode = std::fs::metadata(place.join(".flags.json.flagstaff-history")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
