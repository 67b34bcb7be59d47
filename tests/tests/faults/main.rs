//! The faults that the project promises to live through, by the program and over real sockets. The number in a test's name
//! is its row in the table of faults in docs/reliability.md.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

mod answers;
mod clocks;
mod files;
mod last_error;
mod limits;
mod payloads;
mod publishers;
mod secrets;
mod support;
mod table;
mod table_rows;
