//! Requests that two readers could understand differently, and how ordinary clients write the keys of flags.

use std::net::SocketAddr;
use std::process::Command;

use flagstaff_tests::flag_server::{FlagServer, put};
use flagstaff_tests::http::Request;
use flagstaff_tests::place::{Place, answer};

/// Sends a head as it is, and answers with status and code.
fn raw(server: &FlagServer, head: &str) -> (u16, String) {
    use std::io::{Read, Write};
    let mut socket = std::net::TcpStream::connect(server.address).unwrap();
    socket.set_read_timeout(Some(flagstaff_tests::wait::DEADLINE)).unwrap();
    socket.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let code = answer.split("\"code\":\"").nth(1).and_then(|rest| rest.split('"').next());
    (status, code.unwrap_or_default().to_owned())
}

#[test]
fn a_request_without_one_host_is_no_request() {
    let server = FlagServer::start([] as [&str; 0]);
    let end = "X-API-Key: dev\r\nConnection: close\r\n\r\n";
    let bad = (400, "bad_host".to_owned());
    for hosts in [
        "",
        "Host: localhost\r\nHost: localhost\r\n",
        "Host: localhost\r\nHost: evil.example\r\n",
        "Host:\r\n",
        "Host: localhost, localhost\r\n",
        "Host: user@localhost\r\n",
    ] {
        for target in ["/api/v1/flags", "/healthz", "/", "http://localhost/healthz"] {
            let head = format!("GET {target} HTTP/1.1\r\n{hosts}{end}");
            assert_eq!(raw(&server, &head), bad, "{head}");
        }
    }
    assert_eq!(raw(&server, &format!("GET /healthz HTTP/1.1\r\nhOsT: localhost\r\n{end}")).0, 200);
    // Before HTTP/1.1 there was no Host. On the loopback interface nothing is answered that does not say a name of it.
    assert_eq!(raw(&server, "GET /healthz HTTP/1.0\r\n\r\n"), (403, "host_refused".to_owned()));
    assert_eq!(raw(&server, "GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n").0, 200);
}

#[test]
fn a_percent_sign_that_encodes_nothing_is_refused_with_its_place() {
    let server = FlagServer::start([] as [&str; 0]);
    let before = server.flags();
    for key in ["100%", "%", "a%4", "%zz", "%%41", "%u0041", "a%2"] {
        let refused = server.put(key, "1");
        assert_eq!(refused.refusal(), (400, "bad_encoding".to_owned()), "{key}");
        assert!(
            refused.body.contains("%25") && refused.body.contains("two hexadecimal digits"),
            "{refused:?}"
        );
    }
    assert_eq!(server.put("ab%4", "1").json()["offset"], "/api/v1/flags/by-key/ab".len());
    for path in ["/api/v1/flags/by-key?key=%", "/api/v1/flags?%zz", "/%", "/api/v1/history/%1/undo"] {
        assert_eq!(server.get(path).refusal(), (400, "bad_encoding".to_owned()), "{path}");
    }
    assert_eq!(server.put("%ff", "1").refusal(), (400, "bad_key".to_owned()));
    assert_eq!(server.flags(), before);
    assert_eq!(server.put("100%25", "1").json()["key"], "100%");
}

#[test]
fn who_is_not_known_is_told_how_to_be_in_a_way_that_opens_no_dialog() {
    let server = FlagServer::start(["--token", "t0k3n-0f-th3-t3sts"]);
    let scheme = |request: Request| {
        let refused = request.send(server.address);
        assert_eq!(refused.status, 401, "{refused:?}");
        refused.header("www-authenticate").unwrap_or_default().to_owned()
    };
    for path in ["/api/v1/flags", "/api/v1/flags/live", "/api/v1/flags/by-key/a", "/api/v1/page/live"] {
        let request = Request::new("GET", path);
        assert_eq!(scheme(request.clone()), "ApiKey header=\"X-API-Key\"", "{path}");
        assert_eq!(scheme(request.header("X-API-Key", "other")), "ApiKey header=\"X-API-Key\"", "{path}");
    }
    assert_eq!(scheme(put("a", "1").header("X-API-Key", "dev")), "Bearer");
}

/// Keys that a path cannot hold for every client, or that look like something else of the API.
const KEYS: [&str; 14] = [
    "live",
    "by-key",
    ".",
    "..",
    "a/b",
    "../x",
    "a/../b",
    "%41",
    "100%",
    "a+b",
    "a b",
    "?key=x#y",
    "\u{e9}\u{2603}",
    "&a=b",
];

/// Encoded so that any rule of URLs takes it for data.
fn encoded(key: &str) -> String {
    key.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn each_key_is_its_own_flag_in_a_path_that_is_sent_as_it_is_and_in_a_query() {
    let place = Place::new();
    let server = FlagServer::with_new_file(&place.join("flags.json"));
    for (place, key) in KEYS.iter().enumerate() {
        let by_query = format!("/api/v1/flags/by-key?key={}", encoded(key));
        let set = server.put(&encoded(key), &place.to_string());
        assert_eq!((set.status, set.json()["key"].as_str()), (201, Some(*key)), "{set:?}");
        assert_eq!(server.get(&by_query).body, place.to_string(), "{key}");
        let again = server.send(Request::new("PUT", &by_query).body(format!("\"{place}\"")));
        assert_eq!((again.status, again.json()["key"].as_str()), (200, Some(*key)), "{again:?}");
        assert_eq!(
            server.get(&format!("/api/v1/flags/by-key/{}", encoded(key))).body,
            format!("\"{place}\"")
        );
    }
    for key in KEYS {
        let gone = server.send(Request::new("DELETE", &format!("/api/v1/flags/by-key?key={}", encoded(key))));
        assert_eq!(gone.status, 200, "{key}: {gone:?}");
    }
    for (path, code) in [
        ("/api/v1/flags/by-key", "bad_key"),
        ("/api/v1/flags/by-key/", "bad_key"),
        ("/api/v1/flags/by-key?key=", "bad_key"),
        ("/api/v1/flags/by-key?name=a", "bad_query"),
        ("/api/v1/flags/by-key?key=a&key=b", "bad_query"),
        ("/api/v1/flags/by-key/a?key=b", "bad_query"),
    ] {
        assert_eq!(server.get(path).refusal(), (400, code.to_owned()), "{path}");
        assert_eq!(server.send(Request::new("DELETE", path)).refusal(), (400, code.to_owned()), "{path}");
    }
    for path in ["/api/v1/flags/", "/api/v1/flags/greeting", "/api/v1/flags/by-key/a/b"] {
        let nothing = server.get(path);
        assert_eq!(nothing.refusal(), (404, "no_such_path".to_owned()));
        assert!(nothing.body.contains("/api/v1/flags/by-key/<key>"), "{nothing:?}");
    }
}

/// What is to be sent: method, URL, and the body if there is one.
type Wanted = (&'static str, String, Option<&'static str>);

/// A client that sends requests and prints the body of each answer on a line. One process for all of them: starting one takes longer than
/// what it does.
type Client = fn(&[Wanted]) -> Command;

fn curl_with(option: &[&str], requests: &[Wanted]) -> Command {
    let mut curl = Command::new("curl");
    curl.arg("-q");
    for (place, (method, url, body)) in requests.iter().enumerate() {
        curl.args((place > 0).then_some("--next")).args(option);
        curl.args(["-sS", "--noproxy", "*", "-w", "\n", "-H", "X-API-Key: dev", "-X", method]);
        if let Some(body) = body {
            curl.args(["-H", "Content-Type: application/json", "-d", body]);
        }
        curl.arg(url);
    }
    curl
}

fn curl(requests: &[Wanted]) -> Command {
    curl_with(&[], requests)
}

fn curl_path_as_is(requests: &[Wanted]) -> Command {
    curl_with(&["--path-as-is"], requests)
}

fn python(requests: &[Wanted]) -> Command {
    const SCRIPT: &str = "import http.client, json, sys, urllib.parse\n\
        for method, url, body in json.loads(sys.argv[1]):\n    \
            url = urllib.parse.urlsplit(url)\n    \
            connection = http.client.HTTPConnection(url.netloc)\n    \
            target = url.path + ('?' + url.query if url.query else '')\n    \
            connection.request(method, target, body, {'X-API-Key': 'dev', 'Content-Type': 'application/json'})\n    \
            print(connection.getresponse().read().decode())";
    let mut python = Command::new("python3");
    python.args(["-c", SCRIPT, &serde_json::to_string(requests).unwrap()]);
    python
}

fn node(requests: &[Wanted]) -> Command {
    const SCRIPT: &str = "const all = async () => {for (const [method, url, body] of JSON.parse(process.argv[1])) {\
        const headers = {'X-API-Key': 'dev', 'Content-Type': 'application/json'};\
        console.log(await (await fetch(url, {method, body: body ?? undefined, headers})).text())\
        }}; all()";
    let mut node = Command::new("node");
    node.args(["-e", SCRIPT, &serde_json::to_string(requests).unwrap()]);
    node
}

/// The body of each answer.
#[track_caller]
fn sent(client: Client, requests: &[Wanted]) -> Vec<String> {
    let said = answer(client(requests));
    let lines: Vec<_> = said.stdout.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), requests.len(), "{said:?}");
    lines
}

fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("not tried: {program} is not on this machine");
    }
    found
}

/// Sets, reads and removes a flag of each key with a client of others. `url` is where the client is told that it is.
fn use_client(program: &str, client: Client, url: fn(SocketAddr, &str) -> String, keys: &[&str]) {
    if !is_there(program) {
        return;
    }
    let server = FlagServer::start([] as [&str; 0]);
    let requests = keys.iter().flat_map(|key| {
        let url = || url(server.address, key);
        [("PUT", url(), Some("[1]")), ("GET", url(), None), ("DELETE", url(), None)]
    });
    let said = sent(client, &requests.collect::<Vec<Wanted>>());
    for (key, said) in keys.iter().zip(said.chunks(3)) {
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(json(&said[0])["key"], *key, "{said:?}");
        assert_eq!(said[1], "[1]", "{key}");
        let gone = json(&said[2]);
        assert_eq!(
            (&gone["key"], &gone["old"]),
            (&serde_json::json!(key), &serde_json::json!([1])),
            "{gone}"
        );
    }
}

fn by_query(address: SocketAddr, key: &str) -> String {
    format!("http://{address}/api/v1/flags/by-key?key={}", encoded(key))
}

fn by_path(address: SocketAddr, key: &str) -> String {
    format!("http://{address}/api/v1/flags/by-key/{}", encoded(key))
}

/// All but those that clients take for folders.
fn keys_for_paths() -> Vec<&'static str> {
    KEYS.into_iter().filter(|key| !matches!(*key, "." | "..")).collect()
}

#[test]
fn curl_reaches_every_key_by_query_and_with_its_path_as_it_is() {
    use_client("curl", curl, by_query, &KEYS);
    use_client("curl", curl, by_path, &keys_for_paths());
    use_client("curl", curl_path_as_is, by_path, &KEYS);
}

#[test]
fn python_reaches_every_key_by_query_and_by_path() {
    use_client("python3", python, by_query, &KEYS);
    use_client("python3", python, by_path, &KEYS);
}

/// The URLs of browsers.
#[test]
fn node_reaches_every_key_by_query() {
    use_client("node", node, by_query, &KEYS);
    use_client("node", node, by_path, &keys_for_paths());
}

#[test]
fn a_key_that_a_client_takes_for_a_folder_reaches_no_other_flag_and_its_user_is_told() {
    let server = FlagServer::start([] as [&str; 0]);
    let before = server.flags();
    for (program, client) in [("curl", curl as Client), ("node", node)] {
        if !is_there(program) {
            continue;
        }
        // curl takes dots away only as they are, browsers in every writing.
        let written = [
            (".", "by-key?key=.."),
            ("..", "by-key/<key>"),
            ("%2e", "by-key?key=.."),
            ("%2E%2e", "by-key/<key>"),
        ];
        let written = if program == "curl" { &written[..2] } else { &written[..] };
        for (key, told) in written {
            let url = || format!("{}/api/v1/flags/by-key/{key}", server.url());
            for said in
                sent(client, &[("GET", url(), None), ("PUT", url(), Some("1")), ("DELETE", url(), None)])
            {
                assert!(said.contains(told), "{program} {key}: {said}");
            }
        }
    }
    assert_eq!(server.flags(), before);
}
