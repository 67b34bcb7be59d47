//! See `flagstaff_fuzz::sse`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flagstaff_fuzz::sse::run(data));
