//! Fuzz targets for every byte that comes from outside.
//!
//! ```
//! for (_, run) in flagstaff_fuzz::TARGETS {
//!     run(b"data: {}\n\n");
//! }
//! ```
//!
//! `cargo xtask fuzz` runs each target for a minute, guided by coverage (a canary shows it), on any toolchain; with AddressSanitizer where there is
//! a nightly one. It needs a C++ compiler. Without that, `FLAGSTAFF_FUZZ_SECONDS=60 cargo test -p flagstaff-fuzz` runs each target over
//! its corpus and over changed copies of it, without looking at coverage. `cargo +nightly fuzz run sse --features libfuzzer`
//! works too, from the root of the project. `pieces.dict` is the dictionary of all of them.
//!
//! | target | feeds |
//! |---|---|
//! | `file` | edits of a snapshot file, checksums put right where asked, to every call of a reader that opens it |
//! | `living` | the same edits, one by one, to a file that is being read |
//! | `racing` | the same edits by another thread, over and over, while calls of a reader are under way |
//! | `sse` | a stream in any split to the parser, compared with the rules written down plainly |
//! | `payload` | a payload to the decoder; what it takes is built, verified and looked up |
//! | `edits` | a payload and edits of it to the publisher, whose archive must be the one that is built whole |
//! | `cache` | a cache of the SDK to the import, which must agree with the decoder |

#![allow(clippy::unwrap_used, clippy::panic, reason = "a target fails by panicking")]

pub mod cache;
pub mod edits;
pub mod file;
pub mod mutate;
pub mod payload;
pub mod sse;
mod stage;

/// A target.
pub type Run = fn(&[u8]);

/// All targets by name, which is also that of their corpus.
pub const TARGETS: [(&str, Run); 7] = [
    ("file", file::opened),
    ("living", file::living),
    ("racing", file::racing),
    ("sse", sse::run),
    ("payload", payload::run),
    ("edits", edits::run),
    ("cache", cache::run),
];
