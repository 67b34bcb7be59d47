//! Writes the golden files of the current format version into a directory:
//! `cargo run -p flagstaff-format --example golden -- format/tests/golden`.
//!
//! Files of a version that was released are never made again: readers must open them as they are.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for developers of the format")]

#[path = "../tests/golden/cases.rs"]
mod cases;

use std::path::PathBuf;

fn main() {
    let directory = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "format/tests/golden".into()));
    let scratch = tempfile::tempdir().unwrap();
    for name in cases::NAMES {
        let path = scratch.path().join(name).with_extension("flagstaff");
        cases::make(name, &path);
        let packed = cases::pack(&path);
        std::fs::write(directory.join(format!("{name}.pages")), &packed).unwrap();
        std::fs::write(directory.join(format!("{name}.txt")), cases::list(name)).unwrap();
        println!("{name}: {} bytes", packed.len());
    }
}
