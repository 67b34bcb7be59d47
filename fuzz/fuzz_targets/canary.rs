//! Fails for one input only, which no chance finds but four steps that coverage shows: so a fuzzer that finds it is guided.

#![no_main]
#![allow(clippy::panic, reason = "it is made to fail")]

use std::hint::black_box;

/// What has to be found, byte by byte.
const WORD: &[u8; 4] = b"fuzz";

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut found = 0;
    // A branch of its own for each byte: the compiler must not make one comparison of them.
    if data.first() == Some(&black_box(WORD[0])) {
        found += black_box(1);
        if data.get(1) == Some(&black_box(WORD[1])) {
            found += black_box(1);
            if data.get(2) == Some(&black_box(WORD[2])) {
                found += black_box(1);
                if data.get(3) == Some(&black_box(WORD[3])) {
                    found += black_box(1);
                }
            }
        }
    }
    assert!(found < WORD.len(), "the canary was found");
});
