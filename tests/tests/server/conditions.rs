//! Two who change the same thing.

use std::sync::Barrier;
use std::thread;

use flagstaff_tests::flag_server::{FlagServer, put};
use flagstaff_tests::http::Request;
use serde_json::json;

fn tag(server: &FlagServer, path: &str) -> String {
    server.get(path).header("etag").unwrap().to_owned()
}

#[test]
fn of_two_editors_with_the_same_tag_exactly_one_wins() {
    let server = FlagServer::start([] as [&str; 0]);
    for round in 0..20 {
        let path = if round % 2 == 0 { "/api/v1/flags" } else { "/api/v1/flags/by-key/greeting" };
        let seen = tag(&server, path);
        let barrier = Barrier::new(2);
        let edit = |who: &str| {
            let request = put("greeting", &format!("\"{who} {round}\"")).header("If-Match", &seen);
            barrier.wait();
            (server.send(request), format!("\"{who} {round}\""))
        };
        let (one, other) = thread::scope(|scope| {
            let one = scope.spawn(|| edit("one"));
            let other = edit("other");
            (one.join().unwrap(), other)
        });
        let (winner, loser) = if one.0.status == 200 { (one, other) } else { (other, one) };
        assert_eq!((winner.0.status, loser.0.status), (200, 412), "{winner:?} {loser:?}");
        assert_eq!(server.get("/api/v1/flags/by-key/greeting").body, winner.1);
        // The loser learns what it would have overwritten.
        assert_eq!(loser.0.refusal().1, "precondition_failed");
        let told = loser.0.json();
        assert_eq!(told["current"].to_string(), winner.1);
        assert_eq!((&told["revision"], &told["etag"]), (&json!(round + 1), &winner.0.json()["etag"]));
    }
}

#[test]
fn a_flags_own_tag_does_not_mind_changes_of_other_flags() {
    let server = FlagServer::start([] as [&str; 0]);
    let (all, own) = (tag(&server, "/api/v1/flags"), tag(&server, "/api/v1/flags/by-key/cart-limit"));
    server.put("greeting", "\"other\"");
    let edit = |value: &str, tag: &str| server.send(put("cart-limit", value).header("If-Match", tag)).status;
    assert_eq!(edit("60", &all), 412);
    assert_eq!(edit("60", &own), 200);
    assert_eq!(edit("70", &own), 412);
    // As JSON answers have it: without quotes.
    let answer = server.put("cart-limit", "80").json();
    assert_eq!(edit("90", answer["tags"]["cart-limit"].as_str().unwrap()), 200);
    let gone = |tag: &str| Request::new("DELETE", "/api/v1/flags/by-key/cart-limit").header("If-Match", tag);
    assert_eq!(server.send(gone(&own)).refusal(), (412, "precondition_failed".to_owned()));
    assert_eq!(server.send(gone(&tag(&server, "/api/v1/flags/by-key/cart-limit"))).status, 200);
    assert_eq!(edit("1", &own), 412, "a flag that is gone has no tag");
}

#[test]
fn a_star_asks_for_a_flag_that_is_there_or_for_one_that_is_not() {
    let server = FlagServer::start([] as [&str; 0]);
    let put_if = |key: &str, header: &str| server.send(put(key, "1").header(header, "*")).status;
    assert_eq!(put_if("new", "If-Match"), 412);
    assert_eq!(put_if("new", "If-None-Match"), 201);
    assert_eq!(put_if("new", "If-None-Match"), 412);
    assert_eq!(put_if("new", "If-Match"), 200);
}

#[test]
fn a_merge_is_bound_to_the_tag_of_all_flags() {
    let server = FlagServer::start([] as [&str; 0]);
    let seen = tag(&server, "/api/v1/flags");
    let merge = |value: u32| {
        let request = Request::new("PATCH", "/api/v1/flags").body(format!("{{\"cart-limit\": {value}}}"));
        server.send(request.header("If-Match", &seen))
    };
    assert_eq!(merge(1).status, 200);
    let refused = merge(2);
    assert_eq!(refused.refusal(), (412, "precondition_failed".to_owned()));
    assert_eq!(refused.json()["etag"], tag(&server, "/api/v1/flags").trim_matches('"'));
    assert!(refused.json().get("current").is_none());
}
