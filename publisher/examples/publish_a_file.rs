//! Publishes a JSON file of flags whenever it changes, until Enter is pressed:
//! `cargo run -p flagstaff-publisher --example publish_a_file -- flags.json flags.flagstaff`.

#![allow(clippy::print_stderr, reason = "a program for a terminal")]

use std::io;
use std::path::PathBuf;

use flagstaff_publisher::{Publisher, PublisherOptions, Source, Stopper, run};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(source), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err(
            "expected two arguments: a JSON file of flags, and the snapshot file to publish to".into()
        );
    };
    let mut publisher = Publisher::open(file, &PublisherOptions::default())?;
    let stopper = Stopper::new();
    let of_thread = stopper.clone();
    std::thread::spawn(move || {
        // An error or the end of the input stops it as well.
        let _ = io::stdin().read_line(&mut String::new());
        of_thread.stop();
    });
    run(&mut publisher, Source::File(source), &stopper, &mut |notice| eprintln!("{notice}"))?;
    publisher.close()?;
    Ok(())
}
