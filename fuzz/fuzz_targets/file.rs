//! See `vexil_fuzz::file`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vexil_fuzz::file::run(data));
