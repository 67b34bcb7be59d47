//! Clients that elect one of them as their leader; one is killed or stopped at a step.

#![allow(clippy::unwrap_used, reason = "a role that cannot play fails its test")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use flagstaff::Client;
use flagstaff_torture::role::{check_steadily, say};
use flagstaff_torture::steps::Stepper;

use crate::place::KEY;

/// Name of the file that the first of several processes makes at its step.
pub const FIRST: &str = "first";

/// One of several clients that wait for the lock, with a reader that checks every look until stdin ends. The first of them that
/// comes to the step of the arguments `[<step> [<signal>]]` is killed or stopped there.
pub fn lead(path: &Path, arguments: &[String]) -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let folder = PathBuf::from(std::env::var_os("FLAGSTAFF_TEST_FOLDER").unwrap());
    let stepper = Stepper::once(Stepper::asked(arguments), folder.join(FIRST));
    let client = Client::builder(KEY)
        .file(path)
        .base_url(&std::env::var("FLAGSTAFF_TEST_URL").unwrap())
        .memory_dir(folder.join("memory"))
        .watch(stepper.watch())
        .preload(true)
        .start()
        .unwrap();
    say("ready");
    let outcome = check_steadily(client.reader(), || std::thread::sleep(Duration::from_micros(500)));
    if let Err(wrong) = &outcome {
        say(&format!("wrong: {wrong}"));
    }
    say(&format!("closed {}", client.close().is_ok()));
    stepper.seen().iter().for_each(|step| say(&format!("step {step}")));
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
