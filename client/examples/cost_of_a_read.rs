//! What a read through a client costs beside one through a reader: `cargo run --release -p flagstaff --example cost_of_a_read`.

#![allow(clippy::print_stdout, reason = "prints its figures")]

use std::hint::black_box;
use std::time::Instant;

use flagstaff::{Client, Reader};

const READS: u32 = 20_000_000;

fn nanoseconds(mut read: impl FnMut()) -> f64 {
    let best = (0..5).map(|_| {
        let begun = Instant::now();
        (0..READS).for_each(|_| read());
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(READS)
    });
    best.fold(f64::MAX, f64::min)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("flags.flagstaff");
    let mut publisher =
        flagstaff_publisher::Publisher::open(&path, &flagstaff_publisher::PublisherOptions::default())?;
    let flags: Vec<String> = (0..1000).map(|i| format!("\"flag-number-{i}\": {}", i % 2 == 0)).collect();
    publisher.publish(&format!("{{{}}}", flags.join(",")))?;
    drop(publisher);
    let client = Client::builder("k").base_url("http://127.0.0.1:9").file(&path).start()?;
    let reader = Reader::open(&path)?;
    let key = "flag-number-500";
    assert!(client.get_bool(key) && reader.get_bool(key));
    for round in 0..3 {
        let of_reader = nanoseconds(|| {
            black_box(reader.get_bool(black_box(key)));
        });
        let of_client = nanoseconds(|| {
            black_box(client.get_bool(black_box(key)));
        });
        println!("{round}: reader {of_reader:.2} ns, client {of_client:.2} ns");
    }
    Ok(())
}
