//! `flagstaff demo`: everything at once on loopback, with real processes.
//!
//! A flag server with its page in this process, a publisher process and four reader processes, all of them this very
//! program. A flag flips once a second, and the screen shows when each reader saw it and how fast it reads meanwhile. While
//! somebody has the page open, flags change when that person changes them.
//!
//! `session` is the sequence of the demo; `service`, `children`, `folder` are what takes part; `child`, `reader`, `message` the
//! other side of a reader process; `deliveries` the books of flips, `user_change` what a person did; `state`, `screen`, `paint`,
//! `plain`, `summary` what is shown.

mod child;
mod children;
mod clock;
mod deliveries;
mod flags;
mod folder;
mod memory;
mod message;
mod paint;
mod plain;
mod reader;
mod screen;
mod service;
mod session;
mod state;
mod summary;
mod user_change;

use clap::Args;

pub(crate) use child::Child;

use crate::failure::Failure;
use screen::Screen;
use session::{Ended, Session};

/// Number of reader processes.
const READERS: usize = 4;

/// How long it lasts where nobody can end it with a key.
const SECONDS_WITHOUT_TERMINAL: u64 = 15;

const EXAMPLES: &str = "\
Examples:
  flagstaff demo                     open the page that it names, and flip something
  flagstaff demo --seconds 60        and kill -9 the publisher meanwhile
  flagstaff demo --seconds 5 | cat   plain lines";

/// Show it all at once: a flag server with a page, a publisher and four readers, as processes on this host
///
/// A flag flips once a second; while the page is open in a browser, flags change when you change them. Exit code 0 if every reader saw every flip that it had to see, else 1. Needs no key, no
/// network and leaves nothing behind.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Demo {
    /// How long it lasts; Ctrl-C ends it earlier [default: on a terminal until Ctrl-C, else 15]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: Option<u64>,

    /// Port of the flag server and its page; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,

    /// Plain lines, also on a terminal
    #[arg(long)]
    plain: bool,
}

impl Demo {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let is_live = !self.plain && Screen::is_possible();
        let seconds = self.seconds.or((!is_live).then_some(SECONDS_WITHOUT_TERMINAL));
        let mut session = Session::set(seconds, self.port)?;
        let screen = if is_live { Some(Screen::open()?) } else { None };
        let ended = match screen {
            // Dropped at the end of the arm: the summary goes to the normal screen.
            Some(mut screen) => session.play(&mut screen)?,
            None => session.play(&mut plain::Lines::default())?,
        };
        if ended == Ended::BeforeStart {
            return Ok(());
        }
        summary::print(session.state())
    }
}
