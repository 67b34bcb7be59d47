//! The command `flagstaff`: publish, read, watch and check feature flags in shared memory.
//!
//! stdout carries the result, stderr the log. Exit codes: 0 success, 1 a negative result, 2 wrong use.
//!
//! # Map
//! `args` is the command line, one file for each command has its arguments; `usage` explains a command line that is wrong.
//! `snapshot_args` finds the snapshot file, `account` the API key and base URL, `permissions` who may use a new file. `output` is
//! stdout, `log` stderr, `failure` every error with its exit code, `bus_error` the message for SIGBUS, `signals` stops a
//! publisher, `service_manager` tells systemd, `orders` gives commands to whoever publishes. `json` and `show` write values for machines and for people, `style` has their
//! colours, `suggest` keys that were meant, `differences` compares two snapshots. `facts` is what is known about a file and its
//! publisher, `host` what the kernel tells about processes, `exporter` health and metrics over HTTP. `screen` is the terminal of `top` and `demo`, which are folders of
//! their own; `torture` and `serve` are crates.

#![cfg_attr(
    not(all(feature = "top", feature = "torture")),
    allow(dead_code, unused_imports, reason = "parts that only the commands use that are left out")
)]

mod accept;
mod account;
mod args;
#[allow(unsafe_code, reason = "a handler for SIGBUS runs in the thread that got the signal")]
mod bus_error;
mod completions;
mod demo;
mod differences;
mod dump;
#[cfg(feature = "metrics")]
mod exporter;
mod facts;
mod failure;
mod get;
mod history;
mod host;
mod json;
mod log;
mod man;
mod orders;
mod output;
mod overriding;
mod permissions;
mod publish;
mod rollback;
mod run;
mod screen;
mod serve;
mod service_manager;
mod show;
mod signals;
mod snapshot_args;
mod status;
mod style;
mod suggest;
#[cfg(feature = "top")]
mod top;
#[cfg(feature = "torture")]
mod torture;
mod usage;
mod verify;
mod watch;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::args::{Cli, Command};
use crate::failure::Failure;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().collect();
    #[cfg(feature = "torture")]
    if let Some(code) = torture::child(&arguments) {
        return code;
    }
    let code = match demo::Child::of(&arguments) {
        Some(child) => report(child.run(|arguments| execute(parse(arguments))), false),
        None => {
            let command = parse(arguments);
            let as_json = command.is_json();
            report(execute(command), as_json)
        }
    };
    log::finish();
    code
}

fn parse(arguments: Vec<OsString>) -> Command {
    match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli.command,
        Err(error) => usage::explain_and_exit(error, &arguments),
    }
}

fn execute(command: Command) -> Result<(), Failure> {
    let (level, format) = command.log();
    log::start(level, format)?;
    bus_error::explain()?;
    match command {
        Command::Run(run) => run.run(),
        Command::Get(get) => get.run(),
        Command::Dump(dump) => dump.run(),
        Command::Watch(watch) => watch.run(),
        Command::Status(status) => status.run(),
        #[cfg(feature = "top")]
        Command::Top(top) => top.run(),
        Command::Verify(verify) => verify.run(),
        Command::Publish(publish) => publish.run(),
        Command::Override(set) => set.run(),
        Command::Accept(accept) => accept.run(),
        Command::Log(log) => log.run(),
        Command::Show(show) => show.run(),
        Command::Diff(diff) => diff.run(),
        Command::Rollback(rollback) => rollback.run(),
        Command::Serve(serve) => serve.run(),
        #[cfg(feature = "metrics")]
        Command::Exporter(exporter) => exporter.run(),
        Command::Demo(demo) => demo.run(),
        #[cfg(feature = "torture")]
        Command::Torture(torture) => torture.run(),
        Command::Completions(completions) => completions.run(Cli::command()),
        Command::Man(man) => man.run(Cli::command()),
    }
}

/// Writes what went wrong to stderr, and returns the exit code.
fn report(result: Result<(), Failure>, as_json: bool) -> ExitCode {
    let Err(failure) = result else { return ExitCode::SUCCESS };
    let code = failure.code();
    match (code, as_json) {
        (0, _) => {}
        (_, true) => log::say(&failure.json()),
        (_, false) => log::say(&format!("flagstaff: {}", failure.text())),
    }
    ExitCode::from(code)
}
