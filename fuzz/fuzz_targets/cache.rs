//! See `flagstaff_fuzz::cache`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flagstaff_fuzz::cache::run(data));
