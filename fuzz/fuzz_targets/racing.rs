//! See `vexil_fuzz::racing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vexil_fuzz::racing::run(data));
