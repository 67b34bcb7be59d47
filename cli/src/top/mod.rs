//! `flagstaff top`: a live screen of flags, changes, publisher and reader processes.
//!
//! `app` is the state of the screen and what keys do to it, `flags` and `cursor` its list, `publishes` their rate; `draw` puts it on a
//! screen of any size; `attached` finds the processes that have the file mapped; `events` wakes it, `json` writes it for machines.

mod app;
mod attached;
mod cursor;
mod draw;
mod events;
mod flags;
mod json;
mod publishes;

use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use clap::Args;
use flagstaff_reader::Reader;

use crate::failure::Failure;
use crate::screen::Screen;
use crate::show;
use crate::snapshot_args::SnapshotArgs;
use crate::style::Paint;

use app::{App, Next};
use events::Event;

/// Shortest time from one drawing to the next, however quickly things happen.
const LEAST_BETWEEN: Duration = Duration::from_millis(50);

/// Ages on the screen are counted in seconds.
const REFRESH_EVERY: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  flagstaff top --file /run/flags.flagstaff
  flagstaff top --json --count 1 | jq '.processes[] | [.pid, .attached, .command]'

Keys:
  arrows, j, k, PgUp, PgDn, Home, End   move in the list of flags
  /                                     list only keys that contain what is typed; Esc: all again
  s                                     sort by key, or by last change
  Enter                                 the value of a flag whole
  Tab                                   another part, where there is not room for all
  q, Esc, Ctrl-C                        quit";

/// Show flags, changes, publisher and the processes that have the file mapped, live
///
/// Processes are found in the kernel's tables of this host. Those that this user may not inspect are only counted; root sees all.
/// A process with an old file has not read a flag since the file was superseded.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Top {
    /// Instead print one JSON object for each look, one per line; errors as JSON on stderr
    #[arg(long)]
    pub(crate) json: bool,

    /// End after this many looks
    #[arg(long, value_name = "N", requires = "json", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// From one look to the next, in seconds or with units
    #[arg(long, value_name = "DURATION", requires = "json", default_value = "1s", value_parser = show::parse_duration)]
    interval: Duration,

    #[command(flatten)]
    color: colorchoice_clap::Color,

    #[command(flatten)]
    snapshot: SnapshotArgs,
}

impl Top {
    pub(crate) fn run(self) -> Result<(), Failure> {
        if self.json {
            let reader = self.snapshot.open()?;
            return json::write(&reader, self.count, self.interval);
        }
        if !Screen::is_possible() {
            return Err(Failure::NoTerminal);
        }
        let reader = self.snapshot.attach()?;
        live(&reader, Paint::of_stdout(self.color))
    }
}

fn live(reader: &Reader, paint: Paint) -> Result<(), Failure> {
    let mut app = App::new(reader, paint);
    // Before the screen is opened: a signal from here on ends it cleanly.
    let events = events::listen(reader)?;
    let mut screen = Screen::open()?;
    let mut next_refresh = Instant::now() + REFRESH_EVERY;
    loop {
        screen.draw(|frame| draw::draw(frame, &mut app))?;
        let drawn = Instant::now();
        let mut event = match events.recv_timeout(next_refresh.saturating_duration_since(drawn)) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        let mut is_due = event.is_none();
        while let Some(one) = event.take() {
            match one {
                Event::Key(key) => {
                    if app.key(key) == Next::Quit {
                        return Ok(());
                    }
                }
                Event::Resized => {}
                Event::Published => is_due = true,
                Event::Looked(table) => app.table = Some(table),
                Event::Signal => return Ok(()),
                Event::Lost(source) => return Err(Failure::System { action: "read the terminal", source }),
            }
            event = events.recv_timeout(LEAST_BETWEEN.saturating_sub(drawn.elapsed())).ok();
        }
        if is_due {
            app.refresh(reader);
            next_refresh = Instant::now() + REFRESH_EVERY;
        }
    }
}
