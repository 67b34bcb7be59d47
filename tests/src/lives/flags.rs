//! A payload that follows from its size and a seed, and what every key holds in it. It knows nothing of the product: the JSON text and the
//! expected answers come from the same few lines, and the product stands between them.

use std::fmt::Write as _;
use std::sync::LazyLock;

use fastrand::Rng;

/// Lengths of the keys that are asked for most: all around the places where the code changes its way.
const LENGTHS: [usize; 41] = [
    1, 2, 3, 6, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 40, 47, 48, 49, 50, 51, 55, 56, 57, 60, 63, 64, 65, 66,
    67, 72, 79, 80, 81, 96, 112, 127, 128, 129, 200, 255, 256,
];

/// Keys whose hashes are equal. In one payload of four; it then leaves the fast path as a whole.
const EQUAL: usize = 7;

/// Keys that are asked for most. The others are there to make the payload large.
pub const HOT: usize = LENGTHS.len() + EQUAL;

/// The flag that people override. Small payloads do not have it.
pub const OVERRIDDEN: usize = 5;

/// What a flag holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Held {
    /// JSON `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer with sign.
    I64(i64),
    /// An integer above `i64::MAX`.
    U64(u64),
    /// A number with a fraction.
    F64(f64),
    /// A number that no getter answers.
    Huge,
    /// A string.
    Text(String),
    /// An object, compact.
    Json(String),
}

/// A payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Content {
    /// Number of keys that it is made of; a few of the hot ones are left out.
    pub size: u32,
    /// What their values follow from. 0 is no payload: nothing was ever published.
    pub seed: u32,
    /// How many small edits were made since then: each changes a few values and no key.
    pub edit: u32,
    /// What flag [`OVERRIDDEN`] is set to on this host, as a text, whatever the payload says. 0: it is not.
    pub over: u32,
    /// Its place in time: grows with every payload, and again when a publisher that starts carries an older one on.
    pub order: u32,
}

static KEYS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let plain = LENGTHS.iter().enumerate().map(|(i, length)| {
        let name = if *length == 1 {
            "n".to_owned()
        } else {
            char::from(b'a' + (i % 26) as u8).to_string() + &i.to_string()
        };
        let name = if *length < name.len() { name[..*length].to_owned() } else { name };
        let filler = "x".repeat(length - name.len());
        // What tells a key from others stands at its begin, in its middle, or at its end.
        let (before, after) = filler.split_at([0, filler.len() / 2, filler.len()][i % 3]);
        format!("{before}{name}{after}")
    });
    plain.chain(equal_hashes(EQUAL)).collect()
});

/// Key number `i`: a hot one below [`HOT`].
#[must_use]
pub fn key(i: usize) -> String {
    match KEYS.get(i) {
        Some(key) => key.clone(),
        None => {
            let more = if i < 1000 { i * 37 % 244 } else { 0 };
            format!("cold-{i:07}{}", "y".repeat(more))
        }
    }
}

/// Keys of 64 bytes whose middle begins with the hash so far: the next fold is zero, and so is the hash.
fn equal_hashes(count: usize) -> Vec<String> {
    let fold = |a: u64, b: u64| {
        let wide = u128::from(a) * u128::from(b);
        wide as u64 ^ (wide >> 64) as u64
    };
    let k = [0x9e37_79b9, 0xb7e1_5163, 0x85eb_ca6b, 0xc2b2_ae35, 0xd1b5_4a33, 0x8ebc_6af1]
        .map(|low: u64| 0xffff_ffff_0000_0000 | low);
    let make = |i: u64| {
        let text = format!("{i:024}");
        let w: Vec<u64> = text.as_bytes().as_chunks().0.iter().map(|b| u64::from_le_bytes(*b)).collect();
        let hash = fold(w[0] ^ k[0] ^ 64, w[1] ^ k[1])
            ^ fold(w[2] ^ k[2], w[0] ^ k[3])
            ^ fold(w[1] ^ k[4], w[2] ^ k[5]);
        let middle = String::from_utf8(hash.to_le_bytes().to_vec()).ok()?;
        Some(format!("{text}{middle}-middle-{text}"))
    };
    (0..).filter_map(make).take(count).collect()
}

impl Content {
    /// What readers get for key number `i`; `None`: no such flag.
    #[must_use]
    pub fn held(self, i: usize) -> Option<Held> {
        if i == OVERRIDDEN && self.over != 0 && self.seed != 0 {
            return Some(Held::Text(self.over.to_string()));
        }
        self.said(i)
    }

    /// What the payload says about key number `i`.
    fn said(self, i: usize) -> Option<Held> {
        if self.seed == 0 || i >= self.size as usize {
            return None;
        }
        if i == 0 {
            // Tells payloads apart.
            return Some(Held::I64(i64::from(self.seed) | i64::from(self.edit) << 32));
        }
        if (LENGTHS.len()..HOT).contains(&i) && !self.seed.is_multiple_of(4) {
            return None;
        }
        let edit = self.edit_of(i);
        let seed = (u64::from(self.seed) << 32 | i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut random = Rng::with_seed(seed ^ u64::from(edit));
        let longest = match (self.size, self.seed % 5) {
            (20_000.., _) | (_, 0) => 8,
            (_, 1) => 60,
            (_, 2) => 130,
            (_, 3) => 700,
            _ if self.size < 1000 => 2000,
            _ => 300,
        };
        let mut text = || {
            let length = random.usize(0..=longest);
            let mut text = format!("{}/{i}/ä\"", self.seed);
            while text.len() < length {
                text.push_str("word ");
            }
            text
        };
        let kind = (self.seed as usize * 31 + i * 17 + i * i) % 16;
        let is_missing = kind == 14 && i < HOT;
        Some(match if edit == 0 || is_missing { kind } else { (kind + edit as usize * 5) % 14 } {
            0..4 => Held::Bool(random.bool()),
            4 | 5 => Held::I64(random.i64(..)),
            6 => Held::U64(random.u64(1 << 63..)),
            7 => Held::F64(f64::from(random.i32(..)) + 0.5),
            8..12 => Held::Text(text()),
            12 | 13 => {
                let text = text();
                Held::Json(format!("{{\"i\":{i},\"text\":{}}}", quoted(&text)))
            }
            14 if i < HOT => return None,
            14 => Held::Huge,
            _ => Held::Null,
        })
    }

    /// The last edit that touched a flag; 0 if none did.
    fn edit_of(self, i: usize) -> u32 {
        let touches = |edit: &u32| {
            let at = (self.seed as usize).wrapping_add(*edit as usize * 13);
            i == 1 + at % (HOT - 1) || i == at * 7 % (self.size as usize).max(1)
        };
        (1..=self.edit).rev().find(touches).unwrap_or(0)
    }

    /// The payload after this one, if that is a small edit: as most are.
    #[must_use]
    pub fn edited(self, order: u32) -> Content {
        Content { edit: self.edit + 1, order, ..self }
    }

    /// The payload.
    #[must_use]
    pub fn json(self) -> String {
        let mut json = String::from("{");
        for i in 0..self.size as usize {
            let Some(held) = self.said(i) else { continue };
            let comma = if json.len() > 1 { "," } else { "" };
            let value = match held {
                Held::Null => "null".to_owned(),
                Held::Bool(on) => on.to_string(),
                Held::I64(n) => n.to_string(),
                Held::U64(n) => n.to_string(),
                Held::F64(n) => format!("{n:?}"),
                Held::Huge => "1e999".to_owned(),
                Held::Text(text) => quoted(&text),
                Held::Json(text) => text,
            };
            // Writing to a `String` never fails.
            let _ = write!(json, "{comma}{}:{value}", quoted(&key(i)));
        }
        json + "}"
    }

    /// Numbers of flags that readers see: booleans, numbers, strings, JSON values, nulls.
    #[must_use]
    pub fn kinds(self) -> [u64; 5] {
        let mut kinds = [0; 5];
        for held in (0..(self.size as usize).max(OVERRIDDEN + 1)).filter_map(|i| self.held(i)) {
            kinds[match held {
                Held::Bool(_) => 0,
                Held::I64(_) | Held::U64(_) | Held::F64(_) | Held::Huge => 1,
                Held::Text(_) => 2,
                Held::Json(_) => 3,
                Held::Null => 4,
            }] += 1;
        }
        kinds
    }

    /// From the numbers of [`Content::words`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Content> {
        let mut numbers = text.split(':').map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Content { size: next()?, seed: next()?, edit: next()?, over: next()?, order: next()? })
    }

    /// As a word of a command.
    #[must_use]
    pub fn words(self) -> String {
        format!("{}:{}:{}:{}:{}", self.size, self.seed, self.edit, self.over, self.order)
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_different_and_of_all_lengths_that_matter() {
        let keys: std::collections::HashSet<String> = (0..2000).map(key).collect();
        assert_eq!(keys.len(), 2000);
        assert!(
            [1, 7, 8, 9, 48, 49, 64, 65, 256]
                .iter()
                .all(|length| keys.iter().any(|key| key.len() == *length))
        );
    }

    #[test]
    fn a_payload_is_json_with_the_flags_that_are_expected_and_fits() {
        for (size, seed) in [(0, 1), (1, 2), (10, 3), (400, 4), (5000, 4), (5000, 3), (100_000, 7)] {
            let content = Content { size, seed, edit: 0, over: 0, order: 1 };
            let json = content.json();
            assert!(json.len() < 5 << 20, "{size} {seed}: {}", json.len());
            // `1e999` is no number for this parser.
            let parsed: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(&json.replace(":1e999", ":1")).unwrap();
            assert_eq!(parsed.len() as u64, content.kinds().iter().sum::<u64>());
        }
    }
    #[test]
    fn a_small_edit_changes_few_values_and_no_key() {
        for (size, seed) in [(1, 3), (10, 3), (400, 4), (5000, 7)] {
            let mut before = Content { size, seed, edit: 0, over: 0, order: 1 };
            for order in 2..22 {
                let now = before.edited(order);
                let changed = (0..size as usize).filter(|i| before.held(*i) != now.held(*i)).count();
                assert!((1..4).contains(&changed), "{changed} of {size}");
                assert!((0..size as usize).all(|i| before.held(i).is_some() == now.held(i).is_some()));
                assert_eq!(Content::parse(&now.words()), Some(now));
                before = now;
            }
        }
    }
}
