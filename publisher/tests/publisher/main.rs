//! The publisher as a library, on real files: what it accepts, keeps, writes to the disk, and does when others touch its
//! files.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

mod behind;
mod broken_disk;
mod cache;
mod checkpoint;
#[allow(unsafe_code, reason = "the tests fork")]
mod fork;
mod in_place;
mod last_failure;
mod lock;
mod overriding;
mod path;
mod place;
mod progress;
mod publish;
mod room;
mod rules;
