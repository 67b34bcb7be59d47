//! A program that does nothing but read: opens a snapshot, reads a flag, says how long that took. The smallest reader there
//! is, so that what is measured is the reader and not the loading of a large program.

use std::io::Write;
use std::time::Instant;

use flagstaff_reader::Reader;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (path, key) = (args.next().ok_or("no path")?, args.next().ok_or("no key")?);
    // The clock's own first use is not counted.
    let _ = Instant::now();
    let start = Instant::now();
    let reader = Reader::open(path)?;
    let answer = reader.get_bool(&key);
    let took = start.elapsed();
    if !answer {
        return Err("the flag should be true".into());
    }
    Ok(writeln!(std::io::stdout(), "{}", took.as_secs_f64() * 1e6)?)
}
