//! Every rule of docs/stream.md, shown by a case that carries its words.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

mod connecting;
mod deadlines;
mod densest;
mod memory;
mod parsing;
mod parsing_cases;
mod rules;
mod secure;
mod support;
