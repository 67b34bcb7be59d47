//! Reads flags, and prints each generation as it is published:
//! `cargo run -p flagstaff-reader --example flags -- /run/flagstaff/flags.flagstaff`.
//!
//! Without a path it makes a file of its own, in which it publishes once while it waits.

#![allow(clippy::print_stdout, reason = "what it is for")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use flagstaff_format::{Archive, Facts, Flag, Value, Writer, WriterOptions};
use flagstaff_reader::{BoolFlag, Generation, Key, Reader};

/// Hashed at compile time.
const LIMIT: Key<'static> = Key::new("cart-limit");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(path) = std::env::args_os().nth(1) {
        // Returns defaults until there is a file, and follows it from then on.
        let flags = Reader::attach(PathBuf::from(path));
        let mut seen = Generation::NONE;
        loop {
            show(&flags);
            seen = flags.wait_for_change(seen, Duration::from_secs(60));
        }
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("flags.flagstaff");
    let mut writer = writer(&path)?;
    publish(&mut writer, 50)?;
    let flags = Reader::open(&path)?;
    show(&flags);
    let waiter = std::thread::spawn({
        let flags = flags.clone();
        move || flags.wait_for_change(Generation(1), Duration::from_secs(10))
    });
    publish(&mut writer, 60)?;
    match waiter.join() {
        Ok(generation) => println!("woken by generation {generation}"),
        Err(panic) => std::panic::resume_unwind(panic),
    }
    show(&flags);
    Ok(())
}

/// The ways to read flags.
fn show(flags: &Reader) {
    println!("generation {}", flags.generation());
    // One flag; a default for one that is missing.
    println!("  cart-limit: {}", flags.get_i64_or(LIMIT, 10));
    println!("  theme: {:?}", flags.get_string_or("theme", "light"));
    // One flag that is read all the time.
    let checkout: BoolFlag = flags.bool_flag("new-checkout");
    println!("  new-checkout: {}", checkout.get());
    // Several flags of one generation.
    let [cart, checkout] = flags.get_bools(["new-cart", "new-checkout"]);
    println!("  new-cart and new-checkout: {cart} and {checkout}");
    // All of them.
    let mut all: Vec<_> = flags.snapshot().iter().map(|(key, value)| format!("{key}={value:?}")).collect();
    all.sort();
    println!("  all: {}", all.join(", "));
    if flags.status().is_stale() {
        println!("  (no publisher keeps this file up to date)");
    }
}

/// What `flagstaff-publisher` does for real.
fn writer(path: &Path) -> Result<Writer, Box<dyn std::error::Error>> {
    Ok(Writer::open(path, &WriterOptions::default())?.writer)
}

fn publish(writer: &mut Writer, limit: i64) -> Result<(), Box<dyn std::error::Error>> {
    let flags = [
        Flag { key: "new-checkout".into(), value: Value::Bool(true) },
        Flag { key: "cart-limit".into(), value: Value::I64(limit) },
        Flag { key: "theme".into(), value: Value::String("dark".into()) },
    ];
    writer.publish(&mut Archive::build(flags, Generation(1), Facts::default())?)?;
    Ok(())
}
