//! TLS and proxies: who may see the key.

use flagstaff_tests::place::{KEY, flagstaff};
use flagstaff_tests::proxy::{Manner, Proxy};
use flagstaff_tests::server::{FaultServer, Script};
use flagstaff_tests::tls::{Authority, Identity, TlsFront};

use crate::support::{Secure, place, run};

pub(crate) fn downgrade() {
    for code in [301, 302, 303, 307, 308] {
        let (place, plain) = (place(), FaultServer::start());
        let secure = Secure::start(&place, "127.0.0.1");
        secure.server.always(Script::status(code, &[("Location", &plain.url())], ""));
        let publisher = run(&place, &secure.front.url(), &["--root-certificates", &secure.roots], &[]);
        publisher.expect_log("it leads from https to http, to http://127.0.0.1:");
        assert_eq!(plain.connections(), 0, "{code}");
        assert_eq!(place.get("n"), "1");
    }
}

/// What other programs take as leave to trust everybody.
const LEAVE: [(&str, &str); 7] = [
    ("FLAGSTAFF_INSECURE", "1"),
    ("SOASAP_INSECURE", "1"),
    ("SSL_VERIFY", "0"),
    ("PYTHONHTTPSVERIFY", "0"),
    ("NODE_TLS_REJECT_UNAUTHORIZED", "0"),
    ("GIT_SSL_NO_VERIFY", "1"),
    ("RUSTLS_INSECURE", "1"),
];

/// What an authority is asked to sign.
type Sign<'a> = &'a dyn Fn(&Authority) -> Identity;

pub(crate) fn verified() {
    let host = "127.0.0.1";
    let other = Authority::new();
    let cases: [(&str, Sign<'_>); 6] = [
        ("another authority", &|_| other.issue(host)),
        ("another host", &|authority| authority.issue("flags.test")),
        ("another address", &|authority| authority.issue("127.0.0.2")),
        ("expired", &|authority| authority.issue_expired(host)),
        ("not good yet", &|authority| authority.issue_early(host)),
        ("signed by itself", &|_| Authority::self_signed(host)),
    ];
    for (what, identity) in cases {
        let place = place();
        let secure = Secure::with(&place, identity);
        let publisher = run(&place, &secure.front.url(), &["--root-certificates", &secure.roots], &LEAVE);
        publisher.expect_log("cannot set up tls with https://127.0.0.1:");
        assert_eq!((secure.front.handshakes(), secure.server.requests().len()), (0, 0), "{what}");
        assert_eq!(place.get("n"), "1", "{what}");
    }
    // A good certificate of an authority that this machine does not trust.
    let place = place();
    let secure = Secure::start(&place, host);
    run(&place, &secure.front.url(), &[], &LEAVE).expect_log("cannot set up tls with https://127.0.0.1:");
    let help = flagstaff().args(["run", "--help"]).output().unwrap();
    let help = String::from_utf8_lossy(&help.stdout).to_lowercase();
    assert!(help.contains("--root-certificates"), "{help}");
    for word in ["insecure", "verif", "danger", "--no-tls", "skip"] {
        assert!(!help.contains(word), "{word}: {help}");
    }
}

/// Symptom: a service that demands a certificate of its clients was reported as "connection lost". Cause: with TLS 1.3 it says so after
/// the handshake, in an alert that comes in the place of the answer. Fix: an alert is a matter of TLS whenever it comes.
#[test]
fn a_service_that_demands_a_client_certificate_is_told_as_a_matter_of_tls() {
    let (place, server, authority) = (place(), FaultServer::start(), Authority::new());
    let front = TlsFront::demanding(server.address(), authority.issue("127.0.0.1"));
    let roots = place.join("roots.pem");
    std::fs::write(&roots, authority.pem()).unwrap();
    let roots = roots.display().to_string();
    let publisher = run(&place, &front.url(), &["--root-certificates", &roots], &[]);
    let (_, line) = publisher.expect_log("cannot set up tls with https://127.0.0.1:");
    assert!(line.to_lowercase().contains("certificate"), "{line}");
    assert_eq!(server.requests().len(), 0);
}

pub(crate) fn proxy() {
    let place = place();
    let secure = Secure::start(&place, "flags.test");
    secure.server.publish(r#"{"n": 2}"#);
    let roots = ["--root-certificates", &*secure.roots];
    for (n, variable) in [(2, "HTTPS_PROXY"), (3, "https_proxy"), (4, "ALL_PROXY")] {
        let proxy = Proxy::start(Manner::Tunnel(secure.front.address()));
        let variables = [(variable, &*proxy.url()), ("HTTP_PROXY", "http://127.0.0.1:1")];
        secure.server.publish(&format!("{{\"n\": {n}}}"));
        let _publisher = run(&place, "https://flags.test", &roots, &variables);
        place.wait_for_n(n);
        let requests = proxy.requests();
        assert!(requests[0].starts_with("CONNECT flags.test:443 HTTP/1.1\r\n"), "{requests:?}");
        assert!(!proxy.has_seen(KEY) && !proxy.has_seen("x-api-key"), "{variable}");
        assert_eq!(secure.server.requests().last().unwrap().header("x-api-key"), Some(KEY));
    }
    plain_http();
    around();
    refusing();
}

/// An http base URL is asked for a tunnel as well. The proxy could read what goes through, as everybody on the way can.
fn plain_http() {
    let (place, server) = (place(), FaultServer::start());
    server.publish(r#"{"n": 2}"#);
    let proxy = Proxy::start(Manner::Tunnel(server.address()));
    let _publisher = run(&place, "http://flags.test:8080", &[], &[("http_proxy", &proxy.url())]);
    place.wait_for_n(2);
    let request = proxy.requests().remove(0);
    assert!(
        request.starts_with("CONNECT flags.test:8080 HTTP/1.1\r\n") && !request.contains(KEY),
        "{request}"
    );
}

/// Loopback hosts, hosts of `NO_PROXY`, and https where only http has a proxy.
fn around() {
    let proxy = Proxy::start(Manner::Silence);
    let (place, server) = (place(), FaultServer::start());
    server.publish(r#"{"n": 2}"#);
    let publisher =
        run(&place, &server.url(), &[], &[("ALL_PROXY", &proxy.url()), ("HTTP_PROXY", &proxy.url())]);
    place.wait_for_n(2);
    drop(publisher);
    for variables in [
        [("HTTPS_PROXY", &*proxy.url()), ("NO_PROXY", "example.com, a..b")],
        [("HTTPS_PROXY", &*proxy.url()), ("NO_PROXY", "*")],
        [("HTTP_PROXY", &*proxy.url()), ("http_proxy", &*proxy.url())],
    ] {
        // An empty label: the lookup fails without asking the network.
        let publisher = run(&place, "https://a..b", &[], &variables);
        publisher.expect_log("cannot resolve https://a..b:443");
    }
    assert!(proxy.requests().is_empty(), "{:?}", proxy.requests());
}

fn refusing() {
    let needs_password =
        Proxy::start(Manner::Answer("HTTP/1.1 407 Who?\r\nContent-Length: 0\r\n\r\n".to_owned()));
    let forbids = Proxy::start(Manner::Answer("HTTP/1.1 403 No\r\n\r\n".to_owned()));
    let no_proxy = Proxy::start(Manner::Answer("SSH-2.0-OpenSSH\r\n\r\n".to_owned()));
    let gone = FaultServer::start().url();
    let with_password = needs_password.url().replace("//", "//user:hunter2@");
    for (what, address, said) in [
        ("password", with_password.as_str(), "responded 407"),
        ("forbidden", &forbids.url(), "responded 403"),
        ("no http", &no_proxy.url(), "expected a valid http response"),
        ("gone", &gone, "cannot connect to the proxy for https://flags.test:443"),
        ("no such name", "http://a..b:3128", "cannot resolve the proxy for https://flags.test:443"),
        ("socks", "socks5://user:hunter2@127.0.0.1:1", "cannot use the proxy in the variable HTTPS_PROXY"),
    ] {
        let place = place();
        let publisher =
            run(&place, "https://flags.test", &[], &[("HTTPS_PROXY", address), ("FLAGSTAFF_LOG", "trace")]);
        let (_, line) = publisher.expect_log(said);
        assert!(line.contains("no stream; serving the last snapshot"), "{what}: {line}");
        let log = publisher.stderr();
        assert!(!log.contains("hunter2") && !log.contains(KEY), "{what}: {log}");
        assert_eq!(place.get("n"), "1", "{what}");
    }
    assert!(needs_password.requests()[0].contains("Proxy-Authorization: Basic dXNlcjpodW50ZXIy\r\n"));
    assert!(!needs_password.has_seen(KEY) && !forbids.has_seen(KEY) && !no_proxy.has_seen(KEY));
}
