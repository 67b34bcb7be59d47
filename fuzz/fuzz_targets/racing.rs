//! See `flagstaff_fuzz::racing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flagstaff_fuzz::racing::run(data));
