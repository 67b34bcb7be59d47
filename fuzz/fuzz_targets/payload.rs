//! See `vexil_fuzz::payload`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vexil_fuzz::payload::run(data));
