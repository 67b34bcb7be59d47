//! See `flagstaff_fuzz::living`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flagstaff_fuzz::living::run(data));
