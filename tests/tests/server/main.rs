//! `flagstaff serve`, the real program over real sockets.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

mod api;
mod conditions;
mod files;
mod hand_edits;
mod history;
mod life;
mod load;
mod page;
mod requests;
mod safety;
mod streams;
mod turns;
