//! Snapshots in which every flag carries one number that follows from the generation: a reader that gets two numbers in
//! one look saw a mix of two generations.

use std::fmt::Write;

use vexil_format::Generation;
use vexil_reader::{Reader, Snapshot};

/// Flags in a snapshot, not counting the texts.
pub const FLAGS: usize = 500;

/// Numbers repeat after this many generations. Odd, so that neither neighbours nor generations that share a slot agree.
pub const NUMBERS: u64 = 61;

/// Answered where a flag is missing. No flag ever has it.
const MISSING: i64 = -1;

/// The number of a generation.
pub fn number(generation: Generation) -> i64 {
    (generation.0 % NUMBERS) as i64
}

/// The key of a numbered flag.
pub fn key(flag: usize) -> String {
    format!("numbered-flag-{flag:03}")
}

/// A payload in which every flag says `number`, and so does a text that is `filler` bytes longer than it needs to be.
pub fn payload(number: i64, filler: usize) -> String {
    let mut payload = format!("{{\"text\":\"{number}\",\"filler\":\"{number} {}\"", "x".repeat(filler));
    for flag in 0..FLAGS {
        // Writing to a string cannot fail.
        let _ = write!(payload, ",\"{}\":{number}", key(flag));
    }
    payload + "}"
}

/// What one reader checked, and what it remembers to compare with.
#[derive(Debug)]
pub struct Checker {
    reader: Reader,
    keys: Vec<String>,
    random: fastrand::Rng,
    newest: Generation,
    copied: Generation,
    /// Looks so far.
    pub looks: u64,
    /// Whole snapshots compared.
    pub snapshots: u64,
}

impl Checker {
    /// A checker on a file that holds a numbered snapshot.
    pub fn new(reader: Reader, seed: u64) -> Checker {
        Checker {
            reader,
            keys: (0..FLAGS).map(key).collect(),
            random: fastrand::Rng::with_seed(seed),
            newest: Generation(0),
            copied: Generation(0),
            looks: 0,
            snapshots: 0,
        }
    }

    /// Looks at the flags in every way that a reader has.
    ///
    /// # Errors
    /// What is wrong: a mix, a default, or a step back.
    pub fn look(&mut self) -> Result<(), String> {
        self.looks += 1;
        let mut keys: [&str; 8] = [""; 8];
        for key in &mut keys {
            *key = &self.keys[self.random.usize(..FLAGS)];
        }
        let (numbers, text, filler) = self.reader.read(|view| {
            let numbers = keys.map(|key| view.get_i64_or(key, MISSING));
            (numbers, view.get_string("text"), view.get_string("filler"))
        });
        let texts = [text.as_str(), filler.split(' ').next().unwrap_or_default()];
        let whole = numbers.iter().all(|number| *number == numbers[0])
            && texts.iter().all(|text| text.parse() == Ok(numbers[0]));
        if !whole || numbers[0] == MISSING {
            return Err(format!("read() gave {numbers:?} and {texts:?}"));
        }
        let single = self.reader.get_i64_or(keys[0], MISSING);
        if !(0..NUMBERS as i64).contains(&single) {
            return Err(format!("get_i64_or() gave {single}"));
        }
        let text = self.reader.get_string_or("text", "absent");
        if !text.parse::<u64>().is_ok_and(|number| number < NUMBERS) {
            return Err(format!("get_string_or() gave {text:?}"));
        }
        let now = self.reader.generation();
        if now < self.newest {
            return Err(format!("generation went back from {} to {now}", self.newest));
        }
        self.newest = now;
        if self.looks.is_multiple_of(8) {
            let snapshot = self.reader.snapshot();
            self.check(&snapshot)?;
        }
        Ok(())
    }

    fn check(&mut self, snapshot: &Snapshot) -> Result<(), String> {
        let generation = snapshot.generation();
        if generation == self.copied {
            return Ok(());
        }
        if generation < self.copied {
            return Err(format!("snapshot() went back from {} to {generation}", self.copied));
        }
        self.copied = generation;
        self.snapshots += 1;
        let expected = number(generation) as f64;
        let wrong = self.keys.iter().find(|key| snapshot.get_number(key.as_str()) != expected);
        match wrong {
            Some(key) => {
                Err(format!("snapshot {generation}: {key} is {}", snapshot.get_number(key.as_str())))
            }
            None if snapshot.len() != FLAGS + 2 => {
                Err(format!("snapshot {generation}: {} flags", snapshot.len()))
            }
            None => Ok(()),
        }
    }
}
