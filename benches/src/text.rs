//! Numbers as the document and the plots show them.

/// Three digits that count.
pub(crate) fn number(value: f64) -> String {
    match value {
        v if v.abs() >= 100.0 => format!("{v:.0}"),
        v if v.abs() >= 10.0 => format!("{v:.1}"),
        // 0.90 and 0.904 should look different.
        v if v.abs() < 1.0 => format!("{v:.3}"),
        v => format!("{v:.2}"),
    }
}

/// Digits in groups of three; any other text as it is.
pub(crate) fn grouped(text: &str) -> String {
    if text.is_empty() || text.bytes().any(|byte| !byte.is_ascii_digit()) {
        return text.to_owned();
    }
    let mut out = String::new();
    for (at, digit) in text.chars().enumerate() {
        if at > 0 && (text.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
