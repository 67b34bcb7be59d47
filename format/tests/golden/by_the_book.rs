//! A decoder written from docs/format.md alone, without a line of the crate: what another language has to do. It reads a
//! file that nobody publishes into, so it needs no protocol.

#![allow(unreachable_pub, clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

const K: [u64; 6] = [
    0xffff_ffff_9e37_79b9,
    0xffff_ffff_b7e1_5163,
    0xffff_ffff_85eb_ca6b,
    0xffff_ffff_c2b2_ae35,
    0xffff_ffff_d1b5_4a33,
    0xffff_ffff_8ebc_6af1,
];

fn mul(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    (wide as u64) ^ ((wide >> 64) as u64)
}

fn le(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

fn windows(key: &[u8]) -> [u64; 6] {
    let n = key.len();
    if n < 8 {
        return [le(key); 6];
    }
    let (a, b) = ((n - 8).min(8), (n - 8).min(16));
    [0, a, b, n - 8 - b, n - 8 - a, n - 8].map(|at| le(&key[at..at + 8]))
}

/// The two words of every pair of the middle.
fn middle(key: &[u8]) -> Vec<[u64; 2]> {
    let n = key.len();
    let pairs = n.saturating_sub(48).div_ceil(16);
    let starts = (0..pairs).map(|i| (24 + 16 * i).min(n - 40));
    starts.map(|at| [le(&key[at..at + 8]), le(&key[at + 8..at + 16])]).collect()
}

pub fn hash(key: &[u8]) -> u64 {
    let (n, w) = (key.len() as u64, windows(key));
    let h = mul(w[0] ^ K[0] ^ n, w[1] ^ K[1]) ^ mul(w[2] ^ K[2], w[3] ^ K[3]) ^ mul(w[4] ^ K[4], w[5] ^ K[5]);
    let h = if n < 8 { mul(h, 0x9e37_79b9_7f4a_7c15) } else { h };
    middle(key).into_iter().fold(h, |h, [a, b]| mul(h ^ a, b ^ K[0]))
}

pub struct Snapshot {
    generation: u64,
    places: usize,
    overflow: usize,
    archive: Vec<u8>,
}

impl Snapshot {
    pub fn open(path: &Path) -> Snapshot {
        let file = File::open(path).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 268_439_552);
        let mut header = [0; 4096];
        file.read_exact_at(&mut header, 0).unwrap();
        let word = |at: usize| le(&header[at * 8..at * 8 + 8]);
        assert_eq!(&header[..8], b"FLAGS\0\x1a\n");
        assert_eq!(word(1), 1 | 4096 << 32);
        assert_eq!(word(12), xxh3_64(&header[..96]));
        let generation = (word(16) & !(1 << 63)) >> 1;
        if generation == 0 {
            return Snapshot { generation, places: 0, overflow: 0, archive: Vec::new() };
        }
        let slot = generation & 1;
        let start = 4096 + slot * 67_108_864;
        let mut frame = [0; 64];
        file.read_exact_at(&mut frame, start).unwrap();
        let field = |at: usize| le(&frame[at * 8..at * 8 + 8]);
        assert_eq!(&frame[..8], b"FSSNAP\0\x01");
        assert_eq!(field(7), xxh3_64(&frame[..56]));
        assert_eq!(field(1), generation);
        let reserved = word(20 + slot as usize);
        assert_eq!(reserved >> 32, !reserved & 0xffff_ffff);
        assert!(64 + field(2) <= (reserved & 0xffff_ffff) * 4096);
        let mut archive = vec![0; field(2) as usize];
        file.read_exact_at(&mut archive, start + 64).unwrap();
        let sums = archive.chunks(4096).flat_map(|block| xxh3_64(block).to_le_bytes());
        assert_eq!(field(3), xxh3_64(&sums.collect::<Vec<u8>>()));
        let (places, overflow) = ((field(5) & 0xffff_ffff) as usize, (field(5) >> 32) as usize);
        assert_eq!(word(18 + slot as usize), field(5));
        Snapshot { generation, places, overflow, archive }
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    fn word(&self, at: usize) -> u64 {
        le(&self.archive[at * 8..at * 8 + 8])
    }

    fn text(&self, word: u64, bytes: u64) -> &[u8] {
        &self.archive[word as usize * 8..][..bytes as usize]
    }

    fn is(&self, record: usize, key: &[u8]) -> bool {
        let meta = self.word(record);
        let n = (meta >> 8 & 0xff_ffff) as usize;
        meta & 15 != 0
            && n == key.len()
            && windows(key).into_iter().enumerate().all(|(i, w)| self.word(record + 2 + i) == w)
            && middle(key).into_iter().enumerate().all(|(i, pair)| {
                let at = (meta >> 32) as usize + 2 * i;
                [self.word(at), self.word(at + 1)] == pair
            })
    }

    pub fn get(&self, key: &[u8]) -> Option<(&'static str, String)> {
        let (places, h) = (self.places, hash(key));
        let scale = |x: u64, n: usize| ((u128::from(x) * n as u128) >> 64) as usize;
        if places == 0 {
            return None;
        }
        let entry = self.word(places * 8 + scale(h, places / 2));
        if entry >> (h & 31) & 1 == 0 {
            return None;
        }
        let record = 8 * scale(h.wrapping_mul(entry ^ entry >> 32), places);
        if self.is(record, key) {
            return self.value(record);
        }
        let list = (0..self.overflow).map(|i| places * 8 + places / 2 + i * 8);
        list.filter(|record| self.is(*record, key)).find_map(|record| self.value(record))
    }

    fn value(&self, record: usize) -> Option<(&'static str, String)> {
        let (kind, value) = (self.word(record) & 15, self.word(record + 1));
        let text = || String::from_utf8(self.text(value >> 32, value & 0xffff_ffff).to_vec()).unwrap();
        Some(match kind {
            1 => ("null", String::new()),
            2 => ("bool", "false".to_owned()),
            3 => ("bool", "true".to_owned()),
            4 => ("i64", (value as i64).to_string()),
            5 => ("u64", value.to_string()),
            6 => ("f64", format!("{value:#018x}")),
            7 => ("huge", text()),
            8 => ("string", text()),
            9 => ("json", text()),
            _ => return None,
        })
    }
}
