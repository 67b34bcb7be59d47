//! The long form of a test: `VEXIL_LONG=1`, for all of them.

/// Whether it was asked for.
pub fn is_wanted() -> bool {
    std::env::var_os("VEXIL_LONG").is_some_and(|value| value != "0")
}
