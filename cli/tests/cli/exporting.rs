//! `run --listen` and `exporter`: health and metrics over HTTP.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use crate::program::{Folder, LIMIT, Running, answer, until};

/// Status and body of a path.
fn get(url: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// The sample of a metric whose name and labels begin and end so.
fn sample(url: &str, name: &str, label: &str) -> Option<f64> {
    let text = get(url, "/metrics").1;
    let is_it = |line: &&str| {
        let end = line.strip_prefix(name);
        end.is_some_and(|end| end.starts_with(['{', ' '])) && line.contains(label)
    };
    text.lines().find(is_it).and_then(|line| line.rsplit(' ').next()?.parse().ok())
}

fn with_url(mut running: Running) -> (Running, String) {
    let line = running.says("http://");
    (running, line)
}

/// A publisher with an endpoint of its own, and its URL.
fn publisher(folder: &Folder) -> (Running, String) {
    let mut command = folder.flagstaff(["run", "--listen", "127.0.0.1:0", "--source"]);
    let mut running = Running::start(command.arg(folder.path().join("flags.json")));
    let line = running.logs("serves health and metrics");
    let url = line[line.find("http://").unwrap()..].trim_end_matches('"').to_owned();
    (running, url)
}

fn exporter(folder: &Folder) -> (Running, String) {
    with_url(Running::start(folder.flagstaff(["exporter", "--listen", "127.0.0.1:0"]).arg(folder.snapshot())))
}

fn document(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs").join(name)
}

#[test]
fn a_publisher_is_ready_while_its_flags_are_fresh_and_not_for_a_moment_longer() {
    let folder = Folder::new();
    folder.file("flags.json", r#"{"a":1}"#);
    let (_publisher, url) = publisher(&folder);
    until("it is ready", || get(&url, "/readyz").0 == 200);
    assert_eq!(get(&url, "/healthz"), (200, "{\"status\":\"live\"}\n".to_owned()));
    folder.file("flags.json", "{");
    until("it is not ready any more", || get(&url, "/readyz").0 == 503);
    let json: Value = serde_json::from_str(&get(&url, "/readyz").1).unwrap();
    assert_eq!(json["files"][0]["problems"][0]["code"], "link_retrying", "{json}");
    assert_eq!(get(&url, "/healthz").0, 200, "a source that is broken is no reason to start it again");
    folder.file("flags.json", r#"{"a":2}"#);
    until("it is ready again", || get(&url, "/readyz").0 == 200);
    assert_eq!(get(&url, "/nowhere").0, 404);
}

#[test]
fn an_exporter_tells_of_every_publisher_that_a_file_had_since_before_there_was_one() {
    let folder = Folder::new();
    folder.file("flags.json", r#"{"a":1}"#);
    let (mut exporter, url) = exporter(&folder);
    assert_eq!(get(&url, "/healthz").0, 200);
    let (code, body) = get(&url, "/readyz");
    assert!(code == 503 && body.contains("nothing_published"), "{code} {body}");
    assert_eq!(sample(&url, "flagstaff_generation", ""), Some(0.0));

    let start =
        || Running::start(folder.flagstaff(["run", "--source"]).arg(folder.path().join("flags.json")));
    let mut first = start();
    first.logs("published generation=1");
    until("it is ready", || get(&url, "/readyz").0 == 200);
    folder.file("flags.json", r#"{"a":2,"b":3}"#);
    folder.file("flags.json", r#"{"a":2,"b":3}"#);
    until("it has counted", || sample(&url, "flagstaff_payloads_total", "published") == Some(2.0));
    assert_eq!(sample(&url, "flagstaff_changed_flags_total", ""), Some(3.0), "a, then a and b");
    assert_eq!(sample(&url, "flagstaff_payload_bytes", ""), Some(13.0));
    folder.file("flags.json", "[]");
    until("a refusal is counted", || sample(&url, "flagstaff_failures_total", "kind=\"payload\"").is_some());
    first.signal(Signal::KILL);
    until("nobody publishes", || sample(&url, "flagstaff_publisher_up", "") == Some(0.0));
    let (code, body) = get(&url, "/readyz");
    assert!(code == 503 && body.contains("publisher_gone"), "{code} {body}");

    folder.file("flags.json", r#"{"a":5}"#);
    let _second = start();
    until("the next one goes on counting", || {
        sample(&url, "flagstaff_payloads_total", "published") == Some(3.0)
    });
    assert_eq!(sample(&url, "flagstaff_publish_phase_seconds_count", "phase=\"store\""), Some(3.0));
    until("it is seen among the processes", || {
        sample(&url, "flagstaff_processes", "role=\"publisher\"") == Some(1.0)
    });
    exporter.signal(Signal::TERM);
    assert!(exporter.end().success());
}

#[test]
fn an_address_in_use_is_said_before_anything_is_published() {
    let folder = Folder::new();
    folder.file("flags.json", "{}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = folder.flagstaff(["run", "--listen", &address, "--source"]);
    let refused = answer(command.arg(folder.path().join("flags.json")));
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.err.contains(&format!("port {} is in use", address.rsplit(':').next().unwrap())),
        "{}",
        refused.err
    );
    assert!(refused.err.contains("choose another one (port 0 takes"), "{}", refused.err);
    assert!(!folder.snapshot().exists());
}

#[test]
fn one_that_stands_by_is_live_also_if_the_publisher_before_it_hangs() {
    let folder = Folder::new();
    folder.file("flags.json", "{}");
    let mut first =
        Running::start(folder.flagstaff(["run", "--source"]).arg(folder.path().join("flags.json")));
    first.logs("published generation=1");
    let (socket, source) = (folder.path().join("notify"), folder.path().join("flags.json"));
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(LIMIT)).unwrap();
    let mut command = folder.flagstaff(["run", "--listen", "127.0.0.1:0", "--source"]);
    command.arg(source).env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "300000");
    let mut second = Running::start(&mut command);
    let line = second.logs("serves health and metrics");
    let url = line[line.find("http://").unwrap()..].trim_end_matches('"').to_owned();
    first.signal(Signal::STOP);
    until("the first one is taken for gone", || get(&url, "/readyz").1.contains("publisher_gone"));
    assert_eq!(get(&url, "/healthz").0, 200);
    let hear = |expected: &str| {
        let mut text = [0; 200];
        loop {
            let bytes = manager.recv(&mut text).unwrap();
            if String::from_utf8_lossy(&text[..bytes]).starts_with(expected) {
                return;
            }
        }
    };
    // Twice: the first one may be from before.
    hear("WATCHDOG=1");
    hear("WATCHDOG=1");
    first.signal(Signal::CONT);
    first.signal(Signal::TERM);
    hear("STATUS=generation 1, 0 flags, fresh");
}

#[test]
fn a_log_for_machines_has_one_json_object_per_line_with_the_facts_as_members() {
    let folder = Folder::new();
    folder.file("flags.json", r#"{"a":1}"#);
    let mut command = folder.flagstaff(["run", "--log-format", "json", "--source"]);
    let mut running = Running::start(command.arg(folder.path().join("flags.json")));
    let line = running.logs("\"published\"");
    let json: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&json["event"], &json["generation"], &json["flags"], &json["level"]),
        (&"published".into(), &1.into(), &1.into(), &"INFO".into())
    );
    assert!(json["took_seconds"].is_f64() && json["changes"] == "1 added: a", "{json}");
    running.signal(Signal::TERM);
    running.end();
    let all = running.everything();
    let lines: Vec<_> = all.lines().filter(|line| !line.is_empty()).collect();
    assert!(lines.len() > 2 && lines.iter().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{all}");
}

/// Names of metrics in a text, without what a sample appends.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("flagstaff_"))
        .map(|word| {
            word.trim_end_matches("_bucket").trim_end_matches("_sum").trim_end_matches("_count").to_owned()
        })
        .collect()
}

#[test]
fn every_metric_is_in_the_document_and_rules_and_dashboard_use_no_other() {
    let folder = Folder::new();
    folder.file("flags.json", "{}");
    let (_publisher, url) = publisher(&folder);
    until("processes were looked at", || sample(&url, "flagstaff_processes_hidden", "").is_some());
    let text = get(&url, "/metrics").1;
    let served: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| match line.split_once(' ').unwrap() {
            (name, "counter") => format!("{name}_total"),
            (name, "info") => format!("{name}_info"),
            (name, _) => name.to_owned(),
        })
        .collect();
    let listed = names(&fs::read_to_string(document("metrics.md")).unwrap());
    assert_eq!(served, listed);
    for file in ["alerts.yml", "grafana.json"] {
        let used = names(&fs::read_to_string(document(file)).unwrap());
        assert!(!used.is_empty() && used.is_subset(&listed), "{file}: {:?}", used.difference(&listed));
    }
}

#[test]
fn prometheus_takes_the_rules() {
    let rules = document("alerts.yml");
    let Ok(output) = Command::new("promtool").args(["check", "rules"]).arg(&rules).output() else {
        println!("SKIPPED: there is no promtool; install Debian's package prometheus");
        return;
    };
    assert!(output.status.success(), "{output:?}");
}
