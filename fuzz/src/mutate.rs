//! Changed copies of inputs, for a driver that does not look at coverage.

use std::sync::LazyLock;

use fastrand::Rng;

/// Inputs do not grow beyond this.
const LONGEST: usize = 4000;

/// Pieces that make the interesting cases likely: the dictionary of libFuzzer, one in quotes on each line.
static PIECES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let lines = include_str!("../pieces.dict").lines();
    lines.filter(|line| line.starts_with('"')).map(|line| piece(line).unwrap()).collect()
});

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
            _ => insert(&mut bytes, at, &PIECES[random.usize(..PIECES.len())]),
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    bytes.splice(at..at, piece.iter().copied());
}

/// What stands between the quotes, where `\\`, `\"` and `\xAB` stand for one byte. `None` for anything else.
fn piece(line: &str) -> Option<Vec<u8>> {
    let mut rest = line.strip_prefix('"')?.strip_suffix('"')?.bytes();
    let mut bytes = Vec::new();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'\\' => match rest.next()? {
                b'x' => {
                    let digits = [rest.next()?, rest.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                escaped @ (b'\\' | b'"') => escaped,
                _ => return None,
            },
            byte => byte,
        };
        bytes.push(byte);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dictionary_holds_bytes_that_no_text_can() {
        assert_eq!(piece(r#""a\"\\\xff""#), Some(b"a\"\\\xff".to_vec()));
        for bad in [r#""a"#, r#""\q""#, r#""\x1""#, "a"] {
            assert_eq!(piece(bad), None, "{bad}");
        }
        for expected in [&b"id: \0"[..], b"\r\n", b"\\ud800", b"\"", b"\xff\0\0\x0f"] {
            assert!(PIECES.iter().any(|piece| piece == expected), "{}", expected.escape_ascii());
        }
    }
}
