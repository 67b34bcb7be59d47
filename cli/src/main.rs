//! The command `vexil`: publish, read, watch and check feature flags in shared memory.
//!
//! stdout carries the answer, stderr the log. Exit codes: 0 good, 1 the answer is no, 2 wrong use.
//!
//! # Map
//! `args` is the command line, one file for each command has the rest of it. `place` finds the snapshot file, `account` the
//! API key and base URL. `output` is stdout, `log` stderr, `failure` what goes wrong and its exit code, `signals` how a
//! publisher is stopped. `json` and `show` are values for machines and for people, `differences` what two snapshots have
//! not in common. `demo` is a folder of its own.

mod account;
mod args;
mod completions;
mod demo;
mod differences;
mod dump;
mod failure;
mod get;
mod json;
mod log;
mod output;
mod permissions;
mod place;
mod publish;
mod run;
mod service_manager;
mod show;
mod signals;
mod status;
mod verify;
mod watch;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};
use crate::failure::Failure;
use crate::log::Level;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let level = if matches!(cli.command, Command::Run(_)) { Level::Info } else { Level::Warn };
    match log::start(level).and_then(|()| answer(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn answer(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run(run) => run.answer(),
        Command::Get(get) => get.answer(),
        Command::Dump(dump) => dump.answer(),
        Command::Watch(watch) => watch.answer(),
        Command::Status(status) => status.answer(),
        Command::Verify(verify) => verify.answer(),
        Command::Publish(publish) => publish.answer(),
        Command::Demo(demo) => demo.answer(),
        Command::DemoReader(reader) => reader.answer(),
        Command::Completions(completions) => completions.answer(),
    }
}
