//! Flags are read and changed.

use flagstaff_tests::flag_server::{FlagServer, put};
use flagstaff_tests::http::Request;
use flagstaff_tests::place::Place;
use serde_json::json;

fn server(flags: &str) -> (Place, FlagServer) {
    let place = Place::new();
    std::fs::write(place.join("flags.json"), flags).unwrap();
    let server = FlagServer::with_file(&place.join("flags.json"));
    (place, server)
}

#[test]
fn put_creates_then_changes_then_leaves_alone() {
    let (_place, server) = server("{\"a\": 1}");
    let created = server.put("b", " [1, 2]");
    assert_eq!(created.status, 201, "{created:?}");
    let answer = created.json();
    assert_eq!(
        (&answer["revision"], &answer["key"], &answer["new"]),
        (&json!(1), &json!("b"), &json!([1, 2]))
    );
    assert!(answer.get("old").is_none(), "{answer}");
    let tag = answer["tags"]["b"].as_str().unwrap();
    assert_eq!(created.header("etag").unwrap(), format!("\"{tag}\""));
    assert!(tag.starts_with("v-") && tag.len() == 18, "{tag}");

    let changed = server.put("b", "null");
    assert_eq!((changed.status, changed.json()["revision"].clone()), (200, json!(2)));
    assert_eq!((&changed.json()["old"], &changed.json()["new"]), (&json!([1, 2]), &json!(null)));
    assert!(changed.json().as_object().unwrap().contains_key("new"), "null is a value: {changed:?}");
    assert_ne!(changed.json()["etag"], answer["etag"]);

    let same = server.put("b", "\nnull ");
    assert_eq!((same.status, same.json()["revision"].clone()), (200, json!(2)));
    assert_eq!(same.json()["etag"], changed.json()["etag"]);
    assert_eq!(server.flags(), r#"{"a":1,"b":null}"#);
}

#[test]
fn patch_replaces_members_and_removes_those_that_are_null() {
    let (_place, server) = server(r#"{"a": {"x": 1, "y": 2}, "b": 2, "c": 3}"#);
    let request = Request::new("PATCH", "/api/v1/flags")
        .body(r#"{"a": {"x": 9}, "b": null, "d": 4, "c": 3, "e": null}"#);
    let answer = server.send(request.header("Content-Type", "application/merge-patch+json"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    assert_eq!(
        json["changes"],
        json!([{"key": "a", "old": {"x": 1, "y": 2}, "new": {"x": 9}}, {"key": "d", "new": 4}, {"key": "b", "old": 2}])
    );
    assert_eq!(json["revision"], 1);
    assert_eq!(answer.header("etag").unwrap().trim_matches('"'), json["etag"]);
    assert_eq!(server.flags(), r#"{"a":{"x":9},"c":3,"d":4}"#);
    let nothing = server.send(Request::new("PATCH", "/api/v1/flags").body("{}")).json();
    assert_eq!((&nothing["revision"], &nothing["changes"]), (&json!(1), &json!([])));
}

#[test]
fn delete_removes_a_flag_and_says_what_it_was() {
    let (_place, server) = server(r#"{"a": 1, "b": "x"}"#);
    let gone = server.send(Request::new("DELETE", "/api/v1/flags/by-key/b"));
    assert_eq!(
        (gone.status, gone.json()["old"].clone(), gone.json()["key"].clone()),
        (200, json!("x"), json!("b"))
    );
    assert!(gone.json().get("new").is_none());
    assert_eq!(
        server.send(Request::new("DELETE", "/api/v1/flags/by-key/b")).refusal(),
        (404, "no_flag".to_owned())
    );
    assert_eq!(server.get("/api/v1/flags/by-key/b").refusal(), (404, "no_flag".to_owned()));
    assert_eq!(server.flags(), r#"{"a":1}"#);
}

#[test]
fn numbers_stay_as_they_were_written_through_every_way() {
    let (place, server) = server("{\n  \"b\": 1e400,\n  \"a\": 12345678901234567890123\n}\n");
    let line = r#"{"b":1e400,"a":12345678901234567890123,"c":0.10}"#;
    let answer = server.put("c", "0.10");
    assert!(answer.body.contains(r#""new":0.10"#), "{answer:?}");
    assert_eq!(server.flags(), line);
    assert_eq!(server.get("/api/v1/flags/by-key/b").body, "1e400");
    assert_eq!(server.stream().next().unwrap().data, line);
    let event = server.page_stream().find(|event| event.name == "flags");
    assert!(event.data.contains(line), "{event:?}");
    let refused = server.send(put("b", "1").header("If-Match", "\"other\""));
    assert!(refused.body.contains(r#""current":1e400"#), "{refused:?}");
    let file = std::fs::read_to_string(place.join("flags.json")).unwrap();
    assert_eq!(file, "{\n  \"b\": 1e400,\n  \"a\": 12345678901234567890123,\n  \"c\": 0.10\n}\n");
}

#[test]
fn odd_keys_are_kept_even_one_with_the_name_of_the_stream() {
    let (_place, server) = server("{}");
    assert_eq!(server.put("a%2Fb%20%C3%A9", "1").json()["key"], "a/b \u{e9}");
    assert_eq!(server.get("/api/v1/flags/by-key/a%2Fb%20%C3%A9").body, "1");
    assert_eq!(server.put("live", "true").status, 201);
    assert_eq!(server.get("/api/v1/flags/by-key/live").body, "true");
    assert_eq!(server.flags(), "{\"a/b \u{e9}\":1,\"live\":true}");
    assert_eq!(server.send(Request::new("DELETE", "/api/v1/flags/by-key/live")).status, 200);
    for key in ["", "a%0Ab", "%ff", &"x".repeat(257)] {
        assert_eq!(server.put(key, "1").refusal(), (400, "bad_key".to_owned()), "{key}");
    }
    assert_eq!(server.put(&"x".repeat(256), "1").status, 201);
}

#[test]
fn what_a_publisher_would_refuse_is_refused_with_its_place() {
    let (_place, server) = server(r#"{"a": 1}"#);
    let bad = server.put("b", "{\"x\": 1,\n  tru}");
    assert_eq!(bad.refusal(), (400, "bad_json".to_owned()));
    assert_eq!((&bad.json()["line"], &bad.json()["column"]), (&json!(2), &json!(3)));
    for body in ["", "1, \"c\": 2", "1 2", "NaN", "{\"a\":1"] {
        assert_eq!(server.put("b", body).refusal(), (400, "bad_json".to_owned()), "{body}");
    }
    let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
    assert_eq!(server.put("b", &deep).refusal(), (400, "too_deep".to_owned()));
    let not_text = Request::new("PUT", "/api/v1/flags/by-key/b").body(b"\"\xff\"".to_vec());
    assert_eq!(server.send(not_text).refusal(), (400, "not_utf8".to_owned()));
    let list = server.send(Request::new("PATCH", "/api/v1/flags").body("[1]"));
    assert_eq!(list.refusal(), (400, "not_an_object".to_owned()));
    let form = server.send(put("b", "true").header("Content-Type", "application/x-www-form-urlencoded"));
    assert_eq!(form.refusal(), (415, "not_json_type".to_owned()));
    assert_eq!(
        server.send(put("b", "true").header("Content-Type", "application/json; charset=utf-8")).status,
        201
    );
    assert_eq!(server.flags(), r#"{"a":1,"b":true}"#);
}

#[test]
fn more_than_five_mebibytes_are_refused_with_the_sizes() {
    let (_place, server) = server(r#"{"a": 1}"#);
    let half = format!("\"{}\"", "x".repeat(3 * 1024 * 1024));
    assert_eq!(server.put("b", &half).status, 201);
    let both = server.put("c", &half);
    assert_eq!(both.refusal(), (413, "too_large".to_owned()));
    assert_eq!(both.json()["limit"], 5 * 1024 * 1024);
    assert!(both.json()["bytes"].as_u64().unwrap() > 6 * 1024 * 1024);
    let body = server.put("c", &format!("\"{}\"", "x".repeat(6 * 1024 * 1024)));
    assert_eq!(body.refusal(), (413, "too_large".to_owned()));
    // Without a length, the limit is met while it is read.
    let chunk = format!("{:x}\r\n\"{}\"\r\n0\r\n\r\n", 6 * 1024 * 1024 + 2, "x".repeat(6 * 1024 * 1024));
    let request =
        Request::new("PUT", "/api/v1/flags/by-key/c").header("Transfer-Encoding", "chunked").trailing(chunk);
    assert_eq!(server.send(request).refusal(), (413, "too_large".to_owned()));
    assert_eq!(server.get("/api/v1/flags/by-key/c").status, 404);
}

#[test]
fn tags_save_a_transfer() {
    let (_place, server) = server(r#"{"a": 1, "b": 2}"#);
    for path in ["/api/v1/flags", "/api/v1/flags/by-key/a"] {
        let first = server.get(path);
        let tag = first.header("etag").unwrap().to_owned();
        let again =
            || server.send(Request::new("GET", path).header("If-None-Match", &format!("\"x\", {tag}")));
        assert_eq!((again().status, again().body.as_str()), (304, ""), "{path}");
        server.put("a", &format!("\"{path}\""));
        assert_eq!(again().status, 200, "{path}");
    }
}

#[test]
fn paths_and_methods_that_are_none_say_so_in_json() {
    let (_place, server) = server("{}");
    assert_eq!(server.get("/api/v2/flags").refusal(), (404, "no_such_path".to_owned()));
    let other = server.send(Request::new("POST", "/api/v1/flags/by-key/a"));
    assert_eq!(other.refusal(), (405, "method_not_allowed".to_owned()));
    assert!(other.header("allow").unwrap().contains("PUT"), "{other:?}");
    assert_eq!(server.send(Request::new("OPTIONS", "/api/v1/flags")).status, 405);
    let health = Request::new("GET", "/healthz").send(server.address);
    assert_eq!((health.status, health.body.as_str()), (200, "ok"));
}
