//! The command `flagstaff`: publish, read, watch and check feature flags in shared memory.
//!
//! stdout carries the answer, stderr the log. Exit codes: 0 good, 1 the answer is no, 2 wrong use.
//!
//! # Map
//! `args` is the command line, one file for each command has the rest of it. `snapshot_args` finds the snapshot file, `account` the
//! API key and base URL, `permissions` who may use a new file. `output` is stdout, `log` stderr, `failure` what goes wrong and
//! its exit code, `bus_error` what goes wrong without one, `signals` how a publisher is stopped, `service_manager` who else wants
//! to know. `json` and `show` are values for machines and for people, `style` their colours, `differences` what two snapshots have
//! not in common. `facts` is what is known about a file and its publisher, `host` what the kernel says about processes. `top` and
//! `demo` are folders of their own, `torture` and `serve` crates.

mod account;
mod args;
#[allow(unsafe_code, reason = "a handler for SIGBUS has to run where the signal came")]
mod bus_error;
mod completions;
mod demo;
mod differences;
mod dump;
mod facts;
mod failure;
mod get;
mod host;
mod json;
mod log;
mod output;
mod permissions;
mod publish;
mod run;
mod serve;
mod service_manager;
mod show;
mod signals;
mod snapshot_args;
mod status;
mod style;
mod top;
mod torture;
mod verify;
mod watch;

use std::env;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};
use crate::failure::Failure;
use crate::log::Level;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().collect();
    if let Some(code) = torture::child(&arguments) {
        return code;
    }
    let result = match demo::Child::of(&arguments) {
        Some(child) => child.run(),
        None => execute(Cli::parse_from(arguments)),
    };
    let code = match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    };
    log::finish();
    code
}

fn execute(cli: Cli) -> Result<(), Failure> {
    let level =
        if matches!(cli.command, Command::Run(_) | Command::Serve(_)) { Level::Info } else { Level::Warn };
    log::start(level)?;
    bus_error::explain()?;
    match cli.command {
        Command::Run(run) => run.run(),
        Command::Get(get) => get.run(),
        Command::Dump(dump) => dump.run(),
        Command::Watch(watch) => watch.run(),
        Command::Status(status) => status.run(),
        Command::Top(top) => top.run(),
        Command::Verify(verify) => verify.run(),
        Command::Publish(publish) => publish.run(),
        Command::Serve(serve) => serve.run(),
        Command::Demo(demo) => demo.run(),
        Command::Torture(torture) => torture.run(),
        Command::Completions(completions) => completions.run(),
    }
}
