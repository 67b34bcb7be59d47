//! The commands, as processes: exit codes, messages, output.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic, and prints its figures"
)]

mod demo;
mod exporting;
mod guarding;
mod health;
mod live;
mod mistakes;
mod overriding;
mod program;
mod publishing;
mod reading;
mod rolling_back;
mod running;
mod secrets;
mod shells;
mod shortening;
mod terminal;
mod torturing;
mod unread;
mod unread_answers;
mod verifying;
mod watching;
