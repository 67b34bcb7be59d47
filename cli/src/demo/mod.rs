//! `flagstaff demo`: server, publisher and readers on loopback, with real processes.
//!
//! A flag server with its page in this process, a publisher process and four reader processes, which are this same program. A flag
//! flips once a second, and the screen shows when each reader saw it and how fast it reads meanwhile. While somebody has the page
//! open, flags change when that person changes them.
//!
//! `session` is the sequence of the demo, `state` what it shows; `service`, `children` and `folder` are its server, processes and
//! files; `child`, `reader` and `message` are the other side of a reader process; `deliveries` notes which reader saw which flip,
//! `user_change` what a person changed; `picture`, `plain` and `summary` show it.

mod child;
mod children;
mod clock;
mod deliveries;
mod flags;
mod folder;
mod memory;
mod message;
mod picture;
mod plain;
mod reader;
mod service;
mod session;
mod state;
mod summary;
mod user_change;

use clap::Args;

pub(crate) use child::Child;

use crate::failure::Failure;
use crate::screen::Screen;
use crate::style::Paint;
use picture::Picture;
use session::{Ended, Session};

/// How long it lasts without a terminal.
const SECONDS_WITHOUT_TERMINAL: u64 = 15;

const EXAMPLES: &str = "\
Examples:
  flagstaff demo                     open the page that it names, and flip something
  flagstaff demo --seconds 60        and press k, or kill -9 the publisher, meanwhile
  flagstaff demo --seconds 5 | cat   plain lines

Keys:
  k                kill the publisher; another one starts after 3 s
  q, Esc, Ctrl-C   quit";

/// Show everything live: a flag server with a page, a publisher and four readers, as processes on this host
///
/// A flag flips once a second; while the page is open in a browser, flags change when you change them. Exit code 0 if every
/// reader saw every flip that reached a publisher, else 1. Needs no key and no network, and leaves nothing behind.
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

    #[command(flatten)]
    color: colorchoice_clap::Color,
}

impl Demo {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let is_live = !self.plain && Screen::is_possible();
        let seconds = self.seconds.or((!is_live).then_some(SECONDS_WITHOUT_TERMINAL));
        let mut session = Session::start(seconds, self.port)?;
        let picture = if is_live { Some(Picture::open(Paint::of_stdout(self.color))?) } else { None };
        let ended = match picture {
            // Dropped at the end of the arm: the summary goes to the normal screen.
            Some(mut picture) => session.run(&mut picture)?,
            None => session.run(&mut plain::Lines::default())?,
        };
        if ended == Ended::BeforeStart {
            return Ok(());
        }
        summary::print(session.state())
    }
}
