//! From the bytes of a payload to readers seeing it, beside what parsing alone costs.

use std::path::Path;

use vexil_publisher::{Options, Outcome, Publisher};
use vexil_reader::Reader;

use crate::figure::Figure;
use crate::flags::payload;
use crate::timing::{median, time};

/// The whole path at several sizes.
pub fn figures(folder: &Path) -> Result<Vec<Figure>, Box<dyn std::error::Error>> {
    let mut figures = Vec::new();
    for count in [1_000, 50_000] {
        let path = folder.join(format!("publish-{count}.vexil"));
        let mut publisher = Publisher::open(&path, &Options::default())?;
        let reader = Reader::attach(&path);
        let (mut ours, mut parses) = (Vec::new(), Vec::new());
        for turn in 0..41 {
            let payload = payload(count, turn);
            // A tree that was just freed slows down what comes next; so it is freed and paid for on its own side.
            let ((), parse) = time(|| drop(serde_json::from_slice::<serde_json::Value>(payload.as_bytes())));
            let before = reader.generation();
            // After readers see it, the publisher still compares it with the snapshot before, for the log.
            let Outcome::Published { took, .. } = publisher.publish(&payload)? else {
                return Err("a changed payload must be published".into());
            };
            assert!(reader.generation() > before, "a publish must be visible when it returns");
            ours.push(took.as_secs_f64() * 1e6);
            parses.push(parse.as_secs_f64() * 1e6);
        }
        let (ours, parse) = (median(ours), median(parses));
        let bytes = payload(count, 0).len();
        figures.push(Figure::new(format!("bytes to visible, {count} flags ({bytes} bytes)"), ours, "us"));
        figures.push(Figure::new(format!("`serde_json` to `Value`, {count} flags"), parse, "us"));
        let ratio =
            Figure::new(format!("bytes to visible / parse to `Value`, {count} flags"), ours / parse, "ratio");
        figures.push(if count == 50_000 { ratio.at_most(0.8) } else { ratio });
    }
    Ok(figures)
}
