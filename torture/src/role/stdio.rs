//! How a role talks to its parent: numbers in its arguments, lines on stdout, and the end of stdin.

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use crate::problem::Problem;

/// The result of a role: success, or what it found wrong.
pub type Outcome = Result<(), Box<dyn Error>>;

/// Whether stdin has ended.
static ENDING: AtomicBool = AtomicBool::new(false);

/// The flag that is set when stdin ends. A thread reads it.
pub fn ending_with_stdin() -> &'static AtomicBool {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        ENDING.store(true, Relaxed);
    });
    &ENDING
}

pub(super) fn is_ending() -> bool {
    ENDING.load(Relaxed)
}

pub(super) fn wait_for_the_end() {
    while !is_ending() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Writes a line to stdout, in one write.
pub fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    // An error means that nobody reads it any more.
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// The argument at a position, as a number.
pub(super) fn argument<T: FromStr<Err = std::num::ParseIntError>>(
    arguments: &[String],
    at: usize,
) -> Result<T, Problem> {
    number(arguments.get(at).map_or("", String::as_str))
}

pub(super) fn number<T: FromStr<Err = std::num::ParseIntError>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| Problem::Found(format!("expected a number, found {text:?}: {error}")))
}
