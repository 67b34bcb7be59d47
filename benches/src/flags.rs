//! Flags like those of a real service, the same in every run.

use std::path::Path;

use flagstaff_publisher::{Publisher, PublisherOptions};

use crate::Outcome;

/// Makes a snapshot file of a payload. Its publisher is kept as long as the file is read, as in a service.
pub(crate) fn publish(path: &Path, payload: &str) -> Outcome<Publisher> {
    let mut publisher = Publisher::open(path, &PublisherOptions::default())?;
    publisher.publish(payload)?;
    Ok(publisher)
}

/// A small random generator with a fixed seed: runs must be comparable.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

/// Keys of 8 to 60 bytes, one after the other.
pub(crate) fn each_key(count: usize) -> impl Iterator<Item = String> {
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
pub(crate) fn keys(count: usize) -> Vec<String> {
    each_key(count).collect()
}

/// A payload of `count` flags: two booleans, a number and a string in turn, and a JSON object now and then. `turn` changes
/// some values.
pub(crate) fn payload(count: usize, turn: usize) -> String {
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

/// Keys of 8 to 60 bytes, every length as often as any other.
pub(crate) fn keys_of_any_length(count: usize) -> Vec<String> {
    let mut random = Random(0xA076_1D64_78BD_642F);
    let mut seen = std::collections::HashSet::new();
    while seen.len() < count {
        let length = 8 + random.below(53);
        let key: String = (0..length).map(|_| char::from(b'a' + random.below(26) as u8)).collect();
        seen.insert(key);
    }
    let mut keys: Vec<String> = seen.into_iter().collect();
    // A set has another order in each process.
    keys.sort_unstable();
    keys
}

/// Keys of 30 bytes.
pub(crate) fn keys_of_30_bytes(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("service.feature.variant-{i:06}")).collect()
}

/// A payload of booleans, of which every second one is true, from the first on.
pub(crate) fn booleans_of(keys: &[String]) -> String {
    let flags: Vec<String> =
        keys.iter().enumerate().map(|(i, key)| format!("\"{key}\":{}", i % 2 == 0)).collect();
    format!("{{{}}}", flags.join(","))
}

/// A payload of `count` booleans.
pub(crate) fn booleans(count: usize) -> String {
    booleans_of(&keys(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_different_and_as_long_as_they_say() {
        for (keys, lengths) in
            [(keys(5_000), 8..=60), (keys_of_any_length(5_000), 8..=60), (keys_of_30_bytes(5_000), 30..=30)]
        {
            assert!(keys.iter().all(|key| lengths.contains(&key.len())));
            let different: std::collections::HashSet<_> = keys.iter().collect();
            assert_eq!(different.len(), 5_000);
        }
        let long = keys_of_any_length(5_000).iter().filter(|key| key.len() > 48).count();
        assert!((900..1_400).contains(&long), "12 of 53 lengths are above 48, found {long}");
    }
}
