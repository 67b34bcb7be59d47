//! What a publisher accepts as a set of flags, and how it turns it into flags.
//!
//! A payload is taken whole or refused whole. A refusal never shows a value, because values may be secret: it names kinds,
//! positions and shortened keys.
//!
//! # Rules
//!
//! | in the payload | what happens |
//! |---|---|
//! | more than 5 MiB (bytes as received, byte-order mark included) | refused before anything is parsed |
//! | one byte-order mark at the start | dropped; a second one is not JSON |
//! | invalid UTF-8 | from a file: refused, with the byte position; from the stream: already U+FFFD when it arrives here |
//! | root is valid JSON but not an object | refused, naming what was found |
//! | not JSON: `NaN`, `Infinity`, comments, trailing comma, trailing garbage, cut off, empty | refused, with line and column |
//! | duplicate keys | all are handed on in order; the table builder lets the last one win |
//! | duplicate keys inside a nested value | kept; JSON parsers take the last one |
//! | empty key, NUL in a key or string (`\u0000`) | allowed |
//! | lone surrogate escape (`\ud800`) in a key, string or nested value | U+FFFD, one for each; never a refusal |
//! | integer (no `.`, `e`, `E`) that fits `i64` | `I64`, exact; but `-0` is `F64(-0.0)`, whose integer is 0 |
//! | integer that fits only `u64` | `U64`, exact |
//! | every other number whose nearest `f64` is finite | `F64`, correctly rounded; `-0.0` keeps its sign; `1e-999` is `0.0` |
//! | number whose nearest `f64` is infinite (`1e999`, 400 digits) | `HugeNumber`, as written; no typed getter returns it; the rest is good |
//! | nested object or array | `Json`: the text without insignificant white space; strings, key order and numbers as written |
//! | number beyond `f64` inside a nested value | kept as written: it is valid JSON. A parser without big numbers then fails on the whole nested value, and the caller gets the default |
//! | more than 128 levels (the root is level 1) | whole payload refused, naming the key |

mod compact;
mod decode;
mod edit;
mod error;
mod file_source;
mod import;
mod limits;
mod number;
mod regular_file;
mod surrogate;
mod text;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod rules_tests;

// The only place that names the crate of the table's types.
use flagstaff_format::{Flag, FlagList, Value};

pub(crate) use decode::{Members, members};
pub(crate) use edit::{Edit, Positions};
pub use error::{ImportError, JsonKind, KeyExcerpt, PayloadError};
pub use limits::{DEFAULT_MAX_PAYLOAD, Limits};

// For tests and other crates of this project.
#[doc(hidden)]
pub use self::{
    decode::{check_bytes, decode, decode_bytes},
    file_source::{DEFAULT_POLL_INTERVAL, FileEvent, WatchedFile},
    import::read_cache,
    limits::MAX_DEPTH,
    regular_file::read_file,
};
