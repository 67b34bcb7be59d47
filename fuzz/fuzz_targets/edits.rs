//! See `flagstaff_fuzz::edits`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flagstaff_fuzz::edits::run(data));
