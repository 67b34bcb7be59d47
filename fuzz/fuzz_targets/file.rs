//! See `flagstaff_fuzz::file::opened`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flagstaff_fuzz::file::opened(data));
