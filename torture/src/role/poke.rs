//! Writes to a file on command, for another process that looks at it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use flagstaff_format::Mapping;

use super::stdio::{Outcome, number, say};

/// Length of the file in bytes.
pub(crate) const BYTES: u64 = 8192;

/// The words that are written, by `pwrite` and through a mapping: one in each page.
pub(crate) const WRITTEN: usize = 600;
/// See [`WRITTEN`].
pub(crate) const STORED: usize = 100;

/// From the command to wake to the wake, so that the process that sent it is asleep.
const BEFORE_WAKE: Duration = Duration::from_millis(30);

/// Commands come line by line: `write N`, `store N`, `wake`, `replace N`, `unlink`. Each is written back when it is done.
pub(super) fn poke(path: &Path) -> Outcome {
    let mut file = File::options().read(true).write(true).open(path)?;
    let map = Mapping::read_write(&file, BYTES)?;
    say("ready");
    for line in io::stdin().lines() {
        let line = line?;
        let (order, rest) = line.split_once(' ').unwrap_or((&line, "0"));
        let n: u64 = number(rest)?;
        match order {
            "write" => file.write_all_at(&n.to_le_bytes(), WRITTEN as u64 * 8)?,
            "store" => map.store(STORED, n, Ordering::Release),
            "wake" => {
                std::thread::sleep(BEFORE_WAKE);
                map.announce();
            }
            "replace" => {
                let beside = path.with_extension("new");
                let new = File::options().read(true).write(true).create_new(true).open(&beside)?;
                new.set_len(BYTES)?;
                new.write_all_at(&n.to_le_bytes(), WRITTEN as u64 * 8)?;
                fs::rename(&beside, path)?;
                file = new;
            }
            "unlink" => fs::remove_file(path)?,
            other => return Err(format!("unknown command {other}").into()),
        }
        say(&line);
    }
    Ok(())
}
