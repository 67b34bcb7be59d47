//! What the system tests share: a scripted server over real sockets, real processes, and conditions with a deadline.
//!
//! `server` is the service, `place` a folder with a snapshot and the commands on it, `process` a child that does not
//! outlive its test, `numbered` flags that show whether a reader saw a mix of two generations, `wait` waiting. The program
//! `vexil-test-role` plays readers and publishers that are to be killed, and with `client_role` clients that fork as well;
//! `fork` is how, `namespace` what needs one. `steps` names what a publisher does, for `step_role`, which dies or stops at one
//! of them while others look at `steady` flags.

pub mod client_role;
pub mod fork;
pub mod life_role;
pub mod namespace;
pub mod numbered;
pub mod pages;
pub mod place;
pub mod process;
pub mod scarce_role;
pub mod server;
pub mod steady;
pub mod step_role;
pub mod steps;
pub mod wait;

pub use place::binary;

/// The Rust examples of the README are compiled and run as tests of this crate.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
