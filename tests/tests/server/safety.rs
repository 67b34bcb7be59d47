//! Who may not.

use flagstaff_tests::flag_server::{FlagServer, command, put};
use flagstaff_tests::http::Request;
use flagstaff_tests::place::{Place, answer};

const TOKEN: &str = "t0k3n-0f-th3-t3sts";

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn a_name_that_was_made_to_lead_here_is_refused() {
    let server = FlagServer::start([] as [&str; 0]);
    for path in ["/", "/healthz", "/api/v1/flags", "/api/v1/flags/live", "/api/v1/page/live"] {
        let request = Request::new("GET", path).header("Host", "evil.example:80");
        assert_eq!(server.send(request).refusal(), refused(403, "host_refused"), "{path}");
    }
    let absolute = Request::new("GET", "http://evil.example/api/v1/flags");
    assert_eq!(server.send(absolute).refusal(), refused(403, "host_refused"));
    for host in ["localhost", "127.0.0.1:1", "[::1]:7878"] {
        assert_eq!(
            server.send(Request::new("GET", "/api/v1/flags").header("Host", host)).status,
            200,
            "{host}"
        );
    }
}

#[test]
fn a_page_of_another_origin_may_not_change_flags() {
    let server = FlagServer::start([] as [&str; 0]);
    let before = server.flags();
    let own = server.url();
    for (name, value) in [
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://localhost:1"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        for request in [
            put("a", "1"),
            Request::new("PATCH", "/api/v1/flags").body("{\"a\":1}"),
            Request::new("DELETE", "/api/v1/flags/by-key/greeting"),
            Request::new("POST", "/api/v1/history/1/undo"),
        ] {
            let answer = server.send(request.header(name, value));
            assert_eq!(answer.refusal(), refused(403, "origin_refused"), "{name}: {value}");
            assert!(answer.header("access-control-allow-origin").is_none());
        }
    }
    assert_eq!(server.flags(), before);
    let same = put("a", "1").header("Origin", &own).header("Sec-Fetch-Site", "same-origin");
    assert_eq!(server.send(same).status, 201);
    let read = server.send(Request::new("GET", "/api/v1/flags").header("Origin", "http://evil.example"));
    assert!(read.header("access-control-allow-origin").is_none(), "{read:?}");
}

#[test]
fn a_request_needs_the_api_key_of_an_environment() {
    let server = FlagServer::start(["--api-key", "s3cret"]);
    for path in [
        "/api/v1/flags",
        "/api/v1/flags/by-key/a",
        "/api/v1/flags/live",
        "/api/v1/history",
        "/api/v1/clients",
        "/api/v1/page/live",
    ] {
        let none = Request::new("GET", path).send(server.address);
        assert_eq!(none.refusal(), refused(401, "key_needed"), "{path}");
        assert_eq!(server.get(path).refusal(), refused(401, "key_unknown"), "{path}");
    }
    assert_eq!(server.put("a", "1").refusal(), refused(401, "key_unknown"));
    let right = Request::new("GET", "/api/v1/flags").header("X-API-Key", "s3cret").send(server.address);
    assert_eq!(right.status, 200);
    assert_eq!(server.line, format!("{}/#key=s3cret", server.url()));
}

#[test]
fn beyond_the_loopback_interface_changes_need_a_token() {
    let mut without = command(["--bind", "0.0.0.0"]);
    without.env_remove("FLAGSTAFF_SERVE_TOKEN");
    let refusal = answer(without);
    assert_eq!(refusal.code, 2, "{refusal:?}");
    assert!(refusal.stderr.contains("a token is needed to serve on 0.0.0.0:0"), "{refusal:?}");

    let mut with = command(["--bind", "0.0.0.0"]);
    with.env("FLAGSTAFF_SERVE_TOKEN", TOKEN);
    let mut server = FlagServer::start_command(with);
    server.address.set_ip([127, 0, 0, 1].into());
    let read = Request::new("GET", "/api/v1/flags").header("Host", "flags.example");
    assert_eq!(server.send(read).status, 200);
    let none = server.put("a", "1");
    assert_eq!(none.refusal(), refused(401, "token_needed"));
    assert_eq!(none.header("www-authenticate"), Some("Bearer"));
    let wrong = server.send(put("a", "1").header("Authorization", "Bearer t0k3n"));
    assert_eq!(wrong.refusal(), refused(401, "token_needed"));
    for request in [
        Request::new("PATCH", "/api/v1/flags").body("{\"a\":1}"),
        Request::new("DELETE", "/api/v1/flags/by-key/greeting"),
        Request::new("POST", "/api/v1/history/1/undo"),
    ] {
        assert_eq!(server.send(request).refusal(), refused(401, "token_needed"));
    }
    let right = server.send(put("a", "1").header("Authorization", &format!("Bearer {TOKEN}")));
    assert_eq!(right.status, 201);
    let said = format!("{}{}", server.process.stdout(), server.process.stderr());
    assert!(!said.contains(TOKEN), "{said}");
}

#[test]
fn the_token_may_be_in_a_file_and_a_bad_one_is_wrong_use() {
    let place = Place::new();
    let file = place.join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let server = FlagServer::start(["--token-file".as_ref(), file.as_os_str()]);
    assert_eq!(server.put("a", "1").refusal(), refused(401, "token_needed"));
    let right = server.send(put("a", "1").header("Authorization", &format!("Bearer {TOKEN}")));
    assert_eq!(right.status, 201);
    std::fs::write(&file, "two words").unwrap();
    let bad = answer(command(["--token-file".as_ref(), file.as_os_str()]));
    assert_eq!(bad.code, 2, "{bad:?}");
    assert!(bad.stderr.contains("openssl rand") && !bad.stderr.contains("two words"), "{bad:?}");
}
