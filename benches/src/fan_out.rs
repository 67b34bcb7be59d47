//! From a change in the flag server to the last of a thousand streams.
//!
//! The server is in a process of its own; one thread of this one reads all streams, so its work is a part of the time.

use std::time::{Duration, Instant};

use flagstaff_server::{Flags, Server, ServerOptions};
use flagstaff_tests::streams::{Streams, allow};

use crate::Outcome;
use crate::child::{Talk, answer, kib, role};
use crate::flags::payload;
use crate::record::Sheet;
use crate::scale::Scale;
use crate::timing::median;

/// Name of the role of the server process.
pub(crate) const SERVER: &str = "fan-out-server";

const STREAMS: usize = 1_000;
const KEY: &str = "bench";
const DEADLINE: Duration = Duration::from_secs(60);

/// Server in a process of its own, streams here.
pub(crate) fn measure(sheet: &mut Sheet, _: &std::path::Path, scale: &Scale) -> Outcome<()> {
    let mut server = Talk::start(&mut role(SERVER)?)?;
    let address = server.line()?.parse()?;
    let mut streams = Streams::open(address, KEY, STREAMS)?;
    streams.wait_for("data: ", Instant::now(), DEADLINE)?;
    let mut times = Vec::new();
    for turn in 0..scale.turns {
        // So that all sleep.
        std::thread::sleep(Duration::from_millis(20));
        let begun = Instant::now();
        server.say(turn)?;
        let took = streams.wait_for(&format!("\"turn\":\"turn {turn}.\""), begun, DEADLINE)?;
        times.push(took.as_secs_f64() * 1e3);
    }
    let resident = kib(&format!("/proc/{}/status", server.id()), "VmHWM:")?;
    let what = "change of one of 1,000 flags in the flag server to the last of 1,000 streams";
    sheet.figure(what, median(times), "ms");
    sheet.figure("most memory of its process meanwhile, VmHWM", resident / 1024.0, "MiB");
    Ok(())
}

/// The server, until its stdin ends. Each line is a turn.
pub(crate) fn server() -> Outcome<()> {
    allow(STREAMS)?;
    let options = ServerOptions::default().port(0).environment(KEY, Flags::Memory(payload(1_000, 0)));
    let server = Server::start(options)?;
    answer(server.address())?;
    for turn in std::io::stdin().lines() {
        server.set("turn", &format!("\"turn {}.\"", turn?))?;
    }
    Ok(())
}
