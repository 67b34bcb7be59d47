//! Commands in namespaces of their own, where that is permitted.

use std::process::Command;

/// Whether this is root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A shell script in a new namespace of the kind that `flag` of `unshare` names; `None`, with a notice, where that is not
/// permitted. `"$0"` and so on are the arguments that the caller adds.
#[allow(clippy::print_stderr, reason = "the notice of a test that is skipped")]
pub fn in_namespace(flag: &str, script: &str) -> Option<Command> {
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        if !is_root() {
            command.arg("-r");
        }
        command.arg(flag).args(["-f", "--kill-child", "sh", "-c", script]);
        command
    };
    if unshare("true").output().is_ok_and(|output| output.status.success()) {
        return Some(unshare(script));
    }
    eprintln!("SKIPPED: `unshare {flag}` is not permitted here");
    None
}
