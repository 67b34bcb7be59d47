//! Reads two flags every second and prints what changes:
//! `SOASAP_API_KEY=.. cargo run -p flagstaff --example checkout`. Start it more than once: one process has the stream, all have its flags.
//! For a service on this machine run `flagstaff serve`, and set `SOASAP_BASE_URL` to the address that it prints.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use std::time::Duration;

use flagstaff::Client;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut builder =
        Client::builder(&std::env::var("SOASAP_API_KEY")?).on_error(|error| eprintln!("flags: {error}"));
    if let Ok(url) = std::env::var("SOASAP_BASE_URL") {
        builder = builder.base_url(&url);
    }
    let flags = builder.start()?;
    if !flags.wait_until_ready(Duration::from_secs(5)) {
        eprintln!("the service does not answer; going on with the last known flags");
    }
    flags.on_change(|changes| {
        for change in changes.iter() {
            println!("{}: {:?} -> {:?}", change.key, change.old, change.new);
        }
    });
    loop {
        let checkout = if flags.get_bool("new-checkout") { "new" } else { "old" };
        println!("the {checkout} checkout, at most {} items", flags.get_i64_or("cart-limit", 50));
        std::thread::sleep(Duration::from_secs(1));
    }
}
