//! `vexil demo`: everything at once on loopback, with real processes.
//!
//! A flag server in this process, a publisher process and four reader processes, all of them this very program. A flag
//! flips once a second, and the screen shows when each reader saw it and how fast it reads meanwhile.
//!
//! `stage` is the course of events; `server`, `children`, `folder` are what takes part; `child`, `reader`, `message` the
//! other side of a reader process; `ledger` the books; `scene`, `screen`, `paint`, `plain`, `summary` what is shown.

mod child;
mod children;
mod clock;
mod flags;
mod folder;
mod ledger;
mod memory;
mod message;
mod paint;
mod plain;
mod reader;
mod scene;
mod screen;
mod server;
mod stage;
mod summary;

use clap::Args;

pub(crate) use child::Child;

use crate::failure::Failure;
use screen::Screen;
use stage::{Ended, Stage};

/// Number of reader processes.
const READERS: usize = 4;

const EXAMPLES: &str = "\
Examples:
  vexil demo
  vexil demo --seconds 60        and kill -9 the publisher meanwhile
  vexil demo --seconds 5 | cat   plain lines";

/// Show it all at once: a flag server, a publisher and four readers, as processes on this host
///
/// A flag flips once a second. Exit code 0 if every reader saw every flip that it had to see, else 1. Needs no key, no
/// network and leaves nothing behind.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Demo {
    /// How long it lasts; Ctrl-C ends it earlier
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,

    /// Plain lines, also on a terminal
    #[arg(long)]
    plain: bool,
}

impl Demo {
    pub(crate) fn answer(self) -> Result<(), Failure> {
        let mut stage = Stage::set(self.seconds)?;
        let screen = if self.plain { None } else { Screen::open()? };
        let ended = match screen {
            // Dropped at the end of the arm: the summary goes to the normal screen.
            Some(mut screen) => stage.play(&mut screen)?,
            None => stage.play(&mut plain::Lines::default())?,
        };
        if ended == Ended::BeforeStart {
            return Ok(());
        }
        summary::print(stage.scene())
    }
}
