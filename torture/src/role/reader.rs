//! Readers with checked values.

use std::path::Path;
use std::time::{Duration, Instant};

use flagstaff_format::Generation;
use flagstaff_reader::Reader;

use super::stdio::{Outcome, argument, is_ending, say};
use crate::numbered::Checker;
use crate::process_numbers;
use crate::reader_pool::ReaderKind;

/// How long the first flags may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long one look of a slow reader takes, while others publish.
const SLOW: Duration = Duration::from_millis(25);

/// The longest wait for a change, so that the end of stdin is noticed.
const SLEEP: Duration = Duration::from_millis(100);

fn attached(path: &Path, seed: u64) -> Result<Checker, String> {
    let reader = Reader::attach(path);
    let begun = Instant::now();
    while reader.generation() == Generation(0) {
        if is_ending() || begun.elapsed() > PATIENCE {
            return Err("nothing was published".to_owned());
        }
        reader.wait_for_change(Generation(0), Duration::from_millis(10));
    }
    Ok(Checker::new(reader, seed))
}

/// Checks every read for a mix of generations, a default, or a step back, until its end. `[<seed>]`
pub(super) fn check(path: &Path, arguments: &[String]) -> Outcome {
    let mut checker = attached(path, argument(arguments, 0)?)?;
    say("ready");
    let mut wrong = 0;
    while !is_ending() {
        if let Err(what) = checker.look() {
            wrong += 1;
            if wrong <= 10 {
                say(&format!("wrong: {what}"));
            }
        }
    }
    say(&format!("done: {} looks, {} snapshots, {wrong} wrong", checker.looks, checker.snapshots));
    if wrong == 0 { Ok(()) } else { Err(format!("{wrong} wrong looks").into()) }
}

/// One of very many, which share their pipes, so each line begins with its number. `<number> <seed> <kind> <microseconds between two looks>`
pub(super) fn pool_reader(path: &Path, arguments: &[String]) -> Outcome {
    let (number, seed): (u32, u64) = (argument(arguments, 0)?, argument(arguments, 1)?);
    let kind = ReaderKind::of(arguments.get(2).map_or("", String::as_str))?;
    let poll = Duration::from_micros(argument(arguments, 3)?);
    let mut checker = attached(path, seed)?;
    checker.look()?;
    let descriptors = process_numbers::descriptors();
    say(&format!("{number} ready"));
    let mut seen = checker.reader().generation();
    while !is_ending() {
        let looked = match kind {
            ReaderKind::Waits => {
                seen = checker.reader().wait_for_change(seen, SLEEP);
                checker.look()
            }
            ReaderKind::Polls => {
                std::thread::sleep(poll);
                checker.look()
            }
            ReaderKind::Slow => checker.look_slowly(SLOW),
        };
        if let Err(what) = looked {
            say(&format!("{number} wrong: {what}"));
            return Err(what.into());
        }
    }
    let now = process_numbers::descriptors();
    if now != descriptors {
        say(&format!("{number} wrong: {now} descriptors are open, {descriptors} were at first"));
    }
    say(&format!("{number} done {} {}", checker.looks, checker.snapshots));
    Ok(())
}
