//! Flags like those of a real service, the same in every run.

/// A small random generator with a fixed seed: runs must be comparable.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// The next number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

/// Keys of 8 to 60 bytes, one after the other.
pub fn each_key(count: usize) -> impl Iterator<Item = String> {
    const AREAS: [&str; 8] = [
        "cart",
        "checkout",
        "search.ranking",
        "billing.invoices",
        "mobile.ios.onboarding",
        "ops",
        "pricing",
        "eu.compliance.consent",
    ];
    const WORDS: [&str; 8] = [
        "new-flow",
        "limit",
        "use-fast-path",
        "banner",
        "retry-with-backoff",
        "dark-mode",
        "beta",
        "show-recommended-products",
    ];
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    (0..count).map(move |i| format!("{}.{}-{i}", AREAS[random.below(8)], WORDS[random.below(8)]))
}

/// The same, as a list.
#[must_use]
pub fn keys(count: usize) -> Vec<String> {
    each_key(count).collect()
}

/// A payload of `count` flags: two booleans, a number and a string in turn, and a JSON object now and then. `turn` changes
/// some values.
#[must_use]
pub fn payload(count: usize, turn: usize) -> String {
    let mut out = String::with_capacity(count * 48);
    out.push('{');
    for (i, key) in keys(count).iter().enumerate() {
        let value = match i % 8 {
            0 | 1 | 4 | 5 => if (i + turn).is_multiple_of(3) { "true" } else { "false" }.to_owned(),
            2 => format!("{}", i * 7 + turn),
            6 => format!("{i}.5"),
            7 if i % 64 == 7 => format!("{{\"percent\":{},\"groups\":[\"a\",\"b\"]}}", i % 100),
            _ => format!("\"treatment-group-{}-of-the-experiment\"", i % 10),
        };
        if i > 0 {
            out.push(',');
        }
        out.push_str(&format!("\"{key}\":{value}"));
    }
    out.push('}');
    out
}

/// A payload of `count` booleans.
#[must_use]
pub fn booleans(count: usize) -> String {
    let flags: Vec<String> =
        keys(count).iter().enumerate().map(|(i, key)| format!("\"{key}\":{}", i % 2 == 0)).collect();
    format!("{{{}}}", flags.join(","))
}

/// 65,536 keys in random order, laid out in the order in which they are asked for: a shorter cycle is learnt by the branch
/// predictor.
#[must_use]
pub fn queries(keys: &[String]) -> Vec<String> {
    let mut random = Random(0xD1B5_4A32_D192_ED03);
    (0..65_536).map(|_| keys[random.below(keys.len())].clone()).collect()
}
