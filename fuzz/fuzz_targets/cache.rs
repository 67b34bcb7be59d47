//! See `vexil_fuzz::cache`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vexil_fuzz::cache::run(data));
