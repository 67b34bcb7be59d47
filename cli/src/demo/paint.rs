//! The picture: one screen of 80 by 24 that says it all.

use super::deliveries::{ReaderStats, median};
use super::flags;
use super::state::{State, memory, nanos, per_read, rate, switch, user_change};

/// Times of arrival in a reader's bar.
const BARS: usize = 14;

#[derive(Debug, Clone, Copy)]
pub(super) enum Style {
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Style::Plain => "",
            Style::Bold => "\x1b[1m",
            Style::Dim => "\x1b[2m",
            Style::Good => "\x1b[1;32m",
            Style::Bad => "\x1b[1;31m",
        }
    }
}

/// Lines that are never wider than the terminal: a line that wraps would shift all others.
#[derive(Debug)]
pub(super) struct Canvas {
    lines: Vec<String>,
    width: usize,
    left: usize,
    blocks: bool,
}

impl Canvas {
    pub(super) fn new(width: usize, blocks: bool) -> Canvas {
        Canvas { lines: vec![String::new()], width, left: width, blocks }
    }

    fn put(&mut self, style: Style, text: &str) {
        let Some(line) = self.lines.last_mut() else { return };
        line.push_str(style.code());
        let mut used = 0;
        for c in text.chars().take(self.left) {
            line.push(c);
            used += 1;
        }
        self.left -= used;
        if !style.code().is_empty() {
            line.push_str("\x1b[0m");
        }
    }

    fn end(&mut self) {
        self.lines.push(String::new());
        self.left = self.width;
    }

    fn line(&mut self, style: Style, text: &str) {
        self.put(style, text);
        self.end();
    }

    pub(super) fn into_lines(self) -> Vec<String> {
        self.lines
    }
}

pub(super) fn paint(canvas: &mut Canvas, state: &State) {
    head(canvas, state);
    publisher(canvas, state);
    flag(canvas, state);
    readers(canvas, state);
    foot(canvas, state);
}

fn head(canvas: &mut Canvas, state: &State) {
    canvas.put(Style::Bold, " Flagstaff demo");
    canvas.put(Style::Plain, "   feature flags in shared memory, live");
    let elapsed = state.elapsed.as_secs();
    let clock = match state.seconds {
        Some(seconds) => format!("{elapsed:>3} of {seconds} s "),
        None => format!("{elapsed:>3} s "),
    };
    let gap = canvas.left.saturating_sub(clock.chars().count());
    canvas.put(Style::Plain, &" ".repeat(gap));
    canvas.line(Style::Dim, &clock);
    canvas.put(Style::Plain, " Page: ");
    canvas.line(Style::Bold, &state.page);
    canvas.end();
}

fn publisher(canvas: &mut Canvas, state: &State) {
    canvas
        .line(Style::Plain, "   flag server ---SSE---> publisher ---one mapped file---> 4 reader processes");
    let page = if state.page_is_open { "its page is open" } else { "with a page" };
    canvas.put(Style::Dim, &format!("   {page:<23}"));
    match (state.publisher.pid, state.publisher.back_in) {
        (Some(pid), _) => {
            canvas.put(Style::Plain, &format!("pid {pid:<9}"));
            let generation = format!(
                "{} flags, generation {}",
                crate::show::count(flags::COUNT as u64),
                state.generation()
            );
            canvas.line(Style::Dim, &generation);
            canvas.line(Style::Dim, &format!("{:26}{}", "", memory(state.publisher.anonymous_kib)));
        }
        (None, back_in) => {
            let seconds = back_in.unwrap_or_default().as_secs_f64();
            canvas.line(Style::Bad, "none: it was killed");
            canvas
                .line(Style::Bad, &format!("{:26}readers go on; the next one starts in {seconds:.1} s", ""));
        }
    }
    canvas.end();
}

fn flag(canvas: &mut Canvas, state: &State) {
    canvas.put(Style::Plain, &format!(" {:<20}", flags::FLIPPING));
    on_or_off(canvas, state.is_seen_on(), 5);
    let who = if state.page_is_open { "now you flip, on the page" } else { "one each second" };
    canvas.line(Style::Plain, &format!("flip {}, {who}", state.flip));
    canvas.put(Style::Dim, &format!(" {:<20}", "flips so far"));
    for flip in (1..=state.flip).rev().take(7) {
        canvas.put(Style::Dim, &format!("{flip} {}   ", switch(flags::is_on(flip))));
    }
    canvas.end();
    match user_change(&state.user_change) {
        Some((what, seen)) => {
            canvas.put(Style::Bold, &format!(" {what}"));
            canvas.line(Style::Good, &format!("   {seen}"));
        }
        None => canvas.line(Style::Dim, " Open the page in a browser and flip something."),
    }
    canvas.end();
}

fn readers(canvas: &mut Canvas, state: &State) {
    let (pid, rate_name) = ("pid", "reads/s");
    canvas.line(
        Style::Dim,
        &format!(
            " {:<7}{pid:>7}  {:<5}{rate_name:>9}{:>10}{:>11}  {:<BARS$}{:>10}",
            "reader", "flag", "per read", "saw it in", "lately", "memory"
        ),
    );
    // One scale for all bars, or they could not be compared. What takes far longer than usual is cut off.
    let all: Vec<_> =
        state.deliveries.readers.iter().flat_map(|reader| last(reader).iter().copied()).collect();
    let scale = median(&all).unwrap_or(1) * 3;
    for (i, reader) in state.deliveries.readers.iter().enumerate() {
        let pid = state.reader_pids.get(i).copied().unwrap_or(0);
        canvas.put(Style::Plain, &format!(" {:<7}{pid:>7}  ", i + 1));
        match reader.on {
            _ if reader.ended => canvas.put(Style::Bad, &format!("{:<5}", "gone")),
            Some(on) => on_or_off(canvas, on, 5),
            None => canvas.put(Style::Dim, &format!("{:<5}", "-")),
        }
        let (rate, per_read) =
            (rate(reader.rates.last().copied()), per_read(reader.per_read.last().copied()));
        canvas.put(Style::Plain, &format!("{rate:>9}{per_read:>10}"));
        canvas.put(Style::Bold, &format!("{:>11}  ", nanos(reader.latencies.last().copied())));
        canvas.put(Style::Dim, &bars(last(reader), scale, canvas.blocks));
        let kib = state.reader_kib.get(i).copied().flatten();
        canvas.line(Style::Plain, &format!("{:>10}", memory(kib)));
    }
    canvas.line(
        Style::Plain,
        &format!(
            " {:<30}{:>10}   in the same processes",
            "private HashMap of std",
            per_read(state.per_map_read())
        ),
    );
    canvas.end();
}

fn foot(canvas: &mut Canvas, state: &State) {
    let latencies = state.latencies();
    let (middle, most) = (nanos(median(&latencies)), nanos(latencies.iter().max().copied()));
    canvas.put(Style::Plain, " From the server's write to a reader's eye: median ");
    canvas.put(Style::Bold, &middle);
    canvas.put(Style::Plain, ", slowest ");
    canvas.line(Style::Bold, &most);
    canvas.line(Style::Dim, " Reads: get_bool, 32,768 keys in random order, one thread, bursts of 120 ms.");
    canvas.line(Style::Dim, " Memory: private to the process. A reader's: the program and its list of keys.");
    canvas.end();
    match state.publisher.pid {
        Some(pid) => {
            canvas.put(Style::Plain, " In another terminal: ");
            canvas.put(Style::Bold, &format!("kill -9 {pid}"));
            canvas.put(Style::Plain, "  and watch the readers go on.");
        }
        None => canvas.put(Style::Plain, " Without a publisher the flags stay as they were."),
    }
    canvas.put(Style::Dim, "   Ctrl-C ends.");
}

fn on_or_off(canvas: &mut Canvas, on: bool, width: usize) {
    let style = if on { Style::Good } else { Style::Plain };
    canvas.put(style, &format!("{:<width$}", switch(on)));
}

fn last(reader: &ReaderStats) -> &[u64] {
    &reader.latencies[reader.latencies.len().saturating_sub(BARS)..]
}

/// A small bar for each value, the newest on the right.
fn bars(values: &[u64], scale: u64, blocks: bool) -> String {
    const BLOCKS: [char; 8] =
        ['\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}', '\u{2588}'];
    const ASCII: [char; 8] = ['.', ':', '-', '=', '+', '*', '#', '@'];
    let levels = if blocks { BLOCKS } else { ASCII };
    let bar = |value: &u64| levels[(value * 7 / scale.max(1)).min(7) as usize];
    let bars: String = values.iter().map(bar).collect();
    format!("{bars:>BARS$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_never_wider_than_the_terminal() {
        let mut canvas = Canvas::new(5, false);
        canvas.put(Style::Bold, "abc");
        canvas.line(Style::Dim, "defg");
        canvas.line(Style::Plain, "hij");
        assert_eq!(canvas.into_lines(), ["\x1b[1mabc\x1b[0m\x1b[2mde\x1b[0m", "hij", ""]);
    }

    #[test]
    fn bars_grow_with_their_values() {
        assert_eq!(bars(&[0, 50, 100], 100, false).trim_start(), ".=@");
        assert_eq!(bars(&[], 0, true).chars().count(), BARS);
    }
}
