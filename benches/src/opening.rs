//! A fresh process: open and first read, checksum included.

use std::path::Path;
use std::process::Command;

use vexil_publisher::{Options, Publisher};
use vexil_reader::Reader;

use crate::figure::Figure;
use crate::flags::{booleans, keys};
use crate::timing::{median, time};

/// Name of the role of the child process.
pub const ROLE: &str = "open";

/// Opens in many fresh processes.
pub fn figures(folder: &Path) -> Result<Vec<Figure>, Box<dyn std::error::Error>> {
    let mut figures = Vec::new();
    for (count, limit) in [(1_000, 50.0), (50_000, 1_000.0)] {
        let path = folder.join(format!("open-{count}.vexil"));
        let mut publisher = Publisher::open(&path, &Options::default())?;
        let _ = publisher.publish(&booleans(count))?;
        let mut times = Vec::new();
        for _ in 0..51 {
            let output =
                Command::new(std::env::current_exe()?).arg(ROLE).arg(&path).arg(&keys(1)[0]).output()?;
            times.push(String::from_utf8(output.stdout)?.trim().parse::<f64>()?);
        }
        let what = format!("`Reader::open` and first read in a fresh process, {count} flags");
        figures.push(Figure::new(what, median(times), "us").at_most(limit));
    }
    Ok(figures)
}

/// The child: answers the microseconds that it took.
pub fn child(path: &Path, key: &str) -> Result<f64, Box<dyn std::error::Error>> {
    // The clock's own first use is not counted.
    let _ = std::time::Instant::now();
    // The reader is handed out, so that closing it is not counted.
    let (answer, took) = time(|| Reader::open(path).map(|reader| (reader.get_bool(key), reader)));
    if !answer?.0 {
        return Err("the first flag should be true".into());
    }
    Ok(took.as_secs_f64() * 1e6)
}
