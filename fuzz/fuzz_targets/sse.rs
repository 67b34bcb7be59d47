//! See `vexil_fuzz::sse`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vexil_fuzz::sse::run(data));
