//! From the last byte of an event to the value read in another process.
//!
//! The server writes an event up to its last byte, waits until everybody sleeps, takes the time and writes the last byte.
//! The reader takes the time when it has read a flag of the new snapshot. The monotonic clock is one for all processes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use flagstaff_publisher::sse::{ApiKey, Endpoint};
use flagstaff_publisher::{Publisher, PublisherOptions, Source, Stopper, give_memory_back, run};
use flagstaff_reader::Reader;
use rustix::time::{ClockId, clock_gettime};

use crate::Outcome;
use crate::child::{Talk, answer, role};
use crate::flags::payload;
use crate::record::Sheet;
use crate::scale::Scale;
use crate::timing::{median, time};

/// Name of the role of the publisher process.
pub(crate) const PUBLISHER: &str = "end-to-end-publisher";
/// Name of the role of the reader process.
pub(crate) const READER: &str = "end-to-end-reader";

/// Server here, publisher and reader in processes of their own.
pub(crate) fn measure(sheet: &mut Sheet, folder: &Path, scale: &Scale) -> Outcome<()> {
    let events = scale.turns * 5;
    let path = folder.join("end-to-end.flagstaff");
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    let publisher = Talk::start(role(PUBLISHER)?.arg(&path).arg(&url))?;
    let mut stream = accept(&listener)?;
    let mut reader = Talk::start(role(READER)?.arg(&path))?;
    reader.line()?;
    let mut latencies = Vec::new();
    for turn in 0..events {
        let event = format!("data: {{\"turn\":{turn},{}\n\n", &payload(1_000, turn)[1..]);
        let (most, last) = event.split_at(event.len() - 1);
        write!(stream, "{:x}\r\n{most}\r\n", most.len())?;
        std::thread::sleep(Duration::from_millis(5));
        let sent = nanos();
        write!(stream, "1\r\n{last}\r\n")?;
        let answer = reader.line()?;
        let (seen, value) = answer.split_once(' ').ok_or("no answer")?;
        if value != turn.to_string() {
            return Err(format!("read turn {value}, expected {turn}").into());
        }
        latencies.push(seen.parse::<u64>()?.saturating_sub(sent) as f64 / 1e3);
    }
    drop((publisher, reader));

    // Under the same conditions: another payload each time, after a sleep.
    let mut parses = Vec::new();
    for turn in 0..events {
        let text = payload(1_000, turn);
        std::thread::sleep(Duration::from_millis(5));
        let (value, took) = time(|| serde_json::from_str::<serde_json::Value>(&text));
        drop(value?);
        parses.push(took.as_secs_f64() * 1e6);
    }
    let (latency, parse) = (median(latencies), median(parses));
    sheet.figure("last byte written to value read in another process, 1,000 flags", latency, "us");
    sheet.figure("`serde_json` to `Value` of the same payloads, as cold", parse, "us");
    sheet.figure("last byte written to value read, less JSON parsing", latency - parse, "us");
    Ok(())
}

/// The publisher, until it is killed.
pub(crate) fn publisher(path: &Path, url: &str) -> Outcome<()> {
    // As `flagstaff run` does.
    give_memory_back();
    let mut publisher = Publisher::open(path, &PublisherOptions::default())?;
    let endpoint = Endpoint::new(url, ApiKey::new("bench")?)?;
    run(&mut publisher, Source::Stream(Box::new(endpoint)), &Stopper::new(), &mut |_| {})?;
    Ok(())
}

/// The reader: answers its clock and the value, for each change.
pub(crate) fn reader(path: &Path) -> Outcome<()> {
    let reader = Reader::attach(path);
    answer("ready")?;
    let mut seen = reader.generation();
    loop {
        let now = reader.wait_for_change(seen, Duration::from_secs(10));
        if now == seen {
            return Ok(());
        }
        seen = now;
        let turn = reader.get_u64("turn");
        answer(format_args!("{} {turn}", nanos()))?;
    }
}

fn accept(listener: &TcpListener) -> Outcome<TcpStream> {
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    )?;
    Ok(stream)
}

fn nanos() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
