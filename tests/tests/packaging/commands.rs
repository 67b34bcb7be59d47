//! Commands in units, images and manifests are accepted by the command as it is, and name what the other files name.

use flagstaff_tests::place::{answer, flagstaff};

use crate::text;

const PROGRAM: &str = "/usr/bin/flagstaff";
const MANIFESTS: [&str; 4] =
    ["docker/Dockerfile", "docker/compose.yaml", "kubernetes/daemonset.yaml", "kubernetes/sidecar.yaml"];

/// The lists of strings in a file, written as JSON, with those that an image's entry point stands before.
fn lists(name: &str) -> Vec<Vec<String>> {
    let text = text(name);
    let found = text.match_indices("[\"").filter_map(|(at, _)| {
        let mut list = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Vec<String>>();
        list.next()?.ok()
    });
    found.collect()
}

/// The arguments of each call of `flagstaff`.
fn calls(name: &str) -> Vec<Vec<String>> {
    let lists = lists(name).into_iter().filter_map(|list| match list.split_first() {
        Some((first, rest)) if first == PROGRAM => Some(rest.to_vec()),
        Some((first, _)) if first == "run" => Some(list),
        _ => None,
    });
    // The entry point of an image alone is no call.
    lists.filter(|call| !call.is_empty()).collect()
}

fn calls_of_the_unit() -> Vec<Vec<String>> {
    // The page has a line that takes the place of the unit's.
    let text = text("systemd/flagstaff.service") + &text("../docs/packaging.md");
    let lines = text.lines().filter_map(|line| line.strip_prefix("ExecStart="));
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(words[0], PROGRAM);
            words[1..].to_vec()
        })
        .collect()
}

/// Whether the command takes these arguments: with `--help` behind them all are parsed and nothing is done.
fn is_accepted(call: &[String]) -> Result<(), String> {
    let mut command = flagstaff();
    let answer = answer({
        command.args(call).arg("--help");
        command
    });
    if answer.code == 0 { Ok(()) } else { Err(answer.stderr) }
}

#[test]
fn every_command_in_units_and_manifests_is_accepted() {
    let mut all = calls_of_the_unit();
    assert_eq!(all.len(), 2);
    for (name, number) in MANIFESTS.into_iter().zip([2, 2, 1, 2]) {
        let calls = calls(name);
        assert_eq!(calls.len(), number, "{name}: {calls:?}");
        all.extend(calls);
    }
    for call in all {
        is_accepted(&call).unwrap_or_else(|error| panic!("{call:?}: {error}"));
    }
}

#[test]
fn an_option_that_does_not_exist_and_a_value_that_cannot_be_are_noticed() {
    for wrong in [["run", "--no-such-option", "x"], ["run", "--listen", "nowhere"], ["walk", "--file", "x"]] {
        is_accepted(&wrong.map(str::to_owned)).unwrap_err();
    }
}

#[test]
fn versions_paths_and_ports_are_the_same_everywhere() {
    let version = env!("CARGO_PKG_VERSION");
    assert!(text("deb/changelog").starts_with(&format!("flagstaff ({version}-1) ")));
    for manifest in &MANIFESTS[2..] {
        for line in text(manifest).lines().filter(|line| line.contains("image: flagstaff")) {
            assert!(line.ends_with(&format!("image: flagstaff:{version}")), "{manifest}: {line}");
        }
    }
    let unit = text("systemd/flagstaff.service");
    assert!(unit.contains("--file /run/flagstaff/flags.flagstaff "));
    assert!(text("docker/Dockerfile").contains("ENV FLAGSTAFF_FILE=/run/flagstaff/flags.flagstaff\n"));
    for name in MANIFESTS {
        for call in calls(name).iter().filter(|call| call[0] == "run") {
            assert!(call.join(" ").contains("--listen 0.0.0.0:9100"), "{name}: {call:?}");
        }
    }
    for manifest in &MANIFESTS[2..] {
        let manifest = text(manifest);
        for part in
            ["containerPort: 9100", "path: /healthz", "readOnlyRootFilesystem: true", "runAsNonRoot: true"]
        {
            assert!(manifest.contains(part), "{part}");
        }
    }
    // The health check of the image is that of a publisher.
    let check = lists("docker/Dockerfile").into_iter().find(|list| list[1..] == ["status", "--check"]);
    assert!(check.is_some());
}
