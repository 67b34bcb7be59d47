//! A fresh process: open and first read, checksum included.

use std::path::Path;
use std::process::Command;

use vexil_publisher::{Options, Publisher};

use crate::figure::Figure;
use crate::flags::{booleans, keys};
use crate::timing::median;

/// Opens in many fresh processes of `program`, which is `vexil-open-once`.
pub fn figures(folder: &Path, program: &Path) -> Result<Vec<Figure>, Box<dyn std::error::Error>> {
    let mut figures = Vec::new();
    for (count, limit) in [(1_000, 50.0), (50_000, 1_000.0)] {
        let path = folder.join(format!("open-{count}.vexil"));
        let mut publisher = Publisher::open(&path, &Options::default())?;
        let _ = publisher.publish(&booleans(count))?;
        let mut times = Vec::new();
        for _ in 0..51 {
            let output = Command::new(program).arg(&path).arg(&keys(1)[0]).output()?;
            times.push(String::from_utf8(output.stdout)?.trim().parse::<f64>()?);
        }
        let what = format!("`Reader::open` and first read in a fresh process, {count} flags");
        figures.push(Figure::new(what, median(times), "us").at_most(limit));
    }
    Ok(figures)
}
