//! Fuzz targets for every byte that comes from outside.
//!
//! ```
//! for (_, run) in vexil_fuzz::TARGETS {
//!     run(b"data: {}\n\n");
//! }
//! ```
//!
//! With cargo-fuzz: `cargo +nightly fuzz run sse --features libfuzzer`, from the root of the project. Without it:
//! `VEXIL_FUZZ_SECONDS=60 cargo test -p vexil-fuzz` runs each target over its corpus and over changed copies of it, on any
//! toolchain, without looking at coverage.
//!
//! | target | feeds |
//! |---|---|
//! | `file` | edits of a snapshot file, checksums put right where asked, to every call of a reader that opens it |
//! | `living` | the same edits, one by one, to a file that is being read |
//! | `sse` | a stream in any split to the parser, compared with the rules written down plainly |
//! | `payload` | a payload to the decoder; what it takes is built, verified and looked up |
//! | `cache` | a cache of the SDK to the import, which must agree with the decoder |

#![allow(clippy::unwrap_used, clippy::panic, reason = "a target fails by panicking")]

pub mod cache;
pub mod calls;
mod edits;
pub mod file;
pub mod living;
pub mod mutate;
pub mod payload;
pub mod sse;
mod stage;

/// A target.
pub type Run = fn(&[u8]);

/// All targets by name, which is also that of their corpus.
pub const TARGETS: [(&str, Run); 5] = [
    ("file", file::run),
    ("living", living::run),
    ("sse", sse::run),
    ("payload", payload::run),
    ("cache", cache::run),
];
