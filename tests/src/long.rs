//! The long form of a test: `FLAGSTAFF_LONG=1`, one switch for all of them.

use std::time::{SystemTime, UNIX_EPOCH};

/// Whether it was asked for.
pub fn is_wanted() -> bool {
    std::env::var_os("FLAGSTAFF_LONG").is_some_and(|value| value != "0")
}

/// How often something is tried: what the variable says, else `short`, or ten times that in the long form.
///
/// # Panics
/// If the variable is no number.
#[allow(clippy::panic, reason = "a test that was asked for something else fails")]
pub fn tries(variable: &str, short: u64) -> u64 {
    let given = std::env::var(variable).ok();
    match given.map(|text| text.parse().unwrap_or_else(|error| panic!("{variable} is {text:?}: {error}"))) {
        Some(given) => given,
        None if is_wanted() => short * 10,
        None => short,
    }
}

/// What the chances of a test come from: `FLAGSTAFF_SEED`, else the time in the long form. The short form always tries the same, so
/// that it says the same of the same commit. Says what repeats it.
#[allow(clippy::print_stderr, reason = "a test that fails shows it")]
#[must_use]
pub fn seed(short: u64) -> u64 {
    let given = std::env::var("FLAGSTAFF_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| {
        if is_wanted() {
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(short, |since| since.as_nanos() as u64)
        } else {
            short
        }
    });
    eprintln!("seed {seed}; FLAGSTAFF_SEED={seed} repeats it");
    seed
}
