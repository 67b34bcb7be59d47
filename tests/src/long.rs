//! The long form of a test: `FLAGSTAFF_LONG=1`, one switch for all of them.

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
