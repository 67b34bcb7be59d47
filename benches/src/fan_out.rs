//! From a change in the flag server to the last of a thousand streams.
//!
//! The server is in a process of its own; one thread of this one reads all streams, so its work is a part of the time.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flagstaff_server::{Flags, Server, ServerOptions};
use flagstaff_tests::streams::{Streams, allow};

use crate::Outcome;
use crate::flags::payload;
use crate::record::{Record, Sheet};
use crate::scale::Scale;
use crate::timing::median;

/// Name of the role of the server process.
pub const SERVER: &str = "fan-out-server";

/// Heading in the document.
pub const SECTION: &str = "Flag server";

const STREAMS: usize = 1_000;
const KEY: &str = "bench";
const DEADLINE: Duration = Duration::from_secs(60);

/// Server in a process of its own, streams here.
///
/// # Errors
/// The process fails, or a stream does not bring a change.
pub fn measure(_: &std::path::Path, scale: &Scale) -> Outcome<Vec<Record>> {
    let mut server = Process(
        Command::new(std::env::current_exe()?)
            .arg(SERVER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?,
    );
    let mut input = server.0.stdin.take().ok_or("no stdin")?;
    let mut answers = BufReader::new(server.0.stdout.take().ok_or("no stdout")?).lines();
    let address = answers.next().ok_or("server process ended")??.parse()?;
    let mut streams = Streams::open(address, KEY, STREAMS)?;
    streams.wait_for("data: ", Instant::now(), DEADLINE)?;
    let mut times = Vec::new();
    for turn in 0..scale.turns {
        // So that all sleep.
        std::thread::sleep(Duration::from_millis(20));
        let begun = Instant::now();
        writeln!(input, "{turn}")?;
        let took = streams.wait_for(&format!("\"turn\":\"turn {turn}.\""), begun, DEADLINE)?;
        times.push(took.as_secs_f64() * 1e3);
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.0.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let resident: f64 = line.trim().split(' ').next().ok_or("no number")?.parse()?;
    let mut sheet = Sheet::new(SECTION);
    let what = "change of one of 1,000 flags in the flag server to the last of 1,000 streams";
    sheet.figure(what, median(times), "ms");
    sheet.figure("most memory of its process meanwhile, VmHWM", resident / 1024.0, "MiB");
    Ok(sheet.records)
}

/// The server, until its stdin ends. Each line is a turn.
///
/// # Errors
/// It cannot start.
pub fn server() -> Outcome<()> {
    allow(STREAMS)?;
    let options = ServerOptions::default().port(0).environment(KEY, Flags::Memory(payload(1_000, 0)));
    let server = Server::start(options)?;
    writeln!(std::io::stdout(), "{}", server.address())?;
    for turn in std::io::stdin().lines() {
        server.set("turn", &format!("\"turn {}.\"", turn?))?;
    }
    Ok(())
}

/// Ends with this.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // An error is a process that has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
