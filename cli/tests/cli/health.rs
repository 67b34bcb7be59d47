//! `status`: for people, for machines, for health probes.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::program::{Answer, Folder, Running, answer, flagstaff, kill, until};
use crate::terminal::Terminal;

/// A publisher of a file of flags, with its folder.
fn publisher(flags: &str) -> (Folder, Running) {
    let folder = Folder::new();
    let source = folder.file("flags.json", flags);
    let mut publisher = Running::start(folder.flagstaff(["run", "--source"]).arg(source));
    publisher.logs("published generation=1");
    (folder, publisher)
}

fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.out).unwrap()
}

#[test]
fn the_process_that_publishes_is_named_and_those_that_stand_by() {
    let (folder, publisher) = publisher(r#"{"a":true,"b":1,"c":"x","d":[],"e":null,"f":1e999}"#);
    let source = folder.path().join("flags.json");
    let mut second = Running::start(folder.flagstaff(["run", "--source"]).arg(source));
    second.logs("another publisher");
    until("the second one waits", || {
        json(&folder.run(["status", "--json"]))["publishers_waiting"][0] == second.pid()
    });
    let found = json(&folder.run(["status", "--json"]));
    let process = &found["publisher_process"];
    assert_eq!(process["pid"], publisher.pid());
    assert!(process["command"].as_str().unwrap().contains("run --source"), "{process}");
    assert_eq!(process["uid"], rustix::process::geteuid().as_raw());
    assert_eq!(found["flag_types"], serde_json::json!({"bool":1,"number":2,"string":1,"json":1,"null":1}));
    assert!(found["file_bytes"].as_u64() > found["file_allocated_bytes"].as_u64(), "{found}");
    assert_eq!((&found["source"], &found["problems"]), (&"none".into(), &Value::Array(Vec::new())));

    let text = folder.run(["status"]).out;
    for part in [
        "state         fresh",
        "flags         6: 1 bool, 2 number, 1 string, 1 JSON, 1 null",
        &format!("pid {}, user ", publisher.pid()),
        &format!("standing by   pid {}", second.pid()),
        "last contact  less than a second ago",
    ] {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }

    publisher.signal(Signal::KILL);
    until("the second one takes over", || {
        json(&folder.run(["status", "--json"]))["publisher_process"]["pid"] == second.pid()
    });
}

#[test]
fn a_stopped_process_holds_its_lock_and_is_named_with_what_is_odd_about_it() {
    let (folder, publisher) = publisher(r#"{"a":true}"#);
    publisher.signal(Signal::STOP);
    until("it is taken for gone", || json(&folder.run(["status", "--json"]))["publisher"] == "gone");
    let found = json(&folder.run(["status", "--json"]));
    assert_eq!(found["publisher_process"]["pid"], publisher.pid());
    assert!(found["publisher_note"].as_str().unwrap().contains("no sign of life"), "{found}");
    assert_eq!(found["problems"][0]["code"], "publisher_gone");
    publisher.signal(Signal::CONT);
}

#[test]
fn a_service_that_cannot_be_reached_is_a_problem_with_advice_and_the_key_is_not_shown() {
    let folder = Folder::new();
    // Port 1 is nobody's.
    let account = ["--api-key", "a-secret-key-0123456789", "--base-url", "http://127.0.0.1:1"];
    let mut publisher = Running::start(folder.flagstaff(["run"]).args(account));
    publisher.logs("no stream");
    let answer = folder.run(["status"]);
    assert_eq!(answer.code, Some(1), "nothing has been published: {answer:?}");
    for part in
        ["the link to the source is retrying", "check the network", "a service; hash of base URL and API key"]
    {
        assert!(answer.out.contains(part), "{part:?} in\n{}", answer.out);
    }
    let found = json(&folder.run(["status", "--json"]));
    let codes: Vec<_> =
        found["problems"].as_array().unwrap().iter().map(|problem| problem["code"].clone()).collect();
    assert_eq!(codes, ["link_retrying", "nothing_published"]);
    let command = found["publisher_process"]["command"].as_str().unwrap();
    assert!(command.contains("--api-key *** --base-url http://127.0.0.1:1"), "{command}");
    let top = folder.run(["top", "--json", "--count", "1"]).out;
    assert!(!format!("{answer:?}{found}{top}").contains("a-secret-key"), "{found}");

    let matches = |arguments: &[&str]| {
        json(&crate::program::answer(folder.flagstaff(["status", "--json"]).args(arguments)))["identity_matches"]
            .clone()
    };
    assert_eq!(matches(&account), true);
    assert_eq!(matches(&["--api-key", "another-key-0123456789"]), false);
    assert_eq!(matches(&[]), Value::Null);
}

#[test]
fn the_last_error_is_shown_with_its_age_and_null_before_there_is_one() {
    let (folder, publisher) = publisher(r#"{"a":true}"#);
    assert_eq!(json(&folder.run(["status", "--json"])).get("last_error"), Some(&Value::Null));
    assert!(folder.run(["status"]).out.contains("last error    none\n"));
    folder.file("flags.json", "[1]");
    let error = || json(&folder.run(["status", "--json"]))["last_error"].clone();
    until("it is refused", || error()["kind"] == "payload");
    assert_eq!(error()["status"], Value::Null);
    assert!(error()["age"].as_f64().is_some_and(|age| (0.0..60.0).contains(&age)), "{}", error());
    let text = folder.run(["status"]).out;
    let line = "last error    payload refused: not a set of flags, ";
    assert!(text.contains(line) && text.contains(" ago\n"), "{text}");
    assert!(text.contains(&format!("the whole message is in the log of pid {}", publisher.pid())), "{text}");
    let top = json(&folder.run(["top", "--json", "--count", "1"]));
    assert_eq!(top["last_error"]["kind"], "payload");
}

#[test]
fn probes_take_ages_in_seconds_or_with_units() {
    let (folder, publisher) = publisher(r#"{"a":true}"#);
    for age in ["3600", "60s", "5m", "1h30m", "1h 30m", "1e6"] {
        let probe = folder.run(["status", "--check", "--max-age", age]);
        assert_eq!(probe.code, Some(0), "{age}: {probe:?}");
    }
    for age in ["", "5x", "60 s 5", "fast"] {
        let probe = folder.run(["status", "--check", "--max-age", age]);
        assert_eq!((probe.code, probe.out.as_str()), (Some(2), ""), "{age}");
        assert!(probe.err.contains("1h30m"), "{}", probe.err);
    }
    publisher.signal(Signal::STOP);
    until("the last contact is older", || folder.run(["status", "--max-age", "500ms"]).code == Some(1));
    publisher.signal(Signal::CONT);
}

#[test]
fn there_are_colours_on_a_terminal_or_on_demand_and_nowhere_else() {
    let folder = Folder::with(r#"{"a":true}"#);
    let colored = |arguments: &[&str], variable: Option<&str>| {
        let mut command = folder.flagstaff(["status"]);
        command.args(arguments).envs(variable.map(|name| (name, "1")));
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            if variable != Some(name) {
                command.env_remove(name);
            }
        }
        answer(&mut command).out.contains('\x1b')
    };
    assert!(!colored(&[], None));
    assert!(!colored(&["--color", "auto"], None));
    assert!(colored(&["--color", "always"], None));
    assert!(colored(&["--color", "always"], Some("NO_COLOR")), "what is said now counts more");
    assert!(colored(&[], Some("CLICOLOR_FORCE")));
    assert!(!colored(&["--color", "never"], Some("CLICOLOR_FORCE")));
    assert!(!colored(&["--json", "--color", "always"], None), "JSON has none");
    assert_eq!(answer(folder.flagstaff(["status", "--color"]).arg("blue")).code, Some(2));

    let red = flagstaff_color(&folder, &[], None);
    assert!(red, "a terminal has colours");
    assert!(!flagstaff_color(&folder, &["--color", "never"], None));
    assert!(!flagstaff_color(&folder, &[], Some("NO_COLOR")));
}

/// Whether a stopped publisher is red in a terminal.
fn flagstaff_color(folder: &Folder, arguments: &[&str], variable: Option<&str>) -> bool {
    let mut command = folder.flagstaff(["status"]);
    command.args(arguments).envs(variable.map(|name| (name, "1")));
    let mut terminal = Terminal::start(&command, 100, 40);
    terminal.shows("last error");
    assert!(terminal.end().success());
    terminal.has_color("may be stale", vt100::Color::Idx(1))
}

/// The figure of the README comes from a release build on a quiet machine; this sees that nothing made it ten times as much.
#[test]
fn it_takes_a_few_milliseconds_from_start_to_end() {
    let (folder, publisher) = publisher(r#"{"a":true,"b":1}"#);
    let mut times: Vec<Duration> = (0..51)
        .map(|_| {
            let mut command = folder.flagstaff(["status"]);
            let start = Instant::now();
            let answer = answer(&mut command);
            let elapsed = start.elapsed();
            assert_eq!(answer.code, Some(0), "{answer:?}");
            elapsed
        })
        .collect();
    times.sort_unstable();
    println!("flagstaff status: median {:?}, fastest {:?} of {} runs", times[25], times[0], times.len());
    assert!(times[0] < Duration::from_millis(100), "{:?}", times[0]);
    kill(publisher.pid(), Signal::TERM);
}

/// Files of other tests may be found as well: they are of this host.
#[test]
fn without_a_name_the_files_of_this_host_are_found_by_the_processes_that_have_them_and_by_their_places() {
    let (alive, left) = (Folder::with(r#"{"a":1}"#), Folder::with(r#"{"a":1,"b":2}"#));
    let mut publisher =
        Running::start(alive.flagstaff(["run", "--source"]).arg(alive.file("f.json", r#"{"a":2}"#)));
    publisher.logs("published");
    let ask = |more: &[&str]| {
        let mut status = flagstaff([&["status"], more].concat());
        answer(status.env("FLAGSTAFF_CACHE_DIR", left.path()))
    };
    let found: Value = serde_json::from_str(&ask(&["--json"]).out).unwrap();
    let of = |folder: &Folder| {
        let path = folder.snapshot().display().to_string();
        let files = found["files"].as_array().unwrap();
        files
            .iter()
            .find(|one| one["file"] == path.as_str())
            .unwrap_or_else(|| panic!("{path}: {found}"))
            .clone()
    };
    assert_eq!((&of(&alive)["publisher"], &of(&alive)["stale"]), (&"alive".into(), &false.into()));
    assert_eq!((&of(&left)["flags"], &of(&left)["stale"]), (&2.into(), &true.into()));
    let lines = ask(&[]).out;
    let line = lines.lines().find(|line| line.starts_with(&alive.snapshot().display().to_string()));
    assert!(line.is_some_and(|line| line.contains(": fresh, 1 flags, generation ")), "{lines}");
    let check = ask(&["--check"]);
    assert_eq!(check.code, Some(1), "{check:?}");
    assert!(check.err.contains("files may be stale"), "{check:?}");
}
