//! Mistakes that people make, and what the command says about them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::program::{Folder, Running, answer, answer_to, flagstaff};

#[test]
fn a_word_that_is_no_command_is_answered_with_the_command_for_it() {
    for (word, expected) in [
        ("set", "flagstaff publish"),
        ("flip", "`flagstaff serve`"),
        ("ls", "flagstaff dump"),
        ("list", "flagstaff dump"),
        ("keys", "jq -r 'keys[]'"),
        ("export", "flagstaff dump"),
        ("read", "flagstaff get KEY"),
        ("start", "flagstaff run"),
        ("server", "flagstaff serve"),
        ("import", "flagstaff publish FLAGS.json"),
        ("check", "flagstaff verify"),
        ("health", "flagstaff status --check"),
        ("tail", "flagstaff watch"),
        ("stop", "kill PID"),
        // The library's own: a typing error.
        ("wacth", "'watch'"),
    ] {
        let answer = answer(&mut flagstaff([word, "new-checkout"]));
        assert_eq!((answer.code, answer.out.as_str()), (Some(2), ""), "{word}");
        assert!(answer.err.contains(&format!("'{word}'")) && answer.err.contains(expected), "{}", answer.err);
    }
}

#[test]
fn a_mistyped_key_is_answered_with_the_keys_that_were_meant() {
    let folder = Folder::with(r#"{"new-checkout":true,"cart-limit":50,"cart-limits":{}}"#);
    for (key, expected) in [
        ("new-chekcout", "; did you mean \"new-checkout\"?\n"),
        ("cartLimit", "; did you mean \"cart-limit\"?\n"),
        ("cart-limi", "; did you mean \"cart-limit\" or \"cart-limits\"?\n"),
        ("nothing-like-it", "flags.flagstaff\n"),
    ] {
        let answer = folder.run(["get", key]);
        assert_eq!(answer.code, Some(1));
        assert!(answer.err.ends_with(expected), "{}", answer.err);
    }
    assert_eq!(folder.run(["get", "new-chekcout", "--default", "false"]).err, "");
}

#[test]
fn a_json_file_in_place_of_a_snapshot_is_not_to_be_removed_but_published() {
    let folder = Folder::new();
    let flags = folder.file("flags.json", "\u{feff} {\"a\": 1}");
    for command in [&["get", "a"][..], &["dump"], &["status"], &["verify"], &["watch"], &["top", "--json"]] {
        let answer = answer(folder.flagstaff(command).arg("--file").arg(&flags));
        assert_eq!(answer.code, Some(1), "{command:?}");
        let advice = format!("flagstaff publish {} --file ", flags.display());
        assert!(answer.err.contains("is a JSON file, not a snapshot"), "{command:?}: {}", answer.err);
        assert!(
            answer.err.contains(&advice) && !answer.err.contains("remove"),
            "{command:?}: {}",
            answer.err
        );
    }
    let publish = answer_to(folder.flagstaff(["publish", "-", "--file"]).arg(&flags), "{}");
    assert!(publish.code == Some(1) && publish.err.contains("is a JSON file"), "{}", publish.err);
    assert_eq!(fs::read_to_string(&flags).unwrap(), "\u{feff} {\"a\": 1}");
}

#[test]
fn a_refused_payload_is_named_with_its_position_once() {
    let folder = Folder::new();
    let deep = format!("{{\"deep\":{}{}}}", "[".repeat(200), "]".repeat(200));
    for (payload, expected) in [
        ("{\"a\": 1,\n \"b\": tru}", "flags.json, line 2, column 10: not valid JSON: expected ident\n"),
        ("[1]", "flags.json: payload is an array, expected an object with one member for each flag\n"),
        (&deep, "flags.json: flag \"deep\" is nested deeper than"),
    ] {
        let file = folder.file("flags.json", payload);
        let refused = answer(folder.flagstaff(["publish"]).arg(&file));
        assert_eq!(refused.code, Some(1));
        assert!(refused.err.contains(expected), "{}", refused.err);
        assert_eq!(refused.err.matches("flags.json").count(), 1, "{}", refused.err);
        assert!(refused.err.matches("line 2").count() <= 1, "{}", refused.err);
        let stdin = answer_to(&mut folder.flagstaff(["publish", "-"]), payload);
        assert!(stdin.err.starts_with("flagstaff: payload refused: stdin"), "{}", stdin.err);
    }
}

#[test]
fn the_process_that_holds_the_lock_is_named_with_what_to_do() {
    let folder = Folder::new();
    let source = folder.file("flags.json", r#"{"a":1}"#);
    let mut publisher = Running::start(folder.flagstaff(["run", "--source"]).arg(&source));
    publisher.logs("published");
    let mut no_wait = folder.flagstaff(["run", "--no-wait", "--source"]);
    for command in [folder.flagstaff(["publish"]).arg(&source), no_wait.arg(&source)] {
        let held = answer(command);
        let pid = format!("held by another publisher, pid {} (", publisher.pid());
        assert_eq!(held.code, Some(1));
        assert!(held.err.contains(&pid) && held.err.contains("run --source"), "{}", held.err);
        assert!(held.err.contains("stop that one first"), "{}", held.err);
    }
}

/// The command as a user that has no rights: this one, unless it is root.
fn as_nobody(folder: &Folder, arguments: &[&str]) -> Command {
    let Some(root) = rustix::process::geteuid().is_root().then_some(65_534) else {
        return folder.flagstaff(arguments);
    };
    // Where that user can get at it.
    let program = folder.path().join("flagstaff");
    fs::copy(env!("CARGO_BIN_EXE_flagstaff"), &program).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(program);
    command.args(arguments).env("FLAGSTAFF_FILE", folder.snapshot()).uid(root).gid(root);
    command
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_file_that_may_not_be_used_is_named_with_owner_group_mode_and_what_helps() {
    let folder = Folder::with(r#"{"a":1}"#);
    let is_root = rustix::process::geteuid().is_root();
    set_mode(&folder.snapshot(), if is_root { 0o440 } else { 0o040 });
    let denied = answer(&mut as_nobody(&folder, &["get", "a"]));
    assert_eq!(denied.code, Some(1));
    let advice = if is_root { "join group root (usermod -aG root " } else { "chmod u+r " };
    for text in ["belongs to user ", " and group ", " and has mode 0", advice] {
        assert!(denied.err.contains(text), "{text:?} in {}", denied.err);
    }
    let json: Value =
        serde_json::from_str(&answer(&mut as_nobody(&folder, &["get", "a", "--json"])).err).unwrap();
    assert_eq!(json["error"]["kind"], "permission_denied");
    // A directory on the way counts as well.
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    set_mode(&inner, 0o000);
    let mut command = as_nobody(&folder, &["get", "a", "--file"]);
    let denied = answer(command.arg(inner.join("flags.flagstaff")));
    assert!(
        denied.err.contains("inner belongs to user ") && denied.err.contains("mode 0000"),
        "{}",
        denied.err
    );
    set_mode(&inner, 0o700);
}

#[test]
fn with_json_an_error_is_one_object_on_stderr_with_the_same_exit_code() {
    let folder = Folder::with(r#"{"new-checkout":true}"#);
    let empty = Folder::new();
    let array = folder.file("array.json", "[1]");
    let array = array.to_str().unwrap();
    for (folder, arguments, kind) in [
        (&folder, &["get", "new-checkuot"][..], "no_flag"),
        (&folder, &["get", "new-checkout", "--type", "number"], "other_type"),
        (&folder, &["get", "a", "--default", "blue"], "usage"),
        (&folder, &["status", "--check"], "stale"),
        (&folder, &["watch", "--count", "1", "--timeout", "0.05"], "too_few_changes"),
        (&folder, &["publish", array], "payload_refused"),
        (&folder, &["publish", "/no/such/file"], "io"),
        (&empty, &["get", "a"], "no_snapshot"),
        (&empty, &["dump"], "no_snapshot"),
        (&empty, &["status"], "no_snapshot"),
        (&empty, &["verify", array], "not_a_usable_snapshot"),
        (&empty, &["torture", "/no/such/folder"], "usage"),
        (&empty, &["get"], "usage"),
        (&empty, &["verify", "--nonsense"], "usage"),
    ] {
        let text = answer(&mut folder.flagstaff(arguments));
        let json = answer(folder.flagstaff(arguments).arg("--json"));
        let error: Value =
            serde_json::from_str(&json.err).unwrap_or_else(|_| panic!("{arguments:?}: {}", json.err));
        assert_eq!(error["error"]["kind"], kind, "{arguments:?}: {}", json.err);
        assert_eq!((json.code, error["error"]["exit_code"].as_i64()), (text.code, text.code.map(i64::from)));
        let message = error["error"]["message"].as_str().unwrap();
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!message.is_empty() && words(&text.err).contains(message), "{message:?} in {:?}", text.err);
    }
    let top: Value = serde_json::from_str(&empty.run(["top", "--json"]).err).unwrap();
    assert_eq!(top["error"]["kind"], "no_snapshot");
    let typo = folder.run(["get", "new-checkuot", "--json"]);
    let typo: Value = serde_json::from_str(&typo.err).unwrap();
    assert_eq!(typo["error"]["did_you_mean"], serde_json::json!(["new-checkout"]));
}
