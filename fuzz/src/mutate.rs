//! Changed copies of inputs, for a driver that does not look at coverage.

use fastrand::Rng;

/// Inputs do not grow beyond this.
const LONGEST: usize = 4000;

/// Pieces that make the interesting cases likely.
const PIECES: [&[u8]; 36] = [
    b"data: ",
    b"data",
    b"event: x",
    b"id: 1",
    b"id: \0",
    b"retry: 7",
    b":",
    b"\n",
    b"\n\n",
    b"\r",
    b"\r\n",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xf0\x9f\x9a\xa9",
    b"\xf0\x9f",
    b"\xed\xa0\x80",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b",",
    b"{\"a\":true}",
    b"\"\":",
    b"\"a\":",
    b"1e999",
    b"-0",
    b"18446744073709551616",
    b"\\ud800",
    b"\\u0000",
    b"null",
    b" ",
    b"\x00",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x00\x00\x00\x80",
    b"\xff\x00\x00\x0f",
];

/// A copy of `input` with one to eight changes. `other` is another input to take from.
pub fn changed(input: &[u8], other: &[u8], random: &mut Rng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..random.usize(1..=8) {
        let at = random.usize(..=bytes.len());
        let until = (at + random.usize(1..=16)).min(bytes.len());
        match random.u8(..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
            1 if at < bytes.len() => bytes[at] = random.u8(..),
            2 => drop(bytes.drain(at..until)),
            3 => {
                let copy = bytes[at..until].to_vec();
                insert(&mut bytes, at, &copy);
            }
            4 if !other.is_empty() => {
                let from = random.usize(..other.len());
                let count = random.usize(1..=64).min(other.len() - from);
                insert(&mut bytes, at, &other[from..from + count]);
            }
            _ => insert(&mut bytes, at, PIECES[random.usize(..PIECES.len())]),
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    bytes.splice(at..at, piece.iter().copied());
}
