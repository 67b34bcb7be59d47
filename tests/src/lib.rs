//! What the system tests share: a scripted server over real sockets, real processes, and conditions with a deadline.
//!
//! `server` is the scripted service, `tls` and `proxy` what may stand in front of it, `relay` what those two share; `flag_server`
//! the command `flagstaff serve`, `http` a client of it, `streams` a thousand of them; `place` a folder with a snapshot and the
//! commands on it, `process` a child that does not outlive its test, `wait` waiting. The program `flagstaff-test-role` plays the roles
//! of `flagstaff-torture` (readers and publishers that are to be killed, and flags that show what is wrong with them), with `defect`
//! wrong ones, with `client_role` clients that fork, and with `leader_role` some that elect one of them to die at a step of the
//! `step_list`; with `lives` hosts of readers that live long;
//! `fork` is how, `namespace` what needs one. `blocks` are the commands of a document. `long` says whether the long form of a test was asked for.

pub mod blocks;
pub mod client_role;
pub mod defect;
pub mod flag_server;
pub mod fork;
pub mod http;
pub mod leader_role;
pub mod life_role;
pub mod lives;
pub mod long;
pub mod namespace;
pub mod pages;
pub mod place;
pub mod process;
pub mod proxy;
mod relay;
pub mod scarce_role;
pub mod server;
pub mod step_list;
pub mod streams;
pub mod tls;
pub mod wait;

pub use flagstaff_torture::{numbered, steady};
pub use place::binary;

/// The Rust examples of documents are compiled and run as tests of this crate.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../client/README.md")]
    struct Client;
    #[doc = include_str!("../../format/README.md")]
    struct Format;
    #[doc = include_str!("../../publisher/README.md")]
    struct Publisher;
    #[doc = include_str!("../../reader/README.md")]
    struct Reader;
    #[doc = include_str!("../../docs/tutorial-rust-prefork.md")]
    struct TutorialRustPrefork;
}
