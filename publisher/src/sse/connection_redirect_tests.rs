use super::super::test_server::{KEY, Server, UNTIL_CLOSE, send};
use super::tests::{open, status_line};
use super::*;

#[test]
fn redirects_to_the_same_origin_are_followed_with_the_key() {
    for status in [301, 302, 303, 307, 308] {
        let server = Server::start(move |number, client| match number {
            0 => send(client, status_line(&format!("{status} Go"), "Location: /elsewhere?a=b#c\r\n")),
            _ => send(client, UNTIL_CLOSE),
        });
        open(&server).unwrap();
        let requests = server.requests();
        assert!(requests[1].starts_with("get /elsewhere?a=b http/1.1"), "{}", requests[1]);
        assert!(
            requests[1].contains(KEY) && requests[1].contains("accept: text/event-stream"),
            "{}",
            requests[1]
        );
    }
}

#[test]
fn a_redirect_to_another_origin_is_followed_without_the_key() {
    let other = Server::answer(UNTIL_CLOSE);
    let server = Server::answer(status_line("302 Go", &format!("Location: {}/x\r\n", other.url())));
    open(&server).unwrap();
    let request = other.requests().remove(0);
    assert!(!request.contains("x-api-key") && !request.contains(KEY), "{request}");
    assert!(request.contains("accept: text/event-stream"), "{request}");
}

#[test]
fn redirects_are_bounded_and_need_a_location() {
    let server = Server::answer(status_line("302 Go", "Location: /again\r\n"));
    let failure = open(&server).unwrap_err();
    assert!(
        matches!(failure, Failure::Redirect { reason: RedirectRefusal::TooMany { limit: 5 } }),
        "{failure:?}"
    );
    assert_eq!(server.requests().len(), 6);
    let failure = open(&Server::answer(status_line("307 Go", ""))).unwrap_err();
    assert!(matches!(failure, Failure::Redirect { reason: RedirectRefusal::NoLocation }), "{failure:?}");
    let failure = open(&Server::answer(status_line("308 Go", "Location: gopher://x\r\n"))).unwrap_err();
    assert!(
        matches!(failure, Failure::Redirect { reason: RedirectRefusal::BadLocation { .. } }),
        "{failure:?}"
    );
}
