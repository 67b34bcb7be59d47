//! `flagstaff log`, `show` and `diff`: what readers had before, and what differs.

mod diff;
mod list;
mod one;
mod which;

pub(crate) use diff::Diff;
pub(crate) use list::Log;
pub(crate) use one::Show;

/// Milliseconds of a snapshot's time do not matter to people.
fn time(micros: u64) -> String {
    crate::show::time(std::time::UNIX_EPOCH + std::time::Duration::from_micros(micros))
}
