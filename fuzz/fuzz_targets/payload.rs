//! See `flagstaff_fuzz::payload`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flagstaff_fuzz::payload::run(data));
