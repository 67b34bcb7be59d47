//! See `vexil_fuzz::living`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vexil_fuzz::living::run(data));
