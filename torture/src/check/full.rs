//! A disk without room. The user's own is never filled.

use std::process::Command;

use crate::problem::Problem;
use crate::stage::{PATIENCE, Stage};

/// Mounts a small disk in memory on `$0`, which nobody else sees, and becomes the program.
const SCRIPT: &str = "mount -t tmpfs -o size=4m,mode=0700 tmpfs \"$0\" && exec \"$@\"";

pub(super) fn check(stage: &mut Stage<'_>) -> Result<(), Problem> {
    limit(stage)?;
    let flags = match () {
        () if is_permitted(stage, "-m") => "-m",
        () if is_permitted(stage, "-rm") => "-rm",
        () => {
            stage.note(
                "no full disk was tried: a small one in memory needs root, or user namespaces and the program unshare; \
                 the limit on file sizes was tried instead",
            );
            return Ok(());
        }
    };
    let command = stage.launcher.behind(unshare(stage, flags, SCRIPT), "full", &stage.path());
    let mut publisher = crate::process::Process::start(command)?;
    let status = publisher.wait(PATIENCE * 2)?;
    let said = publisher.stdout() + &publisher.stderr();
    if !status.success() || !said.contains("healed") {
        return Err(Problem::Found(format!(
            "on a full disk a publisher ended with {status} and said: {}",
            said.trim_end()
        )));
    }
    stage.did(
        "a disk of 4 MiB in memory, in a mount namespace of its own, filled: publishing was an error, readers kept what they \
         had, and it healed when there was room",
    );
    Ok(())
}

fn limit(stage: &mut Stage<'_>) -> Result<(), Problem> {
    let mut publisher = stage.start("limited", &[])?;
    let status = publisher.wait(PATIENCE)?;
    let said = publisher.stdout() + &publisher.stderr();
    if !status.success() || !said.contains("limited: ") {
        return Err(Problem::Found(format!(
            "with a limit of 1 MiB on files a publisher ended with {status} and said: {}",
            said.trim_end()
        )));
    }
    stage.did("a limit of 1 MiB on the size of files (RLIMIT_FSIZE): refused with an error");
    Ok(())
}

fn unshare(stage: &Stage<'_>, flags: &str, script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args([flags, "sh", "-c", script]).arg(&stage.folder);
    command
}

fn is_permitted(stage: &Stage<'_>, flags: &str) -> bool {
    let mut command = unshare(stage, flags, SCRIPT);
    command.arg("true").output().is_ok_and(|output| output.status.success())
}
