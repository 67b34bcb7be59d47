//! What docs/security.md claims, as root where something needs a second user, and visibly left out where that is not permitted.
//! Row numbers are those of the table of faults in docs/reliability.md.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests, with notices of what was skipped"
)]

mod cores;
mod frozen;
mod key;
mod links;
mod memory;
mod owners;
mod scarcity;
mod support;
