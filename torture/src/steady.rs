//! Flags that all say one number, which only ever grows: for readers that watch a publisher come and go.

use std::fmt::Write;

use flagstaff_reader::Reader;

/// Flags besides the texts.
const FLAGS: usize = 40;

/// A payload in which everything says `n`, but for a long text at its end: so a publish has several runs of lines to store.
pub fn payload(n: u64, filler: usize) -> String {
    let mut payload = format!("{{\"text\":\"{n}\",\"filler\":\"{n} {}\"", "x".repeat(filler));
    for flag in 0..FLAGS {
        // Writing to a string cannot fail.
        let _ = write!(payload, ",\"steady-{flag}\":{n}");
    }
    payload + ",\"constant\":\"" + &"c".repeat(3000) + "\"}"
}

/// The number that `reader` sees; `None` if there are no flags yet.
pub fn number(reader: &Reader) -> Option<u64> {
    u64::try_from(reader.get_i64_or("steady-0", -1)).ok()
}

/// Looks at all flags in two ways.
///
/// # Errors
/// What is wrong: a mix, a default, or a number below `newest`.
pub fn look(reader: &Reader, newest: u64) -> Result<u64, String> {
    let (numbers, texts) = reader.read(|view| {
        let numbers: [i64; FLAGS] =
            std::array::from_fn(|flag| view.get_i64_or(format!("steady-{flag}").as_str(), -1));
        (numbers, [view.get_string("text"), view.get_string("filler")])
    });
    let n = numbers[0];
    let texts_agree = texts.iter().all(|text| text.split(' ').next().and_then(|n| n.parse().ok()) == Some(n));
    if n < 0 || numbers.iter().any(|number| *number != n) || !texts_agree {
        let texts = texts.map(|text| text.chars().take(20).collect::<String>());
        return Err(format!("read() gave {numbers:?} and {texts:?}"));
    }
    let single = reader.get_i64_or("steady-7", -1);
    if single < n {
        return Err(format!("get_i64_or() gave {single} after {n}"));
    }
    let n = single as u64;
    if n < newest { Err(format!("went back from {newest} to {n}")) } else { Ok(n) }
}

#[cfg(test)]
mod tests {
    use flagstaff_publisher::{Publisher, PublisherOptions};

    use super::*;

    #[test]
    fn a_mix_a_default_and_a_step_back_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flags.flagstaff");
        let mut publisher = Publisher::open(&path, &PublisherOptions::default()).unwrap();
        let reader = Reader::attach(&path);
        look(&reader, 0).unwrap_err();
        publisher.publish(&payload(5, 10)).unwrap();
        assert_eq!(look(&reader, 4), Ok(5));
        assert!(look(&reader, 6).unwrap_err().contains("went back"));
        let mixed = payload(6, 10).replace("\"steady-3\":6", "\"steady-3\":5");
        publisher.publish(&mixed).unwrap();
        assert!(look(&reader, 5).unwrap_err().contains("read() gave"));
    }
}
