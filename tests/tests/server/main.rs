//! `vexil serve`, the real program over real sockets.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

mod api;
mod conditions;
mod files;
mod history;
mod life;
mod page;
mod requests;
mod safety;
mod streams;
