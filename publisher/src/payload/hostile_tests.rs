//! Payloads made to cost time, memory or stack.

use std::time::{Duration, Instant};

use super::*;

fn nested(levels: usize) -> String {
    format!("{{\"k\":{}{}}}", "[".repeat(levels), "]".repeat(levels))
}

/// Symptom: a payload of brackets overflows the stack or takes minutes. Cause: recursion, or work that is repeated for
/// each level. The deadline is far above what a debug build needs, and far below quadratic work.
#[test]
fn hostile_payloads_end_quickly() {
    let full = |piece: &str, tail: &str| {
        let count = (DEFAULT_MAX_PAYLOAD - 16) / piece.len();
        format!("{{\"k\":{}{tail}}}", piece.repeat(count))
    };
    let million = 1_000_000;
    let hostile = [
        "[".repeat(million),
        format!("{{\"k\":{}", "[".repeat(million)),
        nested(million),
        "{\"k\":".repeat(million),
        "{\"k\":".repeat(800_000) + "1" + &"}".repeat(800_000),
        full("1", ""),
        full("0.", ""),
        format!("{{\"k\":1e{}}}", "9".repeat(5_000_000)),
        format!("{{\"k\":0.{}1}}", "0".repeat(5_000_000)),
        format!("{{\"k\":[{}1]}}", "1 , ".repeat(million)),
        format!("{{\"k\":[{}1]}}", "[],".repeat(million)),
        format!("{{\"k\":[{}]}}", " ".repeat(5_000_000)),
        format!("{{\"k\":\"{}\"}}", "\\ud800".repeat(800_000)),
        format!("{{\"{}\":[\"{}\"]}}", "\\ud800".repeat(400_000), "\\ud800".repeat(400_000)),
        format!("{{\"k\":\"{}\"}}", "\\\\".repeat(2_000_000)),
        format!("{{{}\"\":0}}", "\"\":0,".repeat(million)),
        full("\u{feff}", ""),
    ];
    for payload in hostile {
        let start = Instant::now();
        let decoded = decode(&payload, &Limits::default());
        let took = start.elapsed();
        let head: String = payload.chars().take(20).collect();
        // Refused by its size it would test nothing.
        assert!(!matches!(decoded, Err(PayloadError::TooLarge { .. })), "{head}");
        assert!(took < Duration::from_secs(5), "{head} took {took:?}");
    }
}
