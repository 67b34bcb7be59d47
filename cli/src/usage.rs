//! What is said about a command line that is not understood.

use std::ffi::OsString;
use std::process;

use clap::Error;
use clap::error::{ContextKind, ContextValue};

use crate::failure::Failure;

const CHANGE: &str = "flags are changed where they come from: publish a file with `flagstaff publish`, change them on the page of \
                      `flagstaff serve`, or in the service";

/// Words that people try, and what to use instead.
const NEAR_MISSES: [(&[&str], &str); 14] = [
    (
        &[
            "set", "put", "enable", "disable", "on", "off", "toggle", "flip", "change", "update", "edit",
            "add", "create", "delete", "remove", "rm", "unset",
        ],
        CHANGE,
    ),
    (
        &["ls", "list", "keys", "flags", "all", "export", "cat", "show", "print"],
        "`flagstaff dump` prints all flags; `flagstaff dump | jq -r 'keys[]'` their keys",
    ),
    (
        &["read", "value", "fetch", "lookup", "query", "eval", "evaluate"],
        "`flagstaff get KEY` prints the value of a flag",
    ),
    (
        &["start", "daemon", "agent", "up", "sync", "publisher", "connect"],
        "`flagstaff run` starts the publisher; `flagstaff serve` starts a flag server",
    ),
    (
        &["server", "web", "ui", "http", "dev", "page"],
        "`flagstaff serve` starts a flag server with a page to change flags",
    ),
    (
        &["import", "load", "push", "write", "upload"],
        "`flagstaff publish FLAGS.json` publishes the flags of a file",
    ),
    (
        &["check", "validate", "fsck", "lint"],
        "`flagstaff verify` checks a snapshot file; `flagstaff status --check` tells whether flags may be stale",
    ),
    (
        &["health", "healthcheck", "info", "stat", "ping", "state"],
        "`flagstaff status --check` is made for health checks",
    ),
    (
        &["tail", "follow", "events", "monitor", "subscribe", "log", "logs"],
        "`flagstaff watch` prints changes as they happen",
    ),
    (&["live", "ps", "tui", "dashboard"], "`flagstaff top` shows flags and processes live"),
    (&["test", "stress", "selftest", "bench"], "`flagstaff torture DIR` tries everything on this machine"),
    (&["completion", "complete"], "`flagstaff completions SHELL` prints completions for a shell"),
    (
        &["stop", "kill", "down", "restart", "reload"],
        "a publisher ends on SIGTERM and connects again on SIGHUP: `kill PID` and `kill -HUP PID`, where `flagstaff status` shows the pid",
    ),
    (&["version"], "`flagstaff --version` prints the version"),
];

/// Says what is wrong and ends the process; prints help and version, too, which come here as errors.
pub(crate) fn explain_and_exit(mut error: Error, arguments: &[OsString]) -> ! {
    if let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand)
        && let Some((_, tip)) = NEAR_MISSES.iter().find(|(words, _)| words.contains(&word.as_str()))
    {
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![(*tip).into()]));
    }
    if error.use_stderr() && arguments.iter().any(|argument| argument == "--json") {
        let text = error.to_string();
        let what = text.split("\n\nUsage:").next().unwrap_or_default();
        let words: Vec<_> = what.trim_start_matches("error:").split_whitespace().collect();
        let failure = Failure::Usage(words.join(" "));
        // Without a stderr the exit code has to do.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{}\n", failure.json()).as_bytes());
        process::exit(failure.code().into());
    }
    error.exit()
}
