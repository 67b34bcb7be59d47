//! The elected client: real processes that fork and are killed, real sockets.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

mod callbacks;
mod disk;
mod election;
mod fork;
mod leader;
mod life;
mod local;
mod many;
mod support;
