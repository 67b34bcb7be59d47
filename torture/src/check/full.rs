//! A full disk. The user's own is never filled.

use std::process::Command;

use crate::context::{Context, PATIENCE};
use crate::problem::Problem;

/// Mounts a small disk in memory on `$0`, visible to this process only, and executes the program.
const SCRIPT: &str = "mount -t tmpfs -o size=4m,mode=0700 tmpfs \"$0\" && exec \"$@\"";

pub(super) fn check(context: &mut Context<'_>) -> Result<(), Problem> {
    limit(context)?;
    let flags = match () {
        () if is_permitted(context, "-m") => "-m",
        () if is_permitted(context, "-rm") => "-rm",
        () => {
            context.note(
                "no full disk was tried: a small one in memory needs root, or user namespaces and the program unshare; \
                 the limit on file sizes was tried instead",
            );
            return Ok(());
        }
    };
    let command = context.launcher.behind(unshare(context, flags, SCRIPT), "full", &context.path());
    let mut publisher = crate::process::Process::start(command)?;
    let status = publisher.wait(PATIENCE * 2)?;
    let said = publisher.stdout() + &publisher.stderr();
    if !status.success() || !said.contains("healed") {
        return Err(Problem::Found(format!(
            "on a full disk a publisher ended with {status} and said: {}",
            said.trim_end()
        )));
    }
    context.did(
        "a disk of 4 MiB in memory, in a mount namespace of its own, filled: publishing was an error, readers kept what they \
         had, and it healed when there was room",
    );
    Ok(())
}

fn limit(context: &mut Context<'_>) -> Result<(), Problem> {
    let mut publisher = context.start("limited", &[])?;
    let status = publisher.wait(PATIENCE)?;
    let said = publisher.stdout() + &publisher.stderr();
    if !status.success() || !said.contains("limited: ") {
        return Err(Problem::Found(format!(
            "with a limit of 1 MiB on files a publisher ended with {status} and said: {}",
            said.trim_end()
        )));
    }
    context.did("a limit of 1 MiB on the size of files (RLIMIT_FSIZE): refused with an error");
    Ok(())
}

fn unshare(context: &Context<'_>, flags: &str, script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args([flags, "sh", "-c", script]).arg(&context.folder);
    command
}

fn is_permitted(context: &Context<'_>, flags: &str) -> bool {
    let mut command = unshare(context, flags, SCRIPT);
    command.arg("true").output().is_ok_and(|output| output.status.success())
}
