//! The demo on a terminal: one screen of 80 by 24.

use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::text::{Line, Span, Text};

use super::deliveries::{ReaderStats, median};
use super::flags;
use super::session::{Action, View};
use super::state::{State, memory, nanos, per_read, rate, switch, user_change};
use crate::failure::Failure;
use crate::screen::{Bars, Screen};
use crate::show;
use crate::style::{Look, Paint};

const LEAST_BETWEEN: Duration = Duration::from_millis(50);

/// Times of arrival that a reader's bars show.
const BARS: usize = 14;

/// The picture on the terminal, with keys.
#[derive(Debug)]
pub(super) struct Picture {
    screen: Screen,
    drawn_at: Option<Instant>,
    paint: Paint,
    bars: Bars,
}

impl Picture {
    pub(super) fn open(paint: Paint) -> Result<Picture, Failure> {
        Ok(Picture { screen: Screen::open()?, drawn_at: None, paint, bars: Bars::of_locale() })
    }
}

impl View for Picture {
    fn update(&mut self, state: &State) -> Result<Option<Action>, Failure> {
        if self.drawn_at.is_none_or(|at| at.elapsed() >= LEAST_BETWEEN) {
            self.drawn_at = Some(Instant::now());
            let (paint, bars) = (self.paint, self.bars);
            self.screen.draw(|frame| draw(frame, state, paint, bars))?;
        }
        pressed().map_err(|source| Failure::System { action: "read the terminal", source })
    }
}

/// What the keys that were pressed since the last call ask for.
fn pressed() -> std::io::Result<Option<Action>> {
    while event::poll(Duration::ZERO)? {
        if let Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
            && let Some(action) = action(key)
        {
            return Ok(Some(action));
        }
    }
    Ok(None)
}

fn action(key: KeyEvent) -> Option<Action> {
    match (key.code, key.modifiers.contains(KeyModifiers::CONTROL)) {
        (KeyCode::Char('c' | 'd'), true) | (KeyCode::Char('q') | KeyCode::Esc, false) => Some(Action::End),
        (KeyCode::Char('k'), false) => Some(Action::KillPublisher),
        _ => None,
    }
}

fn draw(frame: &mut Frame<'_>, state: &State, paint: Paint, bars: Bars) {
    let words = Words(paint);
    let lines = [head(state, words), flag(state, words), readers(state, words, bars), foot(state, words)];
    frame.render_widget(Text::from(lines.concat()), frame.area());
    let elapsed = state.elapsed.as_secs();
    let clock = match state.seconds {
        Some(seconds) => format!("{elapsed} of {seconds} s "),
        None => format!("{elapsed} s "),
    };
    let [first, _] = crate::screen::heading_and_rest(frame.area());
    frame.render_widget(words.line([(Look::Dim, clock)]).right_aligned(), first);
}

/// Makes lines of texts with their looks.
#[derive(Clone, Copy)]
struct Words(Paint);

impl Words {
    fn line<const N: usize>(self, words: [(Look, String); N]) -> Line<'static> {
        Line::from(words.map(|(look, text)| Span::styled(text, self.0.cell(look))).to_vec())
    }

    fn one(self, look: Look, text: impl Into<String>) -> Line<'static> {
        self.line([(look, text.into())])
    }
}

fn head(state: &State, words: Words) -> Vec<Line<'static>> {
    let page = if state.page_is_open { "its page is open" } else { "with a page" };
    let (publisher, below) = match (state.publisher.pid, state.publisher.back_in) {
        (Some(pid), _) => {
            let flags = show::count(flags::COUNT as u64);
            let generation = format!("{flags} flags, generation {}", state.generation());
            let publisher = words.line([
                (Look::Dim, format!("   {page:<23}")),
                (Look::Plain, format!("pid {pid:<9}")),
                (Look::Dim, generation),
            ]);
            (publisher, words.one(Look::Dim, format!("{:26}{}", "", memory(state.publisher.anonymous_kib))))
        }
        (None, back_in) => {
            let seconds = back_in.unwrap_or_default().as_secs_f64();
            let next = format!("{:26}readers go on; the next one starts in {seconds:.1} s", "");
            let killed = (Look::Bad, "none: it was killed".to_owned());
            (words.line([(Look::Dim, format!("   {page:<23}")), killed]), words.one(Look::Bad, next))
        }
    };
    vec![
        words.line([
            (Look::Strong, " Flagstaff demo".to_owned()),
            (Look::Plain, "   feature flags in shared memory, live".to_owned()),
        ]),
        words.line([(Look::Plain, " Page: ".to_owned()), (Look::Strong, state.page.clone())]),
        Line::default(),
        words.one(
            Look::Plain,
            "   flag server ---SSE---> publisher ---one mapped file---> 4 reader processes",
        ),
        publisher,
        below,
        Line::default(),
    ]
}

fn flag(state: &State, words: Words) -> Vec<Line<'static>> {
    let who = if state.page_is_open { "now you flip, on the page" } else { "one each second" };
    let flips = (1..=state.flip).rev().take(7);
    let flips: String = flips.map(|flip| format!("{flip} {}   ", switch(flags::is_on(flip)))).collect();
    let change = match user_change(&state.user_change) {
        Some((what, seen)) => {
            words.line([(Look::Strong, format!(" {what}")), (Look::Good, format!("   {seen}"))])
        }
        None => words.one(Look::Dim, " Open the page in a browser and flip something."),
    };
    vec![
        words.line([
            (Look::Plain, format!(" {:<20}", flags::FLIPPING)),
            on_or_off(state.is_seen_on()),
            (Look::Plain, format!("flip {}, {who}", state.flip)),
        ]),
        words.one(Look::Dim, format!(" {:<20}{flips}", "flips so far")),
        change,
        Line::default(),
    ]
}

fn readers(state: &State, words: Words, bars: Bars) -> Vec<Line<'static>> {
    let (pid, rates) = ("pid", "reads/s");
    let mut lines = vec![words.one(
        Look::Dim,
        format!(
            " {:<7}{pid:>7}  {:<5}{rates:>9}{:>10}{:>11}  {:<BARS$}{:>10}",
            "reader", "flag", "per read", "saw it in", "lately", "memory"
        ),
    )];
    // One scale for all bars, or they could not be compared. What takes far longer than usual is cut off.
    let readers = &state.deliveries.readers;
    let all: Vec<_> = readers.iter().flat_map(|reader| last(reader).iter().copied()).collect();
    let most = median(&all).unwrap_or(1) * 3;
    for (number, reader) in readers.iter().enumerate() {
        let pid = state.reader_pids.get(number).copied().unwrap_or(0);
        let kib = state.reader_kib.get(number).copied().flatten();
        let rate = rate(reader.rates.last().copied());
        let per_read = per_read(reader.per_read.last().copied());
        lines.push(words.line([
            (Look::Plain, format!(" {:<7}{pid:>7}  ", number + 1)),
            match reader.on {
                _ if reader.ended => (Look::Bad, format!("{:<5}", "gone")),
                Some(on) => on_or_off(on),
                None => (Look::Dim, format!("{:<5}", "-")),
            },
            (Look::Plain, format!("{rate:>9}{per_read:>10}")),
            (Look::Strong, format!("{:>11}  ", nanos(reader.latencies.last().copied()))),
            (Look::Good, bars.text(last(reader), most, BARS)),
            (Look::Plain, format!("{:>10}", memory(kib))),
        ]));
    }
    let map = per_read(state.per_map_read());
    lines.push(
        words.one(Look::Plain, format!(" {:<30}{map:>10}   in the same processes", "private HashMap of std")),
    );
    lines.push(Line::default());
    lines
}

fn foot(state: &State, words: Words) -> Vec<Line<'static>> {
    let latencies = state.latencies();
    let (key, what) = match state.publisher.pid {
        Some(pid) => (" k", format!(" kills the publisher (kill -9 {pid}): watch the readers go on.   ")),
        None => ("", " Without a publisher the flags stay as they were.   ".to_owned()),
    };
    vec![
        words.line([
            (Look::Plain, " From the server's write to the reader's read: median ".to_owned()),
            (Look::Strong, nanos(median(&latencies))),
            (Look::Plain, ", slowest ".to_owned()),
            (Look::Strong, nanos(latencies.iter().max().copied())),
        ]),
        words.one(Look::Dim, " Reads: get_bool, 32,768 keys in random order, one thread, bursts of 120 ms."),
        words
            .one(Look::Dim, " Memory: private to the process. A reader's: the program and its list of keys."),
        Line::default(),
        words.line([
            (Look::Strong, key.to_owned()),
            (Look::Plain, what),
            (Look::Strong, "q".to_owned()),
            (Look::Plain, " quits.".to_owned()),
        ]),
    ]
}

fn on_or_off(on: bool) -> (Look, String) {
    (if on { Look::Good } else { Look::Plain }, format!("{:<5}", switch(on)))
}

fn last(reader: &ReaderStats) -> &[u64] {
    &reader.latencies[reader.latencies.len().saturating_sub(BARS)..]
}
