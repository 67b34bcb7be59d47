//! The flags of the demo.

/// Number of flags.
pub(super) const COUNT: usize = 1000;
/// The flag that flips.
pub(super) const FLIPPING: &str = "checkout.new-flow";
/// Number of the flip, so that a reader can report which one it saw.
pub(super) const FLIP: &str = "demo.flip";
/// When the server sent the payload, so that a reader can report how long it took to arrive.
pub(super) const SENT_AT: &str = "demo.sent-at-ns";

const AREAS: [&str; 8] = [
    "cart",
    "checkout",
    "search.ranking",
    "billing.invoices",
    "mobile.onboarding",
    "ops",
    "pricing",
    "eu.consent",
];
const WORDS: [&str; 8] = [
    "new-flow",
    "fast-path",
    "banner",
    "retry-with-backoff",
    "dark-mode",
    "beta",
    "show-recommended-products",
    "limit",
];

/// The flags that never change: nine of ten are switches, as in a real environment. JSON without braces.
pub(super) fn constant_part() -> String {
    let mut text = String::with_capacity(COUNT * 48);
    for i in 0..COUNT - 3 {
        let value = match i % 20 {
            7 => format!("{}", i * 3),
            13 => format!("\"variant-{}\"", i % 10),
            _ => (i * 7 % 3 == 0).to_string(),
        };
        text.push_str(&format!(",\"{}.{}-{i}\":{value}", AREAS[i * 5 % 8], WORDS[i * 11 / 8 % 8]));
    }
    text
}

/// All flags of one flip.
pub(super) fn payload(flip: u64, sent_at: u64, constant_part: &str) -> String {
    let on = is_on(flip);
    format!("{{\"{FLIPPING}\":{on},\"{FLIP}\":{flip},\"{SENT_AT}\":{sent_at}{constant_part}}}")
}

/// What changes from one flip to the next.
pub(super) fn flip(flip: u64, sent_at: u64) -> String {
    format!("{{\"{FLIPPING}\":{},\"{FLIP}\":{flip},\"{SENT_AT}\":{sent_at}}}", is_on(flip))
}

/// Whether the flipping flag is on in a flip.
pub(super) fn is_on(flip: u64) -> bool {
    flip % 2 == 1
}

#[cfg(test)]
mod tests {
    use flagstaff_publisher::payload::{Limits, decode};

    use super::*;

    #[test]
    fn a_payload_has_as_many_different_flags_as_it_says() {
        let text = payload(3, 5, &constant_part());
        let mut keys: Vec<_> =
            decode(&text, &Limits::default()).unwrap().into_iter().map(|flag| flag.key).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), COUNT);
    }
}
