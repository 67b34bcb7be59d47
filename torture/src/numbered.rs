//! Snapshots in which every flag carries one number that follows from the generation: a reader that gets two numbers in
//! one look saw a mix of two generations.

use std::fmt::Write;
use std::time::Duration;

use flagstaff_format::Generation;
use flagstaff_reader::{Reader, Snapshot};

/// Flags in a snapshot, not counting the texts.
pub const FLAGS: usize = 500;

/// Numbers repeat after this many generations. Odd, so that neither neighbours nor generations that share a slot agree.
pub const NUMBERS: u64 = 61;

/// The default for a missing flag. No flag ever has it.
const MISSING: i64 = -1;

/// The number of a generation.
pub fn number(generation: Generation) -> i64 {
    (generation.0 % NUMBERS) as i64
}

/// The key of a numbered flag.
pub fn key(flag: usize) -> String {
    format!("numbered-flag-{flag:03}")
}

/// A payload in which every flag is `number`, and so is a text that is followed by `filler` bytes.
pub fn payload(number: i64, filler: usize) -> String {
    let mut payload = format!("{{\"text\":\"{number}\",\"filler\":\"{number} {}\"", "x".repeat(filler));
    for flag in 0..FLAGS {
        // Writing to a string cannot fail.
        let _ = write!(payload, ",\"{}\":{number}", key(flag));
    }
    payload + "}"
}

/// Decides whether what a reader returned is possible, from what was seen so far.
#[derive(Debug, Default)]
pub struct Judge {
    newest: u64,
    copied: u64,
}

impl Judge {
    /// Flags of one look, which began at generation `before` and ended at generation `after`.
    ///
    /// # Errors
    /// What is wrong: a mix, a default, or a number of a generation that was not current meanwhile.
    pub fn many(
        &self,
        (before, after): (Generation, Generation),
        numbers: &[i64],
        texts: &[&str],
    ) -> Result<(), String> {
        let first = numbers.first().copied().unwrap_or(MISSING);
        let whole = numbers.iter().all(|number| *number == first)
            && texts.iter().all(|text| text.parse() == Ok(first));
        if !whole || first == MISSING {
            return Err(format!("read() gave {numbers:?} and {texts:?}"));
        }
        Judge::single((before, after), first)
    }

    /// One number, as [`Judge::many`].
    pub fn single((before, after): (Generation, Generation), number: i64) -> Result<(), String> {
        let is_known = (0..NUMBERS as i64).contains(&number);
        let fits = after.0.saturating_sub(before.0) >= NUMBERS
            || (before.0..=after.0).any(|generation| self::number(Generation(generation)) == number);
        if is_known && fits {
            return Ok(());
        }
        Err(format!("a flag says {number} between generations {before} and {after}"))
    }

    /// The generation that the reader says is current.
    ///
    /// # Errors
    /// If it is below an earlier one.
    pub fn generation(&mut self, now: Generation) -> Result<(), String> {
        if now.0 < self.newest {
            return Err(format!("generation went back from {} to {now}", self.newest));
        }
        self.newest = now.0;
        Ok(())
    }

    /// Whether a whole snapshot is new, and has to be compared.
    ///
    /// # Errors
    /// If it is older than an earlier one.
    fn snapshot(&mut self, generation: Generation) -> Result<bool, String> {
        if generation.0 < self.copied {
            return Err(format!("snapshot() went back from {} to {generation}", self.copied));
        }
        let is_new = generation.0 > self.copied;
        self.copied = generation.0;
        Ok(is_new)
    }
}

/// A reader, what it checked, and what it compares with.
#[derive(Debug)]
pub struct Checker {
    reader: Reader,
    keys: Vec<String>,
    random: fastrand::Rng,
    judge: Judge,
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
            judge: Judge::default(),
            looks: 0,
            snapshots: 0,
        }
    }

    /// The reader.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Reads the flags in every way that a reader has.
    ///
    /// # Errors
    /// What is wrong: a mix, a default, a wrong number, or a step back.
    pub fn look(&mut self) -> Result<(), String> {
        self.look_slowly(Duration::ZERO)
    }

    /// As [`Checker::look`], with a pause in the middle of the look, during which others publish.
    pub fn look_slowly(&mut self, pause: Duration) -> Result<(), String> {
        self.looks += 1;
        let mut keys: [&str; 8] = [""; 8];
        for key in &mut keys {
            *key = &self.keys[self.random.usize(..FLAGS)];
        }
        let before = self.reader.generation();
        let (numbers, text, filler) = self.reader.read(|view| {
            let numbers = keys.map(|key| view.get_i64_or(key, MISSING));
            if !pause.is_zero() {
                std::thread::sleep(pause);
            }
            (numbers, view.get_string("text"), view.get_string("filler"))
        });
        let texts = [text.as_str(), filler.split(' ').next().unwrap_or_default()];
        self.judge.many((before, self.reader.generation()), &numbers, &texts)?;
        let before = self.reader.generation();
        let single = self.reader.get_i64_or(keys[0], MISSING);
        Judge::single((before, self.reader.generation()), single)?;
        let text = self.reader.get_string_or("text", "absent");
        let now = self.reader.generation();
        Judge::single((before, now), text.parse().unwrap_or(MISSING))?;
        self.judge.generation(now)?;
        if self.looks.is_multiple_of(8) {
            let snapshot = self.reader.snapshot();
            self.check(&snapshot)?;
        }
        Ok(())
    }

    fn check(&mut self, snapshot: &Snapshot) -> Result<(), String> {
        let generation = snapshot.generation();
        if !self.judge.snapshot(generation)? {
            return Ok(());
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: (Generation, Generation) = (Generation(7), Generation(8));

    #[test]
    fn what_can_be_is_taken() {
        let mut judge = Judge::default();
        assert_eq!(judge.many(NOW, &[7, 7], &["7"]), Ok(()));
        assert_eq!(judge.many(NOW, &[8, 8], &["8"]), Ok(()));
        assert_eq!(Judge::single((Generation(60), Generation(61)), 0), Ok(()));
        assert_eq!((judge.generation(NOW.0), judge.generation(NOW.1)), (Ok(()), Ok(())));
        assert_eq!((judge.snapshot(NOW.1), judge.snapshot(NOW.1)), (Ok(true), Ok(false)));
    }

    #[test]
    fn a_mix_a_default_a_wrong_number_and_a_step_back_are_noticed() {
        let mut judge = Judge::default();
        for (numbers, texts) in
            [([7, 8], "7"), ([7, 7], "8"), ([7, 7], ""), ([-1, -1], "-1"), ([6, 6], "6"), ([9, 9], "9")]
        {
            judge.many(NOW, &numbers, &[texts]).unwrap_err();
        }
        Judge::single(NOW, 61).unwrap_err();
        judge.generation(NOW.1).unwrap();
        judge.generation(NOW.0).unwrap_err();
        judge.snapshot(NOW.1).unwrap();
        judge.snapshot(NOW.0).unwrap_err();
    }
}
