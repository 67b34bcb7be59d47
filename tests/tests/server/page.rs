//! The page and what it is told.

use std::time::{Duration, Instant};

use flagstaff_tests::flag_server::{FlagServer, command};
use flagstaff_tests::http::{Events, Request};
use flagstaff_tests::place::{Place, answer};
use serde_json::json;

#[test]
fn the_page_is_sent_with_a_policy_that_lets_it_load_nothing() {
    let server = FlagServer::start([] as [&str; 0]);
    let page = Request::new("GET", "/").send(server.address);
    assert_eq!(page.status, 200);
    assert!(page.body.starts_with("<!doctype html>") || page.body.starts_with("<!DOCTYPE html>"), "{page:?}");
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let head = Request::new("HEAD", "/").send(server.address);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    for answer in [page, head] {
        assert_eq!(answer.header("content-security-policy"), Some(policy));
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}

fn flags(page: &mut Events) -> serde_json::Value {
    page.find(|event| event.name == "flags").json()
}

#[test]
fn the_page_hears_all_at_first_and_then_what_is_new() {
    let server = FlagServer::start([] as [&str; 0]);
    server.put("greeting", "\"one\"");
    server.put("greeting", "\"two\"");
    let mut page = server.page_stream();
    let first = flags(&mut page);
    assert_eq!((&first["revision"], first["history"].as_array().unwrap().len()), (&json!(2), 2));
    let now = server.get("/api/v1/flags");
    assert_eq!(first["flags"], now.json());
    assert_eq!(now.header("etag").unwrap().trim_matches('"'), first["etag"]);
    assert_eq!(first["tags"].as_object().unwrap().len(), first["flags"].as_object().unwrap().len());
    let own = server.get("/api/v1/flags/by-key/greeting");
    assert_eq!(own.header("etag").unwrap().trim_matches('"'), first["tags"]["greeting"]);

    let answer = server.put("greeting", "\"three\"").json();
    let second = flags(&mut page);
    assert_eq!(second["history"].as_array().unwrap().len(), 1);
    assert_eq!(second["history"][0]["changes"], json!([{"key": "greeting", "old": "two", "new": "three"}]));
    assert_eq!(
        (&second["tags"]["greeting"], &second["etag"]),
        (&answer["tags"]["greeting"], &answer["etag"])
    );
}

#[test]
fn the_page_hears_the_names_of_all_environments_and_no_api_key() {
    let place = Place::new();
    let file = place.join("staging.json");
    std::fs::write(&file, "{}").unwrap();
    let second = format!("s3cret={}", file.display());
    let server = FlagServer::start(["--environment", &second, "--name", "dev=Shop"]);
    let named = server.page_stream().find(|event| event.name == "environment");
    assert_eq!(named.json(), json!({"name": "Shop", "names": ["Shop", "staging"]}));
    let nobody = answer(command(["--name", "other=Shop"]));
    assert_eq!(nobody.code, 2, "{nobody:?}");
    assert!(nobody.stderr.contains("is for an api key that no environment has"), "{nobody:?}");
}

#[test]
fn the_page_hears_who_streams_but_not_too_often() {
    let server = FlagServer::start([] as [&str; 0]);
    let mut page = server.page_stream();
    let clients = |page: &mut Events, count: usize| {
        page.find(|event| {
            event.name == "clients" && event.json()["clients"].as_array().unwrap().len() == count
        })
        .json()
    };
    assert_eq!(clients(&mut page, 0), json!({"clients": []}));
    let begun = Instant::now();
    let mut streams: Vec<_> = (0..20).map(|_| server.stream()).collect();
    streams.iter_mut().for_each(|stream| drop(stream.next()));
    let mut lists = 0;
    loop {
        let event = page.find(|event| event.name == "clients");
        lists += 1;
        let event = event.json();
        let list = event["clients"].as_array().unwrap();
        if list.len() == 20 && list.iter().all(|client| client["sent_revision"] == 0) {
            break;
        }
    }
    let most = begun.elapsed().as_millis() / 200 + 1;
    assert!(lists <= most, "{lists} lists in {:?}", begun.elapsed());
    drop(streams);
    clients(&mut page, 0);
    assert!(begun.elapsed() < Duration::from_secs(20));
}
