//! A full disk. The user's own is never filled.

use std::process::Command;

use crate::context::{Context, PATIENCE};
use crate::problem::Problem;
use crate::process::Process;

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
    let publisher = Process::start(command)?;
    context.last_line("on a full disk a publisher", publisher, "healed", PATIENCE * 2)?;
    context.did(
        "a disk of 4 MiB in memory, in a mount namespace of its own, filled: publishing was an error, readers kept what they \
         had, and it healed when there was room",
    );
    Ok(())
}

fn limit(context: &mut Context<'_>) -> Result<(), Problem> {
    let publisher = context.start("limited", &[])?;
    context.last_line("with a limit of 1 MiB on files a publisher", publisher, "limited: ", PATIENCE)?;
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
