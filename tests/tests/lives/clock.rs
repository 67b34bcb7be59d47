//! A wall clock that is behind, for one process: a library that is loaded before the C library's functions. The clock of the machine
//! stays as it is.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    const char *behind = getenv("TEST_CLOCK_BEHIND");
    if (!failed && clock == CLOCK_REALTIME && behind) now->tv_sec -= atol(behind);
    return failed;
}
"#;

static LIBRARY: LazyLock<Option<(tempfile::TempDir, PathBuf)>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().ok()?;
    let (source, library) = (folder.path().join("clock.c"), folder.path().join("clock.so"));
    std::fs::write(&source, SOURCE).ok()?;
    let mut cc = Command::new("cc");
    let built = cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).output();
    if !built.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: wall clocks that are behind, for want of a C compiler `cc`");
        return None;
    }
    Some((folder, library))
});

/// Whether the command will run like that.
pub(crate) fn set_behind(command: &mut Command, seconds: u32) -> bool {
    let Some((_, library)) = &*LIBRARY else { return false };
    command.env("LD_PRELOAD", library).env("TEST_CLOCK_BEHIND", seconds.to_string());
    true
}
